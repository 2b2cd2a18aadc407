//! `Enqueue`: what `queue`, `delay` and `schedule` of a manager with a store return for a job.
//! `insert.rs` brings rows into the store, `many.rs` takes many jobs, `wrapped.rs` wrapped ones.

pub(crate) mod insert;
mod many;
pub(crate) mod wrapped;

use std::borrow::Cow;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use crate::backoff::Backoff;
use crate::durable::Durable;
use crate::outcome::error::BoxError;
use crate::store::Due;
use crate::submit::error::QueueError;
use crate::submit::job::insert::{Room, insert_as_room_allows, prepare};
use crate::submit::job_handle::JobHandle;
use crate::task::draft::Draft;
use crate::task::encoded_job::{ByJob, EncodedJob};
use crate::task::job::Job;
use crate::task::task_handler::TaskHandler;

pub(crate) use many::enqueue_many;
pub use many::{EnqueueManyError, EnqueuingMany};
pub use wrapped::IntoJob;

/// A job on its way in. Choose its options, then await it: once that gives `Ok`, the job is
/// committed by the rules of its store, and is not lost any more.
///
/// # Errors
///
/// A [`QueueError`], with the job, if the job [cannot be
/// stored](crate::error::QueueErrorKind::Unstorable) as it is, if another job [has its
/// id](crate::error::QueueErrorKind::Taken), if its time cannot be scheduled, if the wait was
/// limited and the queue stayed full, or if the store [could not be
/// reached](QueueError::is_unavailable).
///
/// # Cancel safety
///
/// If the future is dropped before it resolves, the job may have been accepted or not. A job that
/// was [wrapped](crate::wrap) can be queued again: it keeps its id, and a store
/// accepts an id once, as long as it keeps the job.
///
/// `H` is the type of the queued value: the job type `J`, or a wrapped `J`.
#[must_use = "a job is accepted only when this is awaited"]
pub struct Enqueue<'a, H, J> {
    durable: &'a Arc<Durable>,
    draft: Draft<EncodedJob<J>>,
    due: Due,
    room: Room,
    queued: PhantomData<fn() -> H>,
}

impl<'a, H: IntoJob<J>, J: Job> Enqueue<'a, H, J> {
    pub(crate) fn new(durable: &'a Arc<Durable>, due: Due, job: H) -> Self {
        Self {
            durable,
            draft: job.into_handler().draft,
            due,
            room: Room::Wait,
            queued: PhantomData,
        }
    }

    fn with(self, set: impl FnOnce(TaskHandler<J, ByJob>) -> TaskHandler<J, ByJob>) -> Self {
        Self {
            draft: set(TaskHandler::from_draft(self.draft)).draft,
            ..self
        }
    }

    /// How often the job is retried after its first attempt fails. Default is 0.
    pub fn retries(self, retries: u32) -> Self {
        self.with(|handler| handler.retries(retries))
    }

    /// How long the job waits before each retry. Default is [`Exponential::default`]:
    /// 500 ms, × 1.5, ± 50 %, at most 60 s. The time of a retry is in the store, so it survives
    /// every process.
    ///
    /// A job with [`Backoff::from_fn`] is refused, since code cannot be stored.
    ///
    /// [`Exponential::default`]: crate::backoff::Exponential
    pub fn backoff(self, backoff: impl Into<Backoff>) -> Self {
        self.with(|handler| handler.backoff(backoff))
    }

    /// How long each attempt may run. Default is no limit, and zero means none.
    ///
    /// [`Submit::timeout`](crate::Submit::timeout) says what happens at the limit.
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
    pub fn expires_after(self, limit: Duration) -> Self {
        self.with(|handler| handler.expires_after(limit))
    }

    /// The error to report when the job has failed for good, together with the errors of its
    /// attempts. It says what the failure means to a person. Default is none.
    ///
    /// The texts of this error and of its sources are stored, 8 KiB at most.
    pub fn error(self, error: impl Into<BoxError>) -> Self {
        self.with(|handler| handler.error(error))
    }

    /// The name of the job in logs and reports. Default is its kind.
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|handler| handler.name(name))
    }

    /// The priority of the job: of the jobs that are due, one with a higher priority goes first.
    /// Default is 0.
    ///
    /// A job that is due never waits for one of a lower priority, so a flood of urgent jobs can
    /// starve the others, but not those in a queue that has workers of its own
    /// ([`in_queue`](Self::in_queue)).
    pub fn priority(self, priority: i8) -> Self {
        self.with(|handler| handler.priority(priority))
    }

    /// The queue in which the job waits. Default is [`Job::QUEUE`](crate::Job::QUEUE), which is
    /// "default".
    ///
    /// A manager works on the queues that
    /// [`TaskManagerBuilder::queues`](crate::TaskManagerBuilder::queues) names, and on all if it
    /// names none. Queues need not be created: a queue exists when a job is in it. The name of a
    /// queue has 1 to 128 of the characters `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    pub fn in_queue(self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.with(|handler| handler.in_queue(queue))
    }

    /// How long the store keeps the job and its result after the job is done. Default is as long as
    /// the store keeps done jobs.
    pub fn keep_result(self, time: Duration) -> Self {
        self.with(|handler| handler.keep_result(time))
    }

    /// How long to wait for room at most in a queue that has a
    /// [limit](crate::TaskManagerBuilder::queue_limit), counted from the await. Default is no limit
    /// on the wait.
    pub fn wait_at_most(self, patience: Duration) -> Self {
        Self {
            room: Room::WaitFor(patience),
            ..self
        }
    }

    /// Accepts the job, and does not wait for room: a full queue refuses it.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], with the job, also when the queue is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Count { visitor: u64 }
    /// # impl Job for Count { const KIND: &'static str = "count"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let tasks = TaskManager::builder().store(store).queue_limit("default", 1).build()?;
    /// tasks.queue(Count { visitor: 1 }).try_now().await?;
    ///
    /// let refused = tasks.queue(Count { visitor: 2 }).try_now().await.unwrap_err();
    /// assert!(refused.is_full());
    /// assert_eq!(refused.into_task().visitor, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As for an [`Enqueue`] that is awaited.
    pub fn try_now(self) -> Enqueuing<'a, H, J> {
        Self {
            room: Room::Refuse,
            ..self
        }
        .into_future()
    }

    async fn insert(self) -> Result<JobHandle<J>, QueueError<H>> {
        let Self {
            durable, due, room, ..
        } = self;
        let mut handler = TaskHandler::from_draft(self.draft);
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
        inserted.map_err(|refusal| QueueError::new(refusal, H::from_handler(handler)))
    }
}

impl<'a, H: IntoJob<J>, J: Job> IntoFuture for Enqueue<'a, H, J> {
    type Output = Result<JobHandle<J>, QueueError<H>>;
    type IntoFuture = Enqueuing<'a, H, J>;

    fn into_future(self) -> Self::IntoFuture {
        Enqueuing(Box::pin(self.insert()))
    }
}

/// The future of an [`Enqueue`].
#[must_use = "futures do nothing unless polled"]
pub struct Enqueuing<'a, H, J>(Pin<Box<dyn Future<Output = AcceptedJob<H, J>> + Send + 'a>>);

type AcceptedJob<H, J> = Result<JobHandle<J>, QueueError<H>>;

impl<H, J> Future for Enqueuing<'_, H, J> {
    type Output = Result<JobHandle<J>, QueueError<H>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(poller)
    }
}

impl<H, J> fmt::Debug for Enqueue<'_, H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueue")
            .field("job", &self.draft)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}

impl<H, J> fmt::Debug for Enqueuing<'_, H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enqueuing").finish_non_exhaustive()
    }
}
