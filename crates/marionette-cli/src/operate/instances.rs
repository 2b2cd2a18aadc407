//! `marionette instances`: the instances that live, and their workers and jobs in hand.

use std::collections::HashSet;

use anyhow::Result;
use marionette::inspect::{Inspect, JobSummary, LiveInstance};
use marionette::store::JobState;
use serde_json::{Value, json as object};

use crate::console::clock;
use crate::console::short_id;
use crate::console::table;
use crate::console::text::clip;
use crate::store::explain;

use super::operator::Operator;
use super::{json, words};

/// The width below which the table has no times.
const WIDE: usize = 90;
/// The width below which the table has neither hosts nor builds.
const WIDEST: usize = 150;
/// The most columns for a host, and for a build.
const TEXT_COLUMNS: usize = 24;

pub(super) async fn instances(operator: &Operator) -> Result<u8> {
    let instances = operator.opened.store.instances().await.map_err(explain)?;
    if operator.console.json {
        for instance in &instances {
            operator.console.value(&value(instance));
        }
        return Ok(0);
    }
    if instances.is_empty() {
        operator.console.note("no instance is running");
        return Ok(0);
    }
    let columns = table::columns().unwrap_or(usize::MAX);
    let heads: &[&str] = match columns {
        WIDEST.. => &[
            "ID", "SERVER", "HOST", "PID", "RUNS", "WORKERS", "BUILD", "SINCE", "SEEN",
        ],
        WIDE.. => &["ID", "SERVER", "PID", "RUNS", "WORKERS", "SINCE", "SEEN"],
        _ => &["ID", "PID", "RUNS", "WORKERS", "SERVER"],
    };
    let flexible = heads.iter().position(|head| *head == "SERVER").unwrap_or(0);
    let rows: Vec<Vec<String>> = instances
        .iter()
        .map(|instance| heads.iter().map(|head| cell(head, instance)).collect())
        .collect();
    operator
        .console
        .result(&table::show(heads, &rows, flexible));
    Ok(0)
}

/// Shown for a task that counts as running although its instance is dead.
const INSTANCE_DIED: &str = "its instance has died; it waits for another one";

/// Marks the running tasks whose instance is dead, until another one takes them over.
pub(super) async fn mark_orphans(store: &dyn Inspect, jobs: &mut [JobSummary]) -> Result<()> {
    if jobs.iter().all(|job| job.state != JobState::Running) {
        return Ok(());
    }
    let instances = store.instances().await.map_err(explain)?;
    let live: HashSet<_> = instances
        .into_iter()
        .map(|instance| instance.info.id)
        .collect();
    for job in jobs {
        let is_dead = job
            .instance
            .is_some_and(|instance| !live.contains(&instance));
        if job.state == JobState::Running && is_dead {
            job.reason = Some(INSTANCE_DIED.to_owned());
        }
    }
    Ok(())
}

fn cell(head: &str, instance: &LiveInstance) -> String {
    match head {
        "ID" => short_id::short(instance.info.id.uuid().into()),
        "SERVER" => instance.info.server.clone(),
        "HOST" => clip(
            instance.info.host.as_deref().unwrap_or_default(),
            TEXT_COLUMNS,
        ),
        "BUILD" => clip(
            instance.info.build.as_deref().unwrap_or_default(),
            TEXT_COLUMNS,
        ),
        "PID" => instance.info.process.to_string(),
        "RUNS" => instance.running.to_string(),
        "WORKERS" => instance.info.workers.to_string(),
        "SINCE" => words::time(instance.since),
        _ => words::time(instance.seen),
    }
}

fn value(instance: &LiveInstance) -> Value {
    object!({
        "id": instance.info.id.to_string(),
        "server": instance.info.server,
        "host": instance.info.host,
        "process": instance.info.process,
        "workers": instance.info.workers,
        "kinds": instance.info.kinds,
        "queues": instance.info.queues,
        "build": instance.info.build,
        "library": instance.info.library,
        "started": json::time(instance.info.started),
        "running": instance.running,
        "since": clock::rfc3339(instance.since),
        "seen": clock::rfc3339(instance.seen),
    })
}
