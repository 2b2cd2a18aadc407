//! What the handle, the workers and the stop share: the store of this process and its clockwork.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::attempt::Reach;
use crate::blocking::Pool;
use crate::cell::Waiting;
use crate::clock::{Tick, Wall};
use crate::config::Config;
use crate::memory::crew::Supply;
use crate::memory::futures::{FutureTask, Futures};
use crate::memory::queue::{Queue, Ready};
use crate::memory::scheduler::{Precision, Timekeeper};
use crate::observe::Observer;
use crate::post::{Post, TaskRef};
use crate::registry::Registry;
use crate::stats::Stats;
use crate::sync::{Mutex, MutexGuard};

pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) queue: Arc<Queue<Waiting>>,
    pub(crate) timekeeper: Timekeeper<Waiting, Queue<Waiting>>,
    pub(crate) observer: Observer,
    pub(crate) blocking: Arc<Pool>,
    pub(crate) registry: Arc<Registry>,
    /// Tasks that were cancelled while they waited, and found by no worker.
    swept: AtomicU64,
    run: Mutex<Run>,
    posts: Mutex<Posts>,
}

#[derive(Default)]
struct Posts {
    all: Vec<Arc<Post>>,
    left: Vec<Arc<Post>>,
}

/// The present run, from a start to its stop. The lock is held while a run begins and ends, so that
/// a stop never closes what a later start has opened.
pub(crate) struct Run {
    pub(crate) number: u64,
    pub(crate) reach: Reach,
    /// How many workers there should be.
    pub(crate) workers: usize,
    /// …and how many more, each for one whose task waits for the stop of this manager.
    pub(crate) stand_ins: usize,
    /// The begin of its stop.
    pub(crate) stop: Option<Begin>,
    /// Tasks that the stop interrupted.
    pub(crate) interrupted: Vec<TaskRef>,
}

/// When a stop began, and what the figures were: a second stop goes on from there.
#[derive(Clone)]
pub(crate) struct Begin {
    pub(crate) at: Tick,
    pub(crate) stats: Stats,
}

impl Begin {
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
            run: Mutex::new(Run {
                number: 0,
                reach: Reach {
                    grace,
                    ..Reach::default()
                },
                workers: config.workers,
                stand_ins: 0,
                stop: None,
                interrupted: Vec::new(),
            }),
            posts: Mutex::default(),
            config,
        }
    }

    pub(crate) fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock()
    }

    /// Tells this engine from others.
    pub(crate) fn number(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// A post for who is about to run tasks. It outlives that: what was counted stays counted.
    pub(crate) fn new_post(&self) -> Arc<Post> {
        let mut posts = self.posts.lock();
        if let Some(left) = posts.left.pop() {
            return left;
        }
        let post = Arc::new(Post::default());
        posts.all.push(Arc::clone(&post));
        post
    }

    /// It is left: the next one may have it, and counts on.
    pub(crate) fn return_post(&self, post: &Arc<Post>) {
        self.posts.lock().left.push(Arc::clone(post));
    }

    /// The counts of the whole life so far.
    pub(crate) fn figures(&self) -> Stats {
        let stats = Stats::of(&self.posts());
        Stats {
            cancelled: stats.cancelled + self.swept.load(Ordering::Relaxed),
            ..stats
        }
    }

    pub(crate) fn posts(&self) -> Vec<Arc<Post>> {
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
            self.swept.fetch_add(1, Ordering::Relaxed);
            self.observer.cancelled_early(&**task.cell());
        }
    }

    /// The manager is gone: what waits is abandoned, what runs is dropped at its next await.
    pub(crate) fn abandon(&self) {
        let run = self.run();
        self.queue.close();
        drop(self.timekeeper.stop());
        run.reach.interrupt.cancel();
        run.reach.abandon.cancel();
        drop(run);
        let queued = self.queue.take_all().into_iter().map(|ready| ready.task);
        self.were_cancelled(queued.filter(is_over));
        drop(self.take_futures());
    }
}

/// A worker that comes by hands out what is due.
pub(crate) struct DueTasks<'a>(pub(crate) &'a Engine);

impl Supply<Waiting> for DueTasks<'_> {
    #[inline]
    fn is_there(&self) -> bool {
        self.0.timekeeper.owes()
    }

    fn bring(&mut self, room: usize, ready: &mut VecDeque<Ready<Waiting>>) {
        self.0.timekeeper.hand_out(room, ready);
    }
}

/// Whether a task was cancelled while it waits, so that it only takes up room.
fn is_over(task: &Waiting) -> bool {
    task.cell().is_over()
}
