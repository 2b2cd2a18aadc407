//! The note of a run: how far it has come.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use marionette::store::Name;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use crate::console::text;
use crate::files::Folder;

/// What says how far a run has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    pub(super) before: u64,
    /// The tasks of this generation that are cancelled because the list no longer has them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) removed: BTreeSet<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference.
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Note {
    /// The note of a run that was never run; notes that were removed had generations up to this
    /// number.
    pub(super) fn first(name: &str, before: u64) -> Self {
        Self {
            file: name.to_owned(),
            identity: None,
            generation: before,
            finished: true,
            before,
            removed: BTreeSet::new(),
        }
    }

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

pub(super) fn note_of(key: &str) -> String {
    format!("{key}.json")
}

pub(super) fn queue(key: &str, generation: u64) -> Name {
    let name = format!("run.{key}.{generation}");
    name.try_into().expect("a key has letters and digits alone")
}

/// The key and the generation in the name of a queue; `None` for a queue that belongs to no run.
pub(super) fn parts(queue: &str) -> Option<(&str, u64)> {
    let (key, generation) = queue.strip_prefix("run.")?.split_once('.')?;
    Some((key, generation.parse().ok()?))
}

/// The file with the highest generation of all runs whose notes were removed. No generation number
/// comes twice: the ids of its tasks are derived from it, and an id says whether its task is done.
pub(super) const REMOVED: &str = "removed";

pub(super) fn last_removed(folder: &Folder) -> Result<u64> {
    let path = || folder.path().join(REMOVED).display().to_string();
    let Some(bytes) = folder.read_all(REMOVED).with_context(path)? else {
        return Ok(0);
    };
    let text = String::from_utf8_lossy(&bytes);
    let number = text.trim().parse();
    number.with_context(|| format!("{} is not what `run` wrote", path()))
}
