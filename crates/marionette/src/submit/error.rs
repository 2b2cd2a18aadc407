//! `QueueError`: a task that was refused, and why.

use std::error::Error as _;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use crate::id::TaskId;
use crate::queue::Refused;
use crate::schedule::future_task::unschedulable;
use crate::store::{StoreError, StoreErrorKind};
use crate::task::encoded_job::Unstorable;

/// The error of a task that was refused, with the reason and the task itself.
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
///
/// A service maps the [kinds](Self::kind) to its own answers. [`forget_task`](Self::forget_task)
/// makes one type of the errors of all tasks, for a variant of an error enum:
///
/// ```
/// use marionette::error::QueueErrorKind;
/// use marionette::{Config, Context, QueueError, TaskManager};
///
/// fn status(refused: &QueueError<()>) -> u16 {
///     match refused.kind() {
///         QueueErrorKind::Full => 429,
///         QueueErrorKind::Stopped | QueueErrorKind::Store(_) => 503,
///         _ => 500,
///     }
/// }
///
/// async fn handle(tasks: &TaskManager) -> Result<(), QueueError<()>> {
///     let greet = async |_: Context| Ok(println!("hello"));
///     tasks.queue(greet).await.map_err(QueueError::forget_task)?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Config::default())?; // not started
/// assert_eq!(status(&handle(&tasks).await.unwrap_err()), 503);
/// # Ok(())
/// # }
/// ```
pub struct QueueError<H> {
    refusal: Refusal,
    /// The lock makes the error `Sync` for every task, so that `?` converts it into any error type.
    task: Mutex<H>,
}

/// Why a task was refused: the kinds of [`QueueError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueueErrorKind {
    /// The manager was not running.
    Stopped,
    /// The queue was full, and stayed full for as long as the caller waited.
    Full,
    /// The time of the task cannot be scheduled.
    Unschedulable,
    /// The store has another job with the same id: one of another kind, in another queue or with
    /// other arguments. That job stays as it is. Queueing the same job again is no error.
    Taken,
    /// No handler is registered for jobs of this kind, in a manager without a store.
    UnknownKind,
    /// The encoded arguments of the job are longer than
    /// [`PAYLOAD_BYTES_MAX`](crate::store::PAYLOAD_BYTES_MAX), 1 MiB.
    TooLarge,
    /// The job cannot be stored as it is: its arguments do not encode, its kind or queue has no
    /// proper name, or an option is code.
    Unstorable,
    /// The store caused the refusal, by an [error](QueueError::store_error) of this kind.
    Store(StoreErrorKind),
}

/// Why a task was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    Full,
    Stopped,
    Unschedulable(SystemTime),
    /// Another job has the id of this one.
    Taken(TaskId),
    /// The manager or its store cannot take the job as it is.
    Unstorable(Box<Unstorable>),
    Store(Box<StoreError>),
    /// The last clone of the manager was dropped.
    Gone,
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

    /// Why the task was refused.
    pub fn kind(&self) -> QueueErrorKind {
        match &self.refusal {
            Refusal::Full => QueueErrorKind::Full,
            Refusal::Stopped | Refusal::Gone => QueueErrorKind::Stopped,
            Refusal::Unschedulable(_) => QueueErrorKind::Unschedulable,
            Refusal::Taken(_) => QueueErrorKind::Taken,
            Refusal::Unstorable(unstorable) => match &**unstorable {
                Unstorable::UnknownKind { .. } => QueueErrorKind::UnknownKind,
                Unstorable::TooLarge { .. } => QueueErrorKind::TooLarge,
                _ => QueueErrorKind::Unstorable,
            },
            Refusal::Store(error) => QueueErrorKind::Store(error.kind()),
        }
    }

    /// Whether the manager was not running, or is gone.
    pub fn is_stopped(&self) -> bool {
        self.kind() == QueueErrorKind::Stopped
    }

    /// Whether there was no room: the queue was full, and stayed full for as long as the caller
    /// waited; or the store was full.
    pub fn is_full(&self) -> bool {
        matches!(
            self.kind(),
            QueueErrorKind::Full | QueueErrorKind::Store(StoreErrorKind::Full)
        )
    }

    /// Whether the time of the task cannot be scheduled.
    pub fn is_unschedulable(&self) -> bool {
        self.kind() == QueueErrorKind::Unschedulable
    }

    /// Whether the store cannot be reached or is busy: another try later may succeed.
    ///
    /// The job may have been accepted all the same. A job that was
    /// [wrapped](crate::wrap) can safely be queued again: it keeps its id, and a store
    /// accepts an id once.
    pub fn is_unavailable(&self) -> bool {
        self.kind() == QueueErrorKind::Store(StoreErrorKind::Unavailable)
    }

    /// The error of the store, if the store caused the refusal.
    pub fn store_error(&self) -> Option<&StoreError> {
        match &self.refusal {
            Refusal::Store(error) => Some(error),
            _ => None,
        }
    }

    /// The task that was refused. Its options are gone, unless it is a
    /// [`TaskHandler`](crate::TaskHandler).
    pub fn into_task(self) -> H {
        self.into_parts().0
    }

    /// The task that was refused, and the error without it.
    pub fn into_parts(self) -> (H, QueueError<()>) {
        let task = self.task.into_inner();
        let task = task.unwrap_or_else(PoisonError::into_inner);
        (task, QueueError::new(self.refusal, ()))
    }

    /// The error without its task, which is dropped. Errors of all tasks are of one type then.
    #[must_use]
    pub fn forget_task(self) -> QueueError<()> {
        self.into_parts().1
    }
}

impl<H> QueueError<H> {
    /// The task, and why it was refused.
    pub(crate) fn into_refusal(self) -> (H, Refusal) {
        let task = self.task.into_inner();
        (task.unwrap_or_else(PoisonError::into_inner), self.refusal)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("the queue is full"),
            Self::Stopped => f.write_str("the task manager is not running"),
            Self::Gone => f.write_str("the task manager is gone: its last clone was dropped"),
            Self::Taken(id) => write!(
                f,
                "the store has a job with the id {id} already, and its kind, queue or arguments \
                 are others"
            ),
            Self::Unschedulable(time) => f.write_str(unschedulable(*time)),
            Self::Unstorable(unstorable) => unstorable.fmt(f),
            Self::Store(error) => error.fmt(f),
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

impl Refusal {
    pub(crate) fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unstorable(unstorable) => unstorable.source(),
            Self::Store(error) => error.source(),
            Self::Full | Self::Stopped | Self::Unschedulable(_) | Self::Taken(_) | Self::Gone => {
                None
            }
        }
    }
}

/// The source is the cause of the store's error, or of arguments that do not encode.
impl<H> std::error::Error for QueueError<H> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.refusal.source()
    }
}
