//! `marionette prune`: deletes tasks that ended long ago, in steps.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Result, bail};
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, JobSummary, Which};
use marionette::store::JobState;
use serde_json::json;

use crate::console::clock;
use crate::console::text::count;
use crate::console::time::show_duration;
use crate::output;
use crate::store::{Pages, by, explain};

use super::conditions;
use super::confirm::confirm;
use super::operator::Operator;
use crate::args::operate::Prune;

pub(super) async fn prune(operator: &Operator, args: &Prune) -> Result<u8> {
    let Some(before) = clock::now().checked_sub(args.older) else {
        bail!("--older {}: nothing is that old", show_duration(args.older));
    };
    let mut states = conditions::states(&args.state);
    if states.is_empty() {
        states = JobState::ALL
            .into_iter()
            .filter(|state| state.is_end())
            .collect();
    }
    // A task that ended before this time was accepted before it.
    let filter = Filter::new()
        .states(states)
        .kinds(args.kind.clone())
        .queues(args.queue.clone())
        .accepted_before(before);
    let store = &*operator.opened.store;
    let by_state = survey(store, &filter, before).await?;
    let matched: usize = by_state.values().sum();
    let mut changed = 0;
    if !args.dry_run && matched > 0 {
        let question = format!("delete {}", count(matched, "task"));
        if !args.yes && !confirm(&told_states(&by_state), &question)? {
            operator.console.note("nothing was deleted");
            return Ok(1);
        }
        let forgotten = operator.opened.forgotten();
        changed = delete(store, filter, before).await?;
        output::forget(&operator.opened, &forgotten).await?;
    }
    if operator.console.json {
        let by_state: BTreeMap<_, _> = by_state
            .iter()
            .map(|(state, tasks)| (state.as_str(), tasks))
            .collect();
        operator.console.value(&json!({
            "verb": "prune", "dry_run": args.dry_run, "matched": matched, "changed": changed,
            "by_state": by_state,
        }));
    } else if args.dry_run {
        if matched > 0 {
            operator.console.result(&told_states(&by_state));
        }
        operator
            .console
            .result(&format!("{} would be deleted", count(matched, "task")));
    } else if !operator.console.quiet {
        let changed = usize::try_from(changed).unwrap_or(usize::MAX);
        operator
            .console
            .result(&format!("deleted {}", count(changed, "task")));
    }
    Ok(0)
}

fn told_states(by_state: &BTreeMap<JobState, usize>) -> String {
    let states = by_state
        .iter()
        .map(|(state, tasks)| format!("{tasks} {state}"));
    states.collect::<Vec<_>>().join(", ")
}

fn has_ended(job: &JobSummary, before: SystemTime) -> bool {
    job.ended.is_some_and(|ended| ended < before)
}

async fn survey(
    store: &dyn Inspect,
    filter: &Filter,
    before: SystemTime,
) -> Result<BTreeMap<JobState, usize>> {
    let mut by_state = BTreeMap::new();
    let mut pages = Pages::all(filter.clone());
    while let Some(jobs) = pages.next(store).await? {
        for job in jobs.iter().filter(|job| has_ended(job, before)) {
            *by_state.entry(job.state).or_default() += 1;
        }
    }
    Ok(by_state)
}

/// Deletes page by page, so that between the check of a job and its deletion there is only a
/// moment, in which somebody could retry it.
async fn delete(store: &dyn Inspect, filter: Filter, before: SystemTime) -> Result<u64> {
    let mut changed = 0;
    let mut pages = Pages::all(filter);
    while let Some(jobs) = pages.next(store).await? {
        let old: Vec<TaskId> = jobs
            .iter()
            .filter(|job| has_ended(job, before))
            .map(|job| job.id)
            .collect();
        if !old.is_empty() {
            changed += store.delete(Which::Ids(old), by()).await.map_err(explain)?;
        }
    }
    Ok(changed)
}
