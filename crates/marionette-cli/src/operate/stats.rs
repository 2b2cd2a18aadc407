//! `marionette stats`: the number of tasks by queue, kind and state.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use marionette::inspect::{Count, Filter, Inspect, JobSummary, PausedQueue};
use marionette::store::JobState;
use serde_json::{Value, json};

use crate::console;
use crate::console::clock;
use crate::console::short_id;
use crate::console::table;
use crate::console::text::{clip, safe};
use crate::console::time::show_duration;
use crate::run::Runs;
use crate::store::{Pages, explain};

use super::json;
use super::operator::Operator;
use crate::args::operate::Stats;

/// The width that a queue, a kind and the used states need; below it each count has its own line.
const WIDE: usize = 80;

/// The counts of one moment.
struct Numbers {
    counts: Vec<Count>,
    paused: Vec<PausedQueue>,
    /// The job that has been due the longest.
    oldest_ready: Option<JobSummary>,
}

pub(super) async fn stats(operator: &Operator, args: &Stats) -> Result<u8> {
    loop {
        let numbers = read(&*operator.opened.store).await?;
        let printed = if operator.console.json {
            console::print_values(&[value(&numbers, &operator.runs)])
        } else if args.watch.is_some() && table::columns().is_some() {
            // A terminal is cleared; any other output gets one page after the other.
            console::print_anew(&page(&numbers, &operator.runs))
        } else {
            console::print(&page(&numbers, &operator.runs))
        };
        // An error means that nobody reads any more.
        let Some(seconds) = args.watch.filter(|_| printed.is_ok()) else {
            return Ok(0);
        };
        tokio::time::sleep(Duration::from_secs(seconds.get().into())).await;
    }
}

async fn read(store: &dyn Inspect) -> Result<Numbers> {
    let counts = store.counts().await.map_err(explain)?;
    let oldest_ready = if counts.iter().any(|count| count.state == JobState::Ready) {
        oldest_ready(store).await?
    } else {
        None
    };
    Ok(Numbers {
        counts,
        paused: store.paused_queues().await.map_err(explain)?,
        oldest_ready,
    })
}

async fn oldest_ready(store: &dyn Inspect) -> Result<Option<JobSummary>> {
    let filter = Filter::new().state(JobState::Ready);
    let mut oldest: Option<JobSummary> = None;
    let mut pages = Pages::all(filter);
    while let Some(jobs) = pages.next(store).await? {
        oldest = jobs.into_iter().chain(oldest).min_by_key(|job| job.due);
    }
    Ok(oldest)
}

fn totals(counts: &[Count]) -> BTreeMap<JobState, u64> {
    let mut totals: BTreeMap<_, _> = JobState::ALL.into_iter().map(|state| (state, 0)).collect();
    for count in counts {
        *totals.entry(count.state).or_default() += count.jobs;
    }
    totals
}

fn page(numbers: &Numbers, runs: &Runs) -> String {
    if numbers.counts.is_empty() {
        return with_notes("there are no tasks".to_owned(), numbers, runs);
    }
    let table = if columns() >= WIDE {
        wide(numbers, runs)
    } else {
        narrow(numbers, runs)
    };
    with_notes(table, numbers, runs)
}

fn columns() -> usize {
    table::columns().unwrap_or(usize::MAX)
}

fn with_notes(mut page: String, numbers: &Numbers, runs: &Runs) -> String {
    let mut note = |note: &str| {
        page.push('\n');
        page.push_str(&clip(note, columns()));
    };
    if !numbers.paused.is_empty() {
        let paused: Vec<_> = numbers
            .paused
            .iter()
            .map(|paused| match &paused.by {
                Some(by) => format!("{} (by {})", runs.name(&paused.queue), safe(by.name())),
                None => runs.name(&paused.queue),
            })
            .collect();
        note(&format!("paused: {}", paused.join(", ")));
    }
    if let Some(job) = &numbers.oldest_ready {
        let age = show_duration(clock::since(job.due));
        let id = short_id::short(job.id);
        note(&format!(
            "oldest ready: {id}, for {age}, in the queue {}",
            runs.name(&job.queue)
        ));
    }
    page
}

/// A line for each queue and kind, a column for each state that occurs.
fn wide(numbers: &Numbers, runs: &Runs) -> String {
    let totals = totals(&numbers.counts);
    let states: Vec<JobState> = totals
        .iter()
        .filter(|(_, jobs)| **jobs > 0)
        .map(|(state, _)| *state)
        .collect();
    let heads: Vec<String> = ["QUEUE".to_owned(), "KIND".to_owned()]
        .into_iter()
        .chain(states.iter().map(|state| state.as_str().to_uppercase()))
        .chain(["TOTAL".to_owned()])
        .collect();
    let mut lines = BTreeMap::<(&str, &str), BTreeMap<JobState, u64>>::new();
    for count in &numbers.counts {
        let line = lines.entry((&count.queue, &count.kind)).or_default();
        *line.entry(count.state).or_default() += count.jobs;
    }
    let row = |queue: &str, kind: &str, line: &BTreeMap<JobState, u64>| -> Vec<String> {
        let numbers = states
            .iter()
            .map(|state| line.get(state).copied().unwrap_or(0));
        let numbers = numbers.map(|number| match number {
            0 => "-".to_owned(),
            number => number.to_string(),
        });
        [queue.to_owned(), kind.to_owned()]
            .into_iter()
            .chain(numbers)
            .chain([line.values().sum::<u64>().to_string()])
            .collect()
    };
    let mut rows: Vec<_> = lines
        .iter()
        .map(|((queue, kind), line)| row(&runs.name(queue), kind, line))
        .collect();
    if rows.len() > 1 {
        rows.push(row("all", "", &totals));
    }
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    table::show(&heads, &rows, 1)
}

/// A line for each count.
fn narrow(numbers: &Numbers, runs: &Runs) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for count in &numbers.counts {
        let Count {
            queue,
            kind,
            state,
            jobs,
            ..
        } = count;
        rows.push(vec![
            jobs.to_string(),
            state.to_string(),
            format!("{} {kind}", runs.name(queue)),
        ]);
    }
    let total: u64 = numbers.counts.iter().map(|count| count.jobs).sum();
    rows.push(vec![total.to_string(), "all".to_owned(), String::new()]);
    table::show(&["TASKS", "STATE", "QUEUE, KIND"], &rows, 2)
}

fn value(numbers: &Numbers, runs: &Runs) -> Value {
    let counts: Vec<_> = numbers
        .counts
        .iter()
        .map(|count| {
            json!({
                "queue": count.queue,
                "run": runs.of(&count.queue).map(|run| run.name()),
                "kind": count.kind,
                "state": count.state.as_str(),
                "tasks": count.jobs,
            })
        })
        .collect();
    let totals: BTreeMap<_, _> = totals(&numbers.counts)
        .into_iter()
        .map(|(state, jobs)| (state.as_str(), jobs))
        .collect();
    let oldest = numbers.oldest_ready.as_ref().map(|job| {
        json!({
            "id": job.id.to_string(),
            "queue": job.queue,
            "kind": job.kind,
            "due": clock::rfc3339(job.due),
            "age_ms": u64::try_from(clock::since(job.due).as_millis()).unwrap_or(u64::MAX),
        })
    });
    json!({
        "counts": counts,
        "totals": totals,
        "paused": numbers.paused.iter().map(json::paused).collect::<Vec<_>>(),
        "oldest_ready": oldest,
    })
}
