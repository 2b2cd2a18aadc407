//! Vacancies: a task that is cancelled while it waits frees its place, and every owner of a queue
//! hears of it, since the queue may be full.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

/// How many tasks were cancelled while they waited, in this process.
static CANCELLED: AtomicUsize = AtomicUsize::new(0);

/// Whether a task ever had a parent, in this process.
static PARENTS: AtomicBool = AtomicBool::new(false);

/// The owners of queues that may be full.
static WATCHERS: Mutex<Vec<Weak<dyn Watcher>>> = Mutex::new(Vec::new());

/// An owner of a queue that may be full.
pub(crate) trait Watcher: Send + Sync {
    /// Looks for a free place: a task was cancelled while it waited, perhaps in this owner's queue.
    fn look(&self);
}

/// Adds an owner, who hears of every vacancy from now on.
pub(crate) fn watch(watcher: Weak<dyn Watcher>) {
    let mut watchers = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
    watchers.retain(|watcher| watcher.strong_count() > 0);
    watchers.push(watcher);
}

/// Tells all watchers that a task was cancelled while it waited, since tasks do not know their
/// queue. That is rare, and most watchers find at once that nobody waits for room.
#[cold]
pub(crate) fn arose() {
    CANCELLED.fetch_add(1, Ordering::SeqCst);
    // A watcher may run the application's code, which may cancel tasks as well: no lock is held.
    for watcher in watchers().iter().filter_map(Weak::upgrade) {
        watcher.look();
    }
}

fn watchers() -> Vec<Weak<dyn Watcher>> {
    WATCHERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Notes that a task has a parent. Such a task may be over without a word from anybody, since a
/// token tells only those who wait for it.
pub(crate) fn may_end_with_parent() {
    if !PARENTS.load(Ordering::Relaxed) {
        PARENTS.store(true, Ordering::Relaxed);
    }
}

/// Whether a task of this process ever had a parent.
pub(crate) fn had_parents() -> bool {
    PARENTS.load(Ordering::Relaxed)
}

/// How many tasks were cancelled while they waited, in this process. Equal counts mean that none
/// was cancelled in between.
pub(crate) fn count() -> usize {
    CANCELLED.load(Ordering::SeqCst)
}
