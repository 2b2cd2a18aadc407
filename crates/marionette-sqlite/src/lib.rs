//! Durable jobs in one file: a store in SQLite.

mod store;
mod options;
mod transaction;
mod inspect;
mod writer;
mod reader;
mod waiters;
mod liveness;
mod lanes;
mod history;
mod state;
mod codec;
mod schema;
mod opening;
mod shared;
mod inbox;
mod error;
mod failpoint;
mod clock;

pub use rusqlite;

#[cfg(feature = "failpoints")]
pub use failpoint::FAIL_POINTS;
pub use options::{Options, Synchronous};
pub use store::SqliteStore;

/// The README's examples are compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
