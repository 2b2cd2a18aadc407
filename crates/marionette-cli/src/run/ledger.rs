//! How far a run has come: which generation, and whether it is finished.
//!
//! The note is beside the store, one small file for each run, and is written anew in one step. A
//! lock on its neighbour, which goes with the process, keeps a second process away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use marionette::TaskId;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::identity::Identity;
use crate::clock;
use crate::store::make_folder;

/// How long a lock is tried that another process has: one that only looks has it for a moment.
const LOCK_PATIENCE: Duration = Duration::from_millis(25);
/// How long it is tried if the process that took it has ended or was this one: then a program that
/// is being started has it, until its first instruction.
const INHERITED_PATIENCE: Duration = Duration::from_secs(2);
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Whether what was begun goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// An unfinished generation goes on.
    GoesOn,
    /// A new one begins.
    Begins,
}

/// What comes of an attempt to take a note.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is ours.
    Ours(Ledger),
    /// Another process has it.
    Theirs(Held),
}

/// A note that another process has.
#[derive(Debug)]
pub(super) struct Held {
    /// The number of that process, if it has written it down yet.
    process: Option<String>,
    /// The queue of the generation that it runs.
    pub(super) queue: String,
}

impl Held {
    /// Why this process cannot run it as well.
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
    path: PathBuf,
    key: String,
    note: Note,
    /// Held for as long as this lives.
    _lock: File,
}

/// What is noted of a run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Note {
    /// The file as it was named, for a person who looks here.
    pub(super) file: String,
    /// What the run is known by; versions before this one did not write it.
    #[serde(default)]
    pub(super) identity: Option<Identity>,
    pub(super) generation: u64,
    pub(super) finished: bool,
}

impl Note {
    /// The note in this file, if there is one.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        match fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not what `run` wrote", path.display())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

impl Ledger {
    /// Takes the note of a run, unless another process has it. `name` is what the run is called in
    /// a new note.
    pub(super) fn take(folder: &Path, identity: &Identity, slot: u32, name: &str) -> Result<Taken> {
        make_folder(folder)?;
        let key = identity.key(slot);
        let path = note_of(folder, &key);
        let lock = match lock(&lock_of(folder, &key))? {
            Ok(lock) => lock,
            Err(process) => {
                let generation = Note::read(&path)?.map_or(0, |note| note.generation);
                let queue = queue(&key, generation);
                return Ok(Taken::Theirs(Held { process, queue }));
            }
        };
        let new = || Note {
            file: name.to_owned(),
            finished: true,
            ..Note::default()
        };
        let mut note = Note::read(&path)?.unwrap_or_else(new);
        note.identity = Some(identity.notable());
        Ok(Taken::Ours(Self {
            path,
            key,
            note,
            _lock: lock,
        }))
    }

    /// Whether there is a note in this slot.
    pub(super) fn exists(folder: &Path, identity: &Identity, slot: u32) -> bool {
        note_of(folder, &identity.key(slot)).exists()
    }

    /// Goes on with the last generation, or begins one.
    pub(super) fn begin(&mut self) -> Result<Turn> {
        if self.is_unfinished() {
            return Ok(Turn::GoesOn);
        }
        self.note.generation += 1;
        self.note.finished = false;
        self.write()?;
        Ok(Turn::Begins)
    }

    /// Goes on with the last generation although it is finished.
    pub(super) fn reopen(&mut self) -> Result<()> {
        ensure!(self.was_begun(), "this was never run");
        self.note.finished = false;
        self.write()
    }

    /// The generation is finished.
    pub(super) fn finish(&mut self) -> Result<()> {
        self.note.finished = true;
        self.write()
    }

    pub(super) fn is_unfinished(&self) -> bool {
        !self.note.finished
    }

    /// Whether there was a generation yet.
    pub(super) fn was_begun(&self) -> bool {
        self.note.generation > 0
    }

    /// When the note was written last.
    pub(super) fn written(&self) -> Option<SystemTime> {
        fs::metadata(&self.path).ok()?.modified().ok()
    }

    /// The queue of the generation.
    pub(super) fn queue(&self) -> String {
        queue(&self.key, self.note.generation)
    }

    /// That queue, and the one of the generation before, in which something may have been retried
    /// since.
    pub(super) fn queues(&self) -> [String; 2] {
        let last = self.note.generation.saturating_sub(1);
        [self.queue(), queue(&self.key, last)]
    }

    /// The queue of the last generation but one.
    pub(super) fn earlier_queue(&self) -> String {
        queue(&self.key, self.note.generation.saturating_sub(2))
    }

    /// Notes in which order the tasks of the generation are, for lists of them. It may be lost.
    pub(super) fn note_order(&self, ids: impl Iterator<Item = TaskId>) -> io::Result<()> {
        let new = self.path.with_extension("order.new");
        let mut file = BufWriter::new(create(&new)?);
        for id in ids {
            file.write_all(id.uuid().as_bytes())?;
        }
        file.into_inner()?;
        fs::rename(&new, order_of(&self.path))
    }

    fn write(&self) -> Result<()> {
        let new = self.path.with_extension("new");
        let written = (|| {
            let mut file = create(&new)?;
            file.write_all(&serde_json::to_vec(&self.note)?)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            // The name is in the folder, which has to reach the disk as well.
            File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        })();
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}

fn order_of(note: &Path) -> PathBuf {
    note.with_extension("order")
}

/// The tasks of the last generation in their order, as far as it is noted.
pub(super) fn order(folder: &Path, key: &str) -> Vec<TaskId> {
    let bytes = fs::read(order_of(&note_of(folder, key))).unwrap_or_default();
    let ids = bytes.chunks_exact(size_of::<Uuid>());
    let ids = ids.filter_map(|id| Uuid::from_slice(id).ok());
    ids.map(TaskId::from).collect()
}

fn note_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.json"))
}

fn lock_of(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.lock"))
}

fn queue(key: &str, generation: u64) -> String {
    format!("run.{key}.{generation}")
}

/// The key and the generation in the name of a queue; `None` if it is not that of a run.
pub(super) fn parts(queue: &str) -> Option<(&str, u64)> {
    let (key, generation) = queue.strip_prefix("run.")?.split_once('.')?;
    Some((key, generation.parse().ok()?))
}

/// The process that has this note now, if one has.
pub(super) fn holder(folder: &Path, key: &str) -> Option<String> {
    let mut file = File::open(lock_of(folder, key)).ok()?;
    if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
        return None;
    }
    let mut holder = String::new();
    file.read_to_string(&mut holder).ok()?;
    Some(holder.trim().to_owned())
}

/// Locks a file; else says who has it, if that is written there.
fn lock(path: &Path) -> Result<Result<File, Option<String>>> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let opened = options.open(path);
    let mut file = opened.with_context(|| format!("cannot write {}", path.display()))?;
    let began = clock::tick();
    while let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
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
    file.rewind()?;
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(Ok(file))
}

/// Whether this is the number of a process other than this one, which has not ended.
fn is_another_that_lives(holder: &str) -> bool {
    let number = holder.parse().ok().and_then(Pid::from_raw);
    number.is_some_and(|number| {
        number.as_raw_nonzero().get().unsigned_abs() != std::process::id()
            && test_kill_process(number) != Err(rustix::io::Errno::SRCH)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(folder: &Path, file: &str) -> Taken {
        let identity = Identity::File(PathBuf::from(file));
        Ledger::take(folder, &identity, 0, "tasks.txt").unwrap()
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
        marionette::store::check_name(&queue).unwrap();
        assert_eq!(parts(&queue), Some((ledger.key.as_str(), 1)));
        assert_eq!((parts("run.a"), parts("default")), (None, None));
    }
}
