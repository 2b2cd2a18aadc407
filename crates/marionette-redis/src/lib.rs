//! Durable jobs in Redis or Valkey: a store for many machines for [`marionette`], the task manager
//! for Rust services.

mod store;
mod check;
mod people;
mod work;
mod jobs;
mod server;
mod waking;
mod life;
mod thread;
mod link;
mod address;
mod loads;
mod batch;
mod groups;
mod prospects;
mod scripts;
mod layout;
mod codec;
mod options;
mod error;
mod clock;

pub use check::{CheckReport, Fault};
#[cfg(feature = "test-util")]
pub use clock::Clock;
pub use options::RedisOptions;
pub use store::RedisStore;
