//! The monotonic clock, by which an instance is found dead. The wall clock is that of the server.

use std::time::Instant;

/// The present by the clock that nobody can step.
#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}
