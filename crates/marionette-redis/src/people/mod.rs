//! The methods of [`Inspect`](marionette::inspect::Inspect), on the thread of the store.

mod list;
mod counts;
mod change;
mod damage;
mod pause;
mod activity;
mod live;
mod records;
mod walk;
mod newest;
mod places;

pub(crate) use change::Change;
