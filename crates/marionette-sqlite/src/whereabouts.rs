//! Whether the file that was opened is still the one that its name leads to.
//!
//! Somebody may remove or replace the file of a service that runs. SQLite goes on with what it has
//! open, and all that is accepted from then on is gone with the process. So writer and reader look.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::clock;
use crate::error::Fault;

/// How often it is looked for, at most.
const LOOK: Duration = Duration::from_millis(20);

/// What tells a file from any other on this machine.
type Identity = (u64, u64);

/// The file as it was when it was opened.
#[derive(Debug)]
pub(crate) struct Whereabouts {
    identity: Option<Identity>,
    looked: Instant,
}

impl Whereabouts {
    /// Of a file that was just opened.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            identity: identity(path).ok().flatten(),
            looked: clock::monotonic(),
        }
    }

    /// What is wrong, if the name leads to no file any more or to another one. This is found within
    /// 20 ms, or with the first call after that.
    pub(crate) fn fault(&mut self, path: &Path) -> Option<Fault> {
        let now = clock::monotonic();
        // Where files have no identity that can be asked for, none has another.
        if self.identity.is_none() || now.duration_since(self.looked) < LOOK {
            return None;
        }
        self.looked = now;
        let what = match identity(path) {
            Ok(found) if found == self.identity => return None,
            Ok(_) => "another file was put in the place of the one that was open; open it again",
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                "the file is gone, though it was open; put it back, and open the store again"
            }
            // It may be well; SQLite finds out if it is not.
            Err(_) => return None,
        };
        Some(Fault::broken(path, what))
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    use std::os::unix::fs::MetadataExt;

    let found = fs::metadata(path)?;
    Ok(Some((found.dev(), found.ino())))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Option<Identity>> {
    fs::metadata(path).map(|_| None)
}
