//! The threads of blocking code: each manager has as many places for them as workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::cell::task_ref::TaskRef;
use crate::sync::Mutex;

/// The places of a manager's threads: as many as it has workers.
pub(crate) struct Pool {
    places: Arc<Semaphore>,
    /// Which tasks have them.
    tasks: Mutex<Vec<TaskRef>>,
    /// Places that should be gone and were taken when that was said. Whoever gets a place gives it
    /// up while there are any, so all places but these are within the bound.
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

    pub(crate) async fn place(self: Arc<Self>, task: TaskRef) -> Option<Place> {
        loop {
            // The semaphore is never closed.
            let permit = Arc::clone(&self.places).acquire_owned().await.ok()?;
            if !self.is_surplus() {
                self.tasks.lock().push(task.clone());
                return Some(Place {
                    pool: self,
                    task,
                    _permit: permit,
                });
            }
            permit.forget();
        }
    }

    /// The tasks whose threads have not come back.
    pub(crate) fn tasks(&self) -> Vec<TaskRef> {
        self.tasks.lock().clone()
    }

    /// Whether there is a place too many; if so, the caller gives up the one it has.
    fn is_surplus(&self) -> bool {
        self.surplus
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |surplus| {
                surplus.checked_sub(1)
            })
            .is_ok()
    }
}

/// A thread's place in a pool, until the code on it returns.
pub(crate) struct Place {
    pool: Arc<Pool>,
    task: TaskRef,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tasks = self.pool.tasks.lock();
        // A job may have two threads: they are alike.
        if let Some(place) = tasks.iter().position(|task| *task == self.task) {
            tasks.swap_remove(place);
        }
    }
}
