//! `marionette workers`: who lives, and what they have in hand.

use std::collections::HashSet;

use anyhow::Result;
use marionette::inspect::{Inspect, JobSummary, LiveInstance};
use marionette::store::JobState;
use serde_json::{Value, json};

use crate::console::clock;
use crate::console::short_id;
use crate::console::table;
use crate::store::explain;

use super::operator::Operator;
use super::words;

/// With less room the server's name is left out, and that a worker lives says when it was seen.
const WIDE: usize = 90;

pub(super) async fn workers(operator: &Operator) -> Result<u8> {
    let workers = operator.opened.store.instances().await.map_err(explain)?;
    if operator.console.json {
        for worker in &workers {
            operator.console.value(&value(worker));
        }
        return Ok(0);
    }
    if workers.is_empty() {
        operator.console.note("no worker lives");
        return Ok(0);
    }
    let columns = table::columns().unwrap_or(usize::MAX);
    let heads: &[&str] = if columns >= WIDE {
        &["ID", "SERVER", "PID", "RUNS", "SLOTS", "SINCE", "SEEN"]
    } else {
        &["ID", "PID", "RUNS", "SLOTS", "SERVER"]
    };
    let flexible = heads.iter().position(|head| *head == "SERVER").unwrap_or(0);
    let rows: Vec<Vec<String>> = workers
        .iter()
        .map(|worker| heads.iter().map(|head| cell(head, worker)).collect())
        .collect();
    operator
        .console
        .result(&table::show(heads, &rows, flexible));
    Ok(0)
}

/// What is said of a task that counts as running, and does not.
const WORKER_DIED: &str = "its worker has died; it waits for another one";

/// Says so of the tasks whose worker does not live, until another one has taken them over.
pub(super) async fn mark_orphans(store: &dyn Inspect, jobs: &mut [JobSummary]) -> Result<()> {
    if jobs.iter().all(|job| job.state != JobState::Running) {
        return Ok(());
    }
    let workers = store.instances().await.map_err(explain)?;
    let live: HashSet<_> = workers.into_iter().map(|worker| worker.info.id).collect();
    for job in jobs {
        let is_dead = job.instance.is_some_and(|worker| !live.contains(&worker));
        if job.state == JobState::Running && is_dead {
            job.reason = Some(WORKER_DIED.to_owned());
        }
    }
    Ok(())
}

fn cell(head: &str, worker: &LiveInstance) -> String {
    match head {
        "ID" => short_id::short(worker.info.id.0.into()),
        "SERVER" => worker.info.server.to_string(),
        "PID" => worker.info.process.to_string(),
        "RUNS" => worker.running.to_string(),
        "SLOTS" => worker.info.workers.to_string(),
        "SINCE" => words::time(worker.since),
        _ => words::time(worker.seen),
    }
}

fn value(worker: &LiveInstance) -> Value {
    json!({
        "id": worker.info.id.to_string(),
        "server": &*worker.info.server,
        "process": worker.info.process,
        "slots": worker.info.workers,
        "running": worker.running,
        "since": clock::rfc3339(worker.since),
        "seen": clock::rfc3339(worker.seen),
    })
}
