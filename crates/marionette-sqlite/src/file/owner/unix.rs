//! The checks themselves.

use std::fs::{self, Metadata, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use marionette::store::StoreError;

use super::rules::{self, TrustedUsers};
use super::way::{self, Destination};
use super::{FILES, INSTANCES};
use crate::file::creating::mend_mode;
use crate::paths::beside;

/// An error if anybody but this user and root can change a store, or the folders with these endings
/// beside it. A file that is not there yet is no fault.
pub(crate) fn check(path: &Path, endings: &[&str]) -> Result<(), StoreError> {
    let trusted = TrustedUsers::now();
    let path = check_files(trusted, path)?;
    for ending in [&[INSTANCES], endings].concat() {
        let path = beside(&path, ending);
        if let Some(found) = look(&path)? {
            trusted.check_folder(&path, &found)?;
        }
    }
    // A lock that somebody else holds would keep a dead instance alive.
    for entry in fs::read_dir(beside(&path, INSTANCES)).into_iter().flatten() {
        let Ok(entry) = entry else { continue };
        if let Some(found) = look(&entry.path())? {
            trusted.check_only(&entry.path(), &found)?;
        }
    }
    Ok(())
}

/// Checks the way to the database and the files that SQLite keeps beside it; returns its path.
fn check_files(trusted: TrustedUsers, path: &Path) -> Result<PathBuf, StoreError> {
    let Destination { path, found } = way::go(trusted, path)?;
    if let Some(found) = &found {
        trusted.check_file(&path, found)?;
    }
    for ending in FILES {
        let path = beside(&path, ending);
        if let Some(found) = look(&path)? {
            trusted.check_only(&path, &found)?;
        }
    }
    Ok(path)
}

/// Checks that a store and the files that SQLite keeps beside it are regular files.
pub(crate) fn check_kinds(path: &Path) -> Result<(), StoreError> {
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    // SQLite has a better message for a folder.
    if !found.is_dir() {
        rules::check_regular(path, &found)?;
    }
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for ending in FILES {
        let path = beside(&path, ending);
        if let Some(found) = look(&path)? {
            rules::check_regular(&path, &found)?;
        }
    }
    Ok(())
}

/// An error if a store may not be opened, because somebody else can change what SQLite will read.
///
/// Where others can make files beside it, this makes the files first that SQLite takes for a part
/// of it: in a sticky folder nobody else can remove them. An empty file says nothing to SQLite.
pub(crate) fn check_before(path: &Path) -> Result<(), StoreError> {
    const OTHERS_WRITE: u32 = 0o022;
    let trusted = TrustedUsers::now();
    let path = check_files(trusted, path)?;
    let instances = beside(&path, INSTANCES);
    if let Some(found) = look(&instances)? {
        trusted.check_folder(&instances, &found)?;
    }
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    if folder.is_none_or(|folder| folder.mode() & OTHERS_WRITE == 0) {
        return Ok(());
    }
    for ending in FILES {
        let path = beside(&path, ending);
        let mut options = OpenOptions::new();
        let made = options.write(true).create_new(true).mode(0o600).open(&path);
        match made.and_then(|file| mend_mode(&file)) {
            Err(err) if err.kind() == ErrorKind::AlreadyExists => {
                if let Some(found) = look(&path)? {
                    trusted.check_only(&path, &found)?;
                }
            }
            // If this is a fault, SQLite meets it when it makes the file.
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// An error if the files that SQLite has opened, by a path without links, are not safe: somebody
/// was faster than the check before.
pub(crate) fn check_after(path: &Path) -> Result<(), StoreError> {
    let trusted = TrustedUsers::now();
    for (ending, has_to_be) in [
        ("", true),
        ("-wal", true),
        ("-shm", true),
        ("-journal", false),
    ] {
        let path = beside(path, ending);
        match look(&path)? {
            Some(found) => trusted.check_only(&path, &found)?,
            None if !has_to_be => {}
            None => {
                let what = "somebody has removed it while the store was opened";
                return Err(StoreError::refused(format!("{}: {what}", path.display())));
            }
        }
    }
    Ok(())
}

fn look(path: &Path) -> Result<Option<Metadata>, StoreError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(err) => {
            let what = format!("{}: the file cannot be looked at", path.display());
            Err(StoreError::refused(what).with_source(err))
        }
    }
}
