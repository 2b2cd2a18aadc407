//! This process: its runtime, the signals that it gets, and its limits.

pub(crate) mod runtime;
pub(crate) mod signals;
pub(crate) mod lack;
mod host;

pub(crate) use host::host_name;

/// The exit status of a command that could not begin, or not go on.
pub(crate) const NOT_BEGUN: u8 = 2;
