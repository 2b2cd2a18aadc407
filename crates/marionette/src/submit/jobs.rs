//! `Jobs`: the way in for jobs to any manager, with a store or without, that keeps none alive.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use crate::cell::context::Context;
use crate::durable::Durable;
use crate::engine::Engine;
use crate::id::TaskId;
use crate::store::Due;
use crate::submit::job::many::{ManyInserted, insert_all};
use crate::submit::job_handle::JobHandle;
#[allow(unused_imports)] // For the documentation.
use crate::submit::many_error::ManyError;
use crate::submit::place::Anywhere;
use crate::submit::{Submit, due_at};
use crate::task::into_job::IntoJob;
use crate::task::job::Job;

/// The way in for [jobs](crate::Job) to a [`TaskManager`](crate::TaskManager), whatever its store,
/// and also without a store: for libraries, for the state of a service, and for handlers.
///
/// `Jobs` has no type parameter and is cheap to clone. [`TaskManager::jobs`] makes it, and
/// [`Context::jobs`](crate::Context::jobs) makes it inside a task.
///
/// `Jobs` keeps no manager alive. Once the last clone of the manager was dropped, jobs are refused
/// with a [`QueueError`](crate::QueueError) that [is stopped](crate::QueueError::is_stopped) and
/// has the job.
///
/// # Examples
///
/// A library that works with every manager:
///
/// ```
/// use marionette::{Context, Job, Jobs, QueueError, TaskManager};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Reindex {
///     page: u64,
/// }
///
/// impl Job for Reindex {
///     const KIND: &'static str = "reindex";
///     type Output = ();
/// }
///
/// async fn page_changed(jobs: &Jobs, page: u64) -> Result<(), QueueError<Reindex>> {
///     jobs.queue(Reindex { page }).retries(5).await?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::builder()
///     .handle(async |_: Reindex, _: Context| Ok(()))
///     .build()?; // with `.store(…)` or without
/// tasks.start();
/// page_changed(&tasks.jobs(), 7).await?;
/// # Ok(())
/// # }
/// ```
///
/// [`TaskManager::jobs`]: crate::TaskManager::jobs
#[derive(Clone)]
pub struct Jobs(WeakManager);

#[derive(Clone)]
enum WeakManager {
    Memory(Weak<Engine>),
    Store(Weak<Durable>),
}

/// A manager that is not gone.
pub(crate) enum Manager {
    Memory(Arc<Engine>),
    Store(Arc<Durable>),
}

impl Jobs {
    /// The way in to a manager without a store.
    pub(crate) fn in_memory(engine: &Arc<Engine>) -> Self {
        Self(WeakManager::Memory(Arc::downgrade(engine)))
    }

    /// The way in to a manager with a store.
    pub(crate) fn in_store(durable: &Arc<Durable>) -> Self {
        Self(WeakManager::Store(Arc::downgrade(durable)))
    }

    /// The manager, unless it is gone.
    pub(crate) fn manager(&self) -> Option<Manager> {
        match &self.0 {
            WeakManager::Memory(engine) => {
                let engine = engine.upgrade().filter(|engine| !engine.is_gone())?;
                Some(Manager::Memory(engine))
            }
            WeakManager::Store(durable) => {
                let durable = durable.upgrade().filter(|durable| !durable.is_gone())?;
                Some(Manager::Store(durable))
            }
        }
    }

    /// The number by which the tasks of the manager find it; `None` if the manager is gone.
    #[cfg(feature = "test-util")]
    pub(crate) fn number(&self) -> Option<u32> {
        Some(match self.manager()? {
            Manager::Memory(engine) => engine.id,
            Manager::Store(durable) => durable.engine.id,
        })
    }

    /// Queues a job, which runs as soon as a worker is free.
    ///
    /// Awaiting the [`Submit`] waits while the queue is full.
    pub fn queue<T: IntoJob>(&self, job: T) -> Submit<'static, T, T::Marker, Anywhere> {
        Submit::new(self.clone(), Due::Now, job)
    }

    /// Queues a job that runs after this delay, and never before: by the clock of the store, or by
    /// the monotonic clock in a manager without a store.
    pub fn delay<T: IntoJob>(
        &self,
        delay: Duration,
        job: T,
    ) -> Submit<'static, T, T::Marker, Anywhere> {
        Submit::new(self.clone(), Due::After(delay), job)
    }

    /// Queues a job that runs at this time, and never before; at once if the time has passed. The
    /// time is by the clock of the store, or by the wall clock in a manager without a store.
    ///
    /// A time that does not convert to a `SystemTime` [cannot be
    /// scheduled](crate::QueueError::is_unschedulable).
    pub fn schedule<T: IntoJob>(
        &self,
        time: impl TryInto<SystemTime>,
        job: T,
    ) -> Submit<'static, T, T::Marker, Anywhere> {
        Submit::new(self.clone(), due_at(time), job)
    }

    /// Queues many jobs in one call, in their order, as room allows. The iterator is read at once.
    ///
    /// # Errors
    ///
    /// A [`ManyError`], with the handles of the accepted jobs and the refused jobs.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some jobs may have been accepted and others not.
    pub fn queue_many<I, T>(&self, jobs: I) -> impl Future<Output = ManyInserted<T>> + Send
    where
        I: IntoIterator<Item = T>,
        T: IntoJob,
    {
        insert_all(self.clone(), jobs.into_iter().collect())
    }

    /// The handle of a job, whoever queued it: awaits the job, asks its state, or cancels it.
    ///
    /// A manager without a store does not find its jobs by their ids: the handle resolves to an
    /// error that [is missing](crate::Error::is_missing).
    pub fn job_handle<J: Job>(&self, id: TaskId) -> JobHandle<J> {
        match &self.0 {
            WeakManager::Memory(_) => JobHandle::missing(id),
            WeakManager::Store(durable) => JobHandle::in_store(id, durable.clone()),
        }
    }
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jobs")
            .field("is_gone", &self.manager().is_none())
            .finish_non_exhaustive()
    }
}

/// The managers of this process, by the numbers of their engines. A task knows the number alone:
/// a reference in every context would cost every task, and few ask.
static MANAGERS: Mutex<BTreeMap<u32, Jobs>> = Mutex::new(BTreeMap::new());

/// Lets the tasks of this manager find it.
pub(crate) fn enter(number: u32, jobs: Jobs) {
    let mut managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    managers.insert(number, jobs);
}

/// Forgets a manager that is gone.
pub(crate) fn leave(number: u32) {
    let mut managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
    managers.remove(&number);
}

impl Context {
    /// The way in for jobs to the manager that runs this task: for a job that queues the next one.
    ///
    /// A handler that owned its [`TaskManager`](crate::TaskManager) would keep it alive for ever;
    /// [`Jobs`] keeps no manager alive.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, TaskError};
    /// # use serde::{Deserialize, Serialize};
    /// # async fn import(_: u64) -> std::io::Result<Option<u64>> { Ok(None) }
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Import {
    ///     page: u64,
    /// }
    ///
    /// impl Job for Import {
    ///     const KIND: &'static str = "import";
    ///     type Output = ();
    /// }
    ///
    /// async fn run(job: Import, cx: Context) -> Result<(), TaskError> {
    ///     if let Some(page) = import(job.page).await? {
    ///         cx.jobs().queue(Import { page }).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        let managers = MANAGERS.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = managers.get(&self.manager()).cloned();
        jobs.unwrap_or_else(|| Jobs(WeakManager::Memory(Weak::new())))
    }
}

#[cfg(all(test, feature = "test-util", not(marionette_loom)))]
mod tests {
    use super::*;
    use crate::TaskManager;

    #[test]
    fn a_manager_that_is_gone_is_forgotten() {
        let tasks = TaskManager::builder().build().expect("it is sound");
        let number = tasks.jobs().number().expect("it is there");
        let is_known = || MANAGERS.lock().expect("no panic").contains_key(&number);
        assert!(is_known());
        drop(tasks);
        assert!(!is_known());
    }
}
