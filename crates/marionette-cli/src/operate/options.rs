//! The options of a task, for people and for programs.

use std::time::Duration;

use marionette::store::{JobOptions, StoredBackoff};
use serde_json::{Value, json};

use crate::console::time::show_duration;

use super::words;

/// The options of a job, a sentence each.
pub(super) fn sentences(options: &JobOptions) -> Vec<String> {
    let mut asked = Vec::new();
    if options.retries > 0 {
        let retries = match options.retries {
            1 => "1 retry".to_owned(),
            count => format!("{count} retries"),
        };
        asked.push(format!("{retries}, {}", words::backoff(options.backoff)));
    }
    if let Some(timeout) = options.timeout {
        asked.push(format!(
            "each attempt may run for {}",
            show_duration(timeout)
        ));
    }
    if let Some(time) = options.give_up_after {
        asked.push(format!("it may take {} in total", show_duration(time)));
    }
    if let Some(late) = options.expires_after {
        asked.push(format!(
            "it is not begun if it is {} late",
            show_duration(late)
        ));
    }
    if let Some(time) = options.keep_result {
        asked.push(format!("its result is kept for {}", show_duration(time)));
    }
    if let Some(error) = &options.error {
        asked.push(format!("if it fails for good, it says: {error}"));
    }
    asked
}

/// The options of a job; an option that is not set is null.
pub(super) fn value(options: &JobOptions) -> Value {
    let millis = |time: Option<Duration>| -> Value {
        time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            .into()
    };
    json!({
        "retries": options.retries,
        "backoff": options.backoff.map(backoff),
        "timeout_ms": millis(options.timeout),
        "give_up_after_ms": millis(options.give_up_after),
        "expires_ms": millis(options.expires_after),
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
