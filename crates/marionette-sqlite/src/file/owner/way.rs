//! The way to a file, folder by folder and link by link, as the system follows it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use marionette::store::StoreError;

use super::rules::{TrustedUsers, wrong_kind};

/// How many links are followed, as on Linux.
const LINKS_MAX: usize = 40;

/// The end of a way.
#[derive(Debug)]
pub(super) struct Destination {
    /// Without links.
    pub(super) path: PathBuf,
    /// What is there, if something is.
    pub(super) found: Option<Metadata>,
}

/// Follows the way to a file, and checks everything that could be changed to lead elsewhere.
pub(super) fn go(trusted: TrustedUsers, path: &Path) -> Result<Destination, StoreError> {
    let failed = |path: &Path, err: &std::io::Error| {
        StoreError::refused(format!("{}: {err}", path.display()))
    };
    let absolute = std::path::absolute(path).map_err(|err| failed(path, &err))?;
    let mut left: VecDeque<OsString> = VecDeque::new();
    let mut at = PathBuf::new();
    let mut links = 0;
    begin(&absolute, &mut at, &mut left);
    look(trusted, &at)?;
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let found = match fs::symlink_metadata(&next) {
            Ok(found) => found,
            // If a folder on the way is none, making the file in it fails with that.
            Err(err) if matches!(err.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                let path = left.iter().fold(next, |path, name| path.join(name));
                return Ok(Destination { path, found: None });
            }
            Err(err) => return Err(failed(&next, &err)),
        };
        if found.file_type().is_symlink() {
            trusted.check_link(&next, &found)?;
            links += 1;
            if links > LINKS_MAX {
                return Err(wrong_kind(&next, "it leads through too many links"));
            }
            let target = fs::read_link(&next).map_err(|err| failed(&next, &err))?;
            begin(&target, &mut at, &mut left);
        } else if left.is_empty() {
            return Ok(Destination {
                path: next,
                found: Some(found),
            });
        } else {
            trusted.check_way(&next, &found)?;
            at = next;
        }
    }
    Ok(Destination {
        found: fs::symlink_metadata(&at).ok(),
        path: at,
    })
}

/// Puts the steps of a path before the steps that are left.
fn begin(path: &Path, at: &mut PathBuf, left: &mut VecDeque<OsString>) {
    for component in path.components().rev() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => left.push_front(name.to_owned()),
            Component::ParentDir => left.push_front("..".into()),
            Component::RootDir | Component::Prefix(_) => *at = PathBuf::from("/"),
        }
    }
}

fn look(trusted: TrustedUsers, folder: &Path) -> Result<(), StoreError> {
    match fs::symlink_metadata(folder) {
        Ok(found) => trusted.check_way(folder, &found),
        Err(_) => Ok(()),
    }
}
