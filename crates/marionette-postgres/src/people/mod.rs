//! What people ask, and what they change.

mod change;
mod counts;
mod list;
mod details;
mod activity;
mod live;

pub(crate) use change::Change;
