//! How far `run` has come with a file: which generation, and whether it is finished.
//!
//! The note is beside the store, one small file for each file that was run, and is written anew in
//! one step. A lock on its neighbour, which goes with the process, keeps a second run away.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::input;
use crate::store::make_folder;

/// What ids are derived under that follow from the name of a file.
const FILES: Uuid = Uuid::from_u128(0x6a1d_9a2e_3c41_4d5b_9a0f_7e52_b1c8_04d3);

/// Whether what was begun goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// An unfinished generation goes on.
    GoesOn,
    /// A new one begins.
    Begins,
}

/// The note of one file, locked.
#[derive(Debug)]
pub(super) struct Ledger {
    path: PathBuf,
    key: String,
    note: Note,
    /// Held for as long as this lives.
    _lock: File,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Note {
    /// The file, for a person who looks here.
    file: String,
    generation: u64,
    finished: bool,
}

impl Ledger {
    /// Takes the note of a file, unless another run has it.
    pub(super) fn take(folder: &Path, file: &input::File) -> Result<Self> {
        make_folder(folder)?;
        let key = key(file);
        let lock = lock(&folder.join(format!("{key}.lock")), &file.name)?;
        let path = folder.join(format!("{key}.json"));
        let note = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not what `run` wrote", path.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => Note {
                file: file.name.clone(),
                generation: 0,
                finished: true,
            },
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Self {
            path,
            key,
            note,
            _lock: lock,
        })
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
        ensure!(self.note.generation > 0, "this file was never run");
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

    /// The queue of the generation.
    pub(super) fn queue(&self) -> String {
        format!("run.{}.{}", self.key, self.note.generation)
    }

    /// The queue of the last generation but one.
    pub(super) fn earlier_queue(&self) -> String {
        format!(
            "run.{}.{}",
            self.key,
            self.note.generation.saturating_sub(2)
        )
    }

    fn write(&self) -> Result<()> {
        let new = self.path.with_extension("new");
        let written = (|| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            let mut file = options.open(&new)?;
            file.write_all(&serde_json::to_vec(&self.note)?)?;
            file.sync_all()?;
            fs::rename(&new, &self.path)?;
            // The name is in the folder, which has to reach the disk as well.
            File::open(self.path.parent().unwrap_or(Path::new("/")))?.sync_all()
        })();
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }
}

/// What a file is known by: its path, or on standard input its tasks.
fn key(file: &input::File) -> String {
    let id = if let Some(path) = &file.path {
        Uuid::new_v5(&FILES, path.as_os_str().as_encoded_bytes())
    } else {
        let tasks = file.tasks.iter().flat_map(|task| {
            // What cannot be told from another counts as the same.
            let mut bytes = task.command.identity().unwrap_or_default();
            bytes.push(b'\n');
            bytes
        });
        Uuid::new_v5(&FILES, &tasks.collect::<Vec<_>>())
    };
    id.simple().to_string()[..16].to_owned()
}

fn lock(path: &Path, name: &str) -> Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let opened = options.open(path);
    let mut file = opened.with_context(|| format!("cannot write {}", path.display()))?;
    if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if error != rustix::io::Errno::WOULDBLOCK {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
        let mut holder = String::new();
        let _ = file.read_to_string(&mut holder);
        match holder.trim() {
            "" => bail!("another process runs {name}"),
            holder => bail!("process {holder} runs {name}"),
        }
    }
    file.set_len(0)?;
    write!(file, "{}", std::process::id())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: Option<&str>) -> input::File {
        input::File {
            path: path.map(PathBuf::from),
            name: "tasks.txt".to_owned(),
            tasks: Vec::new(),
        }
    }

    #[test]
    fn a_generation_goes_on_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let take = || Ledger::take(folder.path(), &file(Some("/a"))).unwrap();
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
        ledger.finish().unwrap();
        ledger.begin().unwrap();
        assert_eq!(ledger.earlier_queue(), first);
    }

    #[test]
    fn a_file_is_run_by_one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let _held = Ledger::take(folder.path(), &file(Some("/a"))).unwrap();
        let refused = Ledger::take(folder.path(), &file(Some("/a"))).unwrap_err();
        let process = std::process::id();
        assert_eq!(
            refused.to_string(),
            format!("process {process} runs tasks.txt")
        );
        Ledger::take(folder.path(), &file(Some("/b"))).unwrap();
    }

    #[test]
    fn a_queue_has_a_name_that_a_store_takes() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = Ledger::take(folder.path(), &file(None)).unwrap();
        ledger.begin().unwrap();
        marionette::store::check_name(&ledger.queue()).unwrap();
    }
}
