//! Makes the file and the folders of a new store, and removes them if the store cannot be opened.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::paths::{beside, folder, shown};

/// The file and the folders that were made, in the order in which they can be removed.
#[derive(Debug)]
pub(super) struct NewStore {
    file: Option<PathBuf>,
    /// The deepest first.
    folders: Vec<PathBuf>,
}

impl NewStore {
    /// Makes the file, readable by its owner alone from its first moment, and any folder that is
    /// missing.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let missing = path.ancestors().skip(1);
        let missing = missing.take_while(|folder| {
            !folder.as_os_str().is_empty() && fs::symlink_metadata(folder).is_err()
        });
        let mut made = Self {
            file: None,
            folders: missing.map(Path::to_owned).collect(),
        };
        let done = made.make(path);
        if done.is_err() {
            made.undo();
        }
        done.map(|()| made)
    }

    fn make(&mut self, path: &Path) -> Result<()> {
        for folder in self.folders.iter().rev() {
            make_folder(folder)?;
        }
        if let Some(folder) = folder(path) {
            make_folder(folder)?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        match file {
            Ok(_) => self.file = Some(path.to_owned()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make the store {}", shown(path)));
            }
        }
        Ok(())
    }

    /// Removes the file and the folders, as far as they are empty.
    pub(super) fn undo(&self) {
        let is_empty =
            |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_file() && it.len() == 0);
        if let Some(file) = self.file.as_deref().filter(|file| is_empty(file)) {
            let _ = fs::remove_file(file);
            // In a folder that everybody can write, these names were taken first.
            for ending in ["-journal", "-wal", "-shm"] {
                let path = beside(file, ending);
                if is_empty(&path) {
                    let _ = fs::remove_file(path);
                }
            }
        }
        for folder in &self.folders {
            let _ = fs::remove_dir(folder);
        }
    }
}

/// Makes a folder for its owner alone, if it is missing.
fn make_folder(folder: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        made => made.with_context(|| format!("cannot make the folder {}", shown(folder))),
    }
}
