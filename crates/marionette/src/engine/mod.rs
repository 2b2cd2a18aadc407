//! What the handle, the workers and the stop share: the store of this process and its clockwork.

pub(crate) mod stop;
pub(crate) mod stop_signals;
pub(crate) mod waiting_task;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
use crate::schedule::futures::{FutureTask, Futures};
use crate::schedule::{Precision, Timekeeper};
use crate::sync::{Mutex, MutexGuard};
use crate::task::registry::Registry;
use crate::vacancy::{self, Watcher};

pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) queue: Arc<Queue<Waiting>>,
    pub(crate) timekeeper: Timekeeper<Waiting, Queue<Waiting>>,
    pub(crate) observer: Observer,
    pub(crate) blocking: Arc<Pool>,
    pub(crate) registry: Arc<Registry>,
    /// Tasks that were cancelled while they waited, and found by no worker.
    swept: AtomicU64,
    /// Tasks that were abandoned, and not by a worker that goes on.
    abandoned: AtomicU64,
    /// The last handle of the manager was dropped.
    is_gone: AtomicBool,
    /// Workers of the present run were dropped with their runtime.
    has_lost_workers: AtomicBool,
    run: Mutex<Run>,
    posts: Mutex<Posts>,
}

#[derive(Default)]
struct Posts {
    all: Vec<Arc<WorkerView>>,
    left: Vec<Arc<WorkerView>>,
}

/// The present run, from a start to its stop. The lock is held while a run begins and ends, so that
/// a stop never closes what a later start has opened.
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) signals: StopSignals,
    /// Where its workers run: the runtime in which it was started. None before the first run.
    pub(crate) runtime: Option<Handle>,
    /// How many workers there should be.
    pub(crate) workers: usize,
    /// …and how many more, each for one whose task waits for the stop of this manager.
    pub(crate) stand_ins: usize,
    /// The begin of its stop.
    pub(crate) stop: Option<StopBegin>,
    /// Tasks that the stop interrupted.
    pub(crate) interrupted: Vec<TaskRef>,
    /// Its begin was told, and its end was not.
    pub(crate) is_told: bool,
}

/// When a stop began, and what the figures were: a second stop goes on from there.
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
        let queue = Arc::new(Queue::new(config.queue_size));
        Self {
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
                is_told: false,
            }),
            posts: Mutex::default(),
            config,
        }
    }

    /// Gives the places back that cancelled tasks have in the queue, from now on.
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

    /// Tells this engine from others.
    pub(crate) fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// A post for who is about to run tasks. It outlives that: what was counted stays counted.
    pub(crate) fn new_post(&self) -> Arc<WorkerView> {
        let mut posts = self.posts.lock();
        if let Some(left) = posts.left.pop() {
            return left;
        }
        let post = Arc::new(WorkerView::default());
        posts.all.push(Arc::clone(&post));
        post
    }

    /// It is left: the next one may have it, and counts on.
    pub(crate) fn return_post(&self, post: &Arc<WorkerView>) {
        self.posts.lock().left.push(Arc::clone(post));
    }

    /// The counts of the whole life so far.
    pub(crate) fn figures(&self) -> Stats {
        let stats = Stats::of(&self.posts());
        Stats {
            cancelled: stats.cancelled + self.swept.load(Ordering::Relaxed),
            abandoned: stats.abandoned + self.abandoned.load(Ordering::Relaxed),
            ..stats
        }
    }

    pub(crate) fn posts(&self) -> Vec<Arc<WorkerView>> {
        self.posts.lock().all.clone()
    }

    pub(crate) fn delay(&self, delay: Duration, task: Waiting) {
        self.keep(FutureTask::after(delay, task));
    }

    /// Likewise, by a worker that comes by soon to hand out what is due.
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

    /// How many tasks wait for their time, without those that were cancelled: these go.
    pub(crate) fn sweep(&self) -> usize {
        let (waiting, over) = self.timekeeper.sweep();
        self.were_cancelled(over);
        waiting
    }

    /// Takes out all that waits for its time, without what was cancelled: that goes.
    pub(crate) fn take_futures(&self) -> Futures<Waiting> {
        let mut futures = self.timekeeper.take_all();
        self.were_cancelled(futures.extract(is_over));
        futures
    }

    /// Tells of tasks that were cancelled while they waited, and are found here and by no worker.
    /// No lock is held, since whoever listens may call the manager.
    fn were_cancelled(&self, over: impl IntoIterator<Item = Waiting>) {
        for task in over {
            task.cell().end_with_parent();
            self.swept.fetch_add(1, Ordering::Relaxed);
            self.observer.cancelled_early(&**task.cell());
        }
    }

    /// The manager is gone: what waits is abandoned, what runs is dropped at its next await.
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

    /// A task that waits will not run any more. A job goes back to its store by being dropped.
    pub(crate) fn abandon_waiting(&self, task: Waiting) {
        if is_over(&task) {
            self.were_cancelled([task]);
        } else if !is_leased(task.cell()) {
            task.abandon(|cell, error| self.was_abandoned(cell, error));
        }
    }

    /// A task is dropped where it runs: with its runtime, or by who executes it.
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

    /// A worker is dropped with its runtime: told once for all of a run, and not where the manager
    /// goes too. No lock, since this can happen while one is started.
    pub(crate) fn lost_worker(&self) {
        if !self.is_gone() && !self.has_lost_workers.swap(true, Ordering::AcqRel) {
            self.observer.runtime_gone();
        }
    }

    /// A run begins.
    pub(crate) fn tell_start(&self, workers: usize) {
        self.has_lost_workers.store(false, Ordering::Release);
        self.observer.has_started(workers, self.config.queue_size);
    }

    /// A stop is over: told once for each run.
    pub(crate) fn tell_stop(&self, report: &dyn fmt::Display, done: u64, failed: u64) {
        let was_told = std::mem::take(&mut self.run().is_told);
        if was_told {
            self.observer.has_stopped(report, done, failed);
        }
    }

    fn was_abandoned(&self, cell: &Cell<dyn Body>, error: &Error) {
        self.abandoned.fetch_add(1, Ordering::Relaxed);
        self.observer.failed(cell, error, 0);
    }
}

/// Some tasks come back once the manager is gone: those that ran, and had to wait for their next
/// attempt.
impl Drop for Engine {
    fn drop(&mut self) {
        self.abandon_what_waits();
    }
}

fn is_leased(cell: &Cell<dyn Body>) -> bool {
    cell.details()
        .is_some_and(|details| details.options.leased().is_some())
}

/// A worker that comes by hands out what is due.
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

/// Whether a task was cancelled while it waits, itself or with its parent, so that it only takes up
/// room.
fn is_over(task: &Waiting) -> bool {
    task.cell().is_over() || task.cell().is_parent_cancelled()
}

impl Watcher for Engine {
    fn look(&self) {
        self.queue.look_for_room();
    }
}
