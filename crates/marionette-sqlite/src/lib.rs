//! Durable jobs in one file: a store in SQLite for [`marionette`], the task manager for Rust
//! services.
//!
//! A service on one machine needs no server to have what the big job systems have: a job that was
//! accepted survives the end of the process and the loss of power, runs at least once, is retried
//! with its backoff, and runs again at once when the process that had it dies.
//!
//! # Examples
//!
//! ```no_run
//! use marionette::{Context, Job, TaskError, TaskManager};
//! use marionette_sqlite::SqliteStore;
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
//!     let store = SqliteStore::open("tasks.db").await?; // a file, its WAL, a folder of locks
//!     let tasks = TaskManager::builder().store(store).handle(send).build()?;
//!     tasks.start();
//!
//!     let mail = SendMail { to: "ada@example.org".into() };
//!     tasks.queue(mail).retries(8).await?; // committed and on the disk
//!
//!     println!("{}", tasks.stop().await); // what has not run stays in the file
//!     Ok(())
//! }
//! ```
//!
//! The contract that the store keeps is [`marionette::store`].
//!
//! # What it promises, and by what
//!
//! - *What was accepted is never lost.* The journal is a WAL. Inserts, settlements and changes are
//!   committed and brought to the disk (`fdatasync`) before `Ok`; claims and signs of life are
//!   committed and not synced, since losing one is harmless. [`Synchronous::Normal`] gives up the
//!   sync: that survives the end of every process, but not always a loss of power.
//! - *Many callers share one commit.* One thread writes. It takes all calls that wait, does them in
//!   one transaction, syncs once and answers all. A call that fails alone is tried again alone, and
//!   the others are done without it.
//! - *An instance that lost a job can change nothing any more.* Every claim has a greater token,
//!   and whatever is written about a claimed job names it.
//! - *A dead process is known at once.* Each instance holds a lock on a file of its own, which the
//!   system releases when the process ends, however it ends; the next sweep, half a second later at
//!   most, gives its jobs back. An instance that holds its lock and gives no sign of life for a
//!   [lease](SqliteOptions::lease), by the monotonic clock of the process that looks, is dead too.
//!   No step of a clock kills an instance.
//! - *A job that kills its process is quarantined* the third time. Jobs that were with it when it
//!   did are suspects: they wait in lanes of their own and are run one at a time.
//! - *Nothing runs before its time.* Times are microseconds of the machine's wall clock, rounded
//!   up. A thread sleeps until the next job is due that somebody waits for, and is late by some
//!   tens of microseconds.
//! - *A claim looks only where it can find something.* Jobs of one kind, queue and priority are a
//!   lane, and a lane is a range of one index. A million jobs of other kinds, or of next year, do
//!   not slow it down.
//! - *The journal stays small.* It is copied into the database after some 8 MiB. A connection that
//!   reads for long lets it grow, as it needs what is in it; once that has ended, the journal is
//!   cut down to 8 MiB again, also if nothing is written but signs of life.
//! - *A list never delays the writer.* Questions are answered by a thread and a connection of their
//!   own, some hundred rows at a time.
//!
//! # The files
//!
//! For `tasks.db`:
//!
//! | file | what it is |
//! | --- | --- |
//! | `tasks.db` | the database; only its owner may read it (mode 0600) |
//! | `tasks.db-wal`, `tasks.db-shm` | SQLite's journal and its index, with the same mode |
//! | `tasks.db-workers/` | a lock file for each instance that lives (mode 0700) |
//!
//! Whoever may write these files decides what jobs there are. [`SqliteOptions::check_owner`]
//! refuses a store that somebody else could change; the command does so by itself. A database that
//! exists with a wider mode keeps it, and its journal has the same.
//!
//! All tables are called `marionette_…`, and `PRAGMA user_version` is left alone, so that the
//! application may keep its own tables in the same file. Then a job can be
//! [accepted in the application's own transaction](SqliteStore::insert_in). Payloads and results
//! that are texts, such as JSON, are stored as texts, to be read with any tool. They are stored in
//! clear: do not put secrets into jobs.
//!
//! # Copy, back up, restore
//!
//! - *To copy it while it is in use:* `sqlite3 tasks.db "VACUUM INTO 'copy.db'"`, or
//!   `".backup copy.db"`. Both are complete, and nobody has to stop.
//! - *To copy the files:* stop everything that has the store open; then copy `tasks.db` and, if it
//!   is there, `tasks.db-wal`.
//! - *To restore a copy:* stop everything that has the store open, remove `tasks.db-wal` and
//!   `tasks.db-shm`, put the copy in the place of `tasks.db`, and start.
//! - *To move it:* as to copy the files. `tasks.db-workers` need not come along.
//!
//! While a process has the store open, do not
//!
//! - remove, rename, replace, cut off or write over `tasks.db`, `tasks.db-wal` or `tasks.db-shm`:
//!   no `cp` over it, no `mv` onto it;
//! - leave an old `-wal` or `-shm` beside a file that was restored: SQLite would apply it;
//! - open `tasks.db-shm` from within the process other than through SQLite, which takes locks away
//!   that protect it (reading `tasks.db` is harmless on Linux; elsewhere leave that too);
//! - give the file a second name (a hard link), or mount the file alone into a container: SQLite
//!   finds the journal by the name. Mount its folder.
//!
//! The store looks at its files before each `Ok`, after the sync. If one of them was removed,
//! replaced, cut off or written over, every call fails as
//! [broken](marionette::store::StoreErrorKind::Broken), from the next one on that accepts or
//! settles something, and within 20 ms for the others; nothing mends that but to open it again. If
//! only the journal was removed, what was accepted before is copied into the database first.
//! ([`Synchronous::Normal`] looks that closely every 20 ms, and at each `Ok` only whether the
//! journal is there.) A database that was written over with other contents is recognised by its
//! time of change, its newest jobs and, up to 64 MiB, SQLite's own check; a copy that was taken a
//! moment ago may pass as the same.
//!
//! # When not to use it
//!
//! - On a network file system: locks and shared memory do not work there. The processes that share
//!   a file have to be on one machine; for several, use a store on a server.
//! - For work that may be lost with the process: a [`TaskManager`](marionette::TaskManager) without
//!   a store is a hundred times as fast.
//! - Beside a library that needs another version of `libsqlite3-sys`, of which a program can have
//!   only one. This crate takes any `rusqlite` from 0.39 to 0.43, and refuses an SQLite below
//!   3.51.3 when it is opened, since older ones may lose what is in a WAL. Cargo finds the versions
//!   that go together:
//!
//!   | beside | is | with `libsqlite3-sys` |
//!   | --- | --- | --- |
//!   | nothing else | `rusqlite` 0.43 | 0.40 |
//!   | `sqlx` 0.9 | `rusqlite` 0.39 | 0.37 |
//!   | `sqlx` 0.8 | none: it takes no `libsqlite3-sys` above 0.30 | |
//!
//! # Types of other crates
//!
//! `rusqlite` is in one signature, that of [`SqliteStore::insert_in`], and at this root: name it
//! from here. To drop one of the versions from 0.39 to 0.43 is a breaking change, and announced as
//! one; to take a newer one besides is not. The feature `sqlx` has the transactions of `sqlx-core`
//! 0.9 in one signature.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `failpoints` | named places at which a test may stop or kill the process: `FAIL_POINTS` |
//! | `sqlx` | `SqliteStore::insert_in_sqlx`, for transactions of sqlx 0.9; it needs Rust 1.94 |
//! | `test-util` | `Clock`, which a test moves ahead |

// On docs.rs each item names the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod inspect;
mod transaction;
mod store;
mod threads;
mod file;
mod job;
mod lanes;
mod options;
mod codec;
mod error;
mod paths;
mod failpoint;
mod clock;

pub use rusqlite;

#[cfg(feature = "test-util")]
pub use clock::Clock;
#[cfg(feature = "failpoints")]
pub use failpoint::FAIL_POINTS;
pub use job::forgotten::{Forgot, Forgotten};
pub use options::{SqliteOptions, Synchronous};
pub use store::SqliteStore;

/// The example of this package's README is compiled with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct PackageReadme;

/// The blocks of Rust in the documents are compiled and run with the other examples.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../docs/guide.md")]
    struct Guide;
}
