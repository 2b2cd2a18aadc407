//! Prints the events of tasks, a line each, for a person or for a program.

use std::time::Duration;

use marionette::StopReport;
use marionette::error::ErrorDict;
use marionette::event::{Event, EventKind};
use marionette::stats::Stats;
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use crate::console::Console;
use crate::console::clock;
use crate::console::text::safe;
use crate::console::time::show_duration;

/// The width of the word at the start of a line.
const WORD_COLUMNS: usize = 9;

/// Prints an event, if the user wants it.
pub(crate) fn tell(event: &Event, console: &Console) {
    if console.json {
        if let Some(value) = value(event) {
            console.value(&value);
        }
        return;
    }
    // Bars count the tasks that are done, so above them only a failure is worth a line.
    let is_wanted = match &event.kind {
        EventKind::Done { .. } => !console.has_bars() && !console.quiet,
        EventKind::Failed(_) | EventKind::Ended(_) | EventKind::Cancelled => true,
        _ => !console.quiet,
    };
    if let Some(line) = line(event).filter(|_| is_wanted) {
        console.result(&line);
    }
}

/// The line of an attempt's end; `None` for events that only begin something.
fn line(event: &Event) -> Option<String> {
    let name = safe(&event.name);
    Some(match &event.kind {
        EventKind::Done { run_time, .. } => {
            format!(
                "{} {name} {}",
                word("done").green(),
                in_time(*run_time).dimmed()
            )
        }
        EventKind::Retrying {
            attempt,
            error,
            pause,
            ..
        } => format!(
            "{} {name}: {} {}",
            word("retry").yellow(),
            safe(error),
            format!("(attempt {attempt}; again in {})", show_duration(*pause)).dimmed()
        ),
        EventKind::Failed(error) => {
            let (why, tried) = why(error);
            format!(
                "{} {name}: {why}{}",
                word("FAILED").red().bold(),
                tried.dimmed()
            )
        }
        EventKind::Ended(error) => {
            let (why, tried) = why(error);
            format!(
                "{} {name}: {why}{}",
                word("ended").magenta(),
                tried.dimmed()
            )
        }
        EventKind::Cancelled => format!("{} {name}", word("cancelled").magenta()),
        EventKind::Interrupted => {
            format!("{} {name}: it will run again", word("stopped").yellow())
        }
        // A command snoozes for no time when a stop gives it back; an instance in trouble says so
        // itself.
        EventKind::Snoozed { pause, .. } if pause.is_zero() => {
            format!("{} {name}: it will run again", word("stopped").yellow())
        }
        _ => return None,
    })
}

/// The JSON of an event, for a program.
fn value(event: &Event) -> Option<Value> {
    let (what, more) = match &event.kind {
        EventKind::Started { attempt, .. } => ("started", json!({ "attempt": attempt })),
        EventKind::Done {
            run_time, attempt, ..
        } => (
            "done",
            json!({ "attempt": attempt, "seconds": run_time.as_secs_f64() }),
        ),
        EventKind::Retrying {
            attempt,
            error,
            pause,
            ..
        } => (
            "retrying",
            json!({ "attempt": attempt, "error": error, "pause": pause.as_secs_f64() }),
        ),
        EventKind::Failed(error) => ("failed", error_json(error)),
        EventKind::Ended(error) => ("ended", error_json(error)),
        EventKind::Cancelled => ("cancelled", json!({})),
        EventKind::Interrupted | EventKind::Snoozed { .. } => ("interrupted", json!({})),
        _ => return None,
    };
    let time = clock::rfc3339(clock::now());
    let id = event.id.to_string();
    let mut value = json!({ "event": what, "time": time, "id": id, "name": &*event.name });
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    Some(value)
}

fn error_json(error: &ErrorDict) -> Value {
    json!({ "attempts": error.attempts, "error": error.errors.last() })
}

/// Why a task ended so, and the number of attempts if there was more than one.
fn why(error: &ErrorDict) -> (String, String) {
    let why = error
        .errors
        .last()
        .map_or("for no known reason", String::as_str);
    let tried = match error.attempts {
        0 | 1 => String::new(),
        attempts => format!(" (after {attempts} attempts)"),
    };
    (safe(why), tried)
}

fn word(word: &str) -> String {
    format!("{word:<WORD_COLUMNS$}")
}

fn in_time(duration: Duration) -> String {
    format!("in {}", show_duration(duration))
}

/// The work until a stop and the tasks that the stop left, in a line.
pub(crate) fn stopped(stats: &Stats, report: &StopReport) -> String {
    let interrupted = match report.interrupted.len() as u64 + stats.snoozed {
        0 => String::new(),
        interrupted => format!(", {interrupted} interrupted and given back"),
    };
    let (done, failed, cancelled) = (stats.done, stats.failed, stats.cancelled + stats.expired);
    format!("{done} done, {failed} failed, {cancelled} cancelled{interrupted}")
}
