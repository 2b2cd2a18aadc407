//! What SQLite says, in the words of the store's contract.

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
    /// SQLite failed: the transaction is void.
    Sqlite(rusqlite::Error),
    /// It was refused before it wrote anything: others in the transaction are as they were.
    Refused(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(err: rusqlite::Error) -> Self {
        Self::Sqlite(err)
    }
}

/// An error of SQLite that can be told to several callers.
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
    /// What went wrong in this file. A lock was waited for so long, where that is known.
    pub(crate) fn new(path: &Path, err: &rusqlite::Error, waited: Option<Duration>) -> Self {
        Self {
            kind: kind(path, err),
            text: format!("{}: {}", path.display(), words(path, err, waited)),
        }
    }

    /// Nobody can work with this file any more.
    pub(crate) fn broken(path: &Path, what: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Broken,
            text: format!("{}: {what}", path.display()),
        }
    }

    /// Whether each operation of a transaction should be tried alone: one of them may be the cause.
    pub(crate) fn is_of_one(&self) -> bool {
        matches!(self.kind, Kind::Full | Kind::Refused)
    }

    /// Whether there was no room for it.
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

/// The same for one caller.
#[allow(clippy::needless_pass_by_value)] // It is what `map_err` gives.
pub(crate) fn store_error(path: &Path, err: rusqlite::Error) -> StoreError {
    Fault::new(path, &err, None).to_error()
}

/// What a caller can do about it.
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
