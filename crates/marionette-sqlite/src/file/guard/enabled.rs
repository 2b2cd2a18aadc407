//! Locks of open files, as Linux has them.
//!
//! Closing a file would take SQLite's locks, which these locks guard against. So a file that was
//! opened here is closed only when SQLite has removed the WAL, which it does when nobody has the
//! database open any more; otherwise the file is kept for the next store on it.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::file::creating::carefully;
use crate::file::file_identity::Inode;
use crate::paths::beside;

/// The bytes, first and count, that SQLite locks for as long as a database is open: of the database
/// itself, and of the index of its WAL.
const DATABASE: (i64, i64) = (0x4000_0002, 510);
const INDEX: (i64, i64) = (128, 1);

/// The files that were opened in this process.
static FILES: Mutex<BTreeMap<Inode, HeldFile>> = Mutex::new(BTreeMap::new());

#[derive(Debug)]
struct HeldFile {
    file: File,
    bytes: (i64, i64),
    /// The number of stores for which it is locked.
    stores: usize,
}

/// The locks of one store.
#[derive(Debug)]
pub(crate) struct Guard {
    wal: PathBuf,
    held: Vec<Inode>,
    is_released: bool,
}

impl Guard {
    /// Locks the files of a database that SQLite has open.
    pub(crate) fn of(path: &Path) -> Self {
        let files = [(path.to_owned(), DATABASE), (beside(path, "-shm"), INDEX)];
        let mut guard = Self {
            wal: beside(path, "-wal"),
            held: Vec::new(),
            is_released: false,
        };
        let mut all = lock();
        // A file without a name is of no use.
        all.retain(|_, held| {
            held.stores > 0 || held.file.metadata().is_ok_and(|it| it.nlink() > 0)
        });
        for (path, bytes) in files {
            guard.held.extend(hold(&mut all, &path, bytes));
        }
        guard
    }

    /// Releases the locks: SQLite may take the files for closed if nobody else has them open.
    pub(crate) fn release(&mut self) {
        if std::mem::replace(&mut self.is_released, true) {
            return;
        }
        let mut all = lock();
        for inode in &self.held {
            if let Some(held) = all.get_mut(inode) {
                held.stores -= 1;
                if held.stores == 0 {
                    set(&held.file, libc::F_UNLCK, held.bytes);
                }
            }
        }
    }

    /// Closes the files, after SQLite closed the database, if it has removed the WAL.
    pub(crate) fn close(mut self) {
        self.release();
        let mut all = lock();
        if !self.wal.exists() {
            for inode in &self.held {
                if all.get(inode).is_some_and(|held| held.stores == 0) {
                    all.remove(inode);
                }
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.release();
    }
}

fn lock() -> MutexGuard<'static, BTreeMap<Inode, HeldFile>> {
    FILES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Locks a file for one more store. If that fails, the store goes on without the lock.
fn hold(all: &mut BTreeMap<Inode, HeldFile>, path: &Path, bytes: (i64, i64)) -> Option<Inode> {
    let known = inode(&path.metadata().ok()?);
    let inode = if all.contains_key(&known) {
        known
    } else {
        let file = carefully(&mut OpenOptions::new()).read(true).open(path);
        let file = file.ok()?;
        // Another file may have taken this name; it is kept open as well.
        let inode = file.metadata().map_or(known, |found| inode(&found));
        let stores = 0;
        all.entry(inode).or_insert(HeldFile {
            file,
            bytes,
            stores,
        });
        inode
    };
    let held = all.get_mut(&inode)?;
    if held.stores == 0 {
        set(&held.file, libc::F_RDLCK, bytes);
    }
    held.stores += 1;
    Some(inode)
}

fn inode(found: &Metadata) -> Inode {
    (found.dev(), found.ino())
}

#[allow(clippy::cast_possible_truncation)] // These constants are small.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast)] // Not on all systems.
fn set(file: &File, kind: libc::c_int, (first, count): (i64, i64)) {
    let lock = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: first as libc::off_t,
        l_len: count as libc::off_t,
        l_pid: 0,
    };
    // A file system without such locks has to do without.
    let _ = fcntl(file, FcntlArg::F_OFD_SETLK(&lock));
}
