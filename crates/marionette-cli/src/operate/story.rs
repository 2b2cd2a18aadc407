//! The story of a task: its events in their order.

use std::time::SystemTime;

use marionette::inspect::{Activity, JobDetails, TimedAttempt};
use marionette::store::{InstanceId, JobState};

use crate::console::short_id;
use crate::console::text;
use crate::console::text::safe;
use crate::console::time::show_duration;

use super::elsewhere::Elsewhere;
use super::words;

/// All known events with their times, those to come included.
pub(super) fn timeline(
    details: &JobDetails,
    changes: &[Activity],
    elsewhere: &Elsewhere,
) -> String {
    let by = |instance| by(instance, elsewhere);
    let job = &details.summary;
    let mut events: Vec<(SystemTime, String)> = vec![(job.accepted, "accepted".to_owned())];
    for attempt in &details.attempts {
        events.push((attempt.started, attempted(attempt, &job.kind, by)));
    }
    for change in changes {
        events.push((change.at, changed(change)));
    }
    match (job.state, job.started) {
        (JobState::Running, Some(started)) => {
            let instance = job.instance.map(by).unwrap_or_default();
            events.push((started, format!("runs{instance}")));
        }
        (JobState::Ready | JobState::Scheduled | JobState::Retrying, _) => {
            events.push((job.due, "due".to_owned()));
        }
        _ if job.due > job.accepted && details.attempts.is_empty() => {
            events.push((job.due, "due".to_owned()));
        }
        _ => {}
    }
    if let Some(ended) = job.ended {
        // The error of the last attempt is not repeated.
        let last = details.attempts.last();
        let told = |why: &str| {
            last.is_some_and(|last| {
                let error = last.error.as_deref();
                error.is_some_and(|error| error == why || last.outcome.describe(error) == why)
            })
        };
        let why = Some(words::why(job)).filter(|why| !why.is_empty() && !told(why));
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        events.push((ended, format!("{}{why}", job.state)));
    }
    // The sort is stable: events of the same time stay in the order in which they were added.
    events.sort_by_key(|(time, _)| *time);
    let shown: Vec<_> = events
        .iter()
        .map(|(time, what)| (words::time(*time), what))
        .collect();
    let width = shown.iter().map(|(time, _)| time.len()).max().unwrap_or(0);
    let lines: Vec<_> = shown
        .iter()
        .map(|(time, what)| format!("{time:<width$}  {what}"))
        .collect();
    lines.join("\n")
}

/// The instance that makes or made an attempt, and where, on a store that machines share.
fn by(instance: InstanceId, elsewhere: &Elsewhere) -> String {
    let host = elsewhere.host(instance);
    let host = host.map_or_else(String::new, |host| format!(" on {}", safe(host)));
    format!(
        ", by instance {}{host}",
        short_id::short(instance.uuid().into())
    )
}

/// A change that somebody made.
fn changed(change: &Activity) -> String {
    let reason = change.reason.as_ref();
    let reason = reason.map_or_else(String::new, |reason| format!(": {reason}"));
    format!("{} by {}{reason}", change.kind, change.by)
}

/// An attempt, with its full error below.
fn attempted(attempt: &TimedAttempt, kind: &str, by: impl Fn(InstanceId) -> String) -> String {
    let TimedAttempt { number, ran, .. } = attempt;
    let outcome = words::outcome(attempt.outcome, kind);
    let mut told = format!("attempt {number}: {outcome} after {}", show_duration(*ran));
    if let Some(instance) = attempt.instance {
        told.push_str(&by(instance));
    }
    for line in attempt.error.iter().flat_map(|error| error.lines()) {
        told.push_str("\n    ");
        told.push_str(line);
    }
    told
}

/// The number of attempts, how they went, and how many are allowed.
pub(super) fn tried(details: &JobDetails) -> String {
    let job = &details.summary;
    let times = |count: u32| match count {
        0 => "not yet".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    };
    let tries = words::tries(job);
    let mut tried = times(tries);
    if job.failed > 0 && job.failed == tries {
        tried.push_str(", and failed");
    } else if job.failed > 0 {
        tried = format!("{tried}, failed {}", times(job.failed));
    }
    if !job.state.is_end() {
        let attempts = details.options.retries.saturating_add(1) as usize;
        tried = format!("{tried}; {} at most", text::count(attempts, "attempt"));
    }
    if job.crashes > 0 {
        tried = format!("{tried}; its instance died {}", times(job.crashes));
    }
    tried
}
