//! The owners of the files of a store. Anybody who can write one of them, or put another in its
//! place, decides what the store says, and so what is run from it.
//!
//! The checks look at the folders on the way to the file and each link there, the file, the files
//! that SQLite keeps beside it, the locks of the instances, and the folders that the application
//! keeps there.

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

/// The files that SQLite keeps beside a database. The next process that opens the database writes a
/// journal back into it, and reads a log as a part of it.
#[cfg(unix)]
const FILES: [&str; 3] = ["-journal", "-wal", "-shm"];
/// The folder with the locks of the instances.
#[cfg(unix)]
const INSTANCES: &str = "-workers";
