//! Life: which instances give no sign of it, which leases lapse and how the server fares, as this
//! process has observed it by its monotonic clock.

mod beats;
mod unnamed;
mod health;

pub(crate) use beats::{Beat, Beats};
pub(crate) use health::Health;
pub(crate) use unnamed::Unnamed;
