//! The JSON for programs: objects whose fields keep their names.

use std::time::SystemTime;

use marionette::inspect::{Activity, By, JobSummary, PausedQueue};
use serde_json::{Value, json};

use crate::console::clock;
use crate::console::short_id;
use crate::run::Runs;

/// A time, or null.
pub(super) fn time(time: Option<SystemTime>) -> Value {
    time.map(clock::rfc3339).into()
}

/// The person who made a change, and the program, as an object.
pub(super) fn by(by: &By) -> Value {
    json!({"name": by.name(), "via": by.via()})
}

/// A paused queue as an object.
pub(super) fn paused(paused: &PausedQueue) -> Value {
    json!({
        "queue": paused.queue,
        "since": clock::rfc3339(paused.since),
        "by": paused.by.as_ref().map(by),
    })
}

/// A change that somebody made, as an object.
pub(super) fn activity(activity: &Activity) -> Value {
    json!({
        "kind": activity.kind.as_str(),
        "at": clock::rfc3339(activity.at),
        "by": by(&activity.by),
        "reason": activity.reason,
    })
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
        "priority": job.priority.get(),
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
