//! The ways in for jobs, which wait in a store: `queue`, `delay`, `schedule` and `queue_many`.
//! Also the handle of a stored job, and whether the manager has trouble with its store.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::durable::Durable;
use crate::id::TaskId;
use crate::manager::TaskManager;
use crate::observe::stats::Trouble;
use crate::store::{Due, InstanceInfo, Store};
use crate::submit::job::many::{InsertingMany, insert_many};
use crate::submit::job_handle::JobHandle;
use crate::submit::place::StoredIn;
use crate::submit::{Submit, due_at};
use crate::task::into_job::IntoJob;
use crate::task::job::Job;

/// A manager with a store takes [`Job`]s whether it was started or not: start and stop only decide
/// whether it works on them.
impl<S: Store + ?Sized> TaskManager<S> {
    /// The store, for a person to ask questions and to make changes.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// This manager as its store knows it, since it was started last; `None` before it was started
    /// for the first time, and if it has no job handler.
    ///
    /// Each start has an id of its own, which the store keeps with each attempt.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, MemoryStore, TaskError, TaskManager};
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Report {}
    ///
    /// impl Job for Report {
    ///     const KIND: &'static str = "report";
    ///     type Output = ();
    /// }
    ///
    /// async fn report(_: Report, _: Context) -> Result<(), TaskError> {
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::new()).handle(report).build()?;
    /// assert!(tasks.instance().is_none());
    /// tasks.start();
    /// let instance = tasks.instance().expect("it was started");
    /// println!("instance {} in process {}", instance.id, instance.process);
    /// # tasks.stop().await;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn instance(&self) -> Option<InstanceInfo> {
        self.durable().instance()
    }

    /// The trouble that keeps this manager from working on jobs, if there is any.
    ///
    /// Trouble means that the store answers with an error, or not at all, when jobs are claimed,
    /// settled, renewed or swept. Of several troubles, this is one that has lasted for longest. A
    /// manager that is full, paused or idle has none.
    ///
    /// The manager keeps trying by itself, except in the one case that [`Trouble::call`] names. The
    /// log reports errors as they come, and when they are over. This method is for the health check
    /// of a service, which should wait until the trouble has lasted for a while: every answer takes
    /// some time.
    ///
    /// A store whose own threads have ended answers every call that it is
    /// [broken](crate::store::StoreErrorKind::Broken), and why. Such trouble does not pass: the
    /// store has to be opened again.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use marionette::TaskManager;
    /// use marionette::store::Store;
    ///
    /// fn is_healthy<S: Store>(tasks: &TaskManager<S>) -> bool {
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

    /// This manager with the type of its store erased, for a service that chooses its store when it
    /// starts.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::Store;
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// fn begin(url: &str) -> Result<TaskManager<dyn Store>, Box<dyn std::error::Error>> {
    ///     let builder = TaskManager::builder().workers(8);
    ///     match url {
    ///         "memory:" => Ok(builder.store(MemoryStore::new()).build()?.erased()),
    ///         // … other stores …
    ///         _ => Err(format!("{url} names no store").into()),
    ///     }
    /// }
    /// # begin("memory:").unwrap();
    /// ```
    pub fn erased(&self) -> TaskManager<dyn Store>
    where
        S: Sized,
    {
        TaskManager {
            shared: Arc::clone(&self.shared),
            store: Arc::clone(&self.store) as Arc<dyn Store>,
        }
    }

    fn durable(&self) -> &Arc<Durable> {
        let durable = self.shared.durable.as_ref();
        durable.expect("a manager with a store is built with what works on it")
    }

    /// Stores a job, which runs as soon as a worker of any process is free.
    ///
    /// Awaiting the [`Submit`] waits while the queue is at its
    /// [limit](crate::TaskManagerBuilder::queue_limit). A closure cannot be stored, and passing one
    /// does not compile.
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
    pub fn queue<T: IntoJob>(&self, job: T) -> Submit<'_, T, T::Marker> {
        Submit::new(StoredIn(self.durable()), Due::Now, job)
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
    pub fn delay<T: IntoJob>(&self, delay: Duration, job: T) -> Submit<'_, T, T::Marker> {
        Submit::new(StoredIn(self.durable()), Due::After(delay), job)
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
    pub fn schedule<T: IntoJob>(
        &self,
        time: impl TryInto<SystemTime>,
        job: T,
    ) -> Submit<'_, T, T::Marker> {
        Submit::new(StoredIn(self.durable()), due_at(time), job)
    }

    /// Stores many jobs, up to a thousand in one call of the store, which commits them together.
    ///
    /// Jobs get their options with [`wrap`](crate::wrap).
    ///
    /// # Errors
    ///
    /// A [`ManyError`](crate::error::ManyError), with the handles of the accepted jobs and the
    /// refused jobs, if a job cannot be stored or the store cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, some jobs may have been accepted and others not. Wrapped jobs can
    /// be queued again: they keep their ids, and a store accepts an id once.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager, wrap};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::default()).build()?;
    /// let mails = (0..1_000).map(|nth| {
    ///     wrap(SendMail { to: format!("{nth}@example.org") }).retries(3)
    /// });
    /// let handles = tasks.queue_many(mails).await?;
    /// assert_eq!(handles.len(), 1_000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_many<I, T>(&self, jobs: I) -> InsertingMany<'_, I::IntoIter, T, T::Job>
    where
        I: IntoIterator<Item = T>,
        T: IntoJob,
    {
        insert_many(self.durable(), jobs.into_iter())
    }

    /// The handle of a job in the store, whoever queued it: awaits the job, asks its state, or
    /// cancels it.
    ///
    /// The type is not checked: the handle of a job of another type resolves to an
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
    /// let handle = tasks.job_handle::<SendMail>(id);
    /// assert!(handle.cancel("it was a mistake").await?);
    /// assert!(handle.await.unwrap_err().is_cancelled());
    /// # Ok(())
    /// # }
    /// ```
    pub fn job_handle<J: Job>(&self, id: TaskId) -> JobHandle<J> {
        JobHandle::in_store(id, Arc::downgrade(self.durable()))
    }
}

/// The same as [`erased`](TaskManager::erased).
impl<S: Store> From<TaskManager<S>> for TaskManager<dyn Store> {
    fn from(tasks: TaskManager<S>) -> Self {
        tasks.erased()
    }
}

impl TaskManager<dyn Store> {
    /// The store, if it is of this type: for what only this type can do.
    ///
    /// A store that was given behind an `Arc<dyn Store>` is found too.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use marionette::store::Store;
    /// use marionette::{MemoryStore, TaskManager};
    ///
    /// let chosen: Arc<dyn Store> = Arc::new(MemoryStore::new());
    /// let tasks: TaskManager<dyn Store> = TaskManager::builder().store(chosen).build()?.into();
    /// assert!(tasks.store_as::<MemoryStore>().is_some());
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    #[must_use]
    pub fn store_as<T: Store>(&self) -> Option<&T> {
        let mut store: &dyn Any = &*self.store;
        loop {
            if let Some(found) = store.downcast_ref() {
                return Some(found);
            }
            store = &**store.downcast_ref::<Arc<dyn Store>>()?;
        }
    }
}
