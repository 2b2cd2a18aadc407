//! The handle: what a service holds.

pub(crate) mod builder;
mod tasks;
mod jobs;
#[cfg(feature = "signal")]
mod signal;
#[cfg(feature = "test-util")]
pub mod testing;

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::runtime;
use crate::config::{Config, ConfigError};
use crate::durable::Durable;
use crate::engine::stop::{StopReport, stop};
use crate::engine::stop_signals::StopSignals;
use crate::engine::{Engine, Run};
use crate::observe::current::Current;
use crate::observe::event::Events;
use crate::observe::stats::Stats;
use crate::outcome::panic;
use crate::queue::Phase;
use crate::worker::Worker;

/// Where the tasks of a manager without a store wait: this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

/// Runs tasks on a fixed number of workers behind a bounded queue.
///
/// It is cheap to clone, and all clones are the same manager. When the last one is dropped without
/// a
/// [`stop`](Self::stop), what waits is abandoned and what runs is dropped at its next await;
/// handles say so. Jobs go back to their store instead.
///
/// The type of the store is that of the manager: `TaskManager` has none and runs tasks,
/// `TaskManager<SqliteStore>` runs [jobs](crate::Job).
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
pub struct TaskManager<S: ?Sized = Memory> {
    shared: Arc<Owned>,
    store: Arc<S>,
}

/// Held by the clones of the handle alone: workers hold the engine, and end when this is dropped.
struct Owned {
    engine: Arc<Engine>,
    durable: Option<Arc<Durable>>,
}

impl<S: ?Sized> Clone for TaskManager<S> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            store: Arc::clone(&self.store),
        }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(durable) = &self.durable {
            durable.abandon();
        }
        self.engine.abandon();
    }
}

impl<S: ?Sized> TaskManager<S> {
    /// A manager of tasks in memory if there is nothing durable, of jobs in this store otherwise.
    pub(crate) fn from_parts(
        engine: Arc<Engine>,
        durable: Option<Arc<Durable>>,
        store: Arc<S>,
    ) -> Self {
        engine.watch_vacancies();
        Self {
            shared: Arc::new(Owned { engine, durable }),
            store,
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
    /// Panics outside of a Tokio runtime, and in one without timers (`enable_time`); the manager
    /// can be started elsewhere after that.
    #[track_caller]
    pub fn start(&self) {
        panic::note_locations();
        self.start_engine();
        if let Some(durable) = &self.shared.durable {
            durable.start();
        }
    }

    #[track_caller]
    fn start_engine(&self) {
        let engine = self.engine();
        if engine.queue.phase() == Phase::Open {
            return;
        }
        // Before anything is changed: it may panic.
        let runtime = runtime();
        let mut run = engine.run();
        match engine.queue.phase() {
            Phase::Open => return,
            Phase::Draining => {}
            Phase::Closed => {
                run.signals = StopSignals {
                    grace: run.signals.grace,
                    ..StopSignals::default()
                };
                run.interrupted.clear();
            }
        }
        let stand_ins = std::mem::take(&mut run.stand_ins);
        engine.blocking.resize(run.workers + stand_ins, run.workers);
        run.number += 1;
        run.stop = None;
        run.runtime = Some(runtime);
        let missing = engine.queue.open(run.workers);
        self.spawn_workers(missing, &run);
        run.is_told = true;
        let workers = run.workers;
        drop(run);
        engine.tell_start(workers);
        engine.timekeeper.start();
    }

    /// They run where the manager was started, whoever asks for more of them.
    fn spawn_workers(&self, count: usize, run: &Run) {
        let engine = self.engine();
        let Some(runtime) = &run.runtime else { return };
        for _ in 0..count {
            let member = engine.queue.join();
            let worker = Worker::new(Arc::clone(engine), run.signals.clone(), member);
            let current = worker.current();
            runtime.spawn(current.scope(worker.work()));
        }
    }

    /// Whether the manager accepts tasks: it was started, and no stop has begun since.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.engine().queue.phase() == Phase::Open
    }

    /// How long it is until the next future task is due.
    #[cfg(feature = "test-util")]
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.engine().timekeeper.next_due()
    }

    /// What works on its store, if it has one.
    #[cfg(feature = "test-util")]
    pub(crate) fn durable_part(&self) -> Option<&Durable> {
        self.shared.durable.as_deref()
    }

    /// Stops: nothing comes in any more, all that was accepted runs, and the report says what still
    /// waits for its time. A paused manager is resumed for it.
    ///
    /// Future tasks, retries included, stay with the manager: [`start`](Self::start) resumes them.
    /// Stopping twice does nothing. A task may stop its own manager, on its worker or on the thread
    /// on which it blocks: it is not waited for, and another worker takes its place meanwhile.
    /// (What a task starts elsewhere, on a thread or a runtime task of its own, is not known to be
    /// the task: a task that waits for that, and that for a stop without a limit, waits for ever.)
    ///
    /// A manager with a store claims no more, finishes what runs, and gives back what it has
    /// claimed and not begun; what waits in the store stays there. It returns once the store has
    /// taken what became of the jobs that ran, or after their leases have lapsed.
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
        self.stop_by(None).await
    }

    /// Stops within about this limit and two graces: what has not run by the limit is interrupted.
    ///
    /// Running attempts are asked to end; those that do not within the
    /// [grace](crate::Builder::grace) are dropped at an await. Interrupted tasks and those that
    /// were not started wait for the next start. The report lists them, and those that block their
    /// thread and could not be dropped.
    ///
    /// Where something else ends the process after a fixed time, all of that has to fit into it:
    /// with the default grace of 5 s, a limit of 20 s fits into the 30 s that Kubernetes gives.
    ///
    /// # Cancel safety
    ///
    /// As for [`stop`](Self::stop).
    pub async fn stop_within(&self, limit: Duration) -> StopReport {
        self.stop_by(Some(limit)).await
    }

    async fn stop_by(&self, limit: Option<Duration>) -> StopReport {
        self.stand_in();
        let report = match &self.shared.durable {
            Some(durable) => StopReport {
                has_store: true,
                ..durable.stop(limit).await
            },
            None => stop(self.engine(), limit).await,
        };
        let StopReport { done, failed, .. } = report;
        self.engine().tell_stop(&report, done, failed);
        report
    }

    /// A task of this manager that stops it keeps its worker meanwhile, and is not waited for:
    /// another one takes its place, or the tasks behind it would wait for ever.
    fn stand_in(&self) {
        let engine = self.engine();
        let Some(caller) = Current::of(engine.number()) else {
            return;
        };
        let mut run = engine.run();
        if engine.queue.phase() == Phase::Closed || !engine.queue.excuse(caller.worker) {
            return;
        }
        let before = run.workers + run.stand_ins;
        run.stand_ins += 1;
        engine.blocking.resize(before, before + 1);
        let missing = engine.queue.set_wanted(before + 1);
        self.spawn_workers(missing, &run);
    }

    /// Waits until no task waits for a worker and none runs. Future tasks are not waited for.
    ///
    /// With a store: until it has no job that this manager could run now, and none runs here.
    /// A manager that was not started runs none, and does not wait.
    ///
    /// A task of this manager may await it too, on its worker or on the thread on which it blocks:
    /// neither it nor another task that does the same is waited for. It keeps its worker meanwhile,
    /// so what still waits needs another one.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn idle(&self) {
        let engine = self.engine();
        let _idler = IdlerSeat::begin(engine);
        match &self.shared.durable {
            Some(durable) => durable.idle(Current::of(engine.number()).is_some()).await,
            None => poll_fn(|poller| engine.queue.poll_idle(poller)).await,
        }
    }

    /// Workers start no further task until [`resume`](Self::resume); what runs goes on, and tasks
    /// are accepted as long as there is room. With a store, nothing more is claimed either.
    pub fn pause(&self) {
        self.engine().queue.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.engine().queue.resume();
        if let Some(durable) = &self.shared.durable {
            durable.resume();
        }
    }

    /// Changes the number of workers. Surplus ones leave when they have done what they do; new ones
    /// run in the runtime in which the manager was started, wherever this is called.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]: there is at least one.
    pub fn set_workers(&self, workers: usize) -> Result<(), ConfigError> {
        let engine = self.engine();
        Config {
            workers,
            ..engine.config.clone()
        }
        .validate()?;
        let mut run = engine.run();
        let stand_ins = run.stand_ins;
        let before = std::mem::replace(&mut run.workers, workers);
        engine
            .blocking
            .resize(before + stand_ins, workers + stand_ins);
        if engine.queue.phase() != Phase::Closed {
            let missing = engine.queue.set_wanted(workers + stand_ins);
            self.spawn_workers(missing, &run);
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

/// A task of a manager that waits until there is no other one.
struct IdlerSeat<'a> {
    engine: &'a Engine,
    worker: usize,
}

impl<'a> IdlerSeat<'a> {
    fn begin(engine: &'a Engine) -> Option<Self> {
        let worker = Current::of(engine.number())?.worker;
        engine.queue.set_idles(worker, true);
        Some(Self { engine, worker })
    }
}

impl Drop for IdlerSeat<'_> {
    fn drop(&mut self) {
        // Elsewhere the task has ended, and that with it.
        if Current::of(self.engine.number()).is_some_and(|here| here.worker == self.worker) {
            self.engine.queue.set_idles(self.worker, false);
        }
    }
}

impl<S: ?Sized> fmt::Debug for TaskManager<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskManager")
            .field("server_name", &self.engine().config.server_name)
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}
