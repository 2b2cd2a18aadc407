//! Where the notes of runs are: files beside the store, or records in one that machines share.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use marionette::store::Store;

use super::held::SharedNote;
use super::note::{Note, REMOVED, last_removed};
use crate::console::Console;
use crate::console::text;
use crate::files::{Folder, Place};
use crate::store::{Opened, Records};

/// The shelf of the notes in a store that machines share.
const SHELF: &str = "runs";

/// The place of all notes.
pub(super) struct Notes {
    /// The folder of the locks, the orders and, beside a file, the notes.
    pub(super) place: Place,
    /// The notes, in a store that machines share.
    pub(super) shared: Option<Records>,
    /// How long the holder of a shared note may give no sign of life.
    pub(super) lease: Duration,
    console: Option<Console>,
    store: Option<Arc<dyn Store>>,
}

impl Notes {
    /// The notes of the runs of this store.
    pub(super) fn of(opened: &Opened, console: &Console) -> Self {
        Self {
            place: opened.runs(),
            shared: Self::shared_by(opened),
            lease: opened.store.timing().lease,
            console: Some(console.clone()),
            store: Some(Arc::clone(&opened.store)),
        }
    }

    /// The notes in a store that machines share.
    pub(super) fn shared_by(opened: &Opened) -> Option<Records> {
        opened.records(SHELF)
    }

    /// The folder on this machine.
    pub(super) fn folder(&self) -> Result<Folder> {
        let folder = self.place.make();
        let path = || text::path(&self.place.path());
        folder.with_context(|| format!("cannot make the folder {}", path()))
    }

    /// The note of the run with this key, if there is one.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Note>> {
        match &self.shared {
            None => Note::read(&self.folder()?, key),
            Some(records) => {
                let bytes = records.get(key).await?;
                let note = bytes
                    .map(|bytes| SharedNote::decode(key, &bytes))
                    .transpose()?;
                Ok(note.map(|shared| shared.note))
            }
        }
    }

    /// The highest generation of all runs whose notes were removed.
    pub(super) async fn last_removed(&self, folder: &Folder) -> Result<u64> {
        match &self.shared {
            None => last_removed(folder),
            Some(records) => {
                let bytes = records.get(REMOVED).await?.unwrap_or_default();
                Ok(String::from_utf8_lossy(&bytes).parse().unwrap_or(0))
            }
        }
    }

    /// Looks which instances give signs of life, so that the one of a dead holder has been watched
    /// for as long as the holder when its tasks are to be taken over.
    pub(super) async fn watch_instances(&self) {
        if let Some(store) = &self.store {
            // The next sweep looks again.
            let _ = store.sweep().await;
        }
    }

    /// Tells whoever waits why it takes so long.
    pub(super) fn tell(&self, text: &str) {
        if let Some(console) = &self.console {
            console.note(text);
        }
    }
}

#[cfg(test)]
impl Notes {
    /// Notes in this folder.
    pub(super) fn beside(folder: &std::path::Path) -> Self {
        Self {
            place: Place::new(folder, crate::files::Whose::Ours),
            shared: None,
            lease: Duration::from_secs(15),
            console: None,
            store: None,
        }
    }

    /// Notes in these records, on a machine with this folder.
    pub(super) fn in_records(folder: &std::path::Path, records: Records) -> Self {
        Self {
            shared: Some(records),
            ..Self::beside(folder)
        }
    }
}
