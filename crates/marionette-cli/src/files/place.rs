//! The place of a folder, which need not exist yet.

use std::io::{self};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::owner::Whose;

/// The place of a folder, which need not exist yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The topmost folder; the one around it has to be safe.
    root: PathBuf,
    /// The way from the root, on which no link is followed.
    below: PathBuf,
    whose: Whose,
}

impl Place {
    pub(crate) fn new(root: impl Into<PathBuf>, whose: Whose) -> Self {
        Self {
            root: root.into(),
            below: PathBuf::new(),
            whose,
        }
    }

    /// A place below this one.
    pub(crate) fn below(&self, way: impl AsRef<Path>) -> Self {
        Self {
            below: self.below.join(way),
            ..self.clone()
        }
    }

    /// The path, to be shown, or for calls that only remove or look.
    pub(crate) fn path(&self) -> PathBuf {
        if self.below.as_os_str().is_empty() {
            // Joining an empty path would add a slash, and through a slash a link is followed.
            return self.root.clone();
        }
        self.root.join(&self.below)
    }

    pub(crate) fn whose(&self) -> Whose {
        self.whose
    }

    /// Opens the folder; `None` if there is none.
    pub(crate) fn open(&self) -> io::Result<Option<Folder>> {
        let mut folder = Folder::at(CWD, self.root.as_os_str(), self.root.clone(), self.whose)?;
        for name in &self.below {
            let Some(parent) = folder else { break };
            folder = parent.folder(name)?;
        }
        Ok(folder)
    }

    /// Opens the folder, and makes it if there is none. The folder around the root has to exist.
    pub(crate) fn make(&self) -> io::Result<Folder> {
        let mut folder = Folder::make_at(CWD, self.root.as_os_str(), &self.root, self.whose)?;
        for name in &self.below {
            folder = folder.make_folder(name)?;
        }
        Ok(folder)
    }
}
