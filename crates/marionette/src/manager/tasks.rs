//! The ways in for tasks that live in this process: `queue`, `delay`, `schedule` and `exec`.
//! Also how future tasks leave a manager and come back.

use std::future::Future;
use std::time::{Duration, SystemTime};

use crate::cell::join::JoinHandle;
use crate::config::{Config, ConfigError};
use crate::engine::waiting_task::WaitingTask;
use crate::manager::TaskManager;
use crate::manager::builder::TaskManagerBuilder;
use crate::schedule::future_task::FutureTask;
use crate::store::Due;
use crate::submit::many::{QueueingMany, queue_many};
use crate::submit::place::{Here, HereIn};
use crate::submit::{Submit, due_at};
use crate::task::IntoTask;
use crate::worker::run_now::exec;

impl TaskManager {
    /// Makes a manager with these settings, which is not running yet. A config that [is
    /// zero](Config::is_zero) means the defaults.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::builder().config(config).build()
    }

    /// Builds a manager with more settings, among them a store and job handlers.
    pub fn builder() -> TaskManagerBuilder {
        TaskManagerBuilder::default()
    }

    /// Runs a task as soon as a worker is free. Awaiting the [`Submit`] waits while the queue is
    /// full.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Context, TaskManager};
    /// # async fn send_the_mail(_: &str) -> std::io::Result<usize> { Ok(250) }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// let to = "ada@example.org";
    /// let sent = tasks
    ///     .queue(async move |_: Context| Ok(send_the_mail(to).await?))
    ///     .retries(3)
    ///     .timeout(Duration::from_secs(10))
    ///     .error(format!("could not send the welcome mail to {to}"))
    ///     .await?;
    /// assert_eq!(sent.await?, 250);
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue<T: IntoTask<M>, M>(&self, task: T) -> Submit<'_, T, M, Here> {
        Submit::new(HereIn(self.engine()), Due::Now, task)
    }

    /// Runs a task after this delay, by the monotonic clock, and never before.
    ///
    /// A future task is accepted at once, even if the manager does not run; it then waits for the
    /// start.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// tasks.delay(Duration::from_secs(30), async |_: Context| Ok(())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn delay<T: IntoTask<M>, M>(&self, delay: Duration, task: T) -> Submit<'_, T, M, Here> {
        Submit::new(HereIn(self.engine()), Due::After(delay), task)
    }

    /// Runs a task at this time, by the wall clock, and never before; at once if the time has
    /// passed.
    ///
    /// The task follows the wall clock even when that clock is stepped: after a step forward the
    /// task may be up to a minute late. A future task is accepted at once, even if the manager does
    /// not run.
    ///
    /// Any time that converts into a `SystemTime` will do: those of jiff and of chrono do.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// let tonight = SystemTime::now() + Duration::from_secs(8 * 60 * 60);
    /// tasks.schedule(tonight, async |_: Context| Ok(())).await?;
    ///
    /// let party: jiff::Timestamp = "2031-12-31T23:00:00+01:00".parse()?;
    /// tasks.schedule(party, async |_: Context| Ok(())).await?;
    ///
    /// let party = chrono::DateTime::parse_from_rfc3339("2031-12-31T23:00:00+01:00")?;
    /// tasks.schedule(party, async |_: Context| Ok(())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn schedule<T: IntoTask<M>, M>(
        &self,
        time: impl TryInto<SystemTime>,
        task: T,
    ) -> Submit<'_, T, M, Here> {
        Submit::new(HereIn(self.engine()), due_at(time), task)
    }

    /// Queues many tasks in one call, in their order, as room allows.
    ///
    /// Tasks get their options with [`wrap`](crate::wrap).
    ///
    /// # Errors
    ///
    /// A [`ManyError`](crate::error::ManyError), with the handles of the accepted tasks and the
    /// refused tasks, if the manager does not run, or is stopped before all tasks are accepted.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the tasks that were accepted by then run, and the others are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager, wrap};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// let mails = (0..1000).map(|nth| {
    ///     wrap(move |_: Context| async move { Ok(nth) }).retries(3)
    /// });
    /// let handles = tasks.queue_many(mails).await.expect("it runs");
    /// assert_eq!(handles.len(), 1000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_many<I, H, M>(
        &self,
        tasks: I,
    ) -> QueueingMany<'_, I::IntoIter, H, H::Source, H::Output>
    where
        I: IntoIterator<Item = H>,
        H: IntoTask<M>,
    {
        queue_many(self.engine(), tasks.into_iter())
    }

    /// Makes one attempt at once, in the caller's runtime task and not on a worker. The options are
    /// those of a task that is [wrapped](crate::wrap).
    ///
    /// If the attempt fails and retries are left, a worker makes the next attempt after the pause
    /// of the backoff.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the attempt is dropped with it, and the task ends as abandoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager, wrap};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Default::default())?;
    /// assert_eq!(tasks.exec(async |cx: Context| Ok(cx.attempt())).await.await?, 1);
    ///
    /// let handler = wrap(async |_: Context| Ok(())).retries(3);
    /// tasks.exec(handler).await.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exec<T, M, O>(&self, task: T) -> impl Future<Output = JoinHandle<O>> + Send
    where
        T: IntoTask<M, Output = O>,
        O: Send + 'static,
    {
        exec(self.engine(), task)
    }

    /// Takes out all future tasks, in the order of their times.
    ///
    /// Of a stopped manager, these are the tasks that its report counts as waiting.
    ///
    /// [`restore`](Self::restore) puts a future task into this or another manager; dropping it ends
    /// it.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Default::default())?;
    /// let later = async |_: Context| Ok(());
    /// tasks.delay(Duration::from_secs(60), later).name("later").await?;
    ///
    /// let waiting = tasks.take_waiting();
    /// assert_eq!(waiting[0].task().name(), "later");
    /// assert!(waiting[0].remaining() > Duration::from_secs(59));
    ///
    /// waiting.into_iter().for_each(|future| tasks.restore(future));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "dropping the tasks ends them"]
    pub fn take_waiting(&self) -> Vec<FutureTask<WaitingTask>> {
        self.engine()
            .take_futures()
            .into_sorted_vec()
            .into_iter()
            .map(|future| WaitingTask::wrap(self.engine(), future))
            .collect()
    }

    /// Puts a future task that was taken out into this manager; its handle, id and failures stay
    /// the same.
    pub fn restore(&self, future: FutureTask<WaitingTask>) {
        self.engine().keep(WaitingTask::unwrap(future));
    }
}
