//! SQLite's errors, in the terms of the store's contract.

pub(crate) mod words;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use marionette::store::StoreError;
use rusqlite::ErrorCode;

use words::{FILE_CUT_OFF, NO_ROOM_FOR_SHARED_MEMORY, grown, words};

/// Why an operation of the writer or the reader failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// SQLite failed, which voids the transaction.
    Sqlite(rusqlite::Error),
    /// It was refused before it wrote anything, so the other operations are unharmed.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(err: rusqlite::Error) -> Self {
        Self::Sqlite(err)
    }
}

/// An error of SQLite that can be given to several callers.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unavailable,
    Full,
    Refused,
    Broken,
}

impl Fault {
    /// The fault of this file for an error of SQLite. `waited`: how long a lock was waited for.
    pub(crate) fn new(path: &Path, err: &rusqlite::Error, waited: Option<Duration>) -> Self {
        Self {
            kind: kind(path, err),
            text: format!("{}: {}", path.display(), words(path, err, waited)),
        }
    }

    /// The fault of a file with which the store cannot go on.
    pub(crate) fn broken(path: &Path, what: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Broken,
            text: format!("{}: {what}", path.display()),
        }
    }

    /// Whether one operation may be the cause, so that each should be tried alone.
    pub(crate) fn is_of_one(&self) -> bool {
        matches!(self.kind, Kind::Full | Kind::Refused)
    }

    /// Whether there was no room.
    pub(crate) fn is_full(&self) -> bool {
        self.kind == Kind::Full
    }

    pub(crate) fn to_error(&self) -> StoreError {
        match self.kind {
            Kind::Unavailable => StoreError::unavailable(&*self.text),
            Kind::Full => StoreError::full(&*self.text),
            Kind::Refused => StoreError::refused(&*self.text),
            Kind::Broken => StoreError::broken(&*self.text),
        }
    }
}

/// The error for one caller, as [`Fault::new`] makes it for several.
#[allow(clippy::needless_pass_by_value)] // It is what `map_err` gives.
pub(crate) fn store_error(path: &Path, err: rusqlite::Error) -> StoreError {
    Fault::new(path, &err, None).to_error()
}

/// The kind of an error: what a caller can do about it.
fn kind(path: &Path, err: &rusqlite::Error) -> Kind {
    let rusqlite::Error::SqliteFailure(code, _) = err else {
        return Kind::Broken;
    };
    match (code.extended_code, code.code) {
        (NO_ROOM_FOR_SHARED_MEMORY, _) | (_, ErrorCode::DiskFull) => Kind::Full,
        (FILE_CUT_OFF, _) => Kind::Broken,
        (_, ErrorCode::SystemIoFailure) if grown(path).is_some() => Kind::Full,
        (
            _,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => Kind::Unavailable,
        (
            _,
            ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => Kind::Refused,
        _ => Kind::Broken,
    }
}
