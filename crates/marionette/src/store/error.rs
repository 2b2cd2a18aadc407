//! The errors of a store.

use std::fmt;

use crate::outcome::error::{BoxError, chain};

/// An error of a store. Its kind says what the caller can do about it.
#[derive(Debug)]
pub struct StoreError {
    kind: Kind,
    what: String,
    source: Option<BoxError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Full,
    Refused,
    Broken,
}

impl StoreError {
    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            source: None,
        }
    }

    /// An error of a store that cannot be reached or is busy; another try later may succeed.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, what)
    }

    /// An error for want of room: the disk is full, or a limit of the store is reached.
    pub fn full(what: impl Into<String>) -> Self {
        Self::new(Kind::Full, what)
    }

    /// An error of a call that asks for something impossible: another try would fail in the same
    /// way.
    pub fn refused(what: impl Into<String>) -> Self {
        Self::new(Kind::Refused, what)
    }

    /// An error for a task manager that would have to ask the store and is gone: another try would
    /// fail in the same way.
    pub(crate) fn manager_gone() -> Self {
        Self::refused("the task manager is gone")
    }

    /// An error of a store that is damaged, of another version, or not a store.
    pub fn broken(what: impl Into<String>) -> Self {
        Self::new(Kind::Broken, what)
    }

    /// Adds the error behind this one.
    #[must_use]
    pub fn with_source(self, source: impl Into<BoxError>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }

    /// Whether another try later may succeed without anybody doing something.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        self.kind == Kind::Unavailable
    }

    /// Whether there was no room.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    /// Whether the call asked for something impossible.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether the store is damaged, of another version, or not a store.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.kind == Kind::Broken
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
