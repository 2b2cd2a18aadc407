//! The JSON for programs: objects whose fields keep their names.

use std::time::{Duration, SystemTime};

use marionette::inspect::JobSummary;
use marionette::store::{JobOptions, StoredBackoff};
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
        "reason": job.reason,
    })
}

/// The options of a job; an option that is not set is null.
pub(super) fn options(options: &JobOptions) -> Value {
    let millis = |time: Option<Duration>| -> Value {
        time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            .into()
    };
    json!({
        "retries": options.retries,
        "backoff": options.backoff.map(backoff),
        "timeout_ms": millis(options.timeout),
        "give_up_after_ms": millis(options.give_up_after),
        "expires_ms": millis(options.expires),
        "keep_result_ms": millis(options.keep_result),
        "error": options.error,
    })
}

/// A backoff as stores keep it, except that durations are in milliseconds.
fn backoff(backoff: StoredBackoff) -> Value {
    let mut value = json!(backoff);
    for policy in value
        .as_object_mut()
        .into_iter()
        .flat_map(|policy| policy.values_mut())
    {
        let Some(fields) = policy.as_object_mut() else {
            continue;
        };
        for name in ["pause", "step", "initial", "max"] {
            let time = fields.remove(name).map(serde_json::from_value::<Duration>);
            if let Some(Ok(time)) = time {
                let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                fields.insert(format!("{name}_ms"), millis.into());
            }
        }
    }
    value
}
