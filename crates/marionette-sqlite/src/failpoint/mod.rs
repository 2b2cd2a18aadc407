//! Named places at which a test may stop or kill the process.

#[cfg(not(feature = "failpoints"))]
mod disabled;
#[cfg(feature = "failpoints")]
mod enabled;

#[cfg(not(feature = "failpoints"))]
pub(crate) use disabled::{at, error_at};
#[cfg(feature = "failpoints")]
pub use enabled::FAIL_POINTS;
#[cfg(feature = "failpoints")]
pub(crate) use enabled::{at, error_at};
