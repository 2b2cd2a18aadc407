//! That a minder is there, as a locked file which names its worker.
//!
//! A minder outlives a worker that was killed, by the moment that it takes to end the commands and
//! to write down which were done. Who takes over waits for that moment, or it would begin again
//! what has just been done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, getppid, test_kill_process};
use tokio::time::sleep;

use super::stray;

/// How often it is looked whether a minder has gone.
const LOOK: Duration = Duration::from_millis(5);
/// How long it is waited for; what takes longer hangs, and must not hang others.
const WAIT: Duration = Duration::from_secs(10);

/// A minder is there for as long as this lives.
#[derive(Debug)]
pub(super) struct Presence {
    path: PathBuf,
    _lock: File,
}

impl Presence {
    /// The presence of this process, for its parent.
    pub(super) fn take(folder: &Path) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let path = file_of(folder, std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut lock = options.open(&path)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let worker = getppid().map_or(0, |worker| worker.as_raw_nonzero().get());
        write!(lock, "{worker}")?;
        Ok(Self { path, _lock: lock })
    }
}

impl Presence {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Where the presence of this minder is seen.
fn file_of(folder: &Path, minder: u32) -> PathBuf {
    folder.join(minder.to_string())
}

/// Ends what a minder left that was killed.
pub(super) fn clear_up_after(folder: &Path, minder: u32) {
    let path = file_of(folder, minder);
    stray::kill_commands_of(&path);
    // It may stay: without its lock it counts for nothing.
    let _ = fs::remove_file(path);
}

impl Drop for Presence {
    fn drop(&mut self) {
        // It may stay: without its lock it counts for nothing.
        let _ = fs::remove_file(&self.path);
    }
}

/// Waits until the minders have gone whose workers are gone.
pub(crate) async fn orphans_have_gone(folder: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let gone = async {
            while is_orphan(&path) {
                sleep(LOOK).await;
            }
        };
        // If it hangs, its commands are no worse than those of a worker that hangs.
        let _ = tokio::time::timeout(WAIT, gone).await;
    }
    Ok(())
}

/// Whether this minder is there, and its worker is not. If it was killed, its commands are ended
/// and its file is removed.
fn is_orphan(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        stray::kill_commands_of(path);
        let _ = fs::remove_file(path);
        return false;
    }
    let worker = fs::read_to_string(path)
        .ok()
        .and_then(|worker| worker.parse().ok());
    let worker = worker.and_then(Pid::from_raw);
    worker.is_some_and(|worker| test_kill_process(worker) == Err(rustix::io::Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_there_with_its_worker_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::take(folder.path()).unwrap();
        let path = presence.path.clone();
        assert!(!is_orphan(&path));
        orphans_have_gone(folder.path()).await.unwrap();
        // No process has such a number.
        fs::write(&path, "2147483647").unwrap();
        assert!(is_orphan(&path));
        drop(presence);
        assert!(!is_orphan(&path));
    }

    #[tokio::test]
    async fn what_a_killed_minder_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1");
        fs::write(&path, "2147483647").unwrap();
        orphans_have_gone(folder.path()).await.unwrap();
        assert!(!path.exists());
    }
}
