//! A verdict as its store gets it: the attempt that was made, and what is next for the job.

use std::time::Duration;

use crate::cell::leased_job::LeasedJob;
use crate::outcome::{FailureKind, Reason};
use crate::store::{Attempted, Due, EndKind, Next, PastOutcome, clip_error};
use crate::worker::verdict::Verdict;

/// The settlement of a leased job by this verdict. `ran` is how many nanoseconds its attempt took,
/// `None` if none was made.
pub(crate) fn settlement_of(
    verdict: &Verdict,
    leased: &LeasedJob,
    ran: Option<u64>,
) -> (Option<Attempted>, Next) {
    let attempt = |outcome, error: Option<&Reason>| {
        ran.map(|nanos| Attempted {
            ran: Duration::from_nanos(nanos),
            outcome,
            error: error.map(error_text),
        })
    };
    match verdict {
        Verdict::Finish => (attempt(PastOutcome::Done, None), leased.take_success()),
        Verdict::Retry(reason, pause) => (
            attempt(outcome(reason), Some(reason)),
            Next::Retry(Due::After(*pause)),
        ),
        Verdict::Snooze(pause) => (
            attempt(PastOutcome::Snoozed, None),
            Next::Snooze(Due::After(*pause)),
        ),
        Verdict::Resume => (attempt(PastOutcome::Interrupted, None), Next::Release),
        Verdict::Bury(reason) => (attempt(outcome(reason), Some(reason)), Next::Bury),
        Verdict::End(reason) => end(reason, attempt(outcome(reason), Some(reason))),
    }
}

/// The settlement of a job that was cancelled.
pub(crate) fn cancelled(why: &str) -> Next {
    Next::Cancel {
        reason: clip_error(why).into_owned(),
        kind: EndKind::Cancelled,
    }
}

/// The text of a failed attempt, without its outcome, which is kept beside it.
fn error_text(reason: &Reason) -> String {
    let text = match reason {
        Reason::Panicked(panic) => panic.told(),
        Reason::Cancelled(why) => why.to_string(),
        _ => format!("{reason:#}"),
    };
    clip_error(text).into_owned()
}

fn end(reason: &Reason, attempt: Option<Attempted>) -> (Option<Attempted>, Next) {
    let late = |kind| Next::Cancel {
        reason: reason.to_string(),
        kind,
    };
    match reason {
        Reason::Cancelled(why) => (attempt, cancelled(why)),
        Reason::Expired(_) => (attempt, late(EndKind::Expired)),
        // No attempt would carry the reason of a `Bury`, so it would be lost.
        Reason::GivenUp(_) if attempt.is_none() => (None, late(EndKind::GivenUp)),
        // A manager that goes away is no fault of the job.
        Reason::Abandoned => (attempt, Next::Release),
        Reason::Failed(_)
        | Reason::Panicked(_)
        | Reason::TimedOut(_)
        | Reason::GivenUp(_)
        | Reason::Unreachable(_)
        | Reason::Stored(_) => (attempt, Next::Bury),
    }
}

fn outcome(reason: &Reason) -> PastOutcome {
    if matches!(reason, Reason::GivenUp(_)) {
        return PastOutcome::GivenUp;
    }
    match reason.kind() {
        FailureKind::Failed
        | FailureKind::Quarantined
        | FailureKind::Missing
        | FailureKind::Unreachable
        | FailureKind::Unreadable => PastOutcome::Failed,
        FailureKind::Panicked => PastOutcome::Panicked,
        FailureKind::TimedOut => PastOutcome::TimedOut,
        FailureKind::Cancelled | FailureKind::Expired => PastOutcome::Cancelled,
        FailureKind::Abandoned => PastOutcome::Interrupted,
    }
}
