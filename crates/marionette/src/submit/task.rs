//! A `Submit` of a task in memory: brings it into the queue of its manager, or to the timekeeper.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::cell::Waiting;
use crate::cell::join::JoinHandle;
use crate::clock::Tick;
use crate::engine::Engine;
use crate::park::{self, block_on};
use crate::queue::Ticket;
use crate::schedule::future_task::FutureTask;
use crate::store::Due;
use crate::submit::error::{QueueError, Refusal};
use crate::submit::place::Here;
use crate::submit::{Room, Submit};
use crate::task::IntoTask;
use crate::task::draft::{self, Draft, Offer};

impl<H: IntoTask<M>, M> Submit<'_, H, M, Here> {
    /// Accepts the task now, or not at all.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], with the task, also when the queue is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Config, Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Config { workers: 1, queue_size: 1, ..Config::default() })?;
    /// tasks.start();
    /// let count_the_visit = async |_: Context| Ok(());
    /// while tasks.queue(count_the_visit).try_now().is_ok() {}
    /// let refused = tasks.queue(count_the_visit).try_now().unwrap_err();
    /// assert!(refused.is_full());
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_now(self) -> Result<JoinHandle<H::Output>, QueueError<H>> {
        let mut submitting = self.into_future();
        match submitting.begin() {
            Poll::Ready(begun) => begun,
            Poll::Pending => Err(submitting.refuse(Refusal::Full)),
        }
    }

    /// Waits until the task is accepted by blocking this thread, for code that is not async.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], as when the [`Submit`] is awaited.
    ///
    /// # Panics
    ///
    /// Panics in async code, whose thread must not block. The threads of
    /// [`blocking`](crate::blocking) code and of `tokio::task::spawn_blocking` may block.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Default::default())?;
    /// tasks.start();
    /// let outside = tasks.clone();
    /// let thread = std::thread::spawn(move || {
    ///     outside.queue(async |_: Context| Ok("from a thread")).blocking_wait()
    /// });
    /// let handle = thread.join().expect("it does not panic")?;
    /// assert_eq!(handle.await?, "from a thread");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn blocking_wait(self) -> Result<JoinHandle<H::Output>, QueueError<H>> {
        park::check_may_block();
        let mut submitting = self.into_future();
        // Outside of a runtime there are no timers: the thread itself limits the wait.
        let patience = submitting.patience.take();
        match block_on(&mut submitting, patience) {
            Some(accepted) => accepted,
            None => Err(submitting.refuse(Refusal::Full)),
        }
    }
}

/// The present: exact for a delay or a schedule, whose time counts from it; recent otherwise.
#[inline]
fn now(due: Due) -> Tick {
    match due {
        Due::Now => Tick::recent(),
        Due::After(_) | Due::At(_) => Tick::now(),
    }
}

/// Offers the task to the queue or the timekeeper, without waiting.
#[inline]
fn hand_over(
    engine: &Engine,
    due: Due,
    waiting: Waiting,
    now: Tick,
) -> Result<(), (Refusal, Waiting)> {
    match due {
        Due::Now => engine
            .queue
            .try_push(waiting, now)
            .map_err(|(refused, waiting)| (refused.into(), waiting)),
        Due::After(delay) => {
            engine.keep(FutureTask::after_tick(now, delay, waiting));
            Ok(())
        }
        Due::At(time) => match FutureTask::at(time, waiting) {
            Ok(future) => {
                engine.keep(future);
                Ok(())
            }
            Err(refused) => Err((Refusal::Unschedulable(time), refused.into_task())),
        },
    }
}

/// The result of awaiting a [`Submit`].
type Accepted<H, T> = Result<JoinHandle<T>, QueueError<H>>;

/// Makes the cell of the task and offers it without waiting. If there is no room, puts the task
/// into `waits` and returns `Pending`.
fn begin<H: IntoTask<M>, M>(
    due: Due,
    engine: &Engine,
    draft: Draft<H::Source>,
    waits: &mut Option<Waits<H, H::Source, H::Output>>,
) -> Poll<Accepted<H, H::Output>> {
    let now = now(due);
    let (offer, waiting) = match draft::make::<H, M>(draft, &engine.registry, now) {
        Ok(made) => made,
        Err((unstorable, draft)) => {
            let refused = QueueError::new(Refusal::Unstorable(unstorable), H::from_draft(draft));
            return Poll::Ready(Err(refused));
        }
    };
    let (refusal, waiting) = match hand_over(engine, due, waiting, now) {
        Ok(()) => return Poll::Ready(Ok(offer.into_handle())),
        Err(refused) => refused,
    };
    let waiting = Waits {
        offer,
        take_back: H::from_draft,
        since: now,
        waiting: Some(waiting),
        ticket: None,
        timer: None,
    };
    if matches!(refusal, Refusal::Full) {
        *waits = Some(waiting);
        return Poll::Pending;
    }
    Poll::Ready(Err(waiting.refuse(refusal)))
}

/// A task that waits for room.
struct Waits<H, S, T> {
    offer: Offer<S, T>,
    take_back: fn(Draft<S>) -> H,
    since: Tick,
    waiting: Option<Waiting>,
    ticket: Option<Ticket>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<H, S, T> Waits<H, S, T> {
    /// Takes the task back out of its cell.
    fn refuse(self, refusal: Refusal) -> QueueError<H> {
        let draft = self.offer.into_draft();
        // The cell is empty by now, so dropping its waiting side ends no task.
        drop(self.waiting);
        let draft = draft.expect("a task that was refused was not begun");
        QueueError::new(refusal, (self.take_back)(draft))
    }
}

impl<'a, H: IntoTask<M, Source = S>, M, S> IntoFuture for Submit<'a, H, M, Here, S> {
    type Output = Result<JoinHandle<H::Output>, QueueError<H>>;
    type IntoFuture = Submitting<'a, H, S, H::Output>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        Submitting {
            engine: self.to.0,
            due: self.due,
            begin: begin::<H, M>,
            draft: Some(self.task.draft),
            waits: None,
            patience: match self.room {
                Room::WaitFor(patience) => Some(patience),
                Room::Wait | Room::Refuse => None,
            },
        }
    }
}

/// The future of a [`Submit`], for a task `H` that results in `T`.
///
/// The future is `Send`, whatever the task captures.
#[must_use = "futures do nothing unless polled"]
pub struct Submitting<'a, H, S, T> {
    pub(crate) engine: &'a Engine,
    pub(crate) due: Due,
    /// A function instead of a bound, for the reason that [`Maker`](crate::task::draft::Maker)
    /// gives.
    begin: BeginFn<H, S, T>,
    /// The draft, until the first poll.
    draft: Option<Draft<S>>,
    /// The task after the first poll, while it waits for room.
    waits: Option<Waits<H, S, T>>,
    patience: Option<Duration>,
}

type BeginFn<H, S, T> =
    fn(Due, &Engine, Draft<S>, &mut Option<Waits<H, S, T>>) -> Poll<Accepted<H, T>>;

// Nothing in the future is pinned: a task is moved into its cell before it is begun.
impl<H, S, T> Unpin for Submitting<'_, H, S, T> {}

impl<H, S, T> Future for Submitting<'_, H, S, T> {
    type Output = Result<JoinHandle<T>, QueueError<H>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let begun = this.begin();
        if begun.is_ready() {
            return begun;
        }
        this.poll_room(poller)
    }
}

impl<H, S, T> Submitting<'_, H, S, T> {
    /// Offers the task on the first call. `Pending` means that the task waits for room, as on every
    /// later call.
    #[inline]
    fn begin(&mut self) -> Poll<Accepted<H, T>> {
        match self.draft.take() {
            Some(draft) => (self.begin)(self.due, self.engine, draft, &mut self.waits),
            None => Poll::Pending,
        }
    }

    #[cold]
    fn poll_room(&mut self, poller: &mut Poller<'_>) -> Poll<Accepted<H, T>> {
        let Some(waits) = &mut self.waits else {
            panic!("a `Submit` was polled after it had resolved");
        };
        let polled =
            self.engine
                .queue
                .poll_push(&mut waits.waiting, waits.since, &mut waits.ticket, poller);
        match polled {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(refused)) => return Poll::Ready(Err(self.refuse(refused.into()))),
            Poll::Pending => {
                if let Some(patience) = self.patience {
                    let timer = waits.timer.get_or_insert_with(|| Box::pin(sleep(patience)));
                    if timer.as_mut().poll(poller).is_ready() {
                        return Poll::Ready(Err(self.refuse(Refusal::Full)));
                    }
                }
                return Poll::Pending;
            }
        }
        let waits = self.waits.take().expect("it was seen to wait above");
        Poll::Ready(Ok(waits.offer.into_handle()))
    }

    /// Gives up the place in line, and takes the task back.
    fn refuse(&mut self, refusal: Refusal) -> QueueError<H> {
        let mut waits = self
            .waits
            .take()
            .expect("only a task that waits is refused");
        if let Some(ticket) = waits.ticket.take() {
            self.engine.queue.forget(ticket);
        }
        waits.refuse(refusal)
    }
}

impl<H, S, T> Drop for Submitting<'_, H, S, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(Waits {
            ticket: Some(ticket),
            ..
        }) = self.waits
        {
            self.engine.queue.forget(ticket);
        }
    }
}

impl<H, S, T> fmt::Debug for Submitting<'_, H, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting")
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}
