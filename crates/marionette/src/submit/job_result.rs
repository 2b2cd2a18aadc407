//! Turns the end of a job, as its store tells it, into the result or the error of its handle.

use std::time::Duration;

use crate::cell::leased_job::failure;
use crate::outcome::error::{BoxError, Error, UnreadableResult};
use crate::outcome::{Failure, FailureKind, Reason};
use crate::store::{EndKind, Ended, PastAttempt, PastOutcome, StoreError};
use crate::task::job::Job;
use crate::task::registry::{KeptResult, decode_output};

/// The encoded result of a job that is done, or the error with every attempt that its store kept.
pub(crate) fn encoded(ended: Ended) -> Result<KeptResult, Error> {
    match ended {
        Ended::Done(result) => Ok(Ok(result)),
        Ended::Unkept(why) => Ok(Err(why)),
        Ended::Otherwise {
            kind,
            reason,
            error,
            attempts,
            ..
        } => Err(record(kind, reason, error, attempts)),
        Ended::Missing => Err(without_attempt(Reason::stored(
            FailureKind::Missing,
            "the store does not know the job: it was pruned or deleted, or never was there",
        ))),
        Ended::NotYet => Err(unasked(StoreError::broken(
            "the store did not say how the job ended",
        ))),
    }
}

/// The encoded result of a job, unless it could not be kept.
pub(crate) fn kept(result: Result<KeptResult, Error>) -> Result<Vec<u8>, Error> {
    result?.map_err(|why| unreadable(UnreadableResult::unkept(&why)))
}

/// The result of a job.
pub(crate) fn decoded<J: Job>(result: Result<KeptResult, Error>) -> Result<J::Output, Error> {
    let result = kept(result)?;
    decode_output::<J>(&result).map_err(|error| unreadable(UnreadableResult::new(&error)))
}

/// The error of a job that is done, but whose result nobody can read.
fn unreadable(result: UnreadableResult) -> Error {
    without_attempt(Reason::Failed(Box::new(result)))
}

/// The error of a handle whose manager is gone; the job itself stays in its store.
pub(crate) fn abandoned() -> Error {
    without_attempt(Reason::Abandoned)
}

/// The error of a handle whose store could not be asked.
pub(crate) fn unasked(error: StoreError) -> Error {
    without_attempt(Reason::Unreachable(Box::new(error)))
}

fn without_attempt(reason: Reason) -> Error {
    let mut error = Error::empty();
    error.end(Failure::new(reason, Duration::ZERO));
    error
}

/// The error of a job that ended without success, with the attempts that its store kept.
fn record(
    kind: EndKind,
    reason: Option<String>,
    user: Option<String>,
    mut attempts: Vec<PastAttempt>,
) -> Error {
    attempts.retain(|past| past.outcome.is_failure() || past.outcome == PastOutcome::Cancelled);
    // A store keeps the first and the last attempts, and the gap between them shows in their
    // numbers. The attempts of a job that a person began anew count from 1 again.
    let kept = u32::try_from(attempts.len()).unwrap_or(u32::MAX);
    let made = attempts.last().map_or(0, |past| past.number.max(kept));
    let kept_first = (1..)
        .zip(&attempts)
        .take_while(|(nth, past)| past.number <= *nth)
        .count();
    let omitted = made - kept;
    let last = attempts.last().map(|past| past.outcome);
    let failures = attempts.iter().map(failure);
    let mut error = Error::with_gap(failures, made, (kept_first, omitted));
    error.set_duration(attempts.iter().map(|past| past.ran).sum());
    if let Some(end) = end(kind, reason, last) {
        error.end(Failure::new(end, Duration::ZERO));
    }
    error.with_user(user.map(BoxError::from))
}

/// The end of a job, unless its last attempt was the end.
fn end(kind: EndKind, reason: Option<String>, last: Option<PastOutcome>) -> Option<Reason> {
    match kind {
        EndKind::Quarantined => {
            let why = reason.as_deref();
            let why = why.unwrap_or("its instance died three times while it had it");
            let text = format!("quarantined: {why}");
            Some(Reason::stored(FailureKind::Quarantined, text))
        }
        EndKind::Cancelled if last == Some(PastOutcome::Cancelled) => None,
        EndKind::Cancelled => Some(Reason::Cancelled(reason.unwrap_or_default().into())),
        EndKind::GivenUp if last == Some(PastOutcome::GivenUp) => None,
        EndKind::GivenUp => {
            let text = reason.unwrap_or_else(|| "given up".to_owned());
            Some(Reason::stored(FailureKind::TimedOut, text))
        }
        EndKind::Expired => {
            let text = reason.unwrap_or_else(|| "expired: not started in time".to_owned());
            Some(Reason::stored(FailureKind::Expired, text))
        }
        EndKind::Failed => reason.map(|reason| Reason::Failed(reason.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(number: u32, outcome: PastOutcome, error: &str) -> PastAttempt {
        PastAttempt {
            number,
            ran: Duration::from_secs(1),
            outcome,
            error: Some(error.to_owned()),
            instance: None,
        }
    }

    fn failed(number: u32) -> PastAttempt {
        past(number, PastOutcome::Failed, &format!("no {number}"))
    }

    #[test]
    fn the_gap_between_the_attempts_that_are_kept_is_counted() {
        let attempts = (1..=5).chain(31..=50).map(failed).collect();
        let error = record(EndKind::Failed, None, Some("no luck".into()), attempts);
        assert_eq!((error.attempts(), error.dict().omitted), (50, 25));
        let text = format!("{error:?}");
        assert!(text.starts_with("after 50 attempts: no luck (tried for 25s)\n  1. no 1\n"));
        assert!(
            text.contains("\n  5. no 5\n  … 25 more\n  31. no 31\n"),
            "{text}"
        );
        assert!(text.ends_with("\n  50. no 50"), "{text}");
    }

    #[test]
    fn what_was_no_failure_is_not_told_as_one() {
        let attempts = vec![
            past(1, PastOutcome::Interrupted, ""),
            past(1, PastOutcome::Crashed, ""),
            failed(1),
            past(2, PastOutcome::Snoozed, ""),
            past(2, PastOutcome::Panicked, "oh no at src/main.rs:7"),
        ];
        let error = record(EndKind::Failed, None, None, attempts);
        assert_eq!((error.attempts(), error.is_panic()), (2, true));
        let told: Vec<_> = error.failures().map(ToString::to_string).collect();
        assert_eq!(told, ["no 1", "panicked: oh no at src/main.rs:7"]);
    }

    #[test]
    fn a_job_that_was_begun_anew_tells_all_its_attempts() {
        let attempts = [1, 2, 1].map(failed).into();
        let error = record(EndKind::Failed, None, None, attempts);
        assert_eq!((error.attempts(), error.dict().omitted), (3, 0));
    }

    #[test]
    fn every_end_has_its_question() {
        let ended = |kind, reason: &str| record(kind, Some(reason.to_owned()), None, Vec::new());
        let quarantined = ended(EndKind::Quarantined, "its instance died");
        assert!(quarantined.is_quarantined());
        assert_eq!(format!("{quarantined:?}"), "quarantined: its instance died");
        assert!(ended(EndKind::Cancelled, "no need").is_cancelled());
        assert!(ended(EndKind::Expired, "no need").is_expired());
        assert!(ended(EndKind::GivenUp, "no need").is_timed_out());
        // What a person wrote decides nothing.
        let text = "expired: not started within 1s of its time";
        let cancelled = ended(EndKind::Cancelled, text);
        assert!(cancelled.is_cancelled() && !cancelled.is_expired());
        let unknown = encoded(Ended::Missing).expect_err("it is unknown");
        assert!(unknown.is_missing() && !unknown.is_abandoned());
        assert!(abandoned().is_abandoned());
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    struct Unit;

    impl Job for Unit {
        const KIND: &'static str = "unit";
        type Output = ();
    }

    #[test]
    fn a_result_that_was_not_kept_is_an_error_with_and_without_the_type() {
        let unkept = || encoded(Ended::Unkept("it has 2 MiB".to_owned()));
        let typed = decoded::<Unit>(unkept()).expect_err("it was not kept");
        let untyped = kept(unkept()).expect_err("it was not kept");
        assert!(typed.is_unreadable() && untyped.is_unreadable());
        assert_eq!(typed.to_string(), untyped.to_string());
        assert!(typed.to_string().contains("it has 2 MiB"), "{typed}");
    }

    #[test]
    fn a_result_that_does_not_decode_is_an_error_of_a_job_that_is_done() {
        let error = decoded::<Unit>(Ok(Ok(b"7".to_vec()))).expect_err("it is no unit");
        assert_eq!((error.attempts(), error.is_unreadable()), (0, true));
        let text = error.to_string();
        assert!(
            text.starts_with("the job is done, but its result"),
            "{text}"
        );
        assert!(
            text.contains("a result of kind `unit` does not decode: invalid type"),
            "{text}"
        );
    }
}
