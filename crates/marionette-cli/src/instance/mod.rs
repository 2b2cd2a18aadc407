//! One instance: a task manager on the store from its start to its stop, with its minder, and what
//! watches over both.

pub(crate) mod watch;
pub(crate) mod health;
pub(crate) mod stop;
pub(crate) mod manager;
pub(crate) mod whereabouts;
mod runner;
pub(crate) mod trouble;
