//! What a task knows of itself while it runs.

#![deny(unsafe_code)]

use std::fmt;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::cell::body::Body;
use crate::cell::task_ref::TaskRef;
use crate::cell::{Cell, Shared};
use crate::clock::Tick;
use crate::id::{Identity, TaskId};
use crate::quiet::QuietSpan;

/// The name of a task that has none of its own.
pub(crate) const DEFAULT_NAME: &str = "async task";

/// What an attempt knows of itself: who it is, how many attempts are left, how long it has, and
/// whether somebody wants it to end.
///
/// Every attempt gets one of its own. It is cheap to clone, and may be kept and sent elsewhere.
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
}

impl Context {
    pub(crate) fn new(cell: Shared<dyn Body>, attempt: u32) -> Self {
        Self { cell, attempt }
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

    /// The tracing span of this attempt, as long as it is used inside the attempt.
    #[must_use]
    #[allow(clippy::unused_self)] // The span is the current one; the context is what has it.
    pub fn span(&self) -> Span {
        QuietSpan::current().into_span()
    }
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
