//! Durable jobs in PostgreSQL: a store for many machines.
//!
//! Tables and functions are in the folder `sql`, which says of each what it does. A method of the
//! store calls one of them, and this crate is what stands between the two. All runs on a thread of
//! the store's own.
//!
//! It does not speak TLS yet, and it tells nobody of new jobs: they are found by the next poll.

mod store;
mod people;
mod work;
mod server;
mod thread;
mod link;
mod schema;
mod codec;
mod unnamed;
mod hints;
mod surplus;
mod beats;
mod options;
mod error;
mod clock;

#[cfg(feature = "test-util")]
pub use clock::Clock;
pub use options::PostgresOptions;
pub use store::PostgresStore;
