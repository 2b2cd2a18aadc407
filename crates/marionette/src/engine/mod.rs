//! The engine: what a manager's handles, workers and stop share. It holds the queue, the timekeeper
//! and the state of the present run.

pub(crate) mod stop;
pub(crate) mod stop_signals;
pub(crate) mod waiting_task;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::cell::body::Body;
use crate::cell::task_ref::TaskRef;
use crate::cell::{Cell, Running, Waiting};
use crate::clock::{Tick, Wall};
use crate::config::Config;
use crate::engine::stop_signals::StopSignals;
use crate::observe::Observer;
use crate::observe::stats::Stats;
use crate::observe::worker_view::WorkerView;
use crate::outcome::error::Error;
use crate::pool::Pool;
use crate::queue::workers::DueSource;
use crate::queue::{Queue, Ready};
use crate::schedule::future_task::FutureTask;
use crate::schedule::futures::Futures;
use crate::schedule::timekeeper::{Precision, Timekeeper};
use crate::sync::{Mutex, MutexGuard};
use crate::task::registry::Registry;
use crate::vacancy::{self, Watcher};

pub(crate) struct Engine {
    /// Tells managers apart in the contexts of their tasks. No manager has 0.
    pub(crate) id: u32,
    pub(crate) config: Config,
    pub(crate) queue: Arc<Queue<Waiting>>,
    pub(crate) timekeeper: Timekeeper<Waiting, Queue<Waiting>>,
    pub(crate) observer: Observer,
    pub(crate) blocking: Arc<Pool>,
    pub(crate) registry: Arc<Registry>,
    /// Tasks that were cancelled while they waited, and were not found by a worker.
    swept: AtomicU64,
    /// Tasks that were abandoned, but not counted by a worker.
    abandoned: AtomicU64,
    /// The last handle of the manager was dropped.
    is_gone: AtomicBool,
    /// Workers of the present run were dropped with their runtime.
    has_lost_workers: AtomicBool,
    run: Mutex<Run>,
    views: Mutex<Views>,
}

#[derive(Default)]
struct Views {
    all: Vec<Arc<WorkerView>>,
    left: Vec<Arc<WorkerView>>,
}

/// The present run, from a start to its stop. The lock is held while a run begins and ends, so that
/// a stop never closes what a later start has opened.
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) signals: StopSignals,
    /// The runtime in which the run was started and its workers run. `None` before the first run.
    pub(crate) runtime: Option<Handle>,
    /// How many workers there should be, without stand-ins.
    pub(crate) workers: usize,
    /// How many workers there should be in addition, each for one whose task waits for the stop of
    /// its own manager.
    pub(crate) stand_ins: usize,
    /// The start of the present run's stop.
    pub(crate) stop: Option<StopBegin>,
    /// Tasks that the stop interrupted.
    pub(crate) interrupted: Vec<TaskRef>,
    /// The start of the run was reported, and its stop was not.
    pub(crate) is_announced: bool,
}

/// When a stop began, and the counts at that time. A second stop reports from there.
#[derive(Clone)]
pub(crate) struct StopBegin {
    pub(crate) at: Tick,
    pub(crate) stats: Stats,
}

impl StopBegin {
    pub(crate) fn now(engine: &Engine) -> Self {
        Self {
            at: Tick::now(),
            stats: engine.figures(),
        }
    }
}

impl Engine {
    pub(crate) fn new(config: Config, grace: Duration, wall: Wall, precision: Precision) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let queue = Arc::new(Queue::new(config.queue_size));
        Self {
            id: COUNT.fetch_add(1, Ordering::Relaxed),
            timekeeper: Timekeeper::new(Arc::clone(&queue), wall, precision, is_over),
            queue,
            observer: Observer::new(&config.server_name),
            blocking: Arc::new(Pool::new(config.workers)),
            registry: Arc::default(),
            swept: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
            is_gone: AtomicBool::new(false),
            has_lost_workers: AtomicBool::new(false),
            run: Mutex::new(Run {
                number: 0,
                signals: StopSignals {
                    grace,
                    ..StopSignals::default()
                },
                runtime: None,
                workers: config.workers,
                stand_ins: 0,
                stop: None,
                interrupted: Vec::new(),
                is_announced: false,
            }),
            views: Mutex::default(),
            config,
        }
    }

    /// Makes the queue free the places of cancelled tasks, from now on.
    pub(crate) fn watch_vacancies(self: &Arc<Self>) {
        let engine = Arc::downgrade(self);
        let tell = move |over: Vec<Waiting>| {
            if let Some(engine) = engine.upgrade() {
                engine.were_cancelled(over);
            }
        };
        self.queue.vacancies.watch(is_over, Box::new(tell));
        let watcher: Weak<Self> = Arc::downgrade(self);
        vacancy::watch(watcher);
    }

    pub(crate) fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock()
    }

    /// The number that tells this engine from others.
    pub(crate) fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// A worker view for code that is about to run tasks. The view stays when that code is done, so
    /// that its counts stay.
    pub(crate) fn new_view(&self) -> Arc<WorkerView> {
        let mut views = self.views.lock();
        if let Some(left) = views.left.pop() {
            return left;
        }
        let view = Arc::new(WorkerView::default());
        views.all.push(Arc::clone(&view));
        view
    }

    /// Returns a worker view to the free list; the next worker continues its counters.
    pub(crate) fn return_view(&self, view: &Arc<WorkerView>) {
        self.views.lock().left.push(Arc::clone(view));
    }

    /// The counts of the manager's whole life so far.
    pub(crate) fn figures(&self) -> Stats {
        let stats = Stats::of(&self.views());
        Stats {
            cancelled: stats.cancelled + self.swept.load(Ordering::Relaxed),
            abandoned: stats.abandoned + self.abandoned.load(Ordering::Relaxed),
            ..stats
        }
    }

    pub(crate) fn views(&self) -> Vec<Arc<WorkerView>> {
        self.views.lock().all.clone()
    }

    /// Keeps a task until the delay has passed, and wakes the sleeper if it has to.
    pub(crate) fn delay(&self, delay: Duration, task: Waiting) {
        self.keep(FutureTask::after(delay, task));
    }

    /// As `delay`, for a worker that will soon hand out due tasks: the sleeper is not woken.
    pub(crate) fn delay_for_later(&self, delay: Duration, task: Waiting) {
        let future = FutureTask::after(delay, task);
        if let Some(over) = self.timekeeper.insert_for_later(future) {
            self.were_cancelled(over);
        }
    }

    /// Keeps a task until its time.
    pub(crate) fn keep(&self, future: FutureTask<Waiting>) {
        if let Some(over) = self.timekeeper.insert(future) {
            self.were_cancelled(over);
        }
    }

    /// Removes the cancelled ones from the tasks that wait for their time, and returns how many are
    /// left.
    pub(crate) fn sweep(&self) -> usize {
        let (waiting, over) = self.timekeeper.sweep();
        self.were_cancelled(over);
        waiting
    }

    /// Takes out all tasks that wait for their time. Those that were cancelled are dropped.
    pub(crate) fn take_futures(&self) -> Futures<Waiting> {
        let mut futures = self.timekeeper.take_all();
        self.were_cancelled(futures.extract(is_over));
        futures
    }

    /// Counts and reports tasks that were cancelled while they waited, and were found by no worker.
    /// No lock is held, since whoever listens may call the manager.
    fn were_cancelled(&self, over: impl IntoIterator<Item = Waiting>) {
        for task in over {
            task.cell().end_with_parent();
            self.swept.fetch_add(1, Ordering::Relaxed);
            self.observer.cancelled_early(&**task.cell());
        }
    }

    /// Ends everything, since the manager is gone: waiting tasks are abandoned, running attempts
    /// are dropped at their next await.
    pub(crate) fn abandon(&self) {
        self.is_gone.store(true, Ordering::Release);
        let run = self.run();
        self.queue.close();
        drop(self.timekeeper.stop());
        run.signals.interrupt.cancel();
        run.signals.abandon.cancel();
        drop(run);
        self.abandon_what_waits();
    }

    /// Whether the last handle of the manager was dropped, so that nothing will run any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Acquire)
    }

    fn abandon_what_waits(&self) {
        for ready in self.queue.take_all() {
            self.abandon_waiting(ready.task);
        }
        let mut futures = self.timekeeper.take_all();
        for task in futures.extract(|_| true) {
            self.abandon_waiting(task);
        }
    }

    /// Ends a waiting task that will not run any more. A job goes back to its store when it is
    /// dropped.
    pub(crate) fn abandon_waiting(&self, task: Waiting) {
        if is_over(&task) {
            self.were_cancelled([task]);
        } else if !is_leased(task.cell()) {
            task.abandon(|cell, error| self.was_abandoned(cell, error));
        }
    }

    /// Ends a task whose execution is dropped: with its runtime, or with the future that runs it.
    pub(crate) fn abandon_running(&self, task: &mut Running) {
        if task.has_ended() {
            return;
        }
        if is_leased(task.cell()) {
            self.observer.interrupted(&**task.cell());
        } else {
            task.abandon(|cell, error| self.was_abandoned(cell, error));
        }
    }

    /// Reports that workers were dropped with their runtime: once for all workers of a run, and not
    /// if the manager goes too. It takes no lock, since it may be called while a run is started.
    pub(crate) fn lost_worker(&self) {
        if !self.is_gone() && !self.has_lost_workers.swap(true, Ordering::AcqRel) {
            self.observer.runtime_gone();
        }
    }

    /// Reports the start of a run.
    pub(crate) fn tell_start(&self, workers: usize) {
        self.has_lost_workers.store(false, Ordering::Release);
        self.observer.has_started(workers, self.config.queue_size);
    }

    /// Reports the end of a stop, once for each run.
    pub(crate) fn tell_stop(&self, report: &dyn fmt::Display, done: u64, failed: u64) {
        let was_announced = std::mem::take(&mut self.run().is_announced);
        if was_announced {
            self.observer.has_stopped(report, done, failed);
        }
    }

    fn was_abandoned(&self, cell: &Cell<dyn Body>, error: &Error) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        self.observer.failed(cell, error, 0);
    }
}

/// A task that runs when the manager goes, and then has to wait for its next attempt, may come back
/// to the queue or the timekeeper after `abandon`.
impl Drop for Engine {
    fn drop(&mut self) {
        self.abandon_what_waits();
    }
}

fn is_leased(cell: &Cell<dyn Body>) -> bool {
    cell.details()
        .is_some_and(|details| details.options.leased().is_some())
}

/// The due tasks of the timekeeper, for a worker that locks the state of the queue.
pub(crate) struct DueTasks<'a>(pub(crate) &'a Engine);

impl DueSource<Waiting> for DueTasks<'_> {
    #[inline]
    fn is_there(&self) -> bool {
        self.0.timekeeper.owes()
    }

    fn bring(&mut self, room: usize, ready: &mut VecDeque<Ready<Waiting>>) {
        self.0.timekeeper.hand_out(room, ready);
    }
}

/// Whether a waiting task was cancelled, by its handle or with its parent, so that it only takes up
/// room.
fn is_over(task: &Waiting) -> bool {
    task.cell().is_over() || task.cell().is_parent_cancelled()
}

impl Watcher for Engine {
    fn look(&self) {
        self.queue.look_for_room();
    }
}
