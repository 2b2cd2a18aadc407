//! The handle: what a service holds.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::attempt::Reach;
use crate::builder::Builder;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::event::Events;
use crate::exec::exec;
use crate::handler::{TaskHandler, Unwrapped};
use crate::join::JoinHandle;
use crate::many::{QueueManyError, queue_many};
use crate::memory::futures::FutureTask;
use crate::memory::queue::Phase;
use crate::panic;
use crate::stats::Stats;
use crate::stop::{StopReport, stop};
use crate::submit::{Submit, Way};
use crate::task::IntoTask;
use crate::waiting::WaitingTask;
use crate::worker::Worker;

/// Runs tasks on a fixed number of workers behind a bounded queue.
///
/// It is cheap to clone, and all clones are the same manager. When the last one is dropped without
/// a
/// [`stop`](Self::stop), what waits is abandoned and what runs is dropped at its next await;
/// handles say so.
///
/// # Examples
///
/// ```
/// use marionette::{Config, Context, TaskManager};
/// # async fn warm_the_cache() -> std::io::Result<()> { Ok(()) }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Config::default())?; // 4 workers, a queue of 64
/// tasks.start();
///
/// tasks.queue(async |_: Context| Ok(warm_the_cache().await?)).retries(3).await?;
///
/// println!("{}", tasks.stop().await);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TaskManager {
    shared: Arc<Shared>,
}

/// Held by the clones of the handle alone: workers hold the engine, and end when this is dropped.
struct Shared {
    engine: Arc<Engine>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.engine.abandon();
    }
}

impl TaskManager {
    /// A manager with these settings, which is not running yet. A config that
    /// [is zero](Config::is_zero) means the defaults.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`].
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        Self::builder().config(config).build()
    }

    /// More settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn from_engine(engine: Engine) -> Self {
        let engine = Arc::new(engine);
        Self {
            shared: Arc::new(Shared { engine }),
        }
    }

    fn engine(&self) -> &Arc<Engine> {
        &self.shared.engine
    }

    /// Starts the workers and the clock; does nothing if the manager runs.
    ///
    /// After a [`stop`](Self::stop) it resumes what was left. While a stop still drains, it takes
    /// that stop back.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime.
    pub fn start(&self) {
        panic::note_locations();
        let engine = self.engine();
        let mut run = engine.run();
        match engine.queue.phase() {
            Phase::Open => return,
            Phase::Draining => {}
            Phase::Closed => {
                run.reach = Reach {
                    grace: run.reach.grace,
                    ..Reach::default()
                };
                run.interrupted.clear();
            }
        }
        run.number += 1;
        run.stop = None;
        let missing = engine.queue.open(run.workers);
        self.spawn_workers(missing, &run.reach);
        drop(run);
        engine.timekeeper.start();
    }

    fn spawn_workers(&self, count: usize, reach: &Reach) {
        let engine = self.engine();
        for _ in 0..count {
            let member = engine.queue.join();
            let worker = Worker::new(Arc::clone(engine), reach.clone(), member);
            let current = worker.current();
            tokio::spawn(current.scope(worker.work()));
        }
    }

    /// Whether the manager accepts tasks: it was started, and no stop has begun since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.engine().queue.phase() == Phase::Open
    }

    /// Runs a task as soon as a worker is free. Awaiting it waits while the queue is full.
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
    pub fn queue<H: IntoTask<M>, M>(&self, task: H) -> Submit<'_, H, M> {
        Submit::new(self.engine(), Way::Queue, task)
    }

    /// Runs a task after this delay, by the monotonic clock, and never before.
    ///
    /// A future task is accepted at once, also when the manager does not run: it waits for the
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
    pub fn delay<H: IntoTask<M>, M>(&self, delay: Duration, task: H) -> Submit<'_, H, M> {
        Submit::new(self.engine(), Way::Delay(delay), task)
    }

    /// Runs a task at this time, by the wall clock, and never before; at once if the time has
    /// passed.
    ///
    /// It follows the wall clock also when that is stepped: after a step forward the task may be up
    /// to a minute late. A future task is accepted at once, also when the manager does not run.
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
    /// # Ok(())
    /// # }
    /// ```
    pub fn schedule<H: IntoTask<M>, M>(
        &self,
        time: impl Into<SystemTime>,
        task: H,
    ) -> Submit<'_, H, M> {
        Submit::new(self.engine(), Way::Schedule(time.into()), task)
    }

    /// Wraps a task, so that it gets its id and its options before it is queued.
    pub fn wrap<H, M>(task: H) -> TaskHandler<H, M>
    where
        H: IntoTask<M>,
        M: Unwrapped,
    {
        TaskHandler::new(task)
    }

    /// Queues many tasks in one call, in their order, as room allows. Their options are those of
    /// [`wrap`](Self::wrap).
    ///
    /// # Errors
    ///
    /// The manager does not run, or was stopped on the way: those that were accepted and those that
    /// were not are in the error.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the tasks that were accepted by then run, and the others are lost.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::new(Default::default())?;
    /// # tasks.start();
    /// let mails = (0..1000).map(|nth| {
    ///     TaskManager::wrap(move |_: Context| async move { Ok(nth) }).retries(3)
    /// });
    /// let handles = tasks.queue_many(mails).await.expect("it runs");
    /// assert_eq!(handles.len(), 1000);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn queue_many<H: IntoTask<M>, M>(
        &self,
        tasks: impl IntoIterator<Item = H>,
    ) -> Result<Vec<JoinHandle<H::Output>>, QueueManyError<H, M>> {
        queue_many(self.engine(), tasks).await
    }

    /// Makes one attempt at once, in the caller's own task and not on a worker. If it fails and
    /// retries are left, the next attempt is scheduled by the backoff, on a worker.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, so is the attempt, and the task ends as abandoned.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::new(Default::default())?;
    /// let handler = TaskManager::wrap(async |cx: Context| Ok(cx.attempt())).retries(3);
    /// assert_eq!(tasks.exec(handler).await.await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn exec<H: IntoTask<M>, M>(
        &self,
        handler: TaskHandler<H, M>,
    ) -> JoinHandle<H::Output> {
        exec(self.engine(), handler).await
    }

    /// Takes out all future tasks, in the order of their times: of a stopped manager, those that
    /// its report counts as waiting.
    ///
    /// [`restore`](Self::restore) puts them into this or another manager; dropping them ends them.
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
            .map(WaitingTask::wrap)
            .collect()
    }

    /// Puts a future task back that was taken out; handle, id and failures stay the same.
    pub fn restore(&self, future: FutureTask<WaitingTask>) {
        self.engine().keep(WaitingTask::unwrap(future));
    }

    /// How long it is until the next future task is due.
    #[cfg(feature = "test-util")]
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.engine().timekeeper.next_due()
    }

    /// Stops: nothing comes in any more, all that was accepted runs, and the report says what still
    /// waits for its time. A paused manager is resumed for it.
    ///
    /// Future tasks, retries included, stay with the manager: [`start`](Self::start) resumes them.
    /// Stopping twice does nothing. A task may stop its own manager: it is not waited for.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped the manager goes on to drain; another `stop` waits for the rest.
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
    /// tasks.start();
    /// tasks.queue(async |_: Context| Ok(())).await?;
    /// tasks.delay(Duration::from_secs(3600), async |_: Context| Ok(())).await?;
    ///
    /// let report = tasks.stop().await;
    /// assert_eq!((report.done, report.waiting), (1, 1));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn stop(&self) -> StopReport {
        stop(self.engine(), None).await
    }

    /// Stops within about this limit and two graces: what has not run by the limit is interrupted.
    ///
    /// Running attempts are asked to end; those that do not within the
    /// [grace](Builder::grace) are dropped at an await. Interrupted tasks and those that were not
    /// started wait for the next start. The report lists them, and those that block their thread
    /// and could not be dropped.
    ///
    /// # Cancel safety
    ///
    /// As for [`stop`](Self::stop).
    pub async fn stop_within(&self, limit: Duration) -> StopReport {
        stop(self.engine(), Some(limit)).await
    }

    /// Waits until no task waits for a worker and none runs. Future tasks are not waited for.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn idle(&self) {
        poll_fn(|poller| self.engine().queue.poll_quiet(poller)).await;
    }

    /// Workers start no further task until [`resume`](Self::resume); what runs goes on, and tasks
    /// are accepted as long as there is room.
    pub fn pause(&self) {
        self.engine().queue.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.engine().queue.resume();
    }

    /// Changes the number of workers. Surplus ones leave when they have done what they do.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]: there is at least one.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime, if the manager runs.
    pub fn set_workers(&self, workers: usize) -> Result<(), ConfigError> {
        let engine = self.engine();
        Config {
            workers,
            ..engine.config.clone()
        }
        .validate()?;
        let mut run = engine.run();
        let before = std::mem::replace(&mut run.workers, workers);
        engine.blocking.resize(before, workers);
        if engine.queue.phase() != Phase::Closed {
            let missing = engine.queue.set_wanted(workers);
            self.spawn_workers(missing, &run.reach);
        }
        Ok(())
    }

    /// The manager in numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// # let tasks = marionette::TaskManager::new(Default::default())?;
    /// let stats = tasks.stats();
    /// println!("{} tasks wait, {} have failed", stats.queued + stats.waiting, stats.failed);
    /// # Ok::<(), marionette::ConfigError>(())
    /// ```
    #[must_use]
    pub fn stats(&self) -> Stats {
        let engine = self.engine();
        let (workers, running) = engine.queue.crew();
        Stats {
            workers,
            running,
            queued: engine.queue.len(),
            waiting: engine.timekeeper.len(),
            ..engine.figures()
        }
    }

    /// What happens to tasks from now on, as a stream for code.
    #[must_use]
    pub fn events(&self) -> Events {
        self.engine().observer.feed.subscribe()
    }
}

impl fmt::Debug for TaskManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskManager")
            .field("server_name", &self.engine().config.server_name)
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}
