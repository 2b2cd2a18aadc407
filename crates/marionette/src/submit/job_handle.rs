//! `JobHandle`: awaits, asks and cancels a job, whichever process runs it.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use tokio::time::sleep;

use crate::durable::Durable;
use crate::durable::guarded::guarded;
use crate::id::TaskId;
use crate::outcome::error::Error;
use crate::park;
use crate::store::inspect::Which;
use crate::store::{Ended, JobState, StoreError};
use crate::submit::job_in_memory::JobInMemory;
use crate::submit::job_result;
use crate::task::job::Job;
use crate::task::registry::KeptResult;

/// The handle of a job. Await it for the result, or for the [`Error`] with every attempt that the
/// store has kept; any process may run the job.
///
/// Dropping the handle neither cancels the job nor costs it anything. Clones await the same job.
/// [`TaskManager::job_handle`](crate::TaskManager::job_handle) makes another handle from the id.
///
/// A handle keeps no manager alive. When the last clone of its manager is dropped, the handle
/// resolves to an error that [`is_abandoned`](Error::is_abandoned), while the job stays in its
/// store for others to run. If the store cannot be asked, the handle resolves to an error that
/// [`is_unreachable`](Error::is_unreachable), with the [`StoreError`] as its source: the job may
/// still run, or may be done.
///
/// A job of [`Jobs`](crate::Jobs) in a manager without a store has this handle too. As with a
/// store, its error has the texts of the attempts' errors, and not the errors themselves.
///
/// The result is there as long as the store keeps it ([`Submit::keep_result`]); after that, the
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
/// [`Submit::keep_result`]: crate::Submit::keep_result
pub struct JobHandle<J: ?Sized> {
    id: TaskId,
    at: At,
    waiting: EndFuture,
    job: PhantomData<fn() -> J>,
}

/// Where the job is.
#[derive(Clone)]
enum At {
    /// In the store of this manager.
    Store(Weak<Durable>),
    /// In the memory of a manager without a store.
    Memory(Arc<JobInMemory>),
    /// Nobody knows the job.
    Nowhere,
}

/// The wait for the end of the job, once it has begun. The lock makes the handle `Sync`; nobody
/// ever waits for the lock.
type EndFuture = Mutex<Option<Pin<Box<dyn Future<Output = Result<KeptResult, Error>> + Send>>>>;

/// Stands for the type of a job in a [`JobHandle`] that does not know the type: the result stays
/// encoded.
#[derive(Debug)]
pub struct Untyped(());

impl<J: ?Sized> JobHandle<J> {
    /// The handle of a job in the store of this manager.
    pub(crate) fn in_store(id: TaskId, durable: Weak<Durable>) -> Self {
        Self::new(id, At::Store(durable))
    }

    /// The handle of a job in a manager without a store.
    pub(crate) fn in_memory(job: Arc<JobInMemory>) -> Self {
        Self::new(job.id(), At::Memory(job))
    }

    /// The handle of a job that nobody knows.
    pub(crate) fn missing(id: TaskId) -> Self {
        Self::new(id, At::Nowhere)
    }

    fn new(id: TaskId, at: At) -> Self {
        Self {
            id,
            at,
            waiting: Mutex::default(),
            job: PhantomData,
        }
    }

    /// The id of the job. With a store, any process can make a handle from it.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// This handle without the type of its job, for handles of different jobs in one list. Awaiting
    /// it gives the encoded result, or the same error.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, JobHandle, MemoryStore, TaskManager};
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
    /// tasks.start();
    /// let handle = tasks.queue(Add(2, 3)).await?.untyped();
    /// assert_eq!(handle.await?, b"5");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn untyped(self) -> JobHandle<Untyped> {
        JobHandle::new(self.id, self.at)
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
    pub async fn state(&self) -> Result<Option<JobState>, StoreError> {
        match &self.at {
            At::Store(durable) => {
                let durable = durable.upgrade().ok_or_else(StoreError::manager_gone)?;
                let details = durable.store.job(self.id).await?;
                Ok(details.map(|details| details.summary.state))
            }
            At::Memory(job) => Ok(Some(job.state().await)),
            At::Nowhere => Ok(None),
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
    pub async fn cancel(&self, reason: impl Into<String>) -> Result<bool, StoreError> {
        let reason = reason.into();
        match &self.at {
            At::Store(durable) => {
                let durable = durable.upgrade().ok_or_else(StoreError::manager_gone)?;
                let cancelled = durable
                    .store
                    .cancel(Which::from(self.id), reason, durable.by())
                    .await?;
                Ok(cancelled > 0)
            }
            At::Memory(job) => Ok(job.cancel(reason)),
            At::Nowhere => Ok(false),
        }
    }

    fn poll_end(&mut self, poller: &mut Poller<'_>) -> Poll<Result<KeptResult, Error>> {
        let (id, at) = (self.id, &self.at);
        let waiting = self.waiting.get_mut();
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let end = waiting.get_or_insert_with(|| Box::pin(at.clone().end(id)));
        end.as_mut().poll(poller)
    }
}

impl At {
    /// Waits for the encoded result of the job.
    async fn end(self, id: TaskId) -> Result<KeptResult, Error> {
        match self {
            Self::Store(durable) => {
                let durable = durable.upgrade().ok_or_else(job_result::abandoned)?;
                let ended = durable.ended(id).await;
                if durable.is_gone() {
                    return Err(job_result::abandoned());
                }
                job_result::encoded(ended.map_err(job_result::unasked)?)
            }
            Self::Memory(job) => job.end().await,
            Self::Nowhere => job_result::encoded(Ended::Missing),
        }
    }
}

/// Waits for the encoded result of a job in a store, for a thread without a runtime: nothing that
/// is spawned here would outlive the wait, so this asks the store again and again.
async fn ask(durable: Weak<Durable>, id: TaskId) -> Result<KeptResult, Error> {
    let mut pause = Duration::from_millis(10);
    loop {
        let alive = durable.upgrade().filter(|durable| !durable.is_gone());
        let alive = alive.ok_or_else(job_result::abandoned)?;
        let ended = guarded(alive.store.ended(vec![id])).await;
        match ended.map_err(job_result::unasked)?.pop() {
            None | Some(Ended::NotYet) => {}
            Some(ended) => return job_result::encoded(ended),
        }
        let longest = alive.store.timing().poll;
        drop(alive);
        sleep(pause).await;
        pause = (2 * pause).min(longest).max(pause);
    }
}

impl<J: Job> JobHandle<J> {
    /// Waits for the result by blocking this thread, for code that is not async.
    ///
    /// # Errors
    ///
    /// As when the handle is awaited.
    ///
    /// # Panics
    ///
    /// Panics in async code, whose thread must not block. The threads of
    /// [`blocking`](crate::blocking) code and of `tokio::task::spawn_blocking` may block.
    #[track_caller]
    pub fn blocking_wait(self) -> Result<J::Output, Error> {
        let (id, has_runtime) = (self.id, park::has_runtime());
        let end = async {
            match self.at {
                At::Store(durable) if !has_runtime => ask(durable, id).await,
                at => at.end(id).await,
            }
        };
        job_result::decoded::<J>(park::blocking(end))
    }
}

impl<J: Job> Future for JobHandle<J> {
    type Output = Result<J::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.poll_end(poller).map(job_result::decoded::<J>)
    }
}

impl Future for JobHandle<Untyped> {
    type Output = Result<Vec<u8>, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.poll_end(poller).map(job_result::kept)
    }
}

/// A clone waits by itself.
impl<J: ?Sized> Clone for JobHandle<J> {
    fn clone(&self) -> Self {
        Self::new(self.id, self.at.clone())
    }
}

impl<J: ?Sized> fmt::Debug for JobHandle<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
