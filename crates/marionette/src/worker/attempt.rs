//! One attempt: polls the task's future until it ends, or until it is asked to end and its grace is
//! over.

use std::future::{Future, pending, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::cell::Running;
use crate::cell::details::Details;
use crate::clock::Tick;
use crate::engine::stop_signals::StopSignals;
use crate::outcome::panic::catch;
use crate::outcome::{Limit, Outcome, PARENT_CANCELLED, TaskError};
use crate::quiet::QuietSpan;

/// An attempt, apart from its task.
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) deadline: Option<(Tick, Limit)>,
    /// The span in which the task runs, if a subscriber wants one. Boxed, since it is large.
    pub(crate) span: Option<Box<QuietSpan>>,
}

impl Default for Attempt {
    /// The first attempt, without a deadline.
    #[inline]
    fn default() -> Self {
        Self {
            number: 1,
            deadline: None,
            span: None,
        }
    }
}

/// Why an attempt was asked to end.
#[derive(Clone, Copy)]
enum EndRequest {
    Deadline(Limit),
    Cancel,
    Stop,
}

impl Attempt {
    /// Makes the future and polls it for the first time.
    ///
    /// Most tasks that are queued by the million never wait, so this poll needs no timer, no token
    /// and no lock.
    #[inline]
    pub(crate) fn begin(
        &self,
        running: &mut Running,
        manager: u32,
        poller: &mut Poller<'_>,
    ) -> Poll<Outcome> {
        let context = running.context(self.number, manager);
        let polled = self.within(|| running.start(context, poller));
        match polled {
            Poll::Ready(Outcome::Done) => Poll::Ready(Outcome::Done),
            Poll::Ready(outcome) => Poll::Ready(no_success(running, outcome)),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Polls the future to its end, or until the attempt was asked to end and its grace is over.
    pub(crate) async fn wait(&self, running: &mut Running, signals: &StopSignals) -> Outcome {
        match self.wait_for_outcome(running, signals).await {
            Outcome::Done => Outcome::Done,
            outcome => no_success(running, outcome),
        }
    }

    /// Polls the user's code in the span of the attempt. A panic in that code is an outcome.
    #[inline]
    fn within(&self, poll: impl FnOnce() -> Poll<Result<(), TaskError>>) -> Poll<Outcome> {
        // An error leaves the closure by this variable: a success, which is more frequent, moves
        // nothing.
        let mut failed = None;
        if let Some(span) = &self.span {
            span.enter();
        }
        let polled = catch(|| {
            poll().map(|result| {
                if let Err(error) = result {
                    failed = Some(error);
                }
            })
        });
        if let Some(span) = &self.span {
            span.leave();
        }
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(())) => match failed {
                None => Poll::Ready(Outcome::Done),
                Some(error) => Poll::Ready(Outcome::Failed(error)),
            },
            Err(panic) => Poll::Ready(Outcome::Panicked(panic)),
        }
    }

    /// Waits for the outcome of an attempt whose future has been polled once.
    async fn wait_for_outcome(&self, running: &mut Running, signals: &StopSignals) -> Outcome {
        let cell = running.cell().clone();
        let details = cell.details_or_new();
        let parent = details.options.token();
        let mut parent_cancelled = pin!(cancelled(parent));
        let mut interrupted = pin!(signals.interrupt.cancelled());
        let mut abandoned = pin!(signals.abandon.cancelled());
        let mut timer = self
            .deadline
            .map(|(at, _)| Box::pin(sleep_until(at.to_instant())));
        let mut asked: Option<EndRequest> = None;
        let mut was_polled = true;

        poll_fn(|poller| {
            if !mem::take(&mut was_polled)
                && let Poll::Ready(outcome) = self.within(|| running.poll(poller))
            {
                return Poll::Ready(match asked {
                    Some(asked) => asked.accept(outcome, details),
                    None => outcome,
                });
            }
            // Before the flags are read: a canceller sets its flag and then wakes the waker stored
            // here.
            details.set_worker(poller.waker());
            if asked.is_none() {
                asked = if cell.is_cancel_requested()
                    || parent_cancelled.as_mut().poll(poller).is_ready()
                {
                    Some(EndRequest::Cancel)
                } else if interrupted.as_mut().poll(poller).is_ready() {
                    Some(EndRequest::Stop)
                } else if let Some((_, limit)) = self.deadline
                    && is_ready(&mut timer, poller)
                {
                    Some(EndRequest::Deadline(limit))
                } else {
                    None
                };
                if let Some(asked) = asked {
                    if !details.cancel_attempt() {
                        // The task never asked for its token, so it cannot hear that it should end.
                        // If a thread of the task asks later, the token is cancelled already.
                        details.token(self.number, || true).cancel();
                        return Poll::Ready(asked.outcome(details));
                    }
                    timer = asked.grace(signals.grace).map(|grace| {
                        Box::pin(sleep_until(Tick::now().saturating_add(grace).to_instant()))
                    });
                }
            }
            let Some(asked) = asked else {
                return Poll::Pending;
            };
            if cell.is_abort_requested()
                || abandoned.as_mut().poll(poller).is_ready()
                || is_ready(&mut timer, poller)
            {
                return Poll::Ready(asked.outcome(details));
            }
            Poll::Pending
        })
        .await
    }
}

/// Cleans up after an attempt that did not succeed, and returns its final outcome.
#[cold]
fn no_success(running: &mut Running, outcome: Outcome) -> Outcome {
    if !matches!(outcome, Outcome::Failed(_)) {
        // The rest of the future is the user's, and may panic when dropped. The attempt has its
        // outcome already.
        let _ = catch(|| running.drop_attempt());
        return outcome;
    }
    // The task may have failed because it heard of a cancellation, by its handle or its parent,
    // before the attempt was asked to end. Then the task was cancelled.
    let cell = running.cell();
    if let Some(details) = cell.details()
        && (cell.is_cancel_requested() || details.options.is_parent_cancelled())
    {
        return EndRequest::Cancel.outcome(details);
    }
    outcome
}

async fn cancelled(parent: Option<&CancellationToken>) {
    match parent {
        Some(parent) => parent.cancelled().await,
        None => pending().await,
    }
}

fn is_ready(timer: &mut Option<Pin<Box<Sleep>>>, poller: &mut Poller<'_>) -> bool {
    timer
        .as_mut()
        .is_some_and(|timer| timer.as_mut().poll(poller).is_ready())
}

impl EndRequest {
    /// How long the attempt may still run. `None` for a stop, which ends the grace by `abandon` in
    /// its signals.
    fn grace(self, grace: Duration) -> Option<Duration> {
        match self {
            Self::Deadline(_) | Self::Cancel => Some(grace),
            Self::Stop => None,
        }
    }

    /// The outcome of an attempt that did not end when it was asked to.
    fn outcome(self, details: &Details) -> Outcome {
        match self {
            Self::Deadline(limit) => details.options.out_of_time(limit),
            Self::Cancel => Outcome::Cancelled(
                details
                    .cancel_reason()
                    .map_or_else(|| PARENT_CANCELLED.into(), Into::into),
            ),
            Self::Stop => Outcome::Interrupted,
        }
    }

    /// The outcome of an attempt that ended after it was asked to. An error counts as the end that
    /// was asked for; a success or a panic counts as it is.
    fn accept(self, outcome: Outcome, details: &Details) -> Outcome {
        match outcome {
            Outcome::Failed(_) => self.outcome(details),
            other => other,
        }
    }
}
