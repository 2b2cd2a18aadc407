//! The handle of a job that any process may run.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError, Weak};
use std::task::{Context as Poller, Poll, ready};

use crate::cell::leased_job::clip;
use crate::durable::Durable;
use crate::id::TaskId;
use crate::outcome::error::Error;
use crate::store::inspect::Which;
use crate::store::{Ended, JobState, StoreError};
use crate::submit::job_result;
use crate::task::job::Job;

/// The handle of a job that is in a store. Await it for the result, or for the [`Error`] with every
/// attempt that the store has kept; it does not matter which process runs the job.
///
/// Dropping it neither cancels the job nor costs it anything. Once it has been dropped,
/// [`TaskManager::handle`](crate::TaskManager::handle) makes another one from the id.
///
/// It keeps no manager alive. When the last clone of the manager that it came from is dropped, it
/// resolves with an error that [`is_abandoned`](Error::is_abandoned), while the job stays in its
/// store and is run by whoever works there. If the store cannot be asked, it resolves with an error
/// that [is](Error::is) a [`StoreError`].
///
/// The result is there as long as the store keeps it ([`Enqueue::keep_result`]); after that the
/// error [`is_unknown`](Error::is_unknown).
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
/// assert_eq!(handle.status().await?, Some(JobState::Ready));
/// tasks.start();
/// assert_eq!(handle.await?, 5);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
///
/// It may be polled in a `select!` by reference; nothing is lost when that branch is not taken.
///
/// # Panics
///
/// Polling it again after it has resolved panics.
///
/// [`Enqueue::keep_result`]: crate::Enqueue::keep_result
pub struct JobHandle<J> {
    id: TaskId,
    durable: Weak<Durable>,
    waiting: EndFuture,
    job: PhantomData<fn() -> J>,
}

/// The wait, once it has begun. The lock makes the handle `Sync`; it is never waited for.
type EndFuture = Mutex<Option<Pin<Box<dyn Future<Output = Answer> + Send>>>>;

/// `None` if the manager is gone.
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

    /// The id of the job, by which any process can make a handle of it.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Where the job stands; `None` if the store does not know it (any more).
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or the manager is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub fn status(
        &self,
    ) -> impl Future<Output = Result<Option<JobState>, StoreError>> + Send + use<J> {
        let (id, durable) = (self.id, self.durable.clone());
        async move {
            let durable = durable.upgrade().ok_or_else(StoreError::manager_gone)?;
            let details = durable.store.job(id).await?;
            Ok(details.map(|details| details.summary.state))
        }
    }

    /// Cancels the job, for this reason, wherever it is. Returns whether it had not ended yet.
    ///
    /// One that waits ends at once and never runs. A running attempt is told through its
    /// [`Context`](crate::Context), within about a second if another process runs it, and has a
    /// grace to return: `Ok` is a success even now. No further attempt is made.
    ///
    /// # Errors
    ///
    /// The store cannot be asked, or the manager is gone.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the job may be cancelled or not; it can be cancelled again.
    pub fn cancel(
        &self,
        reason: impl Into<String>,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send {
        let (id, durable) = (self.id, self.durable.clone());
        let reason = clip(reason.into());
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
