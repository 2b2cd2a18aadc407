//! How a run ended: a table of tasks, and the totals.

use anyhow::Result;
use marionette::inspect::{Filter, Inspect, JobDetails, JobSummary};
use marionette::store::JobState;
use owo_colors::OwoColorize;
use serde_json::json;

use super::plan::Plan;
use crate::console::Console;
use crate::console::short_id;
use crate::console::table;
use crate::console::text::clip;
use crate::console::time::show_duration;
use crate::store::{Pages, explain};

/// The summary of a run with at most this many tasks lists all of them; of a larger run it lists
/// only the failed ones, and no more than this.
const ROWS_MAX: usize = 20;
/// The width of a name where there is room.
const NAME_COLUMNS: usize = 40;

/// The number of tasks by the way in which they ended.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ends {
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) cancelled: u64,
    /// The tasks that have not ended.
    pub(super) left: u64,
}

impl Ends {
    pub(super) async fn read(store: &dyn Inspect, queue: &str) -> Result<Self> {
        let mut ends = Self::default();
        for count in store.counts().await.map_err(explain)? {
            if count.queue != queue {
                continue;
            }
            match count.state {
                JobState::Done => ends.done += count.jobs,
                JobState::Dead | JobState::Quarantined => ends.failed += count.jobs,
                JobState::Cancelled => ends.cancelled += count.jobs,
                _ => ends.left += count.jobs,
            }
        }
        Ok(ends)
    }

    fn total(self) -> u64 {
        self.done + self.failed + self.cancelled + self.left
    }
}

pub(super) async fn tell(
    store: &dyn Inspect,
    ends: &Ends,
    plan: &Plan,
    console: &Console,
    queue: &str,
    name: &str,
) -> Result<()> {
    if console.json {
        console.value(&json!({
            "event": "summary", "run": name, "queue": queue, "done": ends.done,
            "failed": ends.failed, "cancelled": ends.cancelled, "left": ends.left,
        }));
        return Ok(());
    }
    if console.quiet && ends.failed + ends.cancelled + ends.left == 0 {
        return Ok(());
    }
    let rows = rows(store, ends, plan, queue).await?;
    if !rows.is_empty() {
        console.result("");
        console.result(&table::show(
            &["ID", "STATE", "TASK", "TRIES", "TIME", "WHY"],
            &rows,
            5,
        ));
    }
    console.result(&sum(ends));
    Ok(())
}

/// The rows of the table, in the order of the file.
async fn rows(
    store: &dyn Inspect,
    ends: &Ends,
    plan: &Plan,
    queue: &str,
) -> Result<Vec<Vec<String>>> {
    let states = if ends.total() <= ROWS_MAX as u64 {
        Vec::new()
    } else {
        vec![JobState::Dead, JobState::Quarantined, JobState::Cancelled]
    };
    let filter = Filter::new().states(states).queue(queue);
    let mut jobs = newest(store, filter).await?;
    jobs.sort_by_key(|job| plan.place(job.id).unwrap_or(usize::MAX));
    let mut rows = Vec::new();
    for job in &jobs {
        // A job that was deleted meanwhile has no row.
        if let Some(details) = store.job(job.id).await.map_err(explain)? {
            rows.push(row(&details));
        }
    }
    Ok(rows)
}

/// The newest jobs that match, as many as the table has rows.
async fn newest(store: &dyn Inspect, filter: Filter) -> Result<Vec<JobSummary>> {
    let mut pages = Pages::first(filter, ROWS_MAX);
    let mut jobs = Vec::new();
    while let Some(page) = pages.next(store).await? {
        jobs.extend(page);
    }
    Ok(jobs)
}

fn row(job: &JobDetails) -> Vec<String> {
    let columns = table::columns().map_or(NAME_COLUMNS, |columns| columns / 3);
    let name = job.options.name.as_deref().unwrap_or(&job.summary.kind);
    let took = job
        .attempts
        .last()
        .map(|attempt| show_duration(attempt.ran));
    let succeeded = u32::from(job.summary.state == JobState::Done);
    vec![
        short_id::short(job.summary.id),
        job.summary.state.to_string(),
        clip(name, columns.clamp(8, NAME_COLUMNS)),
        job.summary.failed.saturating_add(succeeded).to_string(),
        took.unwrap_or_default(),
        why(&job.summary),
    ]
}

/// The reason of a failure; empty for a job that is done, whose reason is of an earlier attempt.
fn why(job: &JobSummary) -> String {
    match job.state {
        JobState::Done => String::new(),
        _ => job.reason.clone().unwrap_or_default(),
    }
}

fn sum(ends: &Ends) -> String {
    let mut parts = vec![format!("{} done", ends.done).green().to_string()];
    if ends.failed > 0 {
        parts.push(format!("{} failed", ends.failed).red().bold().to_string());
    }
    if ends.cancelled > 0 {
        parts.push(
            format!("{} cancelled", ends.cancelled)
                .magenta()
                .to_string(),
        );
    }
    if ends.left > 0 {
        parts.push(format!("{} left", ends.left).yellow().to_string());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use marionette::MemoryStore;
    use marionette::store::{Name, NewJob, Store};
    use marionette_conformance::{FaultyStore, Method};

    use super::*;

    #[tokio::test]
    async fn the_table_has_all_its_rows_although_the_store_gives_short_pages() {
        let store = FaultyStore::new(MemoryStore::new());
        let jobs = (0..30).map(|_| NewJob::new(Name::from_static("cmd"), Vec::new()));
        store.insert(jobs.collect()).await.unwrap();
        let whole = newest(&store, Filter::new()).await.unwrap();
        assert_eq!(whole.len(), ROWS_MAX);
        for rows in [1, 7, 19] {
            store.cut(Method::List, rows);
            assert_eq!(newest(&store, Filter::new()).await.unwrap(), whole);
        }
    }
}
