//! SQLite's errors, in the terms of the store's contract.

pub(crate) mod words;

use std::fmt;
use std::io;
use std::path::Path;
use std::time::Duration;

use marionette::store::{StoreError, StoreErrorKind};
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

/// The error of this file for an error of SQLite.
#[allow(clippy::needless_pass_by_value)] // It is what `map_err` gives.
pub(crate) fn store_error(path: &Path, err: rusqlite::Error) -> StoreError {
    sqlite_error(path, &err, None)
}

/// The error of this file for an error of SQLite. `waited`: how long a lock was waited for.
///
/// Of a file that may not become larger, the source is an [`io::Error`] of the kind
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge).
pub(crate) fn sqlite_error(
    path: &Path,
    err: &rusqlite::Error,
    waited: Option<Duration>,
) -> StoreError {
    let grown = match err.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => grown(path),
        _ => None,
    };
    let what = words(path, err, waited, grown);
    let error = StoreError::new(kind(err, grown), format!("{}: {what}", path.display()));
    match grown {
        // Programs ask the source; its own text would say nothing more.
        Some(_) => error.with_source(io::Error::from(io::ErrorKind::FileTooLarge)),
        None => error,
    }
}

/// The error of a file with which the store cannot go on.
pub(crate) fn broken(path: &Path, what: impl fmt::Display) -> StoreError {
    StoreError::broken(format!("{}: {what}", path.display()))
}

/// Whether one operation may be the cause, so that each should be tried alone.
pub(crate) fn is_of_one(error: &StoreError) -> bool {
    matches!(error.kind(), StoreErrorKind::Full | StoreErrorKind::Refused)
}

/// The kind of an error: what a caller can do about it.
fn kind(err: &rusqlite::Error, grown: Option<u64>) -> StoreErrorKind {
    let rusqlite::Error::SqliteFailure(code, _) = err else {
        return StoreErrorKind::Broken;
    };
    match (code.extended_code, code.code) {
        (NO_ROOM_FOR_SHARED_MEMORY, _) | (_, ErrorCode::DiskFull) => StoreErrorKind::Full,
        (FILE_CUT_OFF, _) => StoreErrorKind::Broken,
        (_, ErrorCode::SystemIoFailure) if grown.is_some() => StoreErrorKind::Full,
        (
            _,
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::OutOfMemory
            | ErrorCode::FileLockingProtocolFailed,
        ) => StoreErrorKind::Unavailable,
        (
            _,
            ErrorCode::ConstraintViolation
            | ErrorCode::TooBig
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::AuthorizationForStatementDenied,
        ) => StoreErrorKind::Refused,
        _ => StoreErrorKind::Broken,
    }
}
