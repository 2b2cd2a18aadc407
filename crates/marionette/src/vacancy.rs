//! Tells whoever has a full queue that a task was cancelled while it waited: its place is free.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, Weak};

/// How many tasks were cancelled while they waited, in this process.
static CANCELLED: AtomicUsize = AtomicUsize::new(0);

/// Whether a task ever had a parent, in this process.
static PARENTS: AtomicBool = AtomicBool::new(false);

/// Those who may have a full queue.
static WATCHERS: Mutex<Vec<Weak<dyn Watcher>>> = Mutex::new(Vec::new());

/// An owner of a queue that may be full.
pub(crate) trait Watcher: Send + Sync {
    /// A task was cancelled while it waited, perhaps one of theirs.
    fn look(&self);
}

/// From now on this one is told.
pub(crate) fn watch(watcher: Weak<dyn Watcher>) {
    let mut watchers = WATCHERS.lock().unwrap_or_else(PoisonError::into_inner);
    watchers.retain(|watcher| watcher.strong_count() > 0);
    watchers.push(watcher);
}

/// A task was cancelled while it waited. Tasks do not know who has them, so all are told: that is
/// rare, and most find at once that nobody waits for room.
#[cold]
pub(crate) fn arose() {
    CANCELLED.fetch_add(1, Ordering::SeqCst);
    // Code of the application's may run in there, and cancel tasks as well: no lock is held.
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

/// A task has a parent: it may be over without a word from anybody, since a token tells only those
/// who wait for it.
pub(crate) fn may_end_with_parent() {
    if !PARENTS.load(Ordering::Relaxed) {
        PARENTS.store(true, Ordering::Relaxed);
    }
}

/// Whether a task of this process ever had a parent.
pub(crate) fn had_parents() -> bool {
    PARENTS.load(Ordering::Relaxed)
}

/// A number that has changed if some have been cancelled since.
pub(crate) fn count() -> usize {
    CANCELLED.load(Ordering::SeqCst)
}
