//! What follows from an outcome. All the decisions are here, and nothing is touched.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::Tick;
use crate::options::Options;
use crate::outcome::{Limit, Outcome, PARENT_CANCELLED, Reason, Said};

/// What a decision depends on, besides the outcome.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy<'a> {
    /// Retries that are left.
    pub(crate) retries_left: u32,
    /// Attempts that failed before this one.
    pub(crate) failed_before: u32,
    /// Exponential where there is none.
    pub(crate) backoff: Option<&'a Backoff>,
    /// When to give up, with the whole limit; and the timeout of one attempt.
    pub(crate) give_up: Option<(Tick, Duration)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) expires: Option<Duration>,
    pub(crate) parent_cancelled: bool,
    pub(crate) can_repeat: bool,
    /// Decides the jitter.
    pub(crate) seed: u64,
}

/// What follows from an outcome.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is done; the result lies in its cell.
    Finish,
    /// This attempt failed; another one follows after a pause.
    Retry(Reason, Duration),
    /// No attempt was used; another one follows after a pause.
    Snooze(Duration),
    /// Back to the queue as if it had not been started: the manager stopped.
    Resume,
    /// This attempt failed, and it was the last.
    Bury(Reason),
    /// It ends for this reason, which is no attempt's failure.
    End(Reason),
}

impl<'a> Policy<'a> {
    /// What these options mean for a task that was first due at `due` and has failed so often.
    pub(crate) fn new(options: &'a Options, due: Tick, failed_before: u32) -> Self {
        Self {
            retries_left: options.retries.saturating_sub(failed_before),
            failed_before,
            backoff: options.backoff(),
            give_up: options
                .give_up_after()
                .map(|limit| (due.saturating_add(limit), limit)),
            timeout: options.timeout(),
            expires: options.expires(),
            parent_cancelled: options.is_parent_cancelled(),
            can_repeat: true,
            seed: 0,
        }
    }

    /// When an attempt that starts now has to end, and by which limit.
    pub(crate) fn deadline(&self, now: Tick) -> Option<(Tick, Limit, Duration)> {
        let attempt = self
            .timeout
            .map(|timeout| (now.saturating_add(timeout), Limit::Attempt, timeout));
        let total = self.give_up.map(|(at, limit)| (at, Limit::Total, limit));
        attempt.into_iter().chain(total).min_by_key(|(at, ..)| *at)
    }
}

/// Whether a task that became ready at `ready` may start an attempt now; if not, how it ends.
pub(crate) fn admit(policy: &Policy<'_>, ready: Tick, now: Tick) -> Result<(), Verdict> {
    if policy.parent_cancelled {
        return Err(Verdict::End(parent_cancelled()));
    }
    if let Some((at, limit)) = policy.give_up
        && now >= at
    {
        return Err(Verdict::End(Reason::TimedOut(Limit::Total, limit)));
    }
    // It says "do not start after": what has been started once may go on.
    if let Some(limit) = policy.expires
        && policy.failed_before == 0
        && now.since(ready) > limit
    {
        return Err(Verdict::End(Reason::Expired(limit)));
    }
    Ok(())
}

/// The verdict on an attempt that ended now.
pub(crate) fn judge(outcome: Outcome, policy: &Policy<'_>, now: Tick) -> Verdict {
    let (reason, pause) = match outcome {
        Outcome::Done => return Verdict::Finish,
        Outcome::Cancelled(why) => return Verdict::End(Reason::Cancelled(why)),
        Outcome::Interrupted if policy.can_repeat => return Verdict::Resume,
        Outcome::Interrupted => return Verdict::End(Reason::Abandoned),
        Outcome::TimedOut {
            limit: Limit::Total,
            after,
        } => {
            return Verdict::Bury(Reason::TimedOut(Limit::Total, after));
        }
        Outcome::TimedOut { limit, after } => (Reason::TimedOut(limit, after), None),
        Outcome::Panicked(panic) => (Reason::Panicked(panic), None),
        Outcome::Failed(error) => match error.0 {
            Said::Cancelled(why) => return Verdict::End(Reason::Cancelled(why)),
            Said::Fatal(error) => return Verdict::Bury(Reason::Failed(error)),
            Said::Snooze(pause) if policy.can_repeat => return snooze(policy, pause, now),
            Said::Snooze(_) => {
                return Verdict::Bury(Reason::Failed(
                    "it snoozed, but a plain future runs once".into(),
                ));
            }
            Said::RetryAfter(pause, error) => (Reason::Failed(error), Some(pause)),
            Said::Retry(error) => (Reason::Failed(error), None),
        },
    };
    if policy.retries_left == 0 || !policy.can_repeat || policy.parent_cancelled {
        return Verdict::Bury(reason);
    }
    let pause = pause.or_else(|| {
        let failed = policy.failed_before + 1;
        match policy.backoff {
            Some(backoff) => backoff.pause(failed, policy.seed),
            None => Backoff::default().pause(failed, policy.seed),
        }
    });
    match pause {
        // A retry that would start after the limit in total is not worth waiting for.
        Some(pause)
            if policy
                .give_up
                .is_none_or(|(at, _)| now.saturating_add(pause) < at) =>
        {
            Verdict::Retry(reason, pause)
        }
        _ => Verdict::Bury(reason),
    }
}

fn snooze(policy: &Policy<'_>, pause: Duration, now: Tick) -> Verdict {
    if policy.parent_cancelled {
        return Verdict::End(parent_cancelled());
    }
    match policy.give_up {
        Some((at, limit)) if now.saturating_add(pause) >= at => {
            Verdict::End(Reason::TimedOut(Limit::Total, limit))
        }
        _ => Verdict::Snooze(pause),
    }
}

fn parent_cancelled() -> Reason {
    Reason::Cancelled(PARENT_CANCELLED.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, proptest};

    use super::*;
    use crate::outcome::{Panic, TaskError};

    fn fails() -> Outcome {
        Outcome::Failed(TaskError::from("no"))
    }

    fn policy(retries_left: u32) -> Policy<'static> {
        Policy {
            retries_left,
            can_repeat: true,
            ..Policy::default()
        }
    }

    const NOW: Tick = Tick::from_nanos(1_000_000_000);

    #[test]
    fn a_failure_is_retried_while_retries_are_left() {
        assert!(matches!(
            judge(fails(), &policy(1), NOW),
            Verdict::Retry(..)
        ));
        assert!(matches!(judge(fails(), &policy(0), NOW), Verdict::Bury(_)));
    }

    #[test]
    fn a_panic_and_a_timeout_are_failures_like_others() {
        let panic = || {
            Outcome::Panicked(Panic {
                message: "no".into(),
                location: None,
            })
        };
        let late = || Outcome::TimedOut {
            limit: Limit::Attempt,
            after: Duration::ZERO,
        };
        assert!(matches!(
            judge(panic(), &policy(1), NOW),
            Verdict::Retry(..)
        ));
        assert!(matches!(judge(panic(), &policy(0), NOW), Verdict::Bury(_)));
        assert!(matches!(judge(late(), &policy(1), NOW), Verdict::Retry(..)));
        let total = Outcome::TimedOut {
            limit: Limit::Total,
            after: Duration::ZERO,
        };
        assert!(matches!(judge(total, &policy(1), NOW), Verdict::Bury(_)));
    }

    #[test]
    fn a_stop_and_a_snooze_use_no_attempt() {
        let snooze = || Outcome::Failed(TaskError::snooze(Duration::from_secs(1)));
        assert!(matches!(
            judge(Outcome::Interrupted, &policy(0), NOW),
            Verdict::Resume
        ));
        assert!(matches!(
            judge(snooze(), &policy(0), NOW),
            Verdict::Snooze(_)
        ));
        // What runs once cannot go on.
        let once = Policy {
            can_repeat: false,
            ..policy(0)
        };
        assert!(matches!(
            judge(Outcome::Interrupted, &once, NOW),
            Verdict::End(_)
        ));
        assert!(matches!(judge(snooze(), &once, NOW), Verdict::Bury(_)));
    }

    #[test]
    fn a_cancelled_parent_ends_retries_and_starts() {
        let orphan = Policy {
            parent_cancelled: true,
            ..policy(9)
        };
        assert!(matches!(judge(fails(), &orphan, NOW), Verdict::Bury(_)));
        assert!(admit(&orphan, NOW, NOW).is_err());
    }

    proptest! {
        #[test]
        fn nothing_is_retried_beyond_its_limits(
            (retries_left, failed_before, seed) in (0..3_u32, any::<u32>(), any::<u64>()),
            (after, at, fatal) in (any::<u32>(), any::<u32>(), any::<bool>()),
        ) {
            let pause = Duration::from_nanos(after.into());
            let limit = Duration::from_nanos(at.into());
            let give_up = Some((NOW.saturating_add(limit), limit));
            let policy = Policy { failed_before, give_up, seed, ..policy(retries_left) };
            let error =
                if fatal { TaskError::fatal("no") } else { TaskError::retry_after(pause, "no") };
            let verdict = judge(Outcome::Failed(error), &policy, NOW);
            let expected = retries_left > 0 && !fatal && pause < limit;
            prop_assert!(matches!(verdict, Verdict::Retry(_, told) if told == pause) == expected);
            prop_assert!(expected || matches!(verdict, Verdict::Bury(_)));
        }
    }
}
