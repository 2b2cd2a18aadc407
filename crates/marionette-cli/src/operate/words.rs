//! Words and colours for states, outcomes and times.

use std::time::SystemTime;

use marionette::Job;
use marionette::inspect::JobSummary;
use marionette::store::{JobState, PastOutcome, StoredBackoff};
use owo_colors::OwoColorize;

use crate::command::Command;
use crate::console::clock;
use crate::console::time::{show_duration, show_relative, show_time};

/// A state or outcome in its colour.
pub(super) fn coloured(state: JobState, text: &str) -> String {
    match state {
        JobState::Ready => text.cyan().to_string(),
        JobState::Scheduled => text.blue().to_string(),
        JobState::Retrying => text.yellow().to_string(),
        JobState::Running => text.bold().to_string(),
        JobState::Done => text.green().to_string(),
        JobState::Dead | JobState::Quarantined => text.red().bold().to_string(),
        JobState::Cancelled => text.magenta().to_string(),
        _ => text.to_owned(),
    }
}

/// The words for an outcome. A command snoozes only when a stop gives it back.
pub(super) fn outcome(outcome: PastOutcome, kind: &str) -> &'static str {
    match outcome {
        PastOutcome::Snoozed if kind == Command::KIND => "given back",
        PastOutcome::Done => "done",
        PastOutcome::Failed => "failed",
        PastOutcome::Panicked => "panicked",
        PastOutcome::TimedOut => "timed out",
        PastOutcome::GivenUp => "given up",
        PastOutcome::Cancelled => "cancelled",
        PastOutcome::Snoozed => "snoozed",
        PastOutcome::Interrupted => "interrupted",
        PastOutcome::Crashed => "its instance died",
        _ => "ended",
    }
}

/// A time in the local zone, and its distance from now.
pub(super) fn time(time: SystemTime) -> String {
    let shown = show_time(time, &clock::here());
    format!("{shown}, {}", show_relative(time, clock::now()))
}

/// The most important time of a job: when it is due, for how long it has run, or when it ended.
pub(super) fn when(job: &JobSummary) -> String {
    let now = clock::now();
    match (job.state, job.ended, job.started) {
        (JobState::Running, _, Some(started)) => {
            format!("for {}", show_duration(clock::since(started)))
        }
        (JobState::Ready, ..) => format!("since {}", show_duration(clock::since(job.due))),
        (_, Some(ended), _) => show_relative(ended, now),
        _ => show_relative(job.due, now),
    }
}

/// The time that [`when`] is about.
pub(super) fn at(job: &JobSummary) -> String {
    let time = match (job.state, job.ended, job.started) {
        (JobState::Running, _, Some(started)) => started,
        (_, Some(ended), _) => ended,
        _ => job.due,
    };
    show_time(time, &clock::here())
}

/// The title of a job: commands have their name alone, others their kind too.
pub(super) fn task(kind: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if kind == Command::KIND || kind == name => name.to_owned(),
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    }
}

/// The number of attempts of a job, without those that did not count.
pub(super) fn tries(job: &JobSummary) -> u32 {
    let last = u32::from(matches!(job.state, JobState::Done | JobState::Running));
    job.failed.saturating_add(last)
}

/// Why a job is in its state; empty for a job that is done.
pub(super) fn why(job: &JobSummary) -> &str {
    match job.state {
        JobState::Done => "",
        _ => job.reason.as_deref().unwrap_or_default(),
    }
}

/// The pauses between attempts.
pub(super) fn backoff(backoff: Option<StoredBackoff>) -> String {
    let show = show_duration;
    match backoff {
        None => "pauses as the library has them".to_owned(),
        Some(StoredBackoff::None) => "without a pause".to_owned(),
        Some(StoredBackoff::Constant { pause, .. }) => format!("after {} each", show(pause)),
        Some(StoredBackoff::Linear { step, max, .. }) => {
            format!(
                "after pauses that grow by {} up to {}",
                show(step),
                show(max)
            )
        }
        Some(StoredBackoff::Exponential {
            initial,
            multiplier,
            max,
            ..
        }) => format!(
            "after pauses from {} up to {}, each {multiplier} times the one before",
            show(initial),
            show(max)
        ),
        Some(StoredBackoff::Polynomial { max, .. }) => {
            format!("after pauses that grow up to {}", show(max))
        }
        Some(_) => "after pauses".to_owned(),
    }
}
