//! `Submit`: what `queue`, `delay` and `schedule` return for a task, until the queue accepts it.
//! `many.rs` submits many tasks, `job/` submits jobs, `error.rs` says why one was refused.

pub(crate) mod many;
pub(crate) mod job;
pub(crate) mod error;
pub(crate) mod job_handle;
pub(crate) mod job_result;

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::{Duration, SystemTime};

use tokio::time::{Sleep, sleep};

use crate::backoff::Backoff;
use crate::cell::Waiting;
use crate::cell::details::Details;
use crate::cell::join::JoinHandle;
use crate::cell::options::Parent;
use crate::clock::Tick;
use crate::engine::Engine;
use crate::outcome::error::BoxError;
use crate::park::block_on;
use crate::queue::Ticket;
use crate::schedule::future_task::FutureTask;
use crate::submit::error::{QueueError, Refusal};
use crate::task::draft::{self, Draft, Offer};
use crate::task::{IntoTask, OfJobs, Repeatable};

/// A task on its way in. Choose its options, then await it: the task is accepted when the future
/// resolves, and not before.
///
/// # Errors
///
/// A [`QueueError`], with the task, if the manager does not run, if the time of the task cannot be
/// scheduled, or if the wait was limited and the queue stayed full.
///
/// # Cancel safety
///
/// If the future is dropped before it resolves, the task was not accepted and never runs.
///
/// `H` is the task; the other parameters follow from it and are never written.
#[must_use = "a task is accepted only when this is awaited"]
pub struct Submit<'a, H, M, S> {
    engine: &'a Engine,
    draft: Draft<S>,
    way: Way,
    patience: Option<Duration>,
    queued: PhantomData<fn() -> (H, M)>,
}

/// The three ways in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Queue,
    Delay(Duration),
    Schedule(SystemTime),
}

impl<'a, H: IntoTask<M, Source = S>, M, S> Submit<'a, H, M, S> {
    pub(crate) fn new(engine: &'a Engine, way: Way, task: H) -> Self {
        Self {
            engine,
            draft: task.into_draft(),
            way,
            patience: None,
            queued: PhantomData,
        }
    }

    /// Sets an option in place: moving the draft back and forth costs more than the setting.
    #[inline]
    fn with(mut self, set: impl FnOnce(&mut Details)) -> Self {
        set(self.draft.details());
        self
    }

    /// How often the task is retried after its first attempt fails. Default is 0.
    ///
    /// A plain future runs once, and cannot be retried:
    ///
    /// ```compile_fail,E0277
    /// # async fn f(tasks: marionette::TaskManager) {
    /// let _ = tasks.queue(async { Ok(()) }).retries(3).await;
    /// # }
    /// ```
    #[inline]
    pub fn retries(self, retries: u32) -> Self
    where
        M: Repeatable,
    {
        self.with(|details| details.options.retries = retries)
    }

    /// How long the task waits before each retry. Default is [`Exponential::default`]:
    /// 500 ms, × 1.5, ± 50 %, at most 60 s.
    ///
    /// [`Exponential::default`]: crate::backoff::Exponential
    #[inline]
    pub fn backoff(self, backoff: impl Into<Backoff>) -> Self
    where
        M: Repeatable,
    {
        self.with(|details| details.options.set_backoff(backoff.into()))
    }

    /// How long each attempt may run. Default is no limit, and zero means none.
    ///
    /// At the timeout, [`Context::cancelled`](crate::Context::cancelled) resolves; after a grace
    /// ([`TaskManagerBuilder::grace`](crate::TaskManagerBuilder::grace)) the future of the attempt
    /// is dropped. An attempt that timed out has failed and is retried like any other, unless it
    /// still succeeds within the grace.
    #[inline]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|details| details.options.set_timeout(Some(timeout)))
    }

    /// How long the task may take in total, from the time when it was first due, with all its
    /// attempts and the pauses between them. Default is no limit.
    #[inline]
    pub fn give_up_after(self, limit: Duration) -> Self {
        self.with(|details| details.options.set_give_up_after(Some(limit)))
    }

    /// How late the task may be started: if no worker was free within this time after it was due,
    /// it ends as expired. Default is no limit.
    #[inline]
    pub fn expires_after(self, limit: Duration) -> Self {
        self.with(|details| details.options.set_expires_after(Some(limit)))
    }

    /// The parent of every attempt: cancellation and tracing span. Default is none.
    #[inline]
    pub fn context(self, parent: impl Into<Parent>) -> Self {
        self.with(|details| details.options.set_parent(parent.into()))
    }

    /// The error to report when the task has failed for good, together with the errors of its
    /// attempts. It says what the failure means to a person. Default is none.
    #[inline]
    pub fn error(self, error: impl Into<BoxError>) -> Self {
        self.with(|details| details.set_user(error.into()))
    }

    /// The name of the task in logs and reports. Default is its own name, or "async task".
    #[inline]
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|details| details.options.set_name(name.into()))
    }

    /// For jobs only, without effect in a manager without a store: there, tasks run in the order of
    /// the queue. See [`Enqueue::priority`](crate::Enqueue::priority).
    pub fn priority(self, _priority: i8) -> Self
    where
        M: OfJobs,
    {
        self
    }

    /// For jobs only, without effect in a manager without a store: there, one queue is for all. See
    /// [`Enqueue::in_queue`](crate::Enqueue::in_queue).
    pub fn in_queue(self, _queue: impl Into<Cow<'static, str>>) -> Self
    where
        M: OfJobs,
    {
        self
    }

    /// For jobs only, without effect in a manager without a store: there, the handle has the
    /// result. See [`Enqueue::keep_result`](crate::Enqueue::keep_result).
    pub fn keep_result(self, _time: Duration) -> Self
    where
        M: OfJobs,
    {
        self
    }

    /// How long to wait for room in the queue at most, from the start of the wait. Default is no
    /// limit.
    pub fn wait_at_most(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

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

    /// Waits for room by blocking this thread, for code outside a runtime. The thread must not be
    /// one of a runtime's.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], as when the [`Submit`] is awaited.
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
    pub fn blocking_wait(self) -> Result<JoinHandle<H::Output>, QueueError<H>> {
        let patience = self.patience;
        let mut submitting = Self {
            patience: None,
            ..self
        }
        .into_future();
        match block_on(&mut submitting, patience) {
            Some(accepted) => accepted,
            None => Err(submitting.refuse(Refusal::Full)),
        }
    }
}

impl Way {
    /// The present: exact for a delay or a schedule, whose time counts from it; recent otherwise.
    #[inline]
    fn now(self) -> Tick {
        match self {
            Self::Queue => Tick::recent(),
            Self::Delay(_) | Self::Schedule(_) => Tick::now(),
        }
    }

    /// Offers the task by this way in, without waiting.
    fn offer(self, engine: &Engine, waiting: Waiting, now: Tick) -> Result<(), (Refusal, Waiting)> {
        match self {
            Self::Queue => engine
                .queue
                .try_push(waiting, now)
                .map_err(|(refused, waiting)| (refused.into(), waiting)),
            Self::Delay(delay) => {
                engine.keep(FutureTask::after_tick(now, delay, waiting));
                Ok(())
            }
            Self::Schedule(time) => match FutureTask::at(time, waiting) {
                Ok(future) => {
                    engine.keep(future);
                    Ok(())
                }
                Err(refused) => Err((Refusal::Unschedulable(time), refused.into_task())),
            },
        }
    }
}

/// The result of awaiting a [`Submit`].
type Accepted<H, T> = Result<JoinHandle<T>, QueueError<H>>;

/// Makes the cell of the task and offers it without waiting. If there is no room, puts the task
/// into `waits` and returns `Pending`.
fn begin<H: IntoTask<M>, M>(
    way: Way,
    engine: &Engine,
    draft: Draft<H::Source>,
    waits: &mut Option<Waits<H, H::Source, H::Output>>,
) -> Poll<Accepted<H, H::Output>> {
    let now = way.now();
    let (offer, waiting) = match draft::make::<H, M>(draft, &engine.registry, now) {
        Ok(made) => made,
        Err((unstorable, draft)) => {
            let refused = QueueError::new(Refusal::Unstorable(unstorable), H::from_draft(draft));
            return Poll::Ready(Err(refused));
        }
    };
    let (refusal, waiting) = match way.offer(engine, waiting, now) {
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

impl<'a, H: IntoTask<M, Source = S>, M, S> IntoFuture for Submit<'a, H, M, S> {
    type Output = Result<JoinHandle<H::Output>, QueueError<H>>;
    type IntoFuture = Submitting<'a, H, S, H::Output>;

    #[inline]
    fn into_future(self) -> Self::IntoFuture {
        Submitting {
            engine: self.engine,
            way: self.way,
            begin: begin::<H, M>,
            draft: Some(self.draft),
            waits: None,
            patience: self.patience,
        }
    }
}

/// The future of a [`Submit`], for a task `H` that results in `T`.
///
/// The future is `Send`, whatever the task captures.
#[must_use = "futures do nothing unless polled"]
pub struct Submitting<'a, H, S, T> {
    engine: &'a Engine,
    way: Way,
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
    fn(Way, &Engine, Draft<S>, &mut Option<Waits<H, S, T>>) -> Poll<Accepted<H, T>>;

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
            Some(draft) => (self.begin)(self.way, self.engine, draft, &mut self.waits),
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

impl<H, M, S> fmt::Debug for Submit<'_, H, M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit")
            .field("task", &self.draft)
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}

impl<H, S, T> fmt::Debug for Submitting<'_, H, S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submitting")
            .field("way", &self.way)
            .finish_non_exhaustive()
    }
}
