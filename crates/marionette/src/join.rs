//! The handle of an accepted task: its result, its state, its end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll, ready};

use crate::cell::{Joined, Status};
use crate::context;
use crate::error::Error;
use crate::id::TaskId;

/// The handle of an accepted task. Await it for the result, or for the [`Error`] with every
/// attempt.
///
/// Dropping it neither cancels the task nor costs it anything. It never waits for ever: when the
/// last clone of the manager is dropped, it resolves with an error that
/// [`is_abandoned`](Error::is_abandoned).
///
/// # Cancel safety
///
/// It may be polled in a `select!` by reference; nothing is lost when that branch is not taken.
///
/// # Panics
///
/// Polling it again after it has resolved panics.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?;
/// tasks.start();
/// let answer = tasks.queue(async |_: Context| Ok(6 * 7)).await?;
/// assert_eq!(answer.await?, 42);
/// # Ok(())
/// # }
/// ```
pub struct JoinHandle<T>(Joined<T>);

impl<T> JoinHandle<T> {
    pub(crate) fn new(joined: Joined<T>) -> Self {
        Self(joined)
    }

    /// The id of the task.
    pub fn id(&self) -> TaskId {
        self.0.cell().id()
    }

    /// The name of the task; "async task" if it has none of its own.
    pub fn name(&self) -> &str {
        context::name(self.0.cell())
    }

    /// Where the task stands.
    pub fn status(&self) -> Status {
        self.0.cell().status()
    }

    /// Whether the task has ended, so that awaiting the handle returns at once.
    pub fn is_finished(&self) -> bool {
        self.status() == Status::Finished
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Asks the task to end, for this reason. Returns whether it had not ended yet.
    ///
    /// A task that waits, in the queue or for its time, ends at once and never runs. A running
    /// attempt is told through its [`Context`](crate::Context) and has a grace
    /// ([`Builder::grace`](crate::Builder::grace)) to return: `Ok` is a success even now. After the
    /// grace its future is dropped. No further attempt is made.
    pub fn cancel(&self, reason: impl Into<String>) -> bool {
        self.0.cell().cancel(reason.into(), false)
    }

    /// Ends the task without asking: a running attempt's future is dropped at its next await.
    /// Returns whether the task had not ended yet.
    ///
    /// Code that blocks its thread cannot be stopped; its future is dropped when it returns.
    pub fn abort(&self) -> bool {
        self.0.cell().cancel("aborted".into(), true)
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let result = ready!(self.0.poll(poller.waker()));
        Poll::Ready(result.expect("a `JoinHandle` is not polled after it has resolved"))
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
