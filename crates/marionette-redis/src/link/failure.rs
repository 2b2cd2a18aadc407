//! Why a connection could not be made.

use marionette::store::StoreError;
use redis::RedisError;

use crate::address::Host;
use crate::error::{is_passing, store_error, told};

/// Why a connection could not be made.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: StoreError,
    /// Whether it may be otherwise in a moment without anybody doing something.
    pub(super) is_passing: bool,
    /// Whether the server refuses the user or the password.
    pub(super) is_about_credentials: bool,
    /// The node of a cluster that has to be asked instead.
    pub(super) moved: Option<Host>,
}

impl Failure {
    pub(super) fn passing(what: impl Into<String>) -> Self {
        Self {
            is_passing: true,
            ..StoreError::unavailable(what).into()
        }
    }

    pub(super) fn unavailable(what: impl Into<String>) -> Self {
        StoreError::unavailable(what).into()
    }

    pub(super) fn refused(what: impl Into<String>) -> Self {
        StoreError::refused(what).into()
    }

    pub(super) fn of_credentials(what: impl Into<String>) -> Self {
        Self {
            is_about_credentials: true,
            ..Self::refused(what)
        }
    }

    /// A server that is not there, or does not speak.
    pub(super) fn unreachable(server: &impl std::fmt::Display, error: std::io::Error) -> Self {
        let what = format!("{server} cannot be reached");
        StoreError::unavailable(what).with_source(error).into()
    }

    /// An error of the server at this address while the connection was made.
    pub(super) fn of(server: &impl std::fmt::Display, error: RedisError) -> Self {
        if error.code().is_none() {
            let what = format!("{server} does not answer as a Redis server does");
            return StoreError::unavailable(what).with_source(error).into();
        }
        let is_passing = is_passing(&error);
        let error = if is_passing {
            StoreError::unavailable(format!("{server} is not ready: {}", told(&error)))
        } else {
            store_error(error)
        };
        Self {
            is_passing,
            ..error.into()
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self {
            error,
            is_passing: false,
            is_about_credentials: false,
            moved: None,
        }
    }
}
