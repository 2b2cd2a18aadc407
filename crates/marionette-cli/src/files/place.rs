//! Where a folder is, or will be.

use std::io::{self};
use std::path::{Path, PathBuf};

use rustix::fs::CWD;
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::owner::Whose;

/// Where a folder is, or will be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Place {
    /// A folder that lies in a safe one.
    root: PathBuf,
    /// The way from there, in which no link is followed.
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

    /// A place in this one.
    pub(crate) fn below(&self, way: impl AsRef<Path>) -> Self {
        Self {
            below: self.below.join(way),
            ..self.clone()
        }
    }

    /// For people, and for what only removes.
    pub(crate) fn path(&self) -> PathBuf {
        if self.below.as_os_str().is_empty() {
            // To join nothing would put a slash behind it, through which a link is followed.
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

    /// Opens the folder, and makes it if there is none. The folder around the root has to be there.
    pub(crate) fn make(&self) -> io::Result<Folder> {
        let mut folder = Folder::make_at(CWD, self.root.as_os_str(), &self.root, self.whose)?;
        for name in &self.below {
            folder = folder.make_folder(name)?;
        }
        Ok(folder)
    }
}
