//! Whether the files that were opened are still those that their names lead to: the database, its
//! write-ahead log (WAL), and the index of the WAL, through which processes agree on its contents.
//!
//! Anybody may remove or replace a file of a service that runs. SQLite goes on with what it has
//! open, and all that is accepted from then on is gone with the process; or two processes write
//! into logs that know nothing of each other. So the store looks for itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use crate::clock;
use crate::paths::beside;

/// How often a thread looks that accepts nothing, at most.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// What tells a file from any other on this machine.
pub(crate) type Inode = (u64, u64);

/// The files of one database, as they were when it was opened.
#[derive(Debug)]
pub(crate) struct FileIdentity {
    database: NamedFile,
    wal: NamedFile,
    index: NamedFile,
}

#[derive(Debug)]
struct NamedFile {
    path: PathBuf,
    inode: Option<Inode>,
}

/// What changes about a database whenever somebody writes into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    written: Option<SystemTime>,
}

impl FileIdentity {
    /// Of a database that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            database: NamedFile::of(path.to_owned()),
            wal: NamedFile::of(beside(path, "-wal")),
            index: NamedFile::of(beside(path, "-shm")),
        }
    }

    /// What is wrong, if a name leads to no file any more or to another one.
    pub(crate) fn fault(&self) -> Option<String> {
        let wrong = match self.database.look() {
            Target::Same => None,
            Target::Other => {
                Some("another file was put in the place of the one that was open".to_owned())
            }
            Target::Linked(links) => {
                return Some(format!(
                    "the file was given {links} names (hard links) while it was open, and what is \
                     written under one would be lost under another; remove all but one, and open \
                     it again"
                ));
            }
            Target::Gone => {
                let what = "the file is gone, though it was open; put it back, and open the store \
                            again";
                return Some(what.to_owned());
            }
        };
        let wrong = wrong.or_else(|| self.wal.wrong("its write-ahead log"));
        let wrong = wrong.or_else(|| self.index.wrong("the index of its write-ahead log"));
        wrong.map(|wrong| format!("{wrong}; open it again"))
    }

    /// Whether nothing is lost but the name of the WAL: then SQLite can still copy what is in it.
    pub(crate) fn has_lost_the_wal_alone(&self) -> bool {
        let others = [&self.database, &self.index];
        matches!(self.wal.look(), Target::Gone)
            && others
                .into_iter()
                .all(|place| matches!(place.look(), Target::Same))
    }

    /// What the database looks like from outside; `None` if that cannot be told.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let found = fs::metadata(&self.database.path).ok()?;
        Some(Stamp {
            bytes: found.len(),
            written: found.modified().ok(),
        })
    }
}

/// What a name leads to.
enum Target {
    Same,
    /// The same, and it has so many names.
    Linked(u64),
    Other,
    Gone,
}

impl NamedFile {
    fn of(path: PathBuf) -> Self {
        let inode = fs::metadata(&path).ok();
        Self {
            inode: inode.and_then(|found| inode_of(&found)),
            path,
        }
    }

    fn look(&self) -> Target {
        match fs::metadata(&self.path) {
            // Where files have no inode that can be asked for, none has another.
            Ok(found) if inode_of(&found) == self.inode => match links(&found) {
                ..=1 => Target::Same,
                links => Target::Linked(links),
            },
            Ok(_) => Target::Other,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Target::Gone,
            // It may be well; SQLite finds out if it is not.
            Err(_) => Target::Same,
        }
    }

    fn wrong(&self, what: &str) -> Option<String> {
        let wrong = match self.look() {
            // SQLite makes these two anew for each name of the database.
            Target::Same | Target::Linked(_) => return None,
            Target::Other => "was replaced while it was open",
            Target::Gone => "is gone, though it was open",
        };
        Some(format!("{what}, {}, {wrong}", self.path.display()))
    }
}

/// When a thread looked for the last time.
#[derive(Debug)]
pub(crate) struct LastLook(Instant);

impl LastLook {
    pub(crate) fn now() -> Self {
        Self(clock::monotonic())
    }

    /// Whether that was so long ago that it is time to look again; then that counts as done.
    pub(crate) fn is_over(&mut self, pause: Duration) -> bool {
        let now = clock::monotonic();
        let is_over = now.duration_since(self.0) >= pause;
        if is_over {
            self.0 = now;
        }
        is_over
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // Its twin has none.
fn inode_of(found: &fs::Metadata) -> Option<Inode> {
    use std::os::unix::fs::MetadataExt;

    Some((found.dev(), found.ino()))
}

/// How many names a file has, as far as the system tells.
#[cfg(unix)]
pub(crate) fn links(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(found)
}

/// How many names a file has, as far as the system tells.
#[cfg(not(unix))]
pub(crate) fn links(_found: &fs::Metadata) -> u64 {
    1
}

#[cfg(not(unix))]
fn inode_of(_found: &fs::Metadata) -> Option<Inode> {
    None
}
