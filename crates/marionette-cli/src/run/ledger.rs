//! The ledger of a run: which generation is the latest, and whether it is finished.
//!
//! The note lies beside the store, one small file for each run, and is replaced in one step. A lock
//! on a file beside the note keeps a second process away; the lock ends with its process.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, Write};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use marionette::TaskId;
use marionette::store::Name;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::Identity;
use crate::console::clock;
use crate::console::text;
use crate::files::{Folder, Place};

/// How long to try for a lock that another process has: a process that only looks has it for a
/// moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(25);
/// How long to try for a lock if the process that took it has ended or is this one: then a program
/// that is being started has inherited the lock, and keeps it until its first instruction.
const INHERITED_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Whether a run goes on or begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// An unfinished generation goes on.
    GoesOn,
    /// A new generation begins.
    Begins,
}

/// The result of an attempt to take a note.
#[derive(Debug)]
pub(super) enum Taken {
    /// The note is ours.
    Ours(Ledger),
    /// Another process has the note.
    Theirs(OtherRunner),
}

/// A note that another process has.
#[derive(Debug)]
pub(super) struct OtherRunner {
    /// The number of that process, if the process has written it down yet.
    process: Option<String>,
    /// The queue of the generation that the process runs.
    pub(super) queue: Name,
}

impl OtherRunner {
    /// The error that says why this process cannot run it as well.
    pub(super) fn refusal(&self, name: &str) -> anyhow::Error {
        match &self.process {
            None => anyhow::anyhow!("another process runs {name}"),
            Some(process) => anyhow::anyhow!("process {process} runs {name}"),
        }
    }
}

/// The note of one run, locked.
#[derive(Debug)]
pub(super) struct Ledger {
    folder: Folder,
    key: String,
    note: Note,
    /// Held for as long as the ledger lives.
    _lock: File,
}

/// The file beside the store that says how far a run has come.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// The name of the file, for a person who looks at the note.
    pub(super) file: String,
    /// The identity of the run; older versions did not write it.
    #[serde(default)]
    pub(super) identity: Option<Identity>,
    pub(super) generation: u64,
    pub(super) finished: bool,
    /// The last generation before the first of this note: an earlier note of the run, since
    /// removed, may have had generations up to this number.
    #[serde(default, skip_serializing_if = "is_zero")]
    before: u64,
    /// The tasks of this generation that are cancelled because the list no longer has them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    removed: BTreeSet<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Note {
    /// The note of the run with this key, if there is one.
    pub(super) fn read(folder: &Folder, key: &str) -> Result<Option<Self>> {
        let name = note_of(key);
        let shown = || text::path(&folder.path().join(&name));
        let bytes = folder.read_all(&name);
        let bytes = bytes.with_context(|| format!("cannot read {}", shown()))?;
        let note = bytes.map(|bytes| serde_json::from_slice(&bytes));
        note.transpose()
            .with_context(|| format!("{} is not what `run` wrote", shown()))
    }
}

impl Ledger {
    /// Takes the note of a run, unless another process has it. A new note calls the run `name`.
    pub(super) fn take(place: &Place, identity: &Identity, slot: u32, name: &str) -> Result<Taken> {
        let folder = place.make();
        let folder = folder
            .with_context(|| format!("cannot make the folder {}", text::path(&place.path())))?;
        let key = identity.key(slot);
        let lock = match lock(&folder, &lock_of(&key))? {
            Ok(lock) => lock,
            Err(process) => {
                let generation = Note::read(&folder, &key)?.map_or(0, |note| note.generation);
                let queue = queue(&key, generation);
                return Ok(Taken::Theirs(OtherRunner { process, queue }));
            }
        };
        let mut note = if let Some(note) = Note::read(&folder, &key)? {
            note
        } else {
            let before = last_removed(&folder)?;
            Note {
                file: name.to_owned(),
                identity: None,
                generation: before,
                finished: true,
                before,
                removed: BTreeSet::new(),
            }
        };
        note.identity = Some(identity.notable());
        Ok(Taken::Ours(Self {
            folder,
            key,
            note,
            _lock: lock,
        }))
    }

    /// Whether this slot has a note.
    pub(super) fn exists(place: &Place, identity: &Identity, slot: u32) -> bool {
        let folder = place.open().ok().flatten();
        let note = note_of(&identity.key(slot));
        folder.is_some_and(|folder| folder.stat(note).is_ok_and(|note| note.is_some()))
    }

    /// Goes on with the last generation if it is unfinished, else begins one.
    pub(super) fn begin(&mut self) -> Result<Turn> {
        if self.is_unfinished() {
            // The process that had the note was killed, maybe while it wrote.
            for name in [note_of(&self.key), order_of(&self.key)] {
                let _ = self.folder.tidy(name);
            }
            return Ok(Turn::GoesOn);
        }
        self.note.generation += 1;
        self.note.finished = false;
        self.note.removed.clear();
        self.write()?;
        Ok(Turn::Begins)
    }

    /// Goes on with the last generation although that is finished.
    pub(super) fn reopen(&mut self) -> Result<()> {
        ensure!(self.was_begun(), "this was never run");
        self.note.finished = false;
        self.write()
    }

    /// Notes that the generation is finished.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.note.finished = true;
        self.write()
    }

    pub(super) fn is_unfinished(&self) -> bool {
        !self.note.finished
    }

    /// Whether the run has had a generation since its note was made.
    pub(super) fn was_begun(&self) -> bool {
        self.note.generation > self.note.before
    }

    /// Whether the generation is the first since the note was made.
    pub(super) fn is_first(&self) -> bool {
        self.note.generation <= self.note.before + 1
    }

    /// When the note was written last.
    pub(super) fn written(&self) -> Option<SystemTime> {
        let note = self.folder.read(note_of(&self.key)).ok()??;
        note.metadata().ok()?.modified().ok()
    }

    /// The queue of the present generation.
    pub(super) fn queue(&self) -> Name {
        queue(&self.key, self.note.generation)
    }

    /// The queues of the present generation and of the one before, whose tasks may have been
    /// retried since.
    pub(super) fn queues(&self) -> [Name; 2] {
        let last = self.note.generation.saturating_sub(1);
        [self.queue(), queue(&self.key, last)]
    }

    /// The queue of the generation two before the present one.
    pub(super) fn earlier_queue(&self) -> Name {
        queue(&self.key, self.note.generation.saturating_sub(2))
    }

    /// Notes the order of the generation's tasks, in which they are listed. The file may be lost.
    pub(super) fn note_order(&self, ids: impl Iterator<Item = TaskId>) -> io::Result<()> {
        self.folder.replace(order_of(&self.key), |file| {
            let mut file = BufWriter::new(file);
            for id in ids {
                file.write_all(id.uuid().as_bytes())?;
            }
            file.flush()
        })
    }

    /// Whether the task is cancelled because the list no longer has it.
    pub(super) fn is_removed(&self, id: TaskId) -> bool {
        !self.note.removed.is_empty() && self.note.removed.contains(&id.to_string())
    }

    /// Notes tasks that the list no longer has, before they are cancelled.
    pub(super) fn note_removed(&mut self, ids: &[TaskId]) -> Result<()> {
        self.note.removed.extend(ids.iter().map(TaskId::to_string));
        self.write()
    }

    /// Notes that the list has these tasks, whether it had them all the time or not.
    pub(super) fn note_present(&mut self, ids: impl Iterator<Item = TaskId>) -> Result<()> {
        if self.note.removed.is_empty() {
            return Ok(());
        }
        let before = self.note.removed.len();
        for id in ids {
            self.note.removed.remove(&id.to_string());
        }
        if self.note.removed.len() == before {
            return Ok(());
        }
        self.write()
    }

    fn write(&self) -> Result<()> {
        let name = note_of(&self.key);
        let written = self.folder.replace(&name, |file| {
            file.write_all(&serde_json::to_vec(&self.note)?)?;
            file.sync_all()
        });
        // The file's name is in the folder, which has to reach the disk as well.
        let written = written.and_then(|()| self.folder.sync());
        let path = || self.folder.path().join(&name);
        written.with_context(|| format!("cannot write {}", text::path(&path())))
    }
}

/// The file with the highest generation of all runs whose notes were removed. No generation number
/// comes twice: the ids of its tasks are derived from it, and an id says whether its task is done.
const REMOVED: &str = "removed";

fn last_removed(folder: &Folder) -> Result<u64> {
    let path = || folder.path().join(REMOVED).display().to_string();
    let Some(bytes) = folder.read_all(REMOVED).with_context(path)? else {
        return Ok(0);
    };
    let text = String::from_utf8_lossy(&bytes);
    let number = text.trim().parse();
    number.with_context(|| format!("{} is not what `run` wrote", path()))
}

/// Removes the note of a run that is finished and that no process has, unless `stays` says
/// otherwise.
pub(super) fn remove(
    folder: &Folder,
    key: &str,
    stays: impl FnOnce(&Note) -> bool,
) -> Result<bool> {
    let Ok(_lock) = lock(folder, &lock_of(key))? else {
        return Ok(false);
    };
    // A process that looks for a slot for a list leaves a lock without a note.
    if let Some(note) = Note::read(folder, key)? {
        if !note.finished || stays(&note) {
            return Ok(false);
        }
        let last = last_removed(folder)?.max(note.generation);
        folder.replace(REMOVED, |file| {
            write!(file, "{last}")?;
            file.sync_all()
        })?;
        folder.sync()?;
    }
    for name in [note_of(key), order_of(key), lock_of(key)] {
        folder.remove(name)?;
    }
    Ok(true)
}

fn order_of(key: &str) -> String {
    format!("{key}.order")
}

/// The tasks of the last generation in their order, as far as the order is noted.
pub(super) fn order(folder: &Folder, key: &str) -> Vec<TaskId> {
    let bytes = folder.read_all(order_of(key)).ok().flatten();
    let bytes = bytes.unwrap_or_default();
    let ids = bytes.chunks_exact(size_of::<Uuid>());
    let ids = ids.filter_map(|id| Uuid::from_slice(id).ok());
    ids.map(TaskId::from).collect()
}

fn note_of(key: &str) -> String {
    format!("{key}.json")
}

fn lock_of(key: &str) -> String {
    format!("{key}.lock")
}

fn queue(key: &str, generation: u64) -> Name {
    let name = format!("run.{key}.{generation}");
    name.try_into().expect("a key has letters and digits alone")
}

/// The key and the generation in the name of a queue; `None` for a queue that belongs to no run.
pub(super) fn parts(queue: &str) -> Option<(&str, u64)> {
    let (key, generation) = queue.strip_prefix("run.")?.split_once('.')?;
    Some((key, generation.parse().ok()?))
}

/// The process that has this note now, if any.
pub(super) fn holder(folder: &Folder, key: &str) -> Option<String> {
    let mut file = folder.read(lock_of(key)).ok()??;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut holder = String::new();
    file.read_to_string(&mut holder).ok()?;
    Some(holder.trim().to_owned())
}

/// Locks a file; else returns the process that holds the lock, if the file names it.
fn lock(folder: &Folder, name: &str) -> Result<Result<File, Option<String>>> {
    let path = || folder.path().join(name);
    let opened = folder.open_or_new(name);
    let mut file = opened.with_context(|| format!("cannot write {}", text::path(&path())))?;
    let began = clock::tick();
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(error).with_context(|| format!("cannot lock {}", text::path(&path())));
        }
        let mut holder = String::new();
        file.rewind()?;
        let _ = file.read_to_string(&mut holder);
        let holder = holder.trim();
        let patience = if is_another_that_lives(holder) {
            LOCK_PATIENCE
        } else {
            INHERITED_PATIENCE
        };
        if began.elapsed() >= patience {
            return Ok(Err((!holder.is_empty()).then(|| holder.to_owned())));
        }
        clock::pause(LOCK_PAUSE);
    }
    if !folder.is_at(&file, name)? {
        // The lock file was removed together with its run.
        return lock(folder, name);
    }
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(Ok(file))
}

/// Whether `holder` is the number of a process that is alive and is not this one.
fn is_another_that_lives(holder: &str) -> bool {
    let number = holder.parse().ok().and_then(Pid::from_raw);
    number.is_some_and(|number| {
        number.as_raw_nonzero().get().unsigned_abs() != std::process::id()
            && test_kill_process(number) != Err(rustix::io::Errno::SRCH)
    })
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::files::Whose;

    fn take(folder: &Path, file: &str) -> Taken {
        let identity = Identity::File(PathBuf::from(file));
        let place = Place::new(folder, Whose::Ours);
        Ledger::take(&place, &identity, 0, "tasks.txt").unwrap()
    }

    fn ours(folder: &Path, file: &str) -> Ledger {
        match take(folder, file) {
            Taken::Ours(ledger) => ledger,
            Taken::Theirs(held) => panic!("{held:?}"),
        }
    }

    #[test]
    fn a_generation_goes_on_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let take = || ours(folder.path(), "/a");
        let mut ledger = take();
        assert_eq!(ledger.begin().unwrap(), Turn::Begins);
        let first = ledger.queue();
        drop(ledger);
        let mut ledger = take();
        assert_eq!(ledger.begin().unwrap(), Turn::GoesOn);
        assert_eq!(ledger.queue(), first);
        ledger.finish().unwrap();
        drop(ledger);
        let mut ledger = take();
        assert_eq!(ledger.begin().unwrap(), Turn::Begins);
        assert_ne!(ledger.queue(), first);
        assert_eq!(ledger.queues()[1], first);
        ledger.finish().unwrap();
        ledger.begin().unwrap();
        assert_eq!(ledger.earlier_queue(), first);
    }

    #[test]
    fn a_run_belongs_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = ours(folder.path(), "/a");
        first.begin().unwrap();
        let Taken::Theirs(held) = take(folder.path(), "/a") else {
            panic!("two have it");
        };
        let process = std::process::id();
        assert_eq!(
            held.refusal("tasks.txt").to_string(),
            format!("process {process} runs tasks.txt")
        );
        assert_eq!(held.queue, first.queue());
        ours(folder.path(), "/b");
    }

    #[test]
    fn a_queue_has_a_name_that_a_store_takes_and_that_tells_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ours(folder.path(), "/a");
        ledger.begin().unwrap();
        let queue = ledger.queue();
        assert_eq!(parts(&queue), Some((ledger.key.as_str(), 1)));
        assert_eq!((parts("run.a"), parts("default")), (None, None));
    }
}
