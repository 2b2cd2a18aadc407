//! What a task knows of itself while it runs.

#![deny(unsafe_code)]

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cell::body::Body;
use crate::cell::options::JobPlace;
use crate::cell::task_ref::TaskRef;
use crate::cell::{Cell, Shared};
use crate::clock::Tick;
use crate::id::{Identity, TaskId};

/// The name of a task that has none of its own.
pub(crate) const DEFAULT_NAME: &str = "async task";

/// What an attempt knows of itself: who it is, how many attempts are left, how long it has, and
/// whether somebody wants it to end.
///
/// Every attempt gets one of its own. It is cheap to clone, and may be kept and sent elsewhere.
/// `testing::context` (feature `test-util`) makes one for the test of a task or a handler.
///
/// `anyhow` and `eyre` have a trait of the same name. Beside a `Context` of Marionette, import that
/// trait without its name:
///
/// ```
/// use anyhow::Context as _;
/// use marionette::{Context, TaskError};
///
/// async fn read_the_feed(_: Context) -> Result<String, TaskError> {
///     let feed = std::env::var("FEED").context("the feed is not configured")?;
///     Ok(feed)
/// }
/// ```
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskError};
/// # async fn next_page() -> Result<Option<u32>, std::io::Error> { Ok(None) }
///
/// async fn rebuild_the_index(cx: Context) -> Result<(), TaskError> {
///     while let Some(_page) = next_page().await? {
///         if cx.is_cancelled() {
///             return Err(TaskError::cancelled("the index is half done; it can be rebuilt"));
///         }
///     }
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    cell: Shared<dyn Body>,
    attempt: u32,
    /// The number of the manager that runs the attempt.
    manager: u32,
}

impl Context {
    pub(crate) fn new(cell: Shared<dyn Body>, attempt: u32, manager: u32) -> Self {
        Self {
            cell,
            attempt,
            manager,
        }
    }

    pub(crate) fn manager(&self) -> u32 {
        self.manager
    }

    /// The id of the task: the same in all its attempts, and in its handle.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.cell.id()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.cell.identity()
    }

    /// The name of the task; "async task" if it has none of its own.
    #[must_use]
    pub fn name(&self) -> &str {
        name(&self.cell)
    }

    /// The task by its id and name.
    pub(crate) fn task(&self) -> TaskRef {
        TaskRef::new(&*self.cell)
    }

    fn place(&self) -> Option<&JobPlace> {
        place(&self.cell)
    }

    /// The kind of the job ([`Job::KIND`](crate::Job::KIND)); `None` for a task that is no job.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.place().map(|place| &*place.kind)
    }

    /// The queue in which the job waited; `None` for a task that is no job.
    #[must_use]
    pub fn queue_name(&self) -> Option<&str> {
        self.place().map(|place| &*place.queue)
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many attempts are left after this one.
    #[must_use]
    pub fn attempts_left(&self) -> u32 {
        let retries = self
            .cell
            .details()
            .map_or(0, |details| details.options.retries);
        // This is attempt number `attempt` of `retries + 1`.
        retries.saturating_sub(self.attempt - 1)
    }

    /// When this attempt is told to end, by its timeout or the limit in total; `None` for never.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.cell.details()?.deadline().map(Tick::to_instant)
    }

    /// How long this attempt still has until its [`deadline`](Self::deadline): zero once that has
    /// passed, `None` if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::{Context, TaskError};
    /// # async fn fetch(_: Duration) -> Result<(), std::io::Error> { Ok(()) }
    ///
    /// async fn update(cx: Context) -> Result<(), TaskError> {
    ///     let limit = cx.time_left().unwrap_or(Duration::from_secs(60));
    ///     Ok(fetch(limit / 2).await?)
    /// }
    /// ```
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        let deadline = self.cell.details()?.deadline()?;
        Some(deadline.since(Tick::now()))
    }

    /// A token that is cancelled when this attempt should end: at its deadline, by
    /// [`JoinHandle::cancel`](crate::JoinHandle::cancel), by its parent, or when the manager
    /// stops and cannot wait. Give it to what understands tokens.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        let is_cancelled = || self.cell.is_cancel_requested();
        self.cell.details_or_new().token(self.attempt, is_cancelled)
    }

    /// Waits until this attempt should end.
    ///
    /// What an attempt returns after that counts: `Ok` is a success, an error is the end that was
    /// asked for. If it does not return, its future is dropped after a grace
    /// ([`TaskManagerBuilder::grace`](crate::TaskManagerBuilder::grace)). An attempt that never
    /// asked (neither this nor
    /// [`token`](Self::token) nor [`is_cancelled`](Self::is_cancelled)) cannot hear it, and its
    /// future is dropped at once.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Context, TaskError};
    /// # async fn upload() -> Result<(), std::io::Error> { Ok(()) }
    /// # async fn remove_what_was_uploaded() {}
    ///
    /// async fn copy(cx: Context) -> Result<(), TaskError> {
    ///     tokio::select! {
    ///         uploaded = upload() => Ok(uploaded?),
    ///         () = cx.cancelled() => {
    ///             remove_what_was_uploaded().await;
    ///             Err("interrupted".into())
    ///         }
    ///     }
    /// }
    /// ```
    pub async fn cancelled(&self) {
        self.token().cancelled().await;
    }

    /// Whether this attempt should end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cell.is_cancel_requested() || self.token().is_cancelled()
    }

    /// The reason that was given to [`JoinHandle::cancel`](crate::JoinHandle::cancel), if one was.
    #[must_use]
    pub fn cancel_reason(&self) -> Option<String> {
        self.cell.details()?.cancel_reason()
    }
}

/// Where the job belongs; `None` for a task that is no job.
pub(crate) fn place<B: ?Sized>(cell: &Cell<B>) -> Option<&JobPlace> {
    cell.details()?.options.place()
}

pub(crate) fn name<B: ?Sized>(cell: &Cell<B>) -> &str {
    cell.details()
        .and_then(|details| details.options.name())
        .unwrap_or(DEFAULT_NAME)
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("id", &self.id())
            .field("name", &self.name())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
