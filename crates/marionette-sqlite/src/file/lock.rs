//! The lock files of instances.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::creating::carefully;
use crate::clock;

/// The state of an instance's lock.
#[derive(Debug)]
pub(crate) enum Lock {
    /// Its process lives.
    Held,
    /// Its process has ended; the lock is ours as long as this is kept.
    Free(File),
    /// There is no such file.
    Missing,
}

const LOCK_TRIES: u32 = 20;

/// Makes a file and locks it; `None` if another store holds the lock. A process that tidies may
/// hold the lock for a moment, or remove the file in between, so the lock is tried several times.
pub(super) fn lock(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..LOCK_TRIES {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = carefully(&mut options).open(path)?;
        if !file.metadata()?.is_file() {
            return Err(not_usable(path, "is no file"));
        }
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Ok(Some(file)),
            Ok(()) => (),
            Err(fs::TryLockError::WouldBlock) => clock::pause(Duration::from_millis(1)),
            Err(fs::TryLockError::Error(err)) => return Err(err),
        }
    }
    Ok(None)
}

pub(super) fn not_usable(path: &Path, what: &str) -> io::Error {
    io::Error::other(format!("{} {what}", path.display()))
}

/// Gives the owner of a new folder the permissions that the umask of this process took.
#[cfg(unix)]
pub(super) fn mend_mode(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if fs::symlink_metadata(folder)?.permissions().mode() & 0o777 == 0o700 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // Its twin can fail.
pub(super) fn mend_mode(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether the file still has this name.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let inode = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let named = fs::metadata(path).map(inode).ok();
    named.is_some() && file.metadata().map(inode).ok() == named
}

/// Whether the file still has this name: an open file cannot be removed here.
#[cfg(not(unix))]
fn is_at(_file: &File, path: &Path) -> bool {
    path.exists()
}
