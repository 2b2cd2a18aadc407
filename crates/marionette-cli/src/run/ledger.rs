//! The ledger of a run: which generation is the latest, and whether it is finished.
//!
//! The note lies beside the store, one small file for each run, and is replaced in one step. A lock
//! on a file beside the note keeps a second process away; the lock ends with its process. In a
//! store that machines share the note is a record, which also names its holder: [`HeldNote`].

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use marionette::TaskId;
use marionette::store::Name;
use uuid::Uuid;

use super::held::{HeldNote, Holder, Tried, token_of};
use super::identity::Identity;
use super::lock::{lock, lock_of};
use super::note::{Note, REMOVED, last_removed, note_of, queue};
use super::notes::Notes;
use crate::console::text;
use crate::files::Folder;

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
    /// The process, in words, if it has written down its number yet.
    process: Option<String>,
    /// The queue of the generation that the process runs.
    pub(super) queue: Name,
    /// Whether this machine can work on the run too.
    can_be_helped: bool,
}

impl OtherRunner {
    /// The error that says why this process cannot run it as well.
    pub(super) fn refusal(&self, name: &str) -> anyhow::Error {
        let process = match &self.process {
            None => "another process",
            Some(process) => process,
        };
        if self.can_be_helped {
            let queue = &self.queue;
            return anyhow::anyhow!(
                "{process} runs {name}; `marionette work --until-idle --queue {queue}` works on it \
                 from here too"
            );
        }
        anyhow::anyhow!("{process} runs {name}")
    }
}

/// The note of one run, locked.
#[derive(Debug)]
pub(super) struct Ledger {
    folder: Folder,
    key: String,
    note: Note,
    /// The record of the note, in a store that machines share.
    held: Option<HeldNote>,
    /// Locked for as long as the ledger lives.
    _lock: File,
}

impl OtherRunner {
    /// Somebody on another machine, or of another user on this one.
    fn elsewhere(holder: &Holder, queue: Name) -> Self {
        Self {
            process: Some(holder.words()),
            queue,
            can_be_helped: true,
        }
    }
}

impl Ledger {
    /// Takes the note of a run, unless another process has it. A new note calls the run `name`.
    pub(super) async fn take(
        notes: &Notes,
        identity: &Identity,
        slot: u32,
        name: &str,
    ) -> Result<Taken> {
        let folder = notes.folder()?;
        let key = identity.key(slot);
        let lock = match lock(&folder, &lock_of(&key))? {
            Ok(lock) => lock,
            Err(process) => {
                let note = notes.read(&key).await?;
                let queue = queue(&key, note.map_or(0, |note| note.generation));
                return Ok(Taken::Theirs(OtherRunner {
                    process: process.map(|process| format!("process {process}")),
                    queue,
                    can_be_helped: false,
                }));
            }
        };
        let (held, mut note) = match &notes.shared {
            None => match Note::read(&folder, &key)? {
                Some(note) => (None, note),
                None => (None, Note::first(name, notes.last_removed(&folder).await?)),
            },
            Some(records) => match HeldNote::take(records, &folder, &key, notes, name).await? {
                Tried::Ours(held, note) => (Some(held), note),
                Tried::Theirs(holder, generation) => {
                    let queue = queue(&key, generation);
                    return Ok(Taken::Theirs(OtherRunner::elsewhere(&holder, queue)));
                }
            },
        };
        note.identity = Some(identity.notable());
        Ok(Taken::Ours(Self {
            folder,
            key,
            note,
            held,
            _lock: lock,
        }))
    }

    /// Whether this slot has a note.
    pub(super) async fn exists(notes: &Notes, identity: &Identity, slot: u32) -> Result<bool> {
        let key = identity.key(slot);
        if let Some(records) = &notes.shared {
            return Ok(records.get(&key).await?.is_some());
        }
        let folder = notes.place.open().ok().flatten();
        Ok(folder.is_some_and(|folder| folder.stat(note_of(&key)).is_ok_and(|it| it.is_some())))
    }

    /// Waits until another machine has taken the run over, since this process gave no sign of life;
    /// for ever where that cannot be. Returns who has it.
    pub(super) async fn is_lost(&self) -> anyhow::Error {
        match &self.held {
            Some(held) => held.is_lost().await,
            None => std::future::pending().await,
        }
    }

    /// Goes on with the last generation if it is unfinished, else begins one.
    pub(super) async fn begin(&mut self) -> Result<Turn> {
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
        self.write().await?;
        Ok(Turn::Begins)
    }

    /// Goes on with the last generation although that is finished.
    pub(super) async fn reopen(&mut self) -> Result<()> {
        ensure!(self.was_begun(), "this was never run");
        self.note.finished = false;
        self.write().await
    }

    /// Notes that the generation is finished.
    pub(super) async fn finish(&mut self) -> Result<()> {
        self.note.finished = true;
        self.write().await
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
        if let Some(held) = &self.held {
            return Some(held.written());
        }
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
    pub(super) async fn note_removed(&mut self, ids: &[TaskId]) -> Result<()> {
        self.note.removed.extend(ids.iter().map(TaskId::to_string));
        self.write().await
    }

    /// Notes that the list has these tasks, whether it had them all the time or not.
    pub(super) async fn note_present(&mut self, ids: impl Iterator<Item = TaskId>) -> Result<()> {
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
        self.write().await
    }

    async fn write(&self) -> Result<()> {
        if let Some(held) = &self.held {
            return held.write(self.note.clone()).await;
        }
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
    for name in [note_of(key), order_of(key), token_of(key), lock_of(key)] {
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

#[cfg(test)]
impl Ledger {
    /// Lets its beat stop, as if its process stood still.
    pub(super) fn stand_still(&self) {
        self.held.as_ref().expect("it is shared").stand_still();
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::super::note::parts;
    use super::*;

    async fn take(folder: &Path, file: &str) -> Taken {
        let identity = Identity::File(PathBuf::from(file));
        let notes = Notes::beside(folder);
        Ledger::take(&notes, &identity, 0, "tasks.txt")
            .await
            .unwrap()
    }

    async fn ours(folder: &Path, file: &str) -> Ledger {
        match take(folder, file).await {
            Taken::Ours(ledger) => ledger,
            Taken::Theirs(held) => panic!("{held:?}"),
        }
    }

    #[tokio::test]
    async fn a_generation_goes_on_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let take = async || ours(folder.path(), "/a").await;
        let mut ledger = take().await;
        assert_eq!(ledger.begin().await.unwrap(), Turn::Begins);
        let first = ledger.queue();
        drop(ledger);
        let mut ledger = take().await;
        assert_eq!(ledger.begin().await.unwrap(), Turn::GoesOn);
        assert_eq!(ledger.queue(), first);
        ledger.finish().await.unwrap();
        drop(ledger);
        let mut ledger = take().await;
        assert_eq!(ledger.begin().await.unwrap(), Turn::Begins);
        assert_ne!(ledger.queue(), first);
        assert_eq!(ledger.queues()[1], first);
        ledger.finish().await.unwrap();
        ledger.begin().await.unwrap();
        assert_eq!(ledger.earlier_queue(), first);
    }

    #[tokio::test]
    async fn a_run_belongs_to_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = ours(folder.path(), "/a").await;
        first.begin().await.unwrap();
        let Taken::Theirs(held) = take(folder.path(), "/a").await else {
            panic!("two have it");
        };
        let process = std::process::id();
        assert_eq!(
            held.refusal("tasks.txt").to_string(),
            format!("process {process} runs tasks.txt")
        );
        assert_eq!(held.queue, first.queue());
        ours(folder.path(), "/b").await;
    }

    #[tokio::test]
    async fn a_queue_has_a_name_that_a_store_takes_and_that_tells_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = ours(folder.path(), "/a").await;
        ledger.begin().await.unwrap();
        let queue = ledger.queue();
        assert_eq!(parts(&queue), Some((ledger.key.as_str(), 1)));
        assert_eq!((parts("run.a"), parts("default")), (None, None));
    }
}
