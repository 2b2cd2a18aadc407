//! Servers for tests and for developers: each listens on a free port of the loopback, keeps its
//! data in a temporary directory, and ends whatever happens to the process that started it.
//!
//! ```
//! use marionette_servers::{RedisServer, Reply};
//!
//! # fn main() {
//! // `None` if there is no `redis-server` here; the output of the test then says so.
//! let Some(mut server) = RedisServer::start() else { return };
//! server.command(&["SET", "colour", "blue"]);
//! assert_eq!(server.command(&["GET", "colour"]), Reply::Bulk(b"blue".to_vec()));
//!
//! // It kept nothing on a disk.
//! server.kill();
//! server.restart();
//! assert_eq!(server.command(&["GET", "colour"]), Reply::Nil);
//! # }
//! ```
//!
//! `MARIONETTE_REDIS_SERVER` names another program than `redis-server`, such as `valkey-server`.

mod proxy;
mod cluster;
mod sentinel;
mod server;
mod settings;
mod watcher;
mod ports;
mod wire;
mod clock;

pub use cluster::RedisCluster;
pub use proxy::{Act, Border, Passing, Proxy, copy_value};
pub use sentinel::RedisSentinel;
pub use server::RedisServer;
pub use settings::{AppendOnly, RedisSettings};
pub use wire::{Connection, Reply};
