//! The task manager for Rust services.
//!
//! A service hands it slow, flaky or later work: a mail, a webhook, an index to rebuild, a report
//! at midnight. It runs that work on a fixed number of workers behind a bounded queue, retries with
//! backoff, runs things at a time, times out, cancels, survives panics, reports every failure in
//! full, and stops without losing anything.
//!
//! ```
//! use std::time::Duration;
//!
//! use marionette::{Config, Context, TaskError, TaskManager, with};
//!
//! async fn warm_the_cache() -> std::io::Result<()> {
//!     Ok(())
//! }
//!
//! async fn send_the_mail(to: String, cx: Context) -> Result<&'static str, TaskError> {
//!     println!("attempt {} of the mail to {to}", cx.attempt());
//!     Ok("250 accepted")
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let tasks = TaskManager::new(Config::default())?; // 4 workers, a queue of 64
//!     tasks.start();
//!
//!     tasks.queue(async |_: Context| Ok(warm_the_cache().await?)).await?;
//!
//!     let to = String::from("ada@example.org");
//!     let error = format!("could not send the welcome mail to {to}");
//!     let sent = tasks
//!         .queue(with(to, send_the_mail)) // each attempt gets a clone
//!         .retries(5)
//!         .timeout(Duration::from_secs(10))
//!         .error(error)
//!         .await?; // waits while the queue is full
//!     assert_eq!(sent.await?, "250 accepted");
//!
//!     tasks.delay(Duration::from_secs(30), async |_: Context| Ok(())).await?;
//!     println!("{}", tasks.stop().await); // runs all that was accepted, says what still waits
//!     Ok(())
//! }
//! ```
//!
//! | you want to … | look at |
//! | --- | --- |
//! | run work in the background | [`TaskManager`], [`queue`](TaskManager::queue), [`with`] |
//! | run it later | [`delay`](TaskManager::delay), [`schedule`](TaskManager::schedule) |
//! | retry it, limit it, name it | the methods of [`Submit`], [`Backoff`] |
//! | say that it failed for good, or should come back later | [`TaskError`] |
//! | know how it ended | [`JoinHandle`], [`JobHandle`], [`Error`] |
//! | keep it through a crash | [`Job`], [`JobHandler`], [`TaskManager::builder`] |
//! | run code that blocks its thread | [`blocking`] |
//! | stop in order | [`stop`](TaskManager::stop), [`stop_within`](TaskManager::stop_within) |
//! | see what goes on | [`stats`](TaskManager::stats), [`events`](TaskManager::events) |
//! | ask a store, and repair | [`inspect`] |
//! | test it | `testing`, with the feature `test-util`; [`MemoryStore`] |
//! | write a store | [`store`] |
//!
//! # The life of a task
//!
//! 1. A task comes in by [`queue`](TaskManager::queue), [`delay`](TaskManager::delay) or
//!    [`schedule`](TaskManager::schedule): a closure or async function over a [`Context`], a plain
//!    future, a type that is a [`Task`] or a [`Job`], or [`blocking`] code. Options are methods of
//!    the [`Submit`] that these return; awaiting that waits for room. A task that is refused comes
//!    back in the [`QueueError`].
//! 2. The task waits: in the queue, or for its time.
//! 3. A worker makes an attempt. The [`Context`] says which attempt it is, how long it has, and
//!    when it should end. A panic is an attempt that failed.
//! 4. The outcome decides what follows. `Ok` is the end. Any error means *retry*, if retries are
//!    left, after a pause by the [`Backoff`] of the task; a [`TaskError`] can say *give up*,
//!    *retry then*, *run me again*, or *cancelled*.
//! 5. Its [`JoinHandle`], if somebody kept it, resolves to the result, or to the [`Error`] with
//!    the outcome of every attempt; one log event reports a failure in full.
//!
//! # Jobs and stores
//!
//! Work that must outlive the process is a [`Job`]: arguments that can be stored, under a name,
//! apart from the [`JobHandler`] that runs them. With a [store](TaskManagerBuilder::store), a
//! manager takes jobs and nothing else, by the same verbs and with the same options.
//!
//! ```
//! use std::time::Duration;
//!
//! use marionette::{Context, Job, MemoryStore, TaskError, TaskManager};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize)]
//! struct SendMail {
//!     to: String,
//! }
//!
//! impl Job for SendMail {
//!     const KIND: &'static str = "send_mail";
//!     type Output = String;
//! }
//!
//! async fn send(mail: SendMail, _: Context) -> Result<String, TaskError> {
//!     Ok(format!("250 accepted for {}", mail.to))
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let tasks = TaskManager::builder()
//!         .store(MemoryStore::new()) // stands for one that outlives the process
//!         .handle(send)
//!         .build()?;
//!     tasks.start();
//!
//!     let mail = SendMail { to: "ada@example.org".into() };
//!     let limit = Duration::from_secs(30);
//!     let sent = tasks.queue(mail).retries(8).timeout(limit).await?; // committed
//!     assert_eq!(sent.await?, "250 accepted for ada@example.org");
//!     Ok(())
//! }
//! ```
//!
//! - A process may only store jobs, only work on them, or both. A manager claims only jobs of the
//!   kinds that it has handlers for, whoever stored them.
//! - A [`JobHandle`] awaits, asks and cancels a job from any process;
//!   [`TaskManager::job_handle`] makes one from an id.
//! - Jobs run without a store too: leave out `.store(…)`, and the same types run in memory. A job
//!   that does not survive its encoding is found there, before there is anything to lose.
//! - A closure is code and cannot be stored: giving one to a manager with a store does not compile.
//! - [`store`] is the contract for authors of stores; [`inspect`] has the questions of a person.
//!
//! # Guarantees
//!
//! - A task that was accepted runs, unless it is cancelled: [`stop`](TaskManager::stop) finishes
//!   the queue and reports how many future tasks still wait. They stay, for the next start.
//! - A future task never runs before its time.
//! - The queue is bounded. When it is full, a producer waits, gives up or is refused, as you say.
//! - A task that panics, fails, hangs at an await or is cancelled harms no other.
//! - An idle manager uses no CPU.
//! - A handle never waits for ever: dropping the manager resolves it.
//!
//! # What it does not do
//!
//! Without a store, accepted tasks are gone when the process is. With a store, a job runs at least
//! once, and twice if a process dies after the work and before the store knows that it is done.
//! The manager promises no order between workers and no real time, and cannot stop code that blocks
//! its thread.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `metrics` | counters and histograms through the facade `metrics`, of version 0.24 |
//! | `signal` | `TaskManager::stop_on_signal` |
//! | `test-util` | the module `testing`: run a manager until nothing is left, step the wall clock |
//!
//! # Types of other crates
//!
//! These crates have types in signatures here. One of a version 0.x may break its users with the
//! next version, and taking that is a breaking change here too, announced as one.
//!
//! | crate | where |
//! | --- | --- |
//! | `tokio-util` 0.7 | [`CancellationToken`], which is also at this root: name it from here |
//! | `metrics` 0.24 | in no signature; but a recorder for another version hears nothing |
//! | `serde` 1 | the bounds of a [`Job`] |
//! | `tokio` 1 | [`Context::deadline`], [`timer::Scheduler::new`] |
//! | `uuid` 1 | conversions of a [`TaskId`] |

// On docs.rs each item names the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod manager;
mod submit;
mod memory_store;
mod durable;
mod worker;
mod engine;
mod schedule;
mod queue;
pub mod task;
mod observe;
mod pool;
mod cell;
pub mod store;
mod quiet;
mod outcome;
pub mod backoff;
mod config;
mod finite;
mod id;
mod vacancy;
mod park;
mod clock;
mod sync;

#[doc(inline)]
pub use backoff::Backoff;
pub use cell::TaskState;
pub use cell::context::Context;
pub use cell::join::JoinHandle;
pub use cell::options::Parent;
pub use config::{Config, ConfigError};
pub use engine::stop::StopReport;
pub use id::TaskId;
pub use manager::TaskManager;
pub use manager::builder::TaskManagerBuilder;
#[cfg(feature = "test-util")]
pub use manager::testing;
pub use memory_store::{MemoryOptions, MemoryStore};
pub use outcome::error::{BoxError, Error};
pub use outcome::{Failure, FailureKind, TaskError};
pub use store::inspect;
pub use submit::Submit;
pub use submit::error::QueueError;
pub use submit::job_handle::JobHandle;
pub use submit::jobs::Jobs;
#[doc(inline)]
pub use task::Task;
pub use task::blocking::blocking;
pub use task::handlers::Handlers;
pub use task::job::{Job, JobHandler};
pub use task::payload::Payload;
pub use task::task_handler::{TaskHandler, wrap};
pub use task::with::with;
pub use tokio_util::sync::CancellationToken;

/// What happens to tasks, as it happens.
pub mod event {
    pub use crate::cell::task_ref::TaskRef;
    pub use crate::observe::event::{Event, EventKind, Events, Received};
}

/// How much a manager has done, and how long it took.
pub mod stats {
    pub use crate::observe::stats::{Stats, Trouble};
    pub use crate::observe::tally::Histogram;
}

/// Tasks with the time before which they must not run, apart from a manager.
pub mod timer {
    pub use crate::engine::waiting_task::WaitingTask;
    pub use crate::schedule::Scheduler;
    pub use crate::schedule::future_task::{FutureTask, Unschedulable};
    pub use crate::schedule::futures::Futures;
}

/// Errors that are met less often than those at the root, and the kinds of all of them.
pub mod error {
    pub use crate::config::{ConfigProblem, ConfigProblemKind};
    pub use crate::outcome::error::ErrorDict;
    pub use crate::outcome::task_error::TaskErrorKind;
    pub use crate::submit::error::QueueErrorKind;
    pub use crate::submit::many_error::ManyError;
}

/// The futures that the verbs return.
pub mod future {
    pub use crate::submit::job::Inserting;
    pub use crate::submit::job::many::InsertingMany;
    pub use crate::submit::many::QueueingMany;
    pub use crate::submit::task::Submitting;
}

/// The types and traits that tell the kinds of tasks and of managers apart. Bounds and signatures
/// name them; nobody makes a value of one.
pub mod marker {
    pub use crate::manager::Memory;
    pub use crate::submit::job_handle::Untyped;
    pub use crate::submit::place::{Anywhere, Here, Place, Stored};
    pub use crate::task::encoded_job::ByJob;
    pub use crate::task::{OfJobs, Repeatable};
}

/// The example of this package's README is compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct PackageReadme;
