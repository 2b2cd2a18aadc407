//! What follows from an outcome. All decisions about it are here, in pure functions that change
//! nothing.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::cell::options::Options;
use crate::clock::Tick;
use crate::outcome::{Limit, Outcome, PARENT_CANCELLED, Reason, Said};

/// What a verdict depends on besides the outcome.
#[derive(Clone)]
pub(crate) struct Policy<'a> {
    pub(crate) options: &'a Options,
    /// When the task was first due.
    pub(crate) due: Tick,
    /// Attempts that failed before this one.
    pub(crate) failed_before: u32,
    pub(crate) parent_cancelled: bool,
    /// Whether the task can run again; a plain future cannot.
    pub(crate) can_repeat: bool,
    /// The seed of the backoff's jitter.
    pub(crate) seed: fn() -> u64,
}

/// What follows from an outcome.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The task is done; its result lies in its cell.
    Finish,
    /// This attempt failed; another one follows after a pause.
    Retry(Reason, Duration),
    /// The attempt does not count; another one follows after a pause.
    Snooze(Duration),
    /// The manager stopped: the task goes back to the queue as if it had not been started.
    Resume,
    /// This attempt failed, and no other follows.
    Bury(Reason),
    /// The task ends for this reason, which is not the failure of an attempt.
    End(Reason),
}

/// The policy of a task with default options.
impl Default for Policy<'_> {
    fn default() -> Self {
        static NOTHING: Options = Options::NOTHING;
        Self::new(&NOTHING, Tick::default(), 0)
    }
}

impl<'a> Policy<'a> {
    /// The policy of a task with these options that was first due at `due` and has failed
    /// `failed_before` times.
    #[inline]
    pub(crate) fn new(options: &'a Options, due: Tick, failed_before: u32) -> Self {
        Self {
            options,
            due,
            failed_before,
            parent_cancelled: options.is_parent_cancelled(),
            can_repeat: true,
            seed: || 0,
        }
    }

    /// When the limit in total is reached, and that limit.
    fn give_up(&self) -> Option<(Tick, Duration)> {
        let limit = self.options.give_up_after()?;
        Some((self.due.saturating_add(limit), limit))
    }

    /// When an attempt that starts now has to end, and by which limit.
    #[inline]
    pub(crate) fn deadline(&self, now: Tick) -> Option<(Tick, Limit)> {
        let timeout = self.options.timeout();
        let attempt = timeout.map(|timeout| (now.saturating_add(timeout), Limit::Attempt));
        match (attempt, self.give_up()) {
            (Some((at, _)), Some((end, _))) if end < at => Some((end, Limit::Total)),
            (None, Some((end, _))) => Some((end, Limit::Total)),
            (attempt, _) => attempt,
        }
    }

    /// The pause before the retry of an attempt that failed now, `None` if no retry follows.
    /// `asked` is the pause that the task asked for, if it did.
    fn retry(&self, asked: Option<Duration>, now: Tick) -> Option<Duration> {
        let has_retries = self.failed_before < self.options.retries;
        if !has_retries || !self.can_repeat || self.parent_cancelled {
            return None;
        }
        let pause = asked.or_else(|| self.pause())?;
        // A retry that would start after the limit in total is not waited for.
        let is_in_time = |(end, _)| now.saturating_add(pause) < end;
        self.give_up().is_none_or(is_in_time).then_some(pause)
    }

    fn pause(&self) -> Option<Duration> {
        let backoff = self.options.backoff();
        if backoff.is_some_and(Backoff::is_none) {
            return Some(Duration::ZERO);
        }
        let (failed, seed) = (self.failed_before + 1, (self.seed)());
        match backoff {
            Some(backoff) => backoff.pause(failed, seed),
            None => Backoff::default().pause(failed, seed),
        }
    }
}

/// Whether a task that became ready at `ready` may start an attempt now; if not, how it ends.
pub(crate) fn admit(policy: &Policy<'_>, ready: Tick, now: Tick) -> Result<(), Verdict> {
    if policy.parent_cancelled {
        return Err(Verdict::End(parent_cancelled()));
    }
    if let Some((at, limit)) = policy.give_up()
        && now >= at
    {
        return Err(Verdict::End(Reason::GivenUp(limit)));
    }
    // `expires` limits the wait for the first start: a task that has been started may go on.
    if let Some(limit) = policy.options.expires_after()
        && policy.failed_before == 0
        && now.since(ready) > limit
    {
        return Err(Verdict::End(Reason::Expired(limit)));
    }
    Ok(())
}

/// The verdict on an attempt that ended now.
pub(crate) fn judge(outcome: Outcome, policy: &Policy<'_>, now: Tick) -> Verdict {
    match outcome {
        Outcome::Done => Verdict::Finish,
        Outcome::Cancelled(why) => Verdict::End(Reason::Cancelled(why)),
        Outcome::Interrupted if policy.can_repeat => Verdict::Resume,
        Outcome::Interrupted => Verdict::End(Reason::Abandoned),
        Outcome::GivenUp(after) => Verdict::Bury(Reason::GivenUp(after)),
        Outcome::TimedOut(after) => failed(Reason::TimedOut(after), policy.retry(None, now)),
        Outcome::Panicked(panic) => failed(Reason::Panicked(panic), policy.retry(None, now)),
        Outcome::Failed(error) => match error.0 {
            Said::Retry(error) => failed(Reason::Failed(error), policy.retry(None, now)),
            Said::RetryAfter(later) => {
                let (pause, error) = *later;
                failed(Reason::Failed(error), policy.retry(Some(pause), now))
            }
            Said::Fatal(error) => Verdict::Bury(Reason::Failed(error)),
            Said::Snooze(pause) if policy.can_repeat => snooze(policy, pause, now),
            Said::Snooze(_) => Verdict::Bury(Reason::Failed(
                "it snoozed, but a plain future runs once".into(),
            )),
            Said::Cancelled(why) => Verdict::End(Reason::Cancelled(why)),
        },
    }
}

/// The verdict on a failed attempt: a retry after `pause`, or no retry without one.
fn failed(reason: Reason, pause: Option<Duration>) -> Verdict {
    match pause {
        Some(pause) => Verdict::Retry(reason, pause),
        None => Verdict::Bury(reason),
    }
}

fn snooze(policy: &Policy<'_>, pause: Duration, now: Tick) -> Verdict {
    if policy.parent_cancelled {
        return Verdict::End(parent_cancelled());
    }
    match policy.give_up() {
        Some((at, limit)) if now.saturating_add(pause) >= at => {
            Verdict::End(Reason::GivenUp(limit))
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

    fn retries(retries: u32) -> Options {
        let mut options = Options::default();
        options.retries = retries;
        options
    }

    fn policy(options: &Options) -> Policy<'_> {
        Policy::new(options, NOW, 0)
    }

    const NOW: Tick = Tick::from_nanos(1_000_000_000);

    #[test]
    fn a_failure_is_retried_while_retries_are_left() {
        assert!(matches!(
            judge(fails(), &policy(&retries(1)), NOW),
            Verdict::Retry(..)
        ));
        assert!(matches!(
            judge(fails(), &policy(&retries(0)), NOW),
            Verdict::Bury(_)
        ));
    }

    #[test]
    fn a_panic_and_a_timeout_are_failures_like_others() {
        let panic = || {
            Outcome::Panicked(Box::new(Panic {
                message: "no".into(),
                location: None,
            }))
        };
        let late = || Outcome::TimedOut(Duration::ZERO);
        assert!(matches!(
            judge(panic(), &policy(&retries(1)), NOW),
            Verdict::Retry(..)
        ));
        assert!(matches!(
            judge(panic(), &policy(&retries(0)), NOW),
            Verdict::Bury(_)
        ));
        assert!(matches!(
            judge(late(), &policy(&retries(1)), NOW),
            Verdict::Retry(..)
        ));
        let total = Outcome::GivenUp(Duration::ZERO);
        assert!(matches!(
            judge(total, &policy(&retries(1)), NOW),
            Verdict::Bury(_)
        ));
    }

    #[test]
    fn a_stop_and_a_snooze_use_no_attempt() {
        let snooze = || Outcome::Failed(TaskError::snooze(Duration::from_secs(1)));
        assert!(matches!(
            judge(Outcome::Interrupted, &policy(&retries(0)), NOW),
            Verdict::Resume
        ));
        assert!(matches!(
            judge(snooze(), &policy(&retries(0)), NOW),
            Verdict::Snooze(_)
        ));
        // A task that runs once cannot go on.
        let none = retries(0);
        let once = Policy {
            can_repeat: false,
            ..policy(&none)
        };
        assert!(matches!(
            judge(Outcome::Interrupted, &once, NOW),
            Verdict::End(_)
        ));
        assert!(matches!(judge(snooze(), &once, NOW), Verdict::Bury(_)));
    }

    #[test]
    fn a_cancelled_parent_ends_retries_and_starts() {
        let many = retries(9);
        let orphan = Policy {
            parent_cancelled: true,
            ..policy(&many)
        };
        assert!(matches!(judge(fails(), &orphan, NOW), Verdict::Bury(_)));
        assert!(admit(&orphan, NOW, NOW).is_err());
    }

    proptest! {
        #[test]
        fn nothing_is_retried_beyond_its_limits(
            (retries_left, failed_before) in (0..3_u32, 0..u32::MAX - 3),
            (after, at, fatal) in (any::<u32>(), any::<u32>(), any::<bool>()),
        ) {
            let pause = Duration::from_nanos(after.into());
            let limit = Duration::from_nanos(at.into());
            let mut options = retries(failed_before + retries_left);
            options.set_give_up_after(Some(limit));
            let policy = Policy { failed_before, ..policy(&options) };
            let error =
                if fatal { TaskError::fatal("no") } else { TaskError::retry_after(pause, "no") };
            let verdict = judge(Outcome::Failed(error), &policy, NOW);
            let expected = retries_left > 0 && !fatal && pause < limit;
            prop_assert!(matches!(verdict, Verdict::Retry(_, asked) if asked == pause) == expected);
            prop_assert!(expected || matches!(verdict, Verdict::Bury(_)));
        }
    }
}
