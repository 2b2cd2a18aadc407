//! `WaitingTask`: an accepted task that was taken out of its manager while it waited.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::cell::body::Body;
use crate::cell::context;
use crate::cell::{Cell, Waiting};
use crate::engine::Engine;
use crate::id::TaskId;
use crate::observe::Observer;
use crate::schedule::future_task::FutureTask;

/// An accepted task that was taken out of its manager while it waited: made by
/// [`TaskManager::take_waiting`](crate::TaskManager::take_waiting).
///
/// It keeps its id, options, failures and handle. Dropping it ends the task: its handle resolves
/// with an error that [`is_abandoned`](crate::Error::is_abandoned).
pub struct WaitingTask {
    /// `None` once the task is unwrapped, to be restored to a manager.
    task: Option<Waiting>,
    /// The engine that reports the end of the task if it is dropped here.
    engine: Weak<Engine>,
    server: Arc<str>,
}

impl WaitingTask {
    pub(crate) fn wrap(engine: &Arc<Engine>, future: FutureTask<Waiting>) -> FutureTask<Self> {
        FutureTask {
            due: future.due,
            task: Self {
                task: Some(future.task),
                engine: Arc::downgrade(engine),
                server: Arc::clone(&engine.observer.server),
            },
        }
    }

    pub(crate) fn unwrap(mut future: FutureTask<Self>) -> FutureTask<Waiting> {
        FutureTask {
            due: future.due,
            task: future.task.task.take().expect(IS_THERE),
        }
    }

    fn cell(&self) -> &Cell<dyn Body> {
        self.task.as_ref().expect(IS_THERE).cell()
    }

    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.cell().id()
    }

    /// The name of the task; "async task" if it has none of its own.
    #[must_use]
    pub fn name(&self) -> &str {
        context::name(self.cell())
    }

    /// How many attempts have failed so far.
    #[must_use]
    pub fn failed_attempts(&self) -> u32 {
        self.cell().details().map_or(0, |details| details.failed())
    }
}

const IS_THERE: &str = "only `unwrap` and `drop` take it, and they end `self`";

impl Drop for WaitingTask {
    fn drop(&mut self) {
        let Some(task) = self.task.take() else { return };
        if let Some(engine) = self.engine.upgrade() {
            engine.abandon_waiting(task);
        } else {
            let observer = Observer::new(&self.server);
            task.abandon(|cell, error| observer.failed(cell, error, 0));
        }
    }
}

impl fmt::Debug for WaitingTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingTask")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("failed_attempts", &self.failed_attempts())
            .finish()
    }
}

impl fmt::Display for WaitingTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
