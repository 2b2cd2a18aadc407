//! The JSON for programs: objects whose fields keep their names.

use std::time::SystemTime;

use marionette::inspect::JobSummary;
use serde_json::{Value, json};

use crate::console::clock;
use crate::console::short_id;
use crate::run::Runs;

/// A time, or null.
pub(super) fn time(time: Option<SystemTime>) -> Value {
    time.map(clock::rfc3339).into()
}

/// A job as an object.
pub(super) fn job(job: &JobSummary, name: Option<&str>, runs: &Runs) -> Value {
    json!({
        "id": job.id.to_string(),
        "short": short_id::short(job.id),
        "kind": job.kind,
        "name": name,
        "queue": job.queue,
        "run": runs.of(&job.queue).map(|run| run.name()),
        "priority": job.priority.0,
        "state": job.state.as_str(),
        "accepted": clock::rfc3339(job.accepted),
        "due": clock::rfc3339(job.due),
        "started": time(job.started),
        "ended": time(job.ended),
        "failed": job.failed,
        "crashes": job.crashes,
        "instance": job.instance.map(|instance| instance.to_string()),
        "end": job.end,
        "reason": job.reason,
    })
}
