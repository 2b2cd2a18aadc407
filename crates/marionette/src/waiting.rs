//! An accepted task that was taken out of a stopped manager.

use std::fmt;

use crate::cell::Waiting;
use crate::context;
use crate::id::TaskId;
use crate::memory::futures::FutureTask;

/// An accepted task that was taken out of its manager while it waited: made by
/// [`TaskManager::take_waiting`](crate::TaskManager::take_waiting).
///
/// It keeps its id, options, failures and handle. Dropping it ends the task: its handle resolves
/// with an error that [`is_abandoned`](crate::Error::is_abandoned).
pub struct WaitingTask(Waiting);

impl WaitingTask {
    pub(crate) fn wrap(future: FutureTask<Waiting>) -> FutureTask<Self> {
        FutureTask {
            due: future.due,
            task: Self(future.task),
        }
    }

    pub(crate) fn unwrap(future: FutureTask<Self>) -> FutureTask<Waiting> {
        FutureTask {
            due: future.due,
            task: future.task.0,
        }
    }

    /// The id of the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.0.cell().id()
    }

    /// The name of the task; "async task" if it has none of its own.
    #[must_use]
    pub fn name(&self) -> &str {
        context::name(self.0.cell())
    }

    /// How many attempts have failed so far.
    #[must_use]
    pub fn failed_attempts(&self) -> u32 {
        self.0.cell().extra().map_or(0, |extra| extra.failed())
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
