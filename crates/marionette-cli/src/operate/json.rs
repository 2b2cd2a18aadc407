//! What programs are told: objects whose fields keep their names.

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use marionette::inspect::JobSummary;
use marionette::store::{JobOptions, StoredBackoff};
use serde_json::{Value, json};

use crate::clock;
use crate::run::Runs;
use crate::text::safe;

use super::ids;

/// The text of a value in one line. JSON's own rules let through some characters that a terminal
/// obeys; they are escaped as well.
pub(super) fn line(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().all(|char| char.is_ascii() && char != '\x7f') {
        return text;
    }
    let mut line = String::with_capacity(text.len());
    let mut buffer = [0; 4];
    for char in text.chars() {
        // Such a character can only stand in a string.
        if (char.is_ascii() && char != '\x7f')
            || safe(char.encode_utf8(&mut buffer)).len() == char.len_utf8()
        {
            line.push(char);
            continue;
        }
        for unit in char.encode_utf16(&mut [0; 2]) {
            write!(line, "\\u{unit:04x}").expect("a string takes all that is written");
        }
    }
    line
}

/// A time, or null.
pub(super) fn time(time: Option<SystemTime>) -> Value {
    time.map(clock::rfc3339).into()
}

/// A job in a line.
pub(super) fn job(job: &JobSummary, name: Option<&str>, runs: &Runs) -> Value {
    json!({
        "id": job.id.to_string(),
        "short": ids::short(job.id),
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
        "worker": job.worker.map(|worker| worker.to_string()),
        "reason": job.reason,
    })
}

/// What a job asks for; what it does not ask for is null.
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

/// A backoff as stores keep it, but for durations, which are in milliseconds.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_is_left_that_a_terminal_obeys_and_the_value_stays() {
        let value = json!({"a": "\x1b[31m\x07 \u{9b}2J \x7f \u{202e} \u{e0041} Grüße 世界"});
        let text = line(&value);
        assert!(
            !text.contains(|char: char| char.is_control() || char == '\u{202e}'),
            "{text:?}"
        );
        assert!(text.contains("Grüße 世界"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
