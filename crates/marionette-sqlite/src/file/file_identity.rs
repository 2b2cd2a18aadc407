//! The identity of the open files: whether their names still lead to the database, its write-ahead
//! log (WAL), and the index of the WAL, through which processes agree on its contents.
//!
//! Anybody may remove or replace a file of a running service. SQLite goes on with the files that it
//! has open, and all jobs that are accepted from then on are gone with the process; or two
//! processes write into logs that know nothing of each other. So the store looks for itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};
use std::{fs, io};

use crate::clock;
use crate::paths::beside;

/// The pause between looks of a thread that accepts nothing.
pub(crate) const LOOK: Duration = Duration::from_millis(20);

/// The numbers that tell a file from any other on this machine.
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

/// The properties of a database that change when somebody writes to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) bytes: u64,
    written: Option<SystemTime>,
}

impl FileIdentity {
    /// The identity of a database that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            database: NamedFile::of(path.to_owned()),
            wal: NamedFile::of(beside(path, "-wal")),
            index: NamedFile::of(beside(path, "-shm")),
        }
    }

    /// The fault, if a name no longer leads to its file.
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

    /// Whether only the name of the WAL is lost: then SQLite can still copy the WAL.
    pub(crate) fn has_lost_the_wal_alone(&self) -> bool {
        let others = [&self.database, &self.index];
        matches!(self.wal.look(), Target::Gone)
            && others
                .into_iter()
                .all(|place| matches!(place.look(), Target::Same))
    }

    /// The present stamp of the database; `None` if the system does not tell.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        let found = fs::metadata(&self.database.path).ok()?;
        Some(Stamp {
            bytes: found.len(),
            written: found.modified().ok(),
        })
    }
}

/// The file to which a name leads.
enum Target {
    Same,
    /// The same file, and it has this number of names.
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
            // On systems without inodes both are `None`.
            Ok(found) if inode_of(&found) == self.inode => match links(&found) {
                ..=1 => Target::Same,
                links => Target::Linked(links),
            },
            Ok(_) => Target::Other,
            Err(err) if err.kind() == io::ErrorKind::NotFound => Target::Gone,
            // If something is wrong, SQLite will find out.
            Err(_) => Target::Same,
        }
    }

    fn wrong(&self, what: &str) -> Option<String> {
        let wrong = match self.look() {
            // SQLite makes these two files anew for each name of the database.
            Target::Same | Target::Linked(_) => return None,
            Target::Other => "was replaced while it was open",
            Target::Gone => "is gone, though it was open",
        };
        Some(format!("{what}, {}, {wrong}", self.path.display()))
    }
}

/// The time of a thread's last look.
#[derive(Debug)]
pub(crate) struct LastLook(Instant);

impl LastLook {
    pub(crate) fn now() -> Self {
        Self(clock::monotonic())
    }

    /// Whether the last look was this long ago; if so, the present is the last look.
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
