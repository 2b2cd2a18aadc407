//! That a minder is there, as a locked file which names its worker.
//!
//! A minder outlives a worker that was killed, by the moment that it takes to end the commands and
//! to write down which were done. Who takes over waits for that moment, or it would begin again
//! what has just been done.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, test_kill_process};
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
    /// The presence of this process, for this worker.
    pub(super) fn take(folder: &Path, worker: Option<Pid>) -> io::Result<Self> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(folder)?;
        let path = file_of(folder, std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        loop {
            let mut lock = options.open(&path)?;
            // Who looks for orphans between these two lines takes the file for that of a minder
            // which was killed: it has the lock for a moment, and removes the file.
            retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
            if is_at(&lock, &path)? {
                let worker = worker.map_or(0, |worker| worker.as_raw_nonzero().get());
                write!(lock, "{worker}")?;
                return Ok(Self { path, _lock: lock });
            }
        }
    }
}

/// Whether this file still has this name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let (ours, found) = (file.metadata()?, fs::metadata(path));
    Ok(found.is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino())))
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
    use rustix::process::getppid;

    use super::*;

    #[tokio::test]
    async fn who_is_there_with_its_worker_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let presence = Presence::take(folder.path(), getppid()).unwrap();
        let path = presence.path.clone();
        assert!(!is_orphan(&path));
        orphans_have_gone(folder.path()).await.unwrap();
        // No process has such a number.
        fs::write(&path, "2147483647").unwrap();
        assert!(is_orphan(&path));
        drop(presence);
        assert!(!is_orphan(&path));
    }

    #[test]
    fn a_minder_that_was_taken_for_a_dead_one_while_it_began_is_seen_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = file_of(folder.path(), std::process::id());
        // As who looks for orphans has it.
        let looked_at = File::create(&path).unwrap();
        flock(&looked_at, FlockOperation::LockExclusive).unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| Presence::take(folder.path(), getppid()));
            let path_seen = path.canonicalize().unwrap();
            let is_it = |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|at| at == path_seen);
            // Until it has opened the file too; where nothing shows that, this test sees less.
            while let Ok(fds) = fs::read_dir("/proc/self/fd")
                && fds.flatten().map(is_it).filter(|is_it| *is_it).count() < 2
                && !taken.is_finished()
            {
                std::thread::yield_now();
            }
            fs::remove_file(&path).unwrap();
            drop(looked_at);
            let presence = taken.join().unwrap().unwrap();
            let seen = File::open(presence.path()).unwrap();
            assert!(flock(&seen, FlockOperation::NonBlockingLockExclusive).is_err());
        });
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
