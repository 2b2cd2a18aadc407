//! Durable jobs in PostgreSQL: a store for many machines.
//!
//! Tables and functions are in the folder `sql`, which says of each what it does. A method of the
//! store calls one of them, and this crate is what stands between the two. All runs on a thread of
//! the store's own.
//!
//! It does not speak TLS yet, and it tells nobody of new jobs: they are found by the next poll.

// What does not depend on the server is the same as in the store in Redis. It has to move into a
// crate of its own before this one is published.

mod store;
mod people;
mod work;
mod server;
#[path = "../../marionette-redis/src/thread.rs"]
mod thread;
mod link;
mod schema;
mod codec;
#[path = "../../marionette-redis/src/life/unnamed.rs"]
mod unnamed;
mod hints;
mod surplus;
mod beats;
mod options;
mod error;
#[path = "../../marionette-redis/src/clock.rs"]
mod clock;

#[cfg(feature = "test-util")]
pub use clock::Clock;
pub use options::PostgresOptions;
pub use store::PostgresStore;
