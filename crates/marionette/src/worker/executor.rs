//! The executor takes a task round the circle: claim → attempt → verdict → settle. The steps are
//! the same on a worker and in a caller's own task (`run_now.rs`).

use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use crate::cell::body::Body;
use crate::cell::leased_job::LeasedJob;
use crate::cell::task_ref::TaskRef;
use crate::cell::{Cell, Running};
use crate::clock::Tick;
use crate::engine::Engine;
use crate::engine::stop_signals::StopSignals;
use crate::observe::tally::Tally;
use crate::outcome::{Failure, Outcome, Reason};
use crate::queue::pace::Pace;
use crate::worker::attempt::Attempt;
use crate::worker::settlement::{cancelled, settlement_of};
use crate::worker::verdict::{Policy, Verdict, admit, judge};

pub(crate) struct Executor {
    pub(crate) engine: Arc<Engine>,
    pub(crate) signals: StopSignals,
}

/// The task that an executor has, from its claim until it is settled. It stays in one place: moving
/// it costs more than running most tasks.
pub(crate) struct Execution {
    pub(crate) running: Running,
    /// When the task became ready to be claimed.
    pub(crate) ready: Tick,
    /// When the present attempt began.
    pub(crate) started: Tick,
    pub(crate) attempt: Attempt,
}

impl Execution {
    #[inline]
    pub(crate) fn new(running: Running, ready: Tick, started: Tick) -> Self {
        Self {
            running,
            ready,
            started,
            attempt: Attempt::default(),
        }
    }

    /// Awaits the rest of an attempt that has to wait.
    pub(crate) async fn wait(&mut self, signals: &StopSignals) -> Outcome {
        self.attempt.wait(&mut self.running, signals).await
    }
}

/// Holds the execution of a worker, or of a task that runs in its caller. An execution that is
/// still here when the guard is dropped is abandoned.
pub(crate) struct ExecutionGuard {
    engine: Arc<Engine>,
    pub(crate) execution: Option<Execution>,
}

impl ExecutionGuard {
    pub(crate) fn new(engine: &Arc<Engine>) -> Self {
        Self {
            engine: Arc::clone(engine),
            execution: None,
        }
    }

    /// Abandons the task of the execution, if there is one.
    pub(crate) fn abandon(&mut self) {
        if let Some(mut execution) = self.execution.take() {
            self.engine.abandon_running(&mut execution.running);
        }
    }
}

impl Drop for ExecutionGuard {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// How an attempt ended, or why there was none.
pub(crate) type AttemptResult = Result<Outcome, Verdict>;

/// The result of the first poll of an attempt.
pub(crate) enum FirstPoll {
    /// The attempt succeeded, as most do.
    Done,
    /// The attempt ended in another way, or could not begin.
    Ended(AttemptResult),
    Waits,
}

/// When an attempt ended, or was refused its start, and the pace at that time.
#[derive(Clone, Copy)]
pub(crate) struct Finished {
    pub(crate) ended: Tick,
    /// How fast the tasks of the worker end.
    pub(crate) pace: Pace,
}

impl Executor {
    /// Begins an attempt and polls it for the first time, unless the task may not start any more.
    #[inline]
    pub(crate) fn begin(&self, execution: &mut Execution, poller: &mut Poller<'_>) -> FirstPoll {
        let Execution {
            running,
            ready,
            started,
            attempt,
        } = execution;
        let cell = running.cell();
        if let Some(details) = cell.details() {
            if cell.is_cancel_requested() {
                return FirstPoll::Ended(Err(Verdict::End(details.cancelled())));
            }
            if details.options.has_time_limit() {
                // `started` is the end of the last attempt; logging, or the end of a task, may have
                // taken long since then.
                *started = Tick::recent();
            }
            let admitted = details.begin(*ready, |failed, due| {
                let policy = Policy::new(&details.options, due, failed);
                attempt.number = failed + 1;
                attempt.deadline = policy.deadline(*started);
                let at = attempt.deadline.map(|(at, _)| at);
                (at, admit(&policy, *ready, *started))
            });
            if let Err(verdict) = admitted {
                return FirstPoll::Ended(Err(verdict));
            }
        }
        let observer = &self.engine.observer;
        observer.span(&**cell, attempt.number, &mut attempt.span);
        observer.started(&**cell, attempt.number, started.nanos_since(*ready));
        match attempt.begin(running, self.engine.id, poller) {
            Poll::Ready(Outcome::Done) => FirstPoll::Done,
            Poll::Ready(outcome) => FirstPoll::Ended(Ok(outcome)),
            Poll::Pending => FirstPoll::Waits,
        }
    }

    /// Settles a task that succeeded.
    #[inline]
    pub(crate) fn done(&self, execution: &mut Execution, ran: Finished, tally: &Tally) {
        let nanos = ran.ended.nanos_since(execution.started);
        tally.run_time.record(nanos);
        tally.done.add_one();
        if let Some(leased) = leased(&execution.running) {
            let (attempt, next) = settlement_of(&Verdict::Finish, leased, Some(nanos));
            leased.settle(attempt, next);
        }
        let (cell, attempt) = (execution.running.cell(), execution.attempt.number);
        self.engine.observer.done(&**cell, attempt, nanos);
        execution.running.finish(None);
    }

    /// Judges an attempt that did not simply succeed, and acts on the verdict. A task that is
    /// retried without a pause stays in the execution.
    pub(crate) fn settle(
        &self,
        execution: &mut Execution,
        made: AttemptResult,
        ran: Finished,
        tally: &Tally,
    ) {
        let was_made = made.is_ok();
        let verdict = match made {
            Ok(Outcome::Done) => return self.done(execution, ran, tally),
            Ok(outcome) => Self::judge(execution, outcome, ran.ended, tally),
            Err(verdict) => verdict,
        };
        let nanos = ran.ended.nanos_since(execution.started);
        tally.run_time.record(nanos);
        if let Some(leased) = leased(&execution.running) {
            let (attempt, next) = settlement_of(&verdict, leased, was_made.then_some(nanos));
            leased.settle(attempt, next);
        }
        let observer = &self.engine.observer;
        let cell = execution.running.cell();
        match verdict {
            Verdict::Finish => unreachable!("only a success is finished, and that is done above"),
            Verdict::Retry(reason, pause) => {
                tally.retried.add_one();
                let failure = Failure::of_attempt(reason, nanos);
                observer.retrying(&**cell, execution.attempt.number, &failure, pause);
                cell.details_or_new().push(failure);
                self.again(execution, pause, ran, tally);
            }
            Verdict::Snooze(pause) => {
                tally.snoozed.add_one();
                observer.snoozed(&**cell, pause);
                self.again(execution, pause, ran, tally);
            }
            // Without a manager, nobody will start the task again.
            Verdict::Resume if self.engine.is_gone() && leased(&execution.running).is_none() => {
                self.end(&mut execution.running, Reason::Abandoned, None, tally);
            }
            Verdict::Resume => {
                tally.interrupted.add_one();
                observer.interrupted(&**cell);
                let interrupted = TaskRef::new(&**cell);
                self.engine.run().interrupted.push(interrupted);
                self.resume(execution, ran.ended, tally);
            }
            Verdict::Bury(reason) => {
                tally.failed.add_one();
                let error = cell.details_or_new().last_error(reason, nanos);
                observer.failed(&**cell, &error, nanos);
                execution.running.finish(Some(error));
            }
            Verdict::End(reason) => {
                self.end(
                    &mut execution.running,
                    reason,
                    was_made.then_some(nanos),
                    tally,
                );
            }
        }
    }

    fn judge(execution: &mut Execution, outcome: Outcome, now: Tick, tally: &Tally) -> Verdict {
        match &outcome {
            Outcome::Panicked(_) => tally.panicked.add_one(),
            Outcome::TimedOut(_) | Outcome::GivenUp(_) => tally.timed_out.add_one(),
            _ => {}
        }
        let can_repeat = execution.running.can_repeat();
        let Some(details) = execution.running.cell().details() else {
            let policy = Policy {
                can_repeat,
                ..Policy::default()
            };
            return judge(outcome, &policy, now);
        };
        let (due, failed) = details.standing(execution.ready);
        let policy = Policy {
            can_repeat,
            seed: || fastrand::u64(..),
            ..Policy::new(&details.options, due, failed)
        };
        judge(outcome, &policy, now)
    }

    /// Makes a task wait for its next attempt, or keeps it on the worker where there is no pause.
    fn again(&self, execution: &mut Execution, pause: Duration, ran: Finished, tally: &Tally) {
        let running = &mut execution.running;
        if leased(running).is_some() {
            // A job waits in its store.
            return running.finish(None);
        }
        // A retry without a pause stays on its worker, unless a stop asks attempts to end.
        if pause.is_zero() && !self.signals.interrupt.is_cancelled() {
            return;
        }
        match running.release() {
            Some(waiting) if self.engine.is_gone() => self.engine.abandon_waiting(waiting),
            Some(waiting) if ran.pace == Pace::Quick => self.engine.delay_for_later(pause, waiting),
            Some(waiting) => self.engine.delay(pause, waiting),
            None => self.end_cancelled(running, tally),
        }
    }

    /// Puts a task that a stop interrupted back into the queue. A job waits in its store.
    fn resume(&self, execution: &mut Execution, now: Tick, tally: &Tally) {
        let running = &mut execution.running;
        if leased(running).is_some() {
            return running.finish(None);
        }
        match running.release() {
            Some(waiting) => self.engine.queue.push_accepted(waiting, now),
            None => self.end_cancelled(running, tally),
        }
    }

    /// Ends a task that was cancelled when its attempt had just ended.
    pub(crate) fn end_cancelled(&self, running: &mut Running, tally: &Tally) {
        let reason = running.cell().details_or_new().cancelled();
        self.end(running, reason, None, tally);
    }

    /// Ends a task for `reason`. `ran` is how many nanoseconds its last attempt took, `None` if
    /// there was none.
    fn end(&self, running: &mut Running, reason: Reason, ran: Option<u64>, tally: &Tally) {
        match &reason {
            Reason::Expired(_) => tally.expired.add_one(),
            Reason::GivenUp(_) => tally.failed.add_one(),
            Reason::Abandoned => tally.abandoned.add_one(),
            _ => tally.cancelled.add_one(),
        }
        // An attempt is given up here only if its task wanted to snooze beyond the limit in total,
        // and a snooze uses no attempt.
        let ran = ran.filter(|_| !matches!(reason, Reason::GivenUp(_)));
        let details = running.cell().details_or_new();
        let error = match ran {
            Some(nanos) => details.last_error(reason, nanos),
            None => details.final_error(reason),
        };
        let observer = &self.engine.observer;
        observer.failed(&**running.cell(), &error, ran.unwrap_or_default());
        running.finish(Some(error));
    }

    /// Counts and reports a task that was cancelled while it waited, and settles its job. The
    /// handle of the task knows already.
    pub(crate) fn was_cancelled(&self, cell: &Cell<dyn Body>, tally: &Tally) {
        tally.cancelled.add_one();
        self.engine.observer.cancelled_early(cell);
        if let Some(details) = cell.details()
            && let Some(leased) = details.options.leased()
        {
            let why = details.cancel_reason().unwrap_or_default();
            leased.settle(None, cancelled(&why));
        }
    }
}

/// The leased job behind a running task, if the task came from a store.
fn leased(running: &Running) -> Option<&LeasedJob> {
    let leased = running.cell().details()?.options.leased()?;
    Some(leased)
}
