//! Durable jobs in Redis or Valkey: a store for many machines for [`marionette`], the task manager
//! for Rust services.
//!
//! # Examples
//!
//! ```no_run
//! use marionette::{Context, Job, TaskError, TaskManager};
//! use marionette_redis::RedisStore;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct SendMail {
//!     to: String,
//! }
//!
//! impl Job for SendMail {
//!     const KIND: &'static str = "send_mail";
//!     type Output = ();
//! }
//!
//! async fn send(mail: SendMail, _: Context) -> Result<(), TaskError> {
//!     println!("mail to {}", mail.to);
//!     Ok(())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let store = RedisStore::connect("redis://:password@queue.example.org").await?;
//!     let tasks = TaskManager::builder().store(store).handle(send).build()?;
//!     tasks.start(); // on as many machines as you like
//!
//!     let mail = SendMail { to: "ada@example.org".into() };
//!     tasks.queue(mail).retries(8).await?; // the server has it
//!
//!     println!("{}", tasks.stop().await); // what has not run stays on the server
//!     Ok(())
//! }
//! ```
//!
//! The contract that the store keeps is [`marionette::store`].
//!
//! # What it promises, and by what
//!
//! - *What was accepted is as durable as the server makes it*, or as [`Durability`] asks. The
//!   documentation has a table, from a server that writes no file to one that syncs each write, and
//!   what a failover can lose.
//! - *All of a call or nothing.* Each call is one script, which looks first and writes last.
//! - *An instance that lost a job can change nothing any more.* Every claim has a token that no
//!   other has had, also after the server forgot a claim, and whatever is written about a claimed
//!   job names it.
//! - *No clock of yours decides.* What is due goes by the clock of the server. Whether an instance
//!   is dead is observed by the monotonic clock of the process that looks.
//! - *A job wakes as many as can take it.* Nobody polls fast while idle; losing every message costs
//!   one [poll](RedisOptions::poll).
//! - *Connections mend themselves*, also after a failover, and calls that were on their way are
//!   sent again. A call fails once it had no answer for 10 s.
//! - *A full server can be drained.* New jobs are refused; those that are there can be claimed,
//!   settled and forgotten.
//!
//! # When not to use it
//!
//! - On one machine, where a file is enough: `marionette-sqlite` needs no server, syncs each job to
//!   the disk, and knows at once that a process has died.
//! - For jobs that a failover must not lose.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `tls` (default) | `rediss://` |
//! | `test-util` | `Clock`, which a test moves ahead |

// On docs.rs each item names the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod records;
mod store;
mod check;
mod people;
mod work;
mod jobs;
mod server;
mod waking;
mod life;
mod link;
mod address;
mod loads;
mod batch;
mod thread;
mod groups;
mod prospects;
mod scripts;
mod layout;
mod codec;
mod options;
mod durability;
mod error;
mod clock;

pub use check::{CheckReport, Fault};
#[cfg(feature = "test-util")]
pub use clock::Clock;
pub use durability::Durability;
pub use options::RedisOptions;
pub use records::Records;
pub use store::RedisStore;

/// The blocks of Rust in the documents are compiled and run with the other examples.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../README.md")]
    struct PackageReadme;
    #[doc = include_str!("../../../docs/redis.md")]
    struct Redis;
}
