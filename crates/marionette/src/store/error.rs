//! The errors of a store.

use std::fmt;
use std::sync::Arc;

use crate::outcome::error::{BoxError, chain};

/// An error of a store. Its [`kind`](Self::kind) says what the caller can do about it.
///
/// A clone shares the source, so that one error can answer many callers.
///
/// # Examples
///
/// A store makes its errors from those of its server:
///
/// ```
/// use marionette::store::{StoreError, StoreErrorKind};
///
/// let cut = std::io::Error::other("connection reset by peer");
/// let error = StoreError::unavailable("the server does not answer").with_source(cut);
/// assert_eq!(error.kind(), StoreErrorKind::Unavailable);
/// assert_eq!(error.to_string(), "the server does not answer");
/// assert_eq!(error.chain(), "the server does not answer: connection reset by peer");
/// ```
///
/// A service turns them into its own:
///
/// ```
/// use marionette::store::{StoreError, StoreErrorKind};
///
/// fn status(error: &StoreError) -> u16 {
///     match error.kind() {
///         StoreErrorKind::Unavailable => 503,
///         StoreErrorKind::Full => 507,
///         StoreErrorKind::Unsupported => 501,
///         _ => 500,
///     }
/// }
/// assert_eq!(status(&StoreError::full("the disk is full")), 507);
/// ```
#[derive(Clone, Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    what: Arc<str>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What a caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or is busy. Another try later may succeed.
    Unavailable,
    /// There is no room: the disk is full, or a limit of the store is reached.
    Full,
    /// The call asks for something impossible. Another try would fail in the same way.
    Refused,
    /// The store is damaged, of another version, or not a store. A person has to look at it.
    Broken,
    /// This store does not have the feature that the call asks for.
    Unsupported,
}

impl StoreError {
    /// An error of this kind; `what` says what happened, in one line. The cause, if there is one,
    /// belongs into [`with_source`](Self::with_source) and not into `what`.
    pub fn new(kind: StoreErrorKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into().into(),
            source: None,
        }
    }

    /// An error of the kind [`Unavailable`](StoreErrorKind::Unavailable).
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unavailable, what)
    }

    /// An error of the kind [`Full`](StoreErrorKind::Full).
    pub fn full(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Full, what)
    }

    /// An error of the kind [`Refused`](StoreErrorKind::Refused).
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Refused, what)
    }

    /// An error of the kind [`Broken`](StoreErrorKind::Broken).
    pub fn broken(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Broken, what)
    }

    /// An error of the kind [`Unsupported`](StoreErrorKind::Unsupported).
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::new(StoreErrorKind::Unsupported, what)
    }

    /// An error for a task manager that would have to ask the store and is gone: another try would
    /// fail in the same way.
    pub(crate) fn manager_gone() -> Self {
        Self::refused("the task manager is gone")
    }

    /// Adds the error behind this one.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into().into()),
            ..self
        }
    }

    /// What the caller can do about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether another try later may succeed without anybody doing something.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }

    /// The error and its sources in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        chain(self)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(source.as_ref()),
            None => None,
        }
    }
}
