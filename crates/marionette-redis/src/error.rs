//! What a server says in trouble, as errors of a store.

use marionette::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// The error of a call.
pub(crate) fn store_error(error: RedisError) -> StoreError {
    let code = error.code().unwrap_or_default().to_owned();
    let what = match error.detail() {
        Some(detail) => format!("the server answered: {code} {detail}"),
        None => format!("the server cannot be asked: {error}"),
    };
    let kind = match (error.kind(), &*code) {
        (_, "OOM" | "FULL") => StoreError::full(what),
        (_, "NOPERM" | "LAYOUT") => StoreError::refused(what),
        (ErrorKind::AuthenticationFailed, _) => StoreError::refused(what),
        _ => StoreError::unavailable(what),
    };
    kind.with_source(error)
}

/// Whether the server does not know the script, or no longer.
pub(crate) fn is_no_script(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// An answer that no script of ours gives.
pub(crate) fn strange(what: &str) -> StoreError {
    StoreError::broken(format!("the server answered something else than {what}"))
}
