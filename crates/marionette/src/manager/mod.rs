//! `TaskManager`: the handle that a service holds, with start, stop, pause and the counters.
//! `tasks.rs` and `jobs.rs` have its ways in for tasks and for jobs, `builder.rs` its settings.

pub(crate) mod builder;
mod tasks;
mod jobs;
mod unwind;
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
use crate::submit::jobs as ways;
use crate::submit::jobs::Jobs;
use crate::worker::Worker;

/// The store type of a manager without a store: its tasks wait in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

/// Runs tasks on a fixed number of workers behind a bounded queue.
///
/// A manager is cheap to clone, and all clones are the same manager. When the last clone is dropped
/// without a [`stop`](Self::stop), waiting tasks are abandoned and running tasks are dropped at
/// their next await; handles say so. Jobs go back to their store instead.
///
/// The type parameter is the store: `TaskManager` has none and runs tasks,
/// `TaskManager<SqliteStore>` runs [jobs](crate::Job).
///
/// # Examples
///
/// ```
/// use marionette::{Config, Context, TaskManager};
///
/// async fn warm_the_cache() -> std::io::Result<()> {
///     Ok(())
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let tasks = TaskManager::new(Config::default())?; // 4 workers, a queue of 64
///     tasks.start();
///
///     tasks.queue(async |_: Context| Ok(warm_the_cache().await?)).retries(3).await?;
///
///     println!("{}", tasks.stop().await);
///     Ok(())
/// }
/// ```
pub struct TaskManager<S: ?Sized = Memory> {
    shared: Arc<Owned>,
    store: Arc<S>,
}

/// The part that only the clones of the handle hold. Workers hold the engine, and end when the last
/// clone drops this.
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
        ways::leave(self.engine.id);
        if let Some(durable) = &self.durable {
            durable.abandon();
        }
        self.engine.abandon();
    }
}

impl<S: ?Sized> TaskManager<S> {
    /// A manager of tasks in memory if `durable` is `None`, of the jobs in `store` otherwise.
    pub(crate) fn from_parts(
        engine: Arc<Engine>,
        durable: Option<Arc<Durable>>,
        store: Arc<S>,
    ) -> Self {
        engine.watch_vacancies();
        let jobs = match &durable {
            Some(durable) => Jobs::in_store(durable),
            None => Jobs::in_memory(&engine),
        };
        ways::enter(engine.id, jobs);
        Self {
            shared: Arc::new(Owned { engine, durable }),
            store,
        }
    }

    fn engine(&self) -> &Arc<Engine> {
        &self.shared.engine
    }

    /// The way in for [jobs](crate::Job) to this manager, without its type parameter: for libraries
    /// and for state that works with every manager. It does not keep the manager alive.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, Job, Jobs, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Visit { page: u64 }
    /// # impl Job for Visit { const KIND: &'static str = "visit"; type Output = (); }
    ///
    /// #[derive(Clone)]
    /// struct App {
    ///     jobs: Jobs,
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let app = App { jobs: tasks.jobs() };
    /// app.jobs.queue(Visit { page: 7 }).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn jobs(&self) -> Jobs {
        match &self.shared.durable {
            Some(durable) => Jobs::in_store(durable),
            None => Jobs::in_memory(self.engine()),
        }
    }

    /// Starts the workers and the clock. Does nothing if the manager runs.
    ///
    /// After a [`stop`](Self::stop), the manager resumes the tasks that were left. While a stop
    /// still drains, `start` cancels that stop.
    ///
    /// # Panics
    ///
    /// Panics outside a Tokio runtime, and in one without timers (`enable_time`). The manager can
    /// still be started elsewhere.
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
        // `runtime` may panic, so the call comes before any change.
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
        run.is_announced = true;
        let workers = run.workers;
        drop(run);
        engine.tell_start(workers);
        engine.timekeeper.start();
    }

    /// Spawns workers in the runtime where the manager was started, whichever thread asks for them.
    fn spawn_workers(&self, count: usize, run: &Run) {
        let engine = self.engine();
        let Some(runtime) = &run.runtime else { return };
        for _ in 0..count {
            let seat = engine.queue.join();
            let worker = Worker::new(Arc::clone(engine), run.signals.clone(), seat);
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

    /// The part that works on the store, if the manager has one.
    #[cfg(feature = "test-util")]
    pub(crate) fn durable_part(&self) -> Option<&Durable> {
        self.shared.durable.as_deref()
    }

    /// Stops the manager: the queue takes no more tasks, every accepted one runs, and the report
    /// says how many future tasks still wait. A paused manager is resumed for the stop.
    ///
    /// Future tasks, retries included, stay with the manager: [`start`](Self::start) resumes them.
    /// Stopping twice does nothing.
    ///
    /// A task may stop its own manager, on its worker or on its blocking thread: the stop does not
    /// wait for that task, and another worker takes its place meanwhile. The manager does not
    /// recognise a thread or a runtime task that the task has spawned: if the spawned code waits
    /// for a stop without a limit and the task waits for the spawned code, both wait for ever.
    ///
    /// A manager with a store claims no more jobs, finishes the running ones, and gives back those
    /// that it has claimed and not begun; jobs that wait in the store stay there. The stop returns
    /// once every job that ran is settled in the store, or after the leases have lapsed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the manager goes on draining; another `stop` waits for the rest.
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

    /// Stops within about `limit` and two graces: tasks that have not run by the limit are
    /// interrupted.
    ///
    /// At the limit, running attempts are asked to end; those that do not within the
    /// [grace](crate::TaskManagerBuilder::grace) are dropped at an await. Interrupted tasks and
    /// tasks that were not started wait for the next start. The report lists them, and also the
    /// tasks that block their thread and could not be dropped.
    ///
    /// If something else ends the process after a fixed time, the limit and both graces must fit
    /// into that time: with the default grace of 5 s, a limit of 20 s fits into the 30 s that
    /// Kubernetes gives.
    ///
    /// # Cancel safety
    ///
    /// As for [`stop`](Self::stop): the manager goes on stopping.
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

    /// If the caller is a task of this manager, excuses it from the stop and adds a worker in its
    /// place.
    ///
    /// The caller keeps its worker while it waits for the stop. Without the new worker, the tasks
    /// behind the caller could wait for ever.
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

    /// Waits until no task waits for a worker and none runs. Future tasks do not count.
    ///
    /// With a store, waits until the store has no job that this manager could run now, and none
    /// runs here. A manager that was not started runs none, and does not wait.
    ///
    /// A task of this manager may call `idle` too, on its worker or on its blocking thread: neither
    /// that task nor any other inside `idle` is waited for. The task keeps its worker meanwhile, so
    /// tasks that still wait need another worker.
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

    /// Pauses the workers: they start no further task until [`resume`](Self::resume).
    ///
    /// Running attempts go on, and tasks are accepted as long as there is room. With a store, no
    /// further job is claimed either.
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

    /// Changes the number of workers.
    ///
    /// Surplus workers leave after their present work. New workers run in the runtime in which the
    /// manager was started, whichever thread calls this method.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]: `workers` is at least 1.
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

    /// The [events](crate::event::Event) of tasks from now on, as a stream for code.
    #[must_use]
    pub fn events(&self) -> Events {
        self.engine().observer.feed.subscribe()
    }
}

/// Marks a task of the manager as being inside `idle`, so that `idle` does not wait for it.
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
        // If this is dropped anywhere else, the task has ended, and its worker has cleared the
        // mark.
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
