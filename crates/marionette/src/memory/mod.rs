//! The store that is this process: a bounded queue, one sleeper, and what waits for its time.

pub(crate) mod alarm;
mod calm;
pub(crate) mod crew;
pub(crate) mod futures;
mod heap;
mod outlet;
pub(crate) mod pace;
pub(crate) mod queue;
pub(crate) mod scheduler;
pub(crate) mod store;
pub(crate) mod vacancies;
pub(crate) mod wakes;
#[cfg(all(test, marionette_loom))]
mod loom_tests;
#[cfg(all(test, marionette_loom))]
mod pace_loom_tests;

/// Where the tasks of a manager without a store wait: this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;
