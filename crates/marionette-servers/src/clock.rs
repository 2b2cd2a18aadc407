//! Real time: a server has no clock that a test could move.

use std::time::{Duration, Instant};

/// How long a server may take to start, to end, or to answer. It is for a machine that is very
/// busy: nothing waits that long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// The end of somebody's patience.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit(Instant);

impl Limit {
    #[allow(clippy::disallowed_methods)] // As above.
    pub(crate) fn new() -> Self {
        Self(Instant::now() + PATIENCE)
    }

    #[allow(clippy::disallowed_methods)] // As above.
    pub(crate) fn is_over(self) -> bool {
        Instant::now() >= self.0
    }
}
