//! `marionette show`: shows a task in full.

use std::fmt::Write;
use std::io;
use std::path::PathBuf;

use anyhow::{Context, Result};
use marionette::inspect::{Activity, ActivityFilter, JobDetails};
use marionette::{Job, Payload};
use owo_colors::OwoColorize;
use serde_json::{Value, json};

use crate::command::{Command, Veil};
use crate::console::clock;
use crate::console::text;
use crate::console::text::{safe, safe_lines};
use crate::files::{Folder, Place};
use crate::minder::{attempts, read_log, stem};
use crate::output;
use crate::run::Runs;
use crate::store::explain;

use super::elsewhere::Elsewhere;
use super::instances::mark_orphans;
use super::operator::Operator;
use super::readable::{cut, payload, readable, suffix, veil};
use super::{ids, json, options, story, words};
use crate::args::operate::Show;

/// How much of a payload, a result and an output is shown by default.
const BYTES_MAX: usize = 4 * 1024;

/// A task, and what is known of it beside.
struct Story<'a> {
    details: &'a JobDetails,
    changes: &'a [Activity],
    elsewhere: &'a Elsewhere,
}

/// The output of one attempt, as far as it is kept.
struct AttemptOutput {
    /// The attempt; `3-2` if it is the second run of the third attempt.
    attempt: String,
    file: PathBuf,
    bytes: usize,
    text: String,
}

pub(super) async fn show(operator: &Operator, args: &Show) -> Result<u8> {
    let store = &*operator.opened.store;
    let mut code = 0;
    let mut is_first = true;
    for (text, id) in ids::find(store, &args.ids).await? {
        let details = match id {
            Some(id) => store.job(id).await.map_err(explain)?,
            None => None,
        };
        let Some(mut details) = details else {
            operator.console.warn(&ids::unknown(text));
            code = 1;
            continue;
        };
        mark_orphans(store, std::slice::from_mut(&mut details.summary)).await?;
        let of_job = ActivityFilter::new().job(details.summary.id);
        let changes = store.activity(of_job).await.map_err(explain)?;
        let limit = if args.full { usize::MAX } else { BYTES_MAX };
        let veil = veil(&details);
        let outputs = outputs(
            operator,
            &output::of(&operator.opened.outputs(), details.summary.id),
            limit,
            &veil,
        )?;
        let elsewhere = Elsewhere::look(operator, &details).await?;
        let story = Story {
            details: &details,
            changes: &changes,
            elsewhere: &elsewhere,
        };
        if operator.console.json {
            let value = value(&story, &outputs, limit, &operator.runs);
            operator.console.value(&value);
            continue;
        }
        if !is_first {
            operator.console.result("");
        }
        is_first = false;
        let mut told = page(&story, &outputs, limit, &operator.runs);
        if let Some(missing) = elsewhere.missing(&details, !outputs.is_empty()) {
            let title = if outputs.is_empty() {
                "Output"
            } else {
                "Output elsewhere"
            };
            section(&mut told, title, &missing);
        }
        operator.console.result(told.trim_end());
    }
    Ok(code)
}

/// The outputs of the attempts in this place; only the end of a long one.
fn outputs(
    operator: &Operator,
    place: &Place,
    limit: usize,
    veil: &Veil,
) -> Result<Vec<AttemptOutput>> {
    let mut outputs = Vec::new();
    let opened = place.open();
    let Some(folder) = opened.unwrap_or_else(|error| is_left_out(operator, &error)) else {
        return Ok(outputs);
    };
    let shown = || text::path(folder.path());
    for log in attempts(&folder).with_context(shown)? {
        let kept = match read_log(&folder, &log) {
            Ok(kept) => kept,
            Err(error) => {
                is_left_out(operator, &error);
                continue;
            }
        };
        let text = String::from_utf8_lossy(&kept);
        // Before the text is cut, since half a secret would not be found.
        let text = veil.over(&text);
        let end = suffix(&text, limit);
        outputs.push(AttemptOutput {
            attempt: stem(&log).to_owned(),
            bytes: kept.len(),
            text: end.to_owned(),
            file: folder.path().join(log),
        });
    }
    Ok(outputs)
}

/// Warns that the output cannot be read; the rest of the task is shown.
fn is_left_out(operator: &Operator, error: &io::Error) -> Option<Folder> {
    operator.console.warn(&safe(&error.to_string()));
    None
}

fn page(
    story @ Story { details, .. }: &Story<'_>,
    outputs: &[AttemptOutput],
    limit: usize,
    runs: &Runs,
) -> String {
    let mut page = String::new();
    head(&mut page, details, runs);
    section(
        &mut page,
        "Timeline",
        &story::timeline(details, story.changes, story.elsewhere),
    );
    let payload = payload(details);
    let title = format!("Payload, {}", text::count(details.payload.len(), "byte"));
    section(&mut page, &title, &cut(&payload.pretty(), limit));
    if let Some(why) = &details.unkept {
        section(&mut page, "Result, not kept", why);
    }
    if let Some(result) = &details.result {
        let title = format!("Result, {}", text::count(result.len(), "byte"));
        section(&mut page, &title, &cut(&readable(result).pretty(), limit));
    }
    for output in outputs {
        let (attempt, bytes) = (which(&output.attempt), text::count(output.bytes, "byte"));
        let title = format!("Output of {attempt}, {bytes}, {}", output.file.display());
        let skipped = output.bytes.saturating_sub(limit);
        let mut lines = String::new();
        if skipped > 0 {
            let skipped = text::count(skipped, "byte");
            lines = format!("[… {skipped} before this; --full shows all …]\n");
        }
        lines.push_str(&output.text);
        section(&mut page, &title, &lines);
    }
    page
}

/// The words for an attempt; one that was interrupted runs again under its number.
fn which(attempt: &str) -> String {
    let again = attempt.split_once('-').and_then(|(number, times)| {
        let times = times.parse::<usize>().ok()?.checked_sub(2)?;
        Some((number, ORDINALS.get(times)?))
    });
    match again {
        Some((number, nth)) => format!("attempt {number}, when it was begun for the {nth} time"),
        None => format!("attempt {attempt}"),
    }
}

/// The runs of one attempt from the second on; a log has no more.
const ORDINALS: [&str; 8] = [
    "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
];

fn head(page: &mut String, details: &JobDetails, runs: &Runs) {
    let job = &details.summary;
    let task = safe(&words::task(&job.kind, details.options.name.as_deref()));
    let state = words::coloured(job.state, job.state.as_str());
    let mut line = |name: &str, value: &str| {
        writeln!(page, "{name:<9} {value}").expect("a string takes all that is written");
    };
    line("Task", &task.bold().to_string());
    line("Id", &job.id.to_string());
    line("State", &state);
    let why = words::why(job);
    if !why.is_empty() {
        // The whole reason is in the timeline, or behind the options.
        line(
            "Why",
            &text::clip(why.lines().next().unwrap_or_default(), 200),
        );
    }
    line("Kind", &safe(&job.kind));
    if let Some(run) = runs.of(&job.queue) {
        let goes_on = run.command().filter(|_| !job.state.is_end());
        let goes_on = match (goes_on, run.process()) {
            (Some(_), Some(process)) => format!(", which process {process} runs"),
            (Some(command), None) => format!("; `{command}` goes on with it"),
            (None, _) => String::new(),
        };
        line("Run", &format!("{}{goes_on}", run.name()));
    }
    line(
        "Queue",
        &format!("{}, priority {}", safe(&job.queue), job.priority),
    );
    line("Tried", &story::tried(details));
    for asked in options::sentences(&details.options) {
        line("Asked", &safe(&asked));
    }
    if job.kind == Command::KIND
        && let Ok(command) = Command::decode(&details.payload)
    {
        line("Command", &safe(&command.shown()));
        let folder = command.cwd.display().to_string();
        line("Folder", &safe(&Veil::stored(&command).over(&folder)));
    }
}

/// A title with lines below it, each of them safe to print.
fn section(page: &mut String, title: &str, lines: &str) {
    writeln!(page, "\n{}", safe(title).bold()).expect("a string takes all that is written");
    let lines = safe_lines(lines);
    if lines.trim().is_empty() {
        page.push_str("  (empty)\n");
    }
    for line in lines.trim_end().lines() {
        writeln!(page, "  {line}").expect("a string takes all that is written");
    }
}

fn value(
    Story {
        details,
        changes,
        elsewhere,
    }: &Story<'_>,
    outputs: &[AttemptOutput],
    limit: usize,
    runs: &Runs,
) -> Value {
    let mut value = json::job(&details.summary, details.options.name.as_deref(), runs);
    let (payload, is_cut) = payload(details).value(limit);
    let result = details
        .result
        .as_deref()
        .map(|result| readable(result).value(limit).0);
    let attempts: Vec<_> = details
        .attempts
        .iter()
        .map(|attempt| {
            json!({
                "number": attempt.number,
                "started": clock::rfc3339(attempt.started),
                "ended": clock::rfc3339(attempt.ended),
                "ran_ms": u64::try_from(attempt.ran.as_millis()).unwrap_or(u64::MAX),
                "outcome": attempt.outcome,
                "error": attempt.error,
                "instance": attempt.instance.map(|instance| instance.to_string()),
                "host": attempt.instance.and_then(|instance| elsewhere.host(instance)),
                "folder": attempt.instance.and_then(|it| elsewhere.folder(it, details)),
            })
        })
        .collect();
    let outputs: Vec<_> = outputs
        .iter()
        .map(|output| {
            json!({
                "attempt": output.attempt,
                "file": output.file.display().to_string(),
                "bytes": output.bytes,
                "text": output.text,
            })
        })
        .collect();
    value["options"] = options::value(&details.options);
    value["payload"] = payload;
    value["payload_bytes"] = details.payload.len().into();
    value["payload_cut"] = is_cut.into();
    value["result"] = result.into();
    value["result_not_kept"] = details.unkept.clone().into();
    value["attempts"] = attempts.into();
    value["changes"] = changes.iter().map(json::activity).collect();
    value["output"] = outputs.into();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_was_begun_again_is_told_in_words() {
        assert_eq!(which("1"), "attempt 1");
        assert_eq!(
            which("1-2"),
            "attempt 1, when it was begun for the second time"
        );
        assert_eq!(
            which("12-9"),
            "attempt 12, when it was begun for the ninth time"
        );
    }
}
