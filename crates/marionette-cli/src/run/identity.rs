//! The identity of a run: it stays the same however the list of its tasks changes.
//!
//! A file has its path and a name has itself as identity: each has one run at a time. A list that
//! is not in a file (from a pipe, from the command line) has its folder, which may have several
//! unfinished runs; [`choice`](super::choice) decides which of them a list goes on with.

use std::borrow::Cow;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::args::Run;
use crate::command::quoted;
use crate::console::text::{self, safe};
use crate::input;

/// The namespace for the keys of files.
const FILES: Uuid = Uuid::from_u128(0x6a1d_9a2e_3c41_4d5b_9a0f_7e52_b1c8_04d3);
/// The namespace for the keys of names.
const NAMES: Uuid = Uuid::from_u128(0x0c5e_27f1_94a8_4b6d_8e13_5d70_c2fb_a961);
/// The namespace for the keys of lists that are not in a file.
const LISTS: Uuid = Uuid::from_u128(0xe83b_6f04_71d9_4a52_b7c6_1f9e_408d_32ab);

/// The identity of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Identity {
    /// The file of this path.
    File(PathBuf),
    /// The name that was given with `--as`.
    Named(String),
    /// A list that is not in a file, made in this folder.
    List(PathBuf),
}

impl Identity {
    /// The identity of the run of a list that was read.
    pub(super) fn of(file: &input::File, args: &Run) -> Result<Self> {
        match (&args.known_as, &file.path) {
            (Some(name), _) => Ok(Self::Named(name.clone())),
            (None, Some(path)) => Ok(Self::File(path.clone())),
            (None, None) => Ok(Self::List(here()?)),
        }
    }

    /// The identity that the arguments name, without reading the list: a file may be gone.
    pub(super) fn named_by(args: &Run) -> Result<Self> {
        if let Some(name) = &args.known_as {
            return Ok(Self::Named(name.clone()));
        }
        if args.file().as_os_str() == "-" {
            return Ok(Self::List(here()?));
        }
        let path = args.file().canonicalize().or_else(|_| gone(args.file()));
        let path = path.with_context(|| format!("cannot find {}", text::path(args.file())))?;
        Ok(Self::File(path))
    }

    /// The key in the names of its notes and queues. Only lists have more than one slot.
    pub(super) fn key(&self, slot: u32) -> String {
        let id = match self {
            Self::File(path) => Uuid::new_v5(&FILES, path.as_os_str().as_encoded_bytes()),
            Self::Named(name) => Uuid::new_v5(&NAMES, name.as_bytes()),
            Self::List(folder) => {
                let folder = folder.as_os_str().as_encoded_bytes();
                Uuid::new_v5(&LISTS, &[&slot.to_be_bytes(), folder].concat())
            }
        };
        id.simple().to_string()[..16].to_owned()
    }

    /// Whether it may have several unfinished runs.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(_))
    }

    /// The identity as a note has it: paths need not be UTF-8, but notes are.
    pub(super) fn notable(&self) -> Self {
        let lossy = |path: &Path| PathBuf::from(path.to_string_lossy().into_owned());
        match self {
            Self::File(path) => Self::File(lossy(path)),
            Self::Named(name) => Self::Named(name.clone()),
            Self::List(folder) => Self::List(lossy(folder)),
        }
    }

    /// Its name in lists, safe to print.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File(path) => safe(&from_here(path).to_string_lossy()),
            Self::Named(name) => safe(name),
            Self::List(folder) => format!("list in {}", safe(&folder.to_string_lossy())),
        }
    }

    /// Its name within a sentence, safe to print.
    pub(super) fn of_it(&self) -> String {
        match self {
            Self::List(_) => format!("the {}", self.name()),
            _ => self.name(),
        }
    }

    /// The command line that goes on with the run, safe to print.
    pub(crate) fn command(&self) -> String {
        match self {
            Self::File(path) => {
                let path = from_here(path);
                format!("marionette run {}", safe(&quoted(&path.to_string_lossy())))
            }
            Self::Named(name) => {
                let name = safe(&quoted(name));
                format!("marionette run --resume --as {name} -")
            }
            Self::List(folder) if env::current_dir().is_ok_and(|here| here == *folder) => {
                "marionette run --resume -".to_owned()
            }
            Self::List(folder) => {
                let folder = safe(&quoted(&folder.to_string_lossy()));
                format!("cd {folder} && marionette run --resume -")
            }
        }
    }
}

fn here() -> Result<PathBuf> {
    env::current_dir().context("there is no current folder")
}

/// The absolute path of a file that no longer exists.
fn gone(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    let name = absolute.file_name().unwrap_or_default();
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    Ok(fs::canonicalize(folder)?.join(name))
}

/// The path relative to the current folder, if it lies within it.
fn from_here(path: &Path) -> Cow<'_, Path> {
    // In the root folder every path is written in full, as everywhere else.
    let here = env::current_dir().ok();
    let here = here.filter(|here| here.parent().is_some());
    match here.and_then(|here| path.strip_prefix(here).ok()) {
        // The shell or the parser would take the name for an option or for standard input.
        Some(name) if name.as_os_str().as_encoded_bytes().starts_with(b"-") => {
            Cow::Owned(Path::new(".").join(name))
        }
        Some(name) => Cow::Borrowed(name),
        None => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_the_same_key() {
        let path = || PathBuf::from("/a");
        let all = [
            Identity::File(path()).key(0),
            Identity::Named("/a".to_owned()).key(0),
            Identity::List(path()).key(0),
            Identity::List(path()).key(1),
            Identity::List(PathBuf::from("/b")).key(0),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
        assert_eq!(Identity::File(path()).key(0), Identity::File(path()).key(1));
    }

    #[test]
    fn it_is_named_as_one_would_write_it_here() {
        let here = env::current_dir().unwrap();
        let file = Identity::File(here.join("my tasks.txt"));
        assert_eq!(file.name(), "my tasks.txt");
        assert_eq!(file.command(), "marionette run 'my tasks.txt'");
        let dash = Identity::File(here.join("-x"));
        assert_eq!(dash.command(), "marionette run ./-x");
        assert_eq!(Identity::List(here).command(), "marionette run --resume -");
        let other = Identity::List(PathBuf::from("/a b"));
        assert_eq!(other.command(), "cd '/a b' && marionette run --resume -");
    }
}
