//! Who lives, and which leases lapse: what this process has observed, by its monotonic clock.

mod beats;
mod unnamed;

pub(crate) use beats::{Beat, Beats};
pub(crate) use unnamed::Unnamed;
