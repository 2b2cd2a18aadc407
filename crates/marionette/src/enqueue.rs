//! The ways in for jobs: what `queue`, `delay` and `schedule` of a manager with a store return.

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::clock::Tick;
use crate::durable::Durable;
use crate::error::BoxError;
use crate::handler::TaskHandler;
use crate::job::Job;
use crate::job_handle::JobHandle;
use crate::memory::futures::FutureTask;
use crate::parcel::ByJob;
use crate::refusal::{QueueError, Refusal};
use crate::store::{Due, Inserted, NewJob, Priority, StoreError};
use crate::task::IntoTask;

/// What a [`TaskManager`](crate::TaskManager) with a store accepts: a [`Job`], or one that was
/// [wrapped](crate::TaskManager::wrap), which is taken with its id and its options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, and this manager has a store: it takes jobs",
    label = "neither a `Job`, nor one that was wrapped",
    note = "a manager with a store takes jobs, which are data: they are run later, perhaps by \
            another process",
    note = "a closure or a future is code, and cannot be stored: move what it captures into a \
            type, `#[derive(Serialize, Deserialize)] struct SendMail {{ to: String }}`, implement \
            `Job` for it, and register the code once, with \
            `TaskManager::builder().handle(|mail: SendMail, cx: Context| …)`",
    note = "or queue it with a manager without a store: `TaskManager::new(Config::default())`"
)]
pub trait IntoJob: Sized + Send + 'static {
    /// The job.
    type Job: Job;

    #[doc(hidden)]
    fn into_handler(self) -> TaskHandler<Self::Job, ByJob>;

    #[doc(hidden)]
    fn from_handler(handler: TaskHandler<Self::Job, ByJob>) -> Self;
}

impl<J: Job> IntoJob for J {
    type Job = J;

    fn into_handler(self) -> TaskHandler<J, ByJob> {
        TaskHandler::from_draft(self.into_draft())
    }

    fn from_handler(handler: TaskHandler<J, ByJob>) -> J {
        J::from_draft(handler.draft)
    }
}

impl<J: Job> IntoJob for TaskHandler<J, ByJob> {
    type Job = J;

    fn into_handler(self) -> Self {
        self
    }

    fn from_handler(handler: Self) -> Self {
        handler
    }
}

/// What jobs alone can ask for.
impl<J: Job> TaskHandler<J, ByJob> {
    /// See [`Enqueue::priority`]. A manager without a store has no priorities.
    pub fn priority(mut self, priority: i8) -> Self {
        self.draft.source.priority = Priority(priority);
        self
    }

    /// See [`Enqueue::in_queue`]. A manager without a store has one queue for all.
    pub fn in_queue(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.draft.source.queue = queue.into();
        self
    }

    /// See [`Enqueue::keep_result`]. A manager without a store gives the result to the handle.
    pub fn keep_result(mut self, time: Duration) -> Self {
        self.draft.source.keep_result = Some(time);
        self
    }

    /// The job as a row, due at once: for a store that takes jobs inside of a transaction of
    /// yours, so that they are accepted if and only if it commits.
    ///
    /// The row's fields are there to be changed: when it is due, and how many jobs may wait in its
    /// queue.
    ///
    /// # Errors
    ///
    /// The job [cannot be stored](QueueError::is_unstorable).
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// let mail = SendMail { to: "ada@example.org".into() };
    /// let row = TaskManager::wrap(mail).retries(8).into_new_job()?;
    /// assert_eq!(row.kind, "send_mail");
    /// assert_eq!(row.payload, br#"{"to":"ada@example.org"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_new_job(mut self) -> Result<NewJob, QueueError<Self>> {
        match self.new_job(Due::Now) {
            Ok(job) => Ok(job),
            Err(unfit) => Err(QueueError::new(Refusal::Unfit(unfit), self)),
        }
    }
}

/// A job on its way in. Choose its options, then await it: once that gives `Ok`, the job is
/// committed by the rules of its store, and is not lost any more.
///
/// # Errors
///
/// Awaiting it gives a [`QueueError`], with the job: when it
/// [cannot be stored](QueueError::is_unstorable) as it is, when its time cannot be scheduled, when
/// the wait was limited and its queue stayed full, or when the store
/// [could not be reached](QueueError::is_unavailable).
///
/// # Cancel safety
///
/// If the future is dropped before it resolves, the job was accepted or it was not. What was
/// [wrapped](crate::TaskManager::wrap) can be queued again: it has its id, and a store accepts an
/// id once.
#[must_use = "a job is accepted only when this is awaited"]
pub struct Enqueue<'a, J: IntoJob> {
    durable: &'a Arc<Durable>,
    handler: TaskHandler<J::Job, ByJob>,
    due: Due,
    room: Room,
}

/// What to do while a queue is full.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    Wait,
    WaitUntil(Tick),
    Refuse,
}

impl<'a, J: IntoJob> Enqueue<'a, J> {
    pub(crate) fn new(durable: &'a Arc<Durable>, due: Due, job: J) -> Self {
        Self {
            durable,
            handler: job.into_handler(),
            due,
            room: Room::Wait,
        }
    }

    fn with(
        self,
        set: impl FnOnce(TaskHandler<J::Job, ByJob>) -> TaskHandler<J::Job, ByJob>,
    ) -> Self {
        Self {
            handler: set(self.handler),
            ..self
        }
    }

    /// How often the job is retried after its first attempt fails. Default is 0.
    pub fn retries(self, retries: u32) -> Self {
        self.with(|handler| handler.retries(retries))
    }

    /// How long it waits before each retry. Default is [`Exponential::default`]: 500 ms, × 1.5,
    /// ± 50 %, at most 60 s. The time of a retry is in the store, so it survives every process.
    ///
    /// [`Backoff::from_fn`] is code and cannot be stored: a job with it is refused.
    ///
    /// [`Exponential::default`]: crate::Exponential
    pub fn backoff(self, backoff: impl Into<Backoff>) -> Self {
        self.with(|handler| handler.backoff(backoff))
    }

    /// How long each attempt may run. Default is no limit.
    ///
    /// As [`Submit::timeout`](crate::Submit::timeout).
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|handler| handler.timeout(timeout))
    }

    /// How long the job may take in total, from the time when it was first due, with all its
    /// attempts and the pauses between them. Default is no limit.
    pub fn give_up_after(self, limit: Duration) -> Self {
        self.with(|handler| handler.give_up_after(limit))
    }

    /// How late the job may be started: if no worker was free within this time after it was due,
    /// it ends as cancelled. Default is no limit.
    pub fn expires(self, limit: Duration) -> Self {
        self.with(|handler| handler.expires(limit))
    }

    /// The error to report when the job has failed for good, bundled with those of its attempts:
    /// whatever says what it meant to somebody. Default is none.
    ///
    /// Its text and those of its sources are stored, 8 KiB at most.
    pub fn error(self, error: impl Into<BoxError>) -> Self {
        self.with(|handler| handler.error(error))
    }

    /// What the job is called in logs and reports. Default is its kind.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|handler| handler.name(name))
    }

    /// Which of the jobs that are due goes first: the higher one. Default is 0.
    ///
    /// A job that is due never waits for one of a lower priority, so many urgent jobs can starve
    /// others; a queue with workers of its own ([`in_queue`](Self::in_queue)) cannot.
    pub fn priority(self, priority: i8) -> Self {
        self.with(|handler| handler.priority(priority))
    }

    /// The queue in which the job waits. Default is [`Job::QUEUE`], which is "default".
    ///
    /// A manager works on the queues that it was [told](crate::Builder::queues), and on all if it
    /// was told none. Queues need not be made: one is there when a job is in it. Its name is 1 to
    /// 128 of `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    pub fn in_queue(self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.with(|handler| handler.in_queue(queue))
    }

    /// For how long the store keeps the job and its result once it is done. Default is as long as
    /// the store keeps what is done.
    pub fn keep_result(self, time: Duration) -> Self {
        self.with(|handler| handler.keep_result(time))
    }

    /// How long to wait for room in the queue at most, counted from this call, where the queue has
    /// a [limit](crate::Builder::queue_limit). Default is no limit on the wait.
    pub fn within(self, patience: Duration) -> Self {
        Self {
            room: Room::WaitUntil(Tick::now().saturating_add(patience)),
            ..self
        }
    }

    /// Accepts the job, and does not wait for room: a full queue refuses it.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], with the job, also when the queue is full.
    ///
    /// # Cancel safety
    ///
    /// As when awaited.
    pub async fn try_now(self) -> Result<JobHandle<J::Job>, QueueError<J>> {
        Self {
            room: Room::Refuse,
            ..self
        }
        .await
    }

    async fn insert(self) -> Result<JobHandle<J::Job>, QueueError<J>> {
        let Self {
            durable,
            mut handler,
            due,
            room,
        } = self;
        let job = prepare(durable, &mut handler, due);
        let inserted = match job {
            Ok(job) => {
                let id = job.id;
                insert_as_room_allows(durable, vec![job], room)
                    .await
                    .map(|()| JobHandle::new(id, Arc::downgrade(durable)))
                    .map_err(|stuck| stuck.why)
            }
            Err(refusal) => Err(refusal),
        };
        inserted.map_err(|refusal| QueueError::new(refusal, J::from_handler(handler)))
    }
}

/// The row of a job for the store of this manager.
pub(crate) fn prepare<J: Job>(
    durable: &Durable,
    handler: &mut TaskHandler<J, ByJob>,
    due: Due,
) -> Result<NewJob, Refusal> {
    if let Due::At(time) = due
        && FutureTask::at(time, ()).is_err()
    {
        return Err(Refusal::Unschedulable(time));
    }
    let job = handler.new_job(due).map_err(Refusal::Unfit)?;
    Ok(NewJob {
        queue_limit: durable.registry.queue_limit(&job.queue),
        ..job
    })
}

/// Jobs that could not be inserted, and why; by their places among those that were given.
pub(crate) struct Stuck {
    pub(crate) places: Vec<usize>,
    pub(crate) why: Refusal,
}

/// The first pause before a full queue is tried again; the longest is the poll of its store.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Inserts jobs, again and again those for which there was no room. Nobody tells when there is room
/// again, since it may be made by any process.
pub(crate) async fn insert_as_room_allows(
    durable: &Durable,
    mut jobs: Vec<NewJob>,
    room: Room,
) -> Result<(), Stuck> {
    let pause_max = durable.store.timing().poll.max(PAUSE_MIN);
    let mut pause = PAUSE_MIN;
    let mut places: Vec<usize> = (0..jobs.len()).collect();
    loop {
        let limited = jobs.iter().any(|job| job.queue_limit.is_some());
        let again = limited.then(|| jobs.clone());
        let inserted = match durable.store.insert(jobs).await {
            Ok(inserted) if inserted.len() == places.len() => Ok(inserted),
            Ok(_) => Err(StoreError::broken("the store did not answer for every job")),
            Err(error) => Err(error),
        };
        let inserted = match inserted {
            Ok(inserted) => inserted,
            Err(error) => {
                let why = Refusal::Store(Box::new(error));
                return Err(Stuck { places, why });
            }
        };
        retain_full(&mut places, &inserted);
        let Some(mut again) = again.filter(|_| !places.is_empty()) else {
            return Ok(());
        };
        retain_full(&mut again, &inserted);
        let now = Tick::now();
        let patience = match room {
            Room::Wait => pause_max,
            Room::WaitUntil(at) => at.since(now),
            Room::Refuse => Duration::ZERO,
        };
        if patience.is_zero() {
            let why = Refusal::Full;
            return Err(Stuck { places, why });
        }
        tokio::time::sleep(pause.min(patience)).await;
        pause = (pause * 2).min(pause_max);
        jobs = again;
    }
}

/// Keeps what there was no room for.
fn retain_full<T>(items: &mut Vec<T>, inserted: &[Inserted]) {
    let mut inserted = inserted.iter();
    items.retain(|_| inserted.next() == Some(&Inserted::Full));
}

impl<'a, J: IntoJob> IntoFuture for Enqueue<'a, J> {
    type Output = Result<JobHandle<J::Job>, QueueError<J>>;
    type IntoFuture = Enqueuing<'a, J>;

    fn into_future(self) -> Enqueuing<'a, J> {
        Enqueuing(Box::pin(self.insert()))
    }
}

/// The future of an [`Enqueue`].
#[must_use = "futures do nothing unless polled"]
pub struct Enqueuing<'a, J: IntoJob>(
    Pin<Box<dyn Future<Output = <Enqueue<'a, J> as IntoFuture>::Output> + Send + 'a>>,
);

impl<J: IntoJob> Future for Enqueuing<'_, J> {
    type Output = Result<JobHandle<J::Job>, QueueError<J>>;

    fn poll(
        mut self: Pin<&mut Self>,
        poller: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl<J: IntoJob> fmt::Debug for Enqueue<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("handler", &self.handler)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl<J: IntoJob> fmt::Debug for Enqueuing<'_, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueuing").finish_non_exhaustive()
    }
}
