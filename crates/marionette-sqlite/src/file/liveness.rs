//! Which instances live. An instance holds a lock on a file as long as its process lives, and gives
//! signs of life. An instance without a lock is dead, and so is one that holds its lock and gives
//! no sign for the length of a lease, by the monotonic clock of the process that looks.
//!
//! No step of a clock kills an instance, and no name of a lock file is used twice.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use uuid::Uuid;

use crate::clock::Clock;
use crate::codec::Id;
use crate::failpoint;
use crate::file::creating::carefully;
use crate::file::lock::{Lock, lock, mend_mode, not_usable};
use crate::paths::beside;

/// What one store knows of the instances.
#[derive(Debug)]
pub(crate) struct Liveness {
    clock: Clock,
    directory: PathBuf,
    /// The instances that this store listed.
    held: HashMap<Id, HeldInstance>,
    /// The last new sign of life of each other instance, and when it was seen here.
    observed: HashMap<Id, (i64, Instant)>,
    /// Whether the files of unlisted instances have been looked for.
    tidied: bool,
}

/// An instance of this store.
#[derive(Debug)]
struct HeldInstance {
    /// Locked as long as it is open; `None` if another store of the instance's process has it.
    _lock: Option<File>,
    renewed: Instant,
    /// The jobs that it has and did not name when it renewed: token, and since when.
    unnamed: HashMap<i64, (i64, Instant)>,
}

impl Liveness {
    pub(crate) fn new(path: &Path, clock: Clock) -> Self {
        Self {
            clock,
            directory: beside(path, "-workers"),
            held: HashMap::new(),
            observed: HashMap::new(),
            tidied: false,
        }
    }

    /// Whether this store listed the instance.
    pub(crate) fn is_ours(&self, instance: Id) -> bool {
        self.held.contains_key(&instance)
    }

    /// Locks the file of an instance of this process.
    pub(crate) fn hold(&mut self, instance: Id) -> io::Result<()> {
        if self.is_ours(instance) {
            return Ok(());
        }
        self.make_directory()?;
        let lock = lock(&self.file(instance))?;
        failpoint::at("sqlite::renew::locked");
        let held = HeldInstance {
            _lock: lock,
            renewed: self.clock.monotonic(),
            unnamed: HashMap::new(),
        };
        self.held.insert(instance, held);
        Ok(())
    }

    fn make_directory(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(&self.directory) {
            Ok(()) => mend_mode(&self.directory),
            Err(err) if err.kind() != io::ErrorKind::AlreadyExists => Err(err),
            Err(_) if fs::symlink_metadata(&self.directory)?.is_dir() => Ok(()),
            Err(_) => Err(not_usable(&self.directory, "is no folder")),
        }
    }

    fn file(&self, instance: Id) -> PathBuf {
        file_in(&self.directory, instance)
    }

    /// Notes that an instance of this store renewed without naming these of its jobs: `(seq, token,
    /// time since it was claimed)`.
    pub(crate) fn renewed(&mut self, instance: Id, unnamed: Vec<(i64, i64, Duration)>) {
        let now = self.clock.monotonic();
        let Some(held) = self.held.get_mut(&instance) else {
            return;
        };
        // The job was claimed after the renewal before this one; the time since its claim is by the
        // wall clock, which may have been stepped.
        let longest = now.duration_since(held.renewed);
        held.renewed = now;
        let old = std::mem::take(&mut held.unnamed);
        let entry = |(seq, token, claimed): (i64, i64, Duration)| {
            let since = match old.get(&seq) {
                Some((known, since)) if *known == token => *since,
                _ => now.checked_sub(claimed.min(longest)).unwrap_or(now),
            };
            (seq, (token, since))
        };
        held.unnamed = unnamed.into_iter().map(entry).collect();
    }

    /// The jobs that their instances in this store have not named for a lease: `(seq, token)`.
    pub(crate) fn lapsed(&mut self, lease: Duration, limit: usize) -> Vec<(i64, i64)> {
        let now = self.clock.monotonic();
        let unnamed = self.held.values().flat_map(|held| &held.unnamed);
        let lapsed = unnamed.filter(|(_, (_, since))| now.duration_since(*since) >= lease);
        let lapsed: Vec<_> = lapsed
            .map(|(seq, (token, _))| (*seq, *token))
            .take(limit)
            .collect();
        for held in self.held.values_mut() {
            for (seq, _) in &lapsed {
                held.unnamed.remove(seq);
            }
        }
        lapsed
    }

    /// Notes an instance's sign of life. Returns whether it has given none for a lease.
    pub(crate) fn is_silent(&mut self, instance: Id, beat: i64, lease: Duration) -> bool {
        let now = self.clock.monotonic();
        if let Some(held) = self.held.get(&instance) {
            // The instance renews here, so this store knows best.
            return now.duration_since(held.renewed) >= lease;
        }
        let seen = self.observed.entry(instance).or_insert((beat, now));
        if seen.0 != beat {
            *seen = (beat, now);
        }
        now.duration_since(seen.1) >= lease
    }

    /// The state of another instance's lock.
    pub(crate) fn lock_of(&self, instance: Id) -> io::Result<Lock> {
        let path = self.file(instance);
        let mut options = OpenOptions::new();
        let file = match carefully(&mut options).write(true).open(&path) {
            Ok(file) if file.metadata()?.is_file() => file,
            Ok(_) => return Err(not_usable(&path, "is no file")),
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Lock::Missing),
            Err(err) => return Err(err),
        };
        match file.try_lock() {
            Ok(()) => Ok(Lock::Free(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(Lock::Held),
            Err(fs::TryLockError::Error(err)) => Err(err),
        }
    }

    /// Forgets the signs of life of all instances but these.
    pub(crate) fn retain(&mut self, known: &HashSet<Id>) {
        self.observed.retain(|instance, _| known.contains(instance));
    }

    /// Forgets an instance; removes its file if this process holds the lock.
    pub(crate) fn forget(&mut self, instance: Id, is_locked: bool) {
        self.observed.remove(&instance);
        let held = self.held.remove(&instance);
        if held.is_some() || is_locked {
            // If it cannot be removed, a later start removes it.
            let _ = fs::remove_file(self.file(instance));
            failpoint::at("sqlite::sweep::unlinked");
        }
    }

    /// Once, removes the lock files of unlisted instances that no process holds.
    pub(crate) fn tidy(&mut self, known: &HashSet<Id>) {
        if std::mem::replace(&mut self.tidied, true) {
            return;
        }
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let named = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<Uuid>().ok());
        let strangers: Vec<Id> = named
            .map(Id)
            .filter(|instance| !known.contains(instance) && !self.is_ours(*instance))
            .collect();
        for instance in strangers {
            if let Ok(Lock::Free(lock)) = self.lock_of(instance) {
                self.forget(instance, true);
                drop(lock);
            }
        }
    }

    /// Forgets the instances without jobs when the store is closed, so that they need not be found
    /// dead.
    pub(crate) fn leave(&mut self, connection: &Connection) {
        let instances: Vec<Id> = self.held.keys().copied().collect();
        for instance in instances {
            if leave(connection, instance).unwrap_or(false) {
                self.forget(instance, false);
            }
        }
    }
}

/// Forgets an instance in the tables, unless it has a job.
pub(crate) fn leave(connection: &Connection, instance: Id) -> rusqlite::Result<bool> {
    let count = include_str!("../sql/running_count_of_instance.sql");
    let jobs: i64 = connection.query_row(count, [instance], |row| row.get(0))?;
    if jobs > 0 {
        return Ok(false);
    }
    connection.execute(include_str!("../sql/instance_delete.sql"), [instance])?;
    Ok(true)
}

/// Whether the process of an instance has certainly ended: nobody holds the lock on its file. For
/// connections that only read.
pub(crate) fn has_ended(path: &Path, instance: Id) -> bool {
    let mut options = OpenOptions::new();
    let path = file_in(&beside(path, "-workers"), instance);
    let file = carefully(&mut options).read(true).open(path);
    file.is_ok_and(|file| file.try_lock_shared().is_ok())
}

fn file_in(directory: &Path, instance: Id) -> PathBuf {
    directory.join(instance.0.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> Id {
        Id::of(marionette::TaskId::new())
    }

    #[test]
    fn an_instance_is_silent_only_by_the_monotonic_clock_and_only_without_signs() {
        let mut liveness = Liveness::new(Path::new("/nowhere"), Clock::default());
        let instance = id();
        assert!(!liveness.is_silent(instance, 1, Duration::from_secs(60)));
        assert!(!liveness.is_silent(instance, 1, Duration::from_secs(60)));
        assert!(liveness.is_silent(instance, 1, Duration::ZERO));
        assert!(!liveness.is_silent(instance, 2, Duration::from_secs(60)));
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_frees_no_claim_that_is_on_its_way() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut liveness = Liveness::new(&directory.path().join("file"), Clock::default());
        let (instance, lease) = (id(), Duration::from_secs(15));
        liveness.hold(instance).expect("nobody else holds it");
        let hour = Duration::from_secs(3600);
        // By the wall clock it was claimed an hour ago, and the last that was heard of its instance
        // was a moment ago.
        liveness.renewed(instance, vec![(1, 1, hour)]);
        assert_eq!(liveness.lapsed(lease, 10), []);
        liveness.renewed(instance, vec![(1, 1, hour), (2, 1, Duration::ZERO)]);
        assert_eq!(liveness.lapsed(lease, 10), []);
        let mut lapsed = liveness.lapsed(Duration::ZERO, 10);
        lapsed.sort_unstable();
        assert_eq!(lapsed, [(1, 1), (2, 1)], "in the end both are given back");
    }

    #[test]
    fn a_lock_is_free_once_its_holder_is_gone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        let liveness = || Liveness::new(&path, Clock::default());
        let (mut one, other) = (liveness(), liveness());
        let instance = id();
        assert!(matches!(other.lock_of(instance), Ok(Lock::Missing)));
        one.hold(instance).expect("nobody else holds it");
        assert!(matches!(other.lock_of(instance), Ok(Lock::Held)));
        assert!(!has_ended(&path, instance));
        drop(one);
        assert!(has_ended(&path, instance));
        assert!(matches!(other.lock_of(instance), Ok(Lock::Free(_))));
    }
}
