//! This process: its runtime, the signals that it gets, and the limits that the system sets it.

pub(crate) mod runtime;
pub(crate) mod signals;
pub(crate) mod lack;

/// The exit status of what could not begin, or go on.
pub(crate) const NOT_BEGUN: u8 = 2;
