//! Without the feature `failpoints`, nothing happens at a fail point.

use std::io;

#[inline]
pub(crate) fn at(_point: &'static str) {}

#[inline]
#[allow(clippy::unnecessary_wraps)] // With the feature it can fail.
pub(crate) fn error_at(_point: &'static str) -> io::Result<()> {
    Ok(())
}
