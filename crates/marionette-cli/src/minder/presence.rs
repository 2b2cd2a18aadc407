//! The presence of a minder: a locked file that names the process of its instance.
//!
//! A minder outlives an instance that was killed by the moment that it takes to end the commands
//! and to mark the jobs that are done. A process that takes over waits for that moment, or it would
//! begin again a job that was just done.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, test_kill_process};
use tokio::time::sleep;

use super::orphans::{self, Marks, Session};
use crate::files::{Folder, Place};

/// How often to look whether a minder has gone.
const LOOK: Duration = Duration::from_millis(5);
/// How long to wait for minders; one that takes longer hangs, and must not block others.
const WAIT: Duration = Duration::from_secs(10);

/// The minder is present for as long as this lives.
#[derive(Debug)]
pub(super) struct Presence {
    folder: Folder,
    name: String,
    path: PathBuf,
    _lock: File,
}

impl Presence {
    /// Makes the presence of this process, as the minder of this instance's process.
    pub(super) fn take(place: &Place, worker: Option<Pid>) -> io::Result<Self> {
        let folder = place.make()?;
        let name = std::process::id().to_string();
        let path = folder.path().join(&name);
        loop {
            let opened = folder.open_or_new(&name);
            // Anything else of this name is no presence of a process, and is replaced.
            let mut lock = opened.or_else(|_| folder.new_file_instead(&name))?;
            // A process that looks for orphans between these two lines takes the file for the file
            // of a killed minder: it has the lock for a moment, and removes the file.
            retry_on_intr(|| flock(&lock, FlockOperation::LockExclusive))?;
            if folder.is_at(&lock, &name)? {
                if lock.metadata()?.len() > 0 {
                    // A minder that had this number was killed. Nobody would look for its commands
                    // any more, because from now on the file belongs to a live minder.
                    orphans::kill(&Marks::of_minder(&path, None));
                }
                let worker = worker.map_or(0, |worker| worker.as_raw_nonzero().get());
                let session = Session::own().map(|session| session.words());
                lock.set_len(0)?;
                write!(lock, "{worker} {}", session.unwrap_or_default())?;
                return Ok(Self {
                    folder,
                    name,
                    path,
                    _lock: lock,
                });
            }
        }
    }
}

impl Presence {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// Ends the commands that a killed minder left.
pub(super) fn clear_up_after(place: &Place, minder: u32) {
    let name = minder.to_string();
    let folder = place.open().ok().flatten();
    let file = folder.as_ref().and_then(|folder| folder.read(&name).ok()?);
    let session = file.and_then(|mut file| Said::read(&mut file)?.session);
    orphans::kill(&Marks::of_minder(&place.path().join(&name), session));
    // The file may stay: without its lock it counts for nothing.
    if let Some(folder) = folder {
        let _ = folder.remove(name);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // The file may stay: without its lock it counts for nothing.
        let _ = self.folder.remove(&self.name);
    }
}

/// Waits until the minders of instances that are gone have gone too.
pub(crate) async fn orphans_have_gone(place: &Place) -> io::Result<()> {
    let Some(folder) = place.open()? else {
        return Ok(());
    };
    let mut orphans = folder.names()?;
    let gone = async {
        loop {
            orphans.retain(|name| is_orphan(&folder, name));
            if orphans.is_empty() {
                return;
            }
            sleep(LOOK).await;
        }
    };
    // If a minder hangs, its commands are no worse than those of an instance that hangs.
    let _ = tokio::time::timeout(WAIT, gone).await;
    Ok(())
}

/// Whether this minder is alive and its instance is not. If the minder was killed, ends its
/// commands and removes its file. A file that is not ours is nobody's presence.
fn is_orphan(folder: &Folder, name: &OsStr) -> bool {
    let Ok(Some(mut file)) = folder.read(name) else {
        return false;
    };
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let session = Said::read(&mut file).and_then(|said| said.session);
        orphans::kill(&Marks::of_minder(&folder.path().join(name), session));
        let _ = folder.remove(name);
        return false;
    }
    let worker = Said::read(&mut file).and_then(|said| said.worker);
    worker.is_some_and(|worker| test_kill_process(worker) == Err(rustix::io::Errno::SRCH))
}

/// The contents of a presence file.
struct Said {
    worker: Option<Pid>,
    /// The session that the minder leads; `None` if the file does not name one.
    session: Option<Session>,
}

impl Said {
    fn read(file: &mut File) -> Option<Self> {
        /// The file is far shorter.
        const BYTES_MAX: u64 = 1024;
        let mut text = String::new();
        file.take(BYTES_MAX).read_to_string(&mut text).ok()?;
        let mut words = text.split(' ');
        let worker = words.next()?.parse().ok().and_then(Pid::from_raw);
        let session = Session::read(words);
        Some(Self { worker, session })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rustix::process::getppid;

    use super::*;
    use crate::files::Whose;

    /// A place, and the path of the file with this name in it.
    fn place(name: &str) -> (tempfile::TempDir, Place, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::new(folder.path(), Whose::Ours);
        let path = folder.path().join(name);
        (folder, place, path)
    }

    #[tokio::test]
    async fn who_is_there_with_its_worker_is_not_waited_for() {
        let name = std::process::id().to_string();
        let (_folder, place, path) = place(&name);
        let presence = Presence::take(&place, getppid()).unwrap();
        let folder = place.open().unwrap().unwrap();
        let is_orphan = || is_orphan(&folder, name.as_ref());
        assert!(!is_orphan());
        orphans_have_gone(&place).await.unwrap();
        // No process has such a number.
        fs::write(&path, "2147483647").unwrap();
        assert!(is_orphan());
        drop(presence);
        assert!(!is_orphan());
    }

    #[test]
    fn a_minder_that_was_taken_for_a_dead_one_while_it_began_is_seen_all_the_same() {
        let (_folder, place, path) = place(&std::process::id().to_string());
        // Held as by a process that looks for orphans.
        let looked_at = File::create(&path).unwrap();
        flock(&looked_at, FlockOperation::LockExclusive).unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| Presence::take(&place, getppid()));
            let path_seen = path.canonicalize().unwrap();
            let is_it = |fd: fs::DirEntry| fs::read_link(fd.path()).is_ok_and(|at| at == path_seen);
            // Until the other thread has opened the file too; where `/proc` does not show that,
            // this test proves less.
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
        let (_folder, place, path) = place("1");
        fs::write(&path, "2147483647").unwrap();
        orphans_have_gone(&place).await.unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_no_file_of_ours_is_nobodys_presence() {
        let (folder, place, path) = place("1");
        fs::create_dir(&path).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::write(&elsewhere, "2147483647").unwrap();
        fs::hard_link(&elsewhere, folder.path().join("2")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join("3")).unwrap();
        let locked = File::open(&elsewhere).unwrap();
        flock(&locked, FlockOperation::LockExclusive).unwrap();
        let opened = place.open().unwrap().unwrap();
        for name in ["1", "2", "3", "4"] {
            assert!(!is_orphan(&opened, name.as_ref()), "{name}");
        }
        orphans_have_gone(&place).await.unwrap();
    }
}
