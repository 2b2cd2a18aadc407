//! The pool: the places for the threads of a manager's blocking code.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cell::task_ref::TaskRef;
use crate::sync::Mutex;

/// The places for the threads of a manager's blocking code: as many as it has workers.
pub(crate) struct Pool {
    places: Arc<Semaphore>,
    /// The tasks whose threads have a place.
    tasks: Mutex<Vec<TaskRef>>,
    /// How many places should be gone, but were taken when the pool shrank. While there are any, a
    /// thread that gets a place gives it up, so all other places are within the bound.
    surplus: AtomicUsize,
}

impl Pool {
    pub(crate) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            tasks: Mutex::default(),
            surplus: AtomicUsize::new(0),
        }
    }

    /// Changes the number of places from `before`. One caller at a time.
    pub(crate) fn resize(&self, before: usize, places: usize) {
        if let Some(fewer) = before.checked_sub(places) {
            let gone = self.places.forget_permits(fewer);
            self.surplus.fetch_add(fewer - gone, Ordering::AcqRel);
        } else {
            let more = places - before;
            let surplus =
                self.surplus
                    .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                        Some(surplus.saturating_sub(more))
                    });
            let stay = surplus.map_or(0, |surplus| surplus.min(more));
            self.places.add_permits(more - stay);
        }
    }

    /// Waits for a place for a thread of this task.
    pub(crate) async fn place(self: Arc<Self>, task: TaskRef) -> Option<PoolPlace> {
        loop {
            // The semaphore is never closed.
            let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
            if !self.is_surplus() {
                self.tasks.lock().push(task.clone());
                return Some(PoolPlace {
                    pool: self,
                    task,
                    _permit: permit,
                });
            }
            permit.forget();
        }
    }

    /// The tasks whose threads have not returned.
    pub(crate) fn tasks(&self) -> Vec<TaskRef> {
        self.tasks.lock().clone()
    }

    /// Takes one place off the surplus, if there is one. Returns whether the caller must give up
    /// its own place for that.
    fn is_surplus(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                surplus.checked_sub(1)
            })
            .is_ok()
    }
}

/// A thread's place in a pool, until the code on it returns.
pub(crate) struct PoolPlace {
    pool: Arc<Pool>,
    task: TaskRef,
    _permit: OwnedSemaphorePermit,
}

impl Drop for PoolPlace {
    fn drop(&mut self) {
        let mut tasks = self.pool.tasks.lock();
        // A task may have two threads, whose places are alike.
        if let Some(place) = tasks.iter().position(|task| *task == self.task) {
            tasks.swap_remove(place);
        }
    }
}
