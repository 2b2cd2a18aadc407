//! The ways in for jobs, which wait in a store.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::durable::Durable;
use crate::id::TaskId;
use crate::manager::TaskManager;
use crate::observe::stats::Trouble;
use crate::store::Due;
use crate::store::inspect::Inspect;
use crate::submit::job::{Enqueue, EnqueuingMany, IntoJob, enqueue_many};
use crate::submit::job_handle::JobHandle;
use crate::task::job::Job;

/// A manager with a store: it takes [`Job`]s, and does so whether it was started or not. Started or
/// stopped is only whether it works.
impl<S: Inspect + ?Sized> TaskManager<S> {
    /// The store, for what a person asks of it and changes in it.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// What keeps this manager from its work with jobs, if anything does: its store answers with an
    /// error or not at all when jobs are claimed, settled, renewed or swept. Of several troubles it
    /// is one of those that have lasted for longest. A manager that is full, paused or idle has
    /// none.
    ///
    /// It goes on trying by itself, but for the one case that [`Trouble::call`] names. The log
    /// tells of errors as they come and when they are over.
    /// This is for a check of a service's health, which waits until it has lasted for a while: an
    /// answer takes its time.
    ///
    /// A store whose own threads have ended answers every call that it is
    /// [broken](crate::store::StoreError::is_broken) and why, which is trouble of this kind too,
    /// and does not pass: the store has to be opened again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use marionette::TaskManager;
    /// use marionette::inspect::Inspect;
    ///
    /// fn is_healthy<S: Inspect>(tasks: &TaskManager<S>) -> bool {
    ///     let trouble = tasks.trouble();
    ///     trouble.is_none_or(|trouble| trouble.lasts < Duration::from_secs(15))
    /// }
    /// # let tasks = TaskManager::builder().store(marionette::MemoryStore::new()).build().unwrap();
    /// # assert!(is_healthy(&tasks));
    /// ```
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.durable().trouble()
    }

    /// The same manager without the type of its store, for a service that chooses its store when it
    /// starts.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::inspect::Inspect;
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// fn begin(url: &str) -> Result<TaskManager<dyn Inspect>, Box<dyn std::error::Error>> {
    ///     let builder = TaskManager::builder().workers(8);
    ///     match url {
    ///         "memory:" => Ok(builder.store(MemoryStore::new()).build()?.erased()),
    ///         // … other stores …
    ///         _ => Err(format!("{url} names no store").into()),
    ///     }
    /// }
    /// # begin("memory:").unwrap();
    /// ```
    pub fn erased(&self) -> TaskManager<dyn Inspect>
    where
        S: Sized,
    {
        TaskManager {
            shared: Arc::clone(&self.shared),
            store: Arc::clone(&self.store) as Arc<dyn Inspect>,
        }
    }

    fn durable(&self) -> &Arc<Durable> {
        let durable = self.shared.durable.as_ref();
        durable.expect("a manager with a store is built with what works on it")
    }

    /// Stores a job, which runs as soon as a worker of any process is free.
    ///
    /// A closure cannot be stored, and does not compile. Awaiting it waits while the queue has
    /// reached its [limit](crate::Builder::queue_limit).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Context, Job, MemoryStore, TaskManager};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct SendMail {
    ///     to: String,
    /// }
    ///
    /// impl Job for SendMail {
    ///     const KIND: &'static str = "send_mail";
    ///     type Output = usize;
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder()
    ///     .store(MemoryStore::default()) // or one that outlives the process
    ///     .handle(async |mail: SendMail, _: Context| Ok(mail.to.len()))
    ///     .build()?;
    ///
    /// let handle = tasks
    ///     .queue(SendMail { to: "ada@example.org".into() })
    ///     .retries(8)
    ///     .timeout(Duration::from_secs(30))
    ///     .await?;
    /// println!("stored as {}", handle.id());
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue<H: IntoJob<J>, J: Job>(&self, job: H) -> Enqueue<'_, H, J> {
        Enqueue::new(self.durable(), Due::Now, job)
    }

    /// Stores a job that runs after this delay, by the clock of the store, and never before.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Remind { user: u64 }
    /// # impl Job for Remind { const KIND: &'static str = "remind"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let day = Duration::from_secs(24 * 60 * 60);
    /// tasks.delay(7 * day, Remind { user: 42 }).retries(8).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delay<H, J>(&self, delay: Duration, job: H) -> Enqueue<'_, H, J>
    where
        H: IntoJob<J>,
        J: Job,
    {
        Enqueue::new(self.durable(), Due::After(delay), job)
    }

    /// Stores a job that runs at this time, by the clock of the store, and never before; at once if
    /// the time has passed.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Bill { month: u8 }
    /// # impl Job for Bill { const KIND: &'static str = "bill"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let midnight = SystemTime::now() + Duration::from_secs(8 * 60 * 60);
    /// tasks.schedule(midnight, Bill { month: 11 }).in_queue("billing").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn schedule<H, J>(&self, time: impl Into<SystemTime>, job: H) -> Enqueue<'_, H, J>
    where
        H: IntoJob<J>,
        J: Job,
    {
        Enqueue::new(self.durable(), Due::At(time.into()), job)
    }

    /// Stores many jobs, up to a thousand in one call of the store, which commits them together.
    /// Their options are those of [`wrap`](TaskManager::wrap).
    ///
    /// # Errors
    ///
    /// An [`EnqueueManyError`](crate::EnqueueManyError): a job cannot be stored, or the store could
    /// not be reached. Those that were accepted and those that were not are in it.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some jobs were accepted and others were not. Those that were
    /// wrapped can be queued again: they have their ids, and a store accepts an id once.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::default()).build()?;
    /// let mails = (0..1_000).map(|nth| {
    ///     TaskManager::wrap(SendMail { to: format!("{nth}@example.org") }).retries(3)
    /// });
    /// let handles = tasks.queue_many(mails).await?;
    /// assert_eq!(handles.len(), 1_000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_many<I, H, J>(&self, jobs: I) -> EnqueuingMany<'_, I::IntoIter, H, J>
    where
        I: IntoIterator<Item = H>,
        H: IntoJob<J>,
        J: Job,
    {
        enqueue_many(self.durable(), jobs.into_iter())
    }

    /// The handle of a job that is in the store, whoever queued it: to await it, to see where it
    /// stands, to cancel it.
    ///
    /// The type is not checked: awaiting the handle of a job of another type gives an
    /// [error](crate::Error::is_unreadable) if the result does not decode.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::default()).build()?;
    /// let id = tasks.queue(SendMail { to: "ada@example.org".into() }).await?.id();
    ///
    /// let handle = tasks.handle::<SendMail>(id);
    /// assert!(handle.cancel("it was a mistake").await?);
    /// assert!(handle.await.unwrap_err().is_cancelled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn handle<J: Job>(&self, id: TaskId) -> JobHandle<J> {
        JobHandle::new(id, Arc::downgrade(self.durable()))
    }
}
