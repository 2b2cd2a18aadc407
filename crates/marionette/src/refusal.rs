//! A task that was not accepted, and why.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::memory::futures::unschedulable;
use crate::memory::queue::Refused;

/// A task that was not accepted; it comes back in the error.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?;
/// let refused = tasks.queue(async |_: Context| Ok("hello")).await.unwrap_err();
/// assert!(refused.is_stopped());
/// assert_eq!(refused.to_string(), "the task manager is not running");
///
/// tasks.start();
/// let handle = tasks.queue(refused.into_task()).await?;
/// assert_eq!(handle.await?, "hello");
/// # Ok(())
/// # }
/// ```
pub struct QueueError<H> {
    refusal: Refusal,
    /// The lock makes the error `Sync` for every task, so that `?` converts it into any error type.
    task: Mutex<H>,
}

/// Why a task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Full,
    Stopped,
    Unschedulable(SystemTime),
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Stopped => Self::Stopped,
        }
    }
}

impl<H> QueueError<H> {
    pub(crate) fn new(refusal: Refusal, task: H) -> Self {
        Self {
            refusal,
            task: Mutex::new(task),
        }
    }

    /// Whether the manager was not running.
    pub fn is_stopped(&self) -> bool {
        self.refusal == Refusal::Stopped
    }

    /// Whether the queue was full, and stayed so for as long as was waited.
    pub fn is_full(&self) -> bool {
        self.refusal == Refusal::Full
    }

    /// Whether the time was one for which nothing can be scheduled.
    pub fn is_unschedulable(&self) -> bool {
        matches!(self.refusal, Refusal::Unschedulable(_))
    }

    /// The task that was refused. Its options are gone, unless it is a
    /// [`TaskHandler`](crate::TaskHandler).
    pub fn into_task(self) -> H {
        self.task
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the queue is full"),
            Self::Stopped => f.write_str("the task manager is not running"),
            Self::Unschedulable(time) => f.write_str(unschedulable(*time)),
        }
    }
}

impl<H> fmt::Display for QueueError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)
    }
}

impl<H> fmt::Debug for QueueError<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueueError").field(&self.refusal).finish()
    }
}

impl<H> std::error::Error for QueueError<H> {}
