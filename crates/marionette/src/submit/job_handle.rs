//! `JobHandle`: awaits, asks and cancels a job in a store, whichever process runs it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, Weak};
use std::task::{Context as Poller, Poll, ready};

use crate::durable::Durable;
use crate::id::TaskId;
use crate::outcome::error::Error;
use crate::store::inspect::Which;
use crate::store::{Ended, JobState, StoreError};
use crate::submit::job_result;
use crate::task::job::Job;

/// The handle of a job in a store. Await it for the result, or for the [`Error`] with every attempt
/// that the store has kept; any process may run the job.
///
/// Dropping the handle neither cancels the job nor costs it anything.
/// [`TaskManager::job_handle`](crate::TaskManager::job_handle) makes another handle from the id.
///
/// A handle keeps no manager alive. When the last clone of its manager is dropped, the handle
/// resolves to an error that [`is_abandoned`](Error::is_abandoned), while the job stays in its
/// store for others to run. If the store cannot be asked, the handle resolves to an error that
/// [`is_unreachable`](Error::is_unreachable), with the [`StoreError`] as its source: the job may
/// still run, or may be done.
///
/// The result is there as long as the store keeps it ([`Enqueue::keep_result`]); after that, the
/// handle resolves to an error that [`is_missing`](Error::is_missing).
///
/// # Examples
///
/// ```
/// use marionette::store::JobState;
/// use marionette::{Context, Job, MemoryStore, TaskManager};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Add(u32, u32);
/// # impl Job for Add { const KIND: &'static str = "add"; type Output = u32; }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder()
///     .store(MemoryStore::new())
///     .handle(async |Add(a, b): Add, _: Context| Ok(a + b))
///     .build()?;
///
/// let handle = tasks.queue(Add(2, 3)).await?;
/// assert_eq!(handle.state().await?, Some(JobState::Ready));
/// tasks.start();
/// assert_eq!(handle.await?, 5);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// A handle may be polled by reference in a `select!`; nothing is lost when that branch is not
/// taken.
///
/// # Panics
///
/// Polling a handle again after it has resolved panics.
///
/// [`Enqueue::keep_result`]: crate::Enqueue::keep_result
pub struct JobHandle<J> {
    id: TaskId,
    durable: Weak<Durable>,
    waiting: EndFuture,
    job: PhantomData<fn() -> J>,
}

/// The wait for the end of the job, once it has begun. The lock makes the handle `Sync`; nobody
/// ever waits for the lock.
type EndFuture = Mutex<Option<Pin<Box<dyn Future<Output = Answer> + Send>>>>;

/// How the job ended, as its store says; `None` if the manager is gone.
type Answer = Option<Result<Ended, StoreError>>;

impl<J> JobHandle<J> {
    pub(crate) fn new(id: TaskId, durable: Weak<Durable>) -> Self {
        Self {
            id,
            durable,
            waiting: Mutex::default(),
            job: PhantomData,
        }
    }

    /// The id of the job. Any process can make a handle from it.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The state of the job; `None` if the store does not know the job, or does not know it any
    /// more.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or the manager is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub fn state(
        &self,
    ) -> impl Future<Output = Result<Option<JobState>, StoreError>> + Send + use<J> {
        let (id, durable) = (self.id, self.durable.clone());
        async move {
            let durable = durable.upgrade().ok_or_else(StoreError::manager_gone)?;
            let details = durable.store.job(id).await?;
            Ok(details.map(|details| details.summary.state))
        }
    }

    /// Cancels the job, wherever it is, for this reason. Returns whether the job had not ended yet.
    ///
    /// A waiting job ends at once and never runs. A running attempt learns of the cancellation from
    /// its [`Context`](crate::Context), within about a second if another process runs it, and has a
    /// grace to return: `Ok` is a success even then. No further attempt is made.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or the manager is gone.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the job may have been cancelled or not; it can be cancelled again.
    pub fn cancel(
        &self,
        reason: impl Into<String>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let (id, durable) = (self.id, self.durable.clone());
        let reason = reason.into();
        async move {
            let durable = durable.upgrade().ok_or_else(StoreError::manager_gone)?;
            let cancelled = durable.store.cancel(Which::Ids(vec![id]), reason).await?;
            Ok(cancelled > 0)
        }
    }
}

async fn wait(durable: Weak<Durable>, id: TaskId) -> Answer {
    let durable = durable.upgrade()?;
    let ended = durable.ended(id).await;
    (!durable.is_gone()).then_some(ended)
}

impl<J: Job> Future for JobHandle<J> {
    type Output = Result<J::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let (id, durable) = (this.id, &this.durable);
        let waiting = this.waiting.get_mut();
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let wait = waiting.get_or_insert_with(|| Box::pin(wait(durable.clone(), id)));
        let answer = ready!(wait.as_mut().poll(poller));
        Poll::Ready(match answer {
            Some(Ok(ended)) => job_result::result::<J>(ended),
            Some(Err(error)) => Err(job_result::unasked(error)),
            None => Err(job_result::abandoned()),
        })
    }
}

impl<J> fmt::Debug for JobHandle<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
