//! The handle of an accepted task: its result, its state, its end.

#![deny(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll, ready};

use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::cell::body::Joinable;
use crate::cell::context;
use crate::cell::{Joined, Shared, TaskState};
use crate::id::TaskId;
use crate::outcome::error::Error;
use crate::park;
use crate::vacancy;

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
pub struct JoinHandle<T> {
    joined: Joined<T>,
    /// The wait for the parent's cancellation, if there is a parent and the handle was polled.
    parent: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<T> JoinHandle<T> {
    pub(crate) fn new(joined: Joined<T>) -> Self {
        Self {
            joined,
            parent: None,
        }
    }

    pub(crate) fn share(&self) -> Shared<dyn Joinable<T>> {
        self.joined.share()
    }

    /// The id of the task.
    pub fn id(&self) -> TaskId {
        self.joined.cell().id()
    }

    /// The name of the task; "async task" if it has none of its own.
    pub fn name(&self) -> &str {
        context::name(self.joined.cell())
    }

    /// Where the task stands.
    pub fn state(&self) -> TaskState {
        // The task may have ended with its parent, though nobody has noticed yet.
        self.end_with_parent();
        self.joined.cell().task_state()
    }

    /// Ends it if it waits and its parent was cancelled. Returns whether it did.
    fn end_with_parent(&self) -> bool {
        let ends = self.joined.cell().end_with_parent();
        if ends {
            vacancy::arose();
        }
        ends
    }

    /// Whether the task has ended, so that awaiting the handle returns at once.
    pub fn is_finished(&self) -> bool {
        self.state() == TaskState::Finished
    }
}

impl<T: 'static> JoinHandle<T> {
    /// Asks the task to end, for this reason. Returns whether it had not ended yet.
    ///
    /// A task that waits, in the queue or for its time, ends at once and never runs. A running
    /// attempt is told through its [`Context`](crate::Context) and has a grace
    /// ([`TaskManagerBuilder::grace`](crate::TaskManagerBuilder::grace)) to return: `Ok` is a
    /// success even now. After the grace its future is dropped. No further attempt is made.
    pub fn cancel(&self, reason: impl Into<String>) -> bool {
        self.joined.cell().cancel(reason.into(), false)
    }

    /// Ends the task without asking: a running attempt's future is dropped at its next await.
    /// Returns whether the task had not ended yet.
    ///
    /// Code that blocks its thread cannot be stopped; its future is dropped when it returns.
    pub fn abort(&self) -> bool {
        self.joined.cell().cancel("aborted".into(), true)
    }
}

impl<T> JoinHandle<T> {
    /// Waits for the result by blocking this thread, for code that is not async.
    ///
    /// # Errors
    ///
    /// As when the handle is awaited.
    ///
    /// # Panics
    ///
    /// Panics in async code, whose thread must not block. The threads of
    /// [`blocking`](crate::blocking) code and of `tokio::task::spawn_blocking` may block.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskManager};
    ///
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// let tasks = TaskManager::new(Default::default())?;
    /// runtime.block_on(async { tasks.start() });
    /// let sum = tasks.queue(async |_: Context| Ok(2 + 3)).blocking_wait()?;
    /// assert_eq!(sum.blocking_wait()?, 5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn blocking_wait(mut self) -> Result<T, Error> {
        park::check_may_block();
        park::block_on(&mut self, None).expect("a wait without a limit ends with the result")
    }

    /// Whether the task waited and its parent was cancelled. One that runs is told by its context.
    fn ends_with_parent(&mut self, poller: &mut Poller<'_>) -> bool {
        let cell = self.joined.cell();
        let Some(token) = cell.details().and_then(|details| details.options.token()) else {
            return false;
        };
        let parent = self
            .parent
            .get_or_insert_with(|| Box::pin(token.clone().cancelled_owned()));
        parent.as_mut().poll(poller).is_ready() && self.end_with_parent()
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut polled = this.joined.poll(poller.waker());
        if polled.is_pending() && this.ends_with_parent(poller) {
            polled = this.joined.poll(poller.waker());
        }
        let result = ready!(polled);
        Poll::Ready(result.expect("a `JoinHandle` is not polled after it has resolved"))
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("id", &self.id())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
