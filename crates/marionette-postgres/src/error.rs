//! What a server says in trouble: as errors of a store, and as what can be done about it.

use marionette::store::StoreError;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

/// What to do about an error. Every call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cure {
    /// Nothing: it is the answer.
    None,
    /// Another connection: this one is dead, or its server serves no jobs at the moment.
    Connect,
    /// Try again: somebody was faster.
    Again,
}

pub(crate) fn cure(error: &Error) -> Cure {
    let Some(state) = error.code() else {
        return Cure::Connect;
    };
    match state.code() {
        // Read only: a standby now. Out of connections, starting, stopping.
        "25006" | "53300" | "57P01" | "57P02" | "57P03" | "57P05" => Cure::Connect,
        code if code.starts_with("08") => Cure::Connect,
        "40001" | "40P01" | "55P03" => Cure::Again,
        _ => Cure::None,
    }
}

/// The error of a call.
pub(crate) fn store_error(error: Error) -> StoreError {
    let Some(told) = error.as_db_error() else {
        return StoreError::unavailable("the server cannot be asked").with_source(error);
    };
    let what = told.message().to_owned();
    let error = match told.code().code() {
        // Raised by our own functions.
        "MN001" => return StoreError::unavailable(what),
        "53100" | "53200" | "53400" => StoreError::full(format!("the server is full: {what}")),
        "42501" | "28000" | "28P01" | "3D000" => StoreError::refused(what),
        "42883" | "42P01" | "3F000" | "42703" => StoreError::broken(format!(
            "the tables of the store are not those of this library: {what}"
        )),
        code if code.starts_with("22") || code.starts_with("XX") => StoreError::broken(what),
        _ => StoreError::unavailable(format!("the server answered: {what}")),
    };
    error.with_source(source(told.code()))
}

fn source(state: &SqlState) -> std::io::Error {
    std::io::Error::other(format!("SQLSTATE {}", state.code()))
}

/// An answer that no function of ours gives.
pub(crate) fn strange(what: &str) -> StoreError {
    StoreError::broken(format!("the server answered something else than {what}"))
}
