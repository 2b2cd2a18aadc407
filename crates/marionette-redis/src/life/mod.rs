//! Who lives, and which leases lapse: what this process has observed, by its monotonic clock.

mod beats;
mod unnamed;
mod health;

pub(crate) use beats::{Beat, Beats};
pub(crate) use health::Health;
pub(crate) use unnamed::Unnamed;
