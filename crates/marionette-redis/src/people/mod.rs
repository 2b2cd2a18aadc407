//! The methods of [`Inspect`](marionette::inspect::Inspect), on the thread of the store.

mod look;
mod change;
mod pause;
mod activity;
mod live;

pub(crate) use change::Change;
