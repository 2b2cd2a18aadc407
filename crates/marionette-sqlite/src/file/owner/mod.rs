//! Whose files a store is made of. Whoever can write one of them, or put another one in its place,
//! decides what the store says, and so what is run from it.
//!
//! What is looked at: the folders on the way to the file and each link there, the file, what SQLite
//! keeps beside it, the locks of the instances, and whatever else the application keeps there.

#[cfg(not(unix))]
mod elsewhere;
#[cfg(unix)]
mod groups;
#[cfg(unix)]
mod rules;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod way;

#[cfg(not(unix))]
pub(crate) use elsewhere::{check, check_after, check_before, check_kinds};
#[cfg(unix)]
pub(crate) use unix::{check, check_after, check_before, check_kinds};

/// What SQLite keeps beside a database. A journal is written back into the database by whoever
/// opens it next, and a log is read as a part of it.
#[cfg(unix)]
const FILES: [&str; 3] = ["-journal", "-wal", "-shm"];
/// The locks of the instances.
#[cfg(unix)]
const INSTANCES: &str = "-workers";
