//! How a job ended, from what its store tells to who awaits it.

use std::time::Duration;

use crate::error::{BoxError, Error, Record};
use crate::job::Job;
use crate::leased::failure;
use crate::outcome::{Failure, FailureKind, Reason};
use crate::registry::decode_output;
use crate::store::{Ended, JobState, PastAttempt, PastOutcome, StoreError};

/// The result of a job, or the error with every attempt that its store kept.
pub(crate) fn result<J: Job>(ended: Ended) -> Result<J::Output, Error> {
    match ended {
        Ended::Done(result) => decode_output::<J>(&result)
            .map_err(|error| without_attempt(Reason::Failed(Box::new(error)))),
        Ended::Otherwise {
            state,
            reason,
            error,
            attempts,
        } => Err(record(state, reason, error, attempts)),
        Ended::Unknown => Err(without_attempt(Reason::Told(
            FailureKind::Unknown,
            "the store does not know the job: it was pruned or deleted, or never was there".into(),
        ))),
        Ended::NotYet => Err(without_attempt(Reason::Failed(
            "the store did not say how the job ended".into(),
        ))),
    }
}

/// The manager that would have waited is gone; the job itself stays in its store.
pub(crate) fn abandoned() -> Error {
    without_attempt(Reason::Abandoned)
}

/// The store could not be asked.
pub(crate) fn unasked(error: StoreError) -> Error {
    without_attempt(Reason::Failed(Box::new(error)))
}

fn without_attempt(reason: Reason) -> Error {
    let mut error = Error::empty();
    error.end(Failure::new(reason, Duration::ZERO));
    error
}

/// The record of a job that ended without success.
fn record(
    state: JobState,
    reason: Option<String>,
    user: Option<String>,
    mut attempts: Vec<PastAttempt>,
) -> Error {
    attempts.retain(|past| past.outcome.is_failure() || past.outcome == PastOutcome::Cancelled);
    // A store keeps the first and the last ones; the gap between them shows in their numbers.
    // One that was begun anew by a person counts from 1 again.
    let kept = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    let made = attempts.last().map_or(0, |past| past.number.max(kept));
    let kept_first = (1..)
        .zip(&attempts)
        .take_while(|(nth, past)| past.number <= *nth)
        .count();
    let omitted = made - kept;
    let last = attempts.last().map(|past| past.outcome);
    Error(Box::new(Record {
        user: user.map(BoxError::from),
        end: end(state, reason, last).map(|end| Failure::new(end, Duration::ZERO)),
        attempts: made,
        duration: attempts.iter().map(|past| past.ran).sum(),
        failures: attempts.iter().map(failure).collect(),
        omitted,
        kept_first,
    }))
}

/// How a job ended, where that was not its last attempt.
fn end(state: JobState, reason: Option<String>, last: Option<PastOutcome>) -> Option<Reason> {
    match state {
        JobState::Quarantined => Some(Reason::Told(
            FailureKind::Quarantined,
            format!(
                "quarantined: {}",
                reason
                    .as_deref()
                    .unwrap_or("its worker died three times while it ran")
            ),
        )),
        JobState::Cancelled if last == Some(PastOutcome::Cancelled) => None,
        JobState::Cancelled => Some(told(reason.unwrap_or_default(), Reason::Cancelled)),
        _ => reason.map(|reason| told(reason, |reason| Reason::Failed(reason.into()))),
    }
}

/// What a worker wrote of an end without an attempt reads as it does without a store.
fn told(reason: String, otherwise: impl FnOnce(String) -> Reason) -> Reason {
    if reason.starts_with("expired: ") {
        Reason::Told(FailureKind::Expired, reason)
    } else if reason.starts_with("given up after ") {
        Reason::Told(FailureKind::TimedOut, reason)
    } else {
        otherwise(reason)
    }
}
