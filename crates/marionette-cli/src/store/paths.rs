//! The paths of a store: the files beside it, and hints about their permissions.

use std::fs::{self};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;

use crate::console::text::{self};
use crate::files::{self};

/// The permissions that this user lacks to use an existing store; empty if none.
pub(super) fn hint(path: &Path) -> &'static str {
    if !path.exists() {
        return "";
    }
    let both = Access::READ_OK | Access::WRITE_OK;
    let may = |path: &Path| rustix::fs::access(path, both).is_ok();
    match (may(path), may(folder(path).unwrap_or(Path::new(".")))) {
        (true, true) => "",
        (false, _) => " (you may not read and write the file; it takes both, even to look)",
        (true, false) => " (you may not write in its folder; it takes that, even to look)",
    }
}

/// The folder of a file, unless it is the current one.
pub(super) fn folder(path: &Path) -> Option<&Path> {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
}

pub(super) fn shown(path: &Path) -> String {
    text::path(path)
}

/// The owner of a file or a folder that belongs to another user, as the likely cause of an error.
pub(super) fn owner(path: &Path) -> String {
    let owner = fs::symlink_metadata(path).map(|metadata| metadata.uid());
    let ours = rustix::process::geteuid().as_raw();
    match owner {
        Ok(owner) if owner != ours => {
            let name = files::user_name(owner).unwrap_or_else(|| format!("user {owner}"));
            format!(" (it belongs to {name})")
        }
        _ => String::new(),
    }
}

pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(what);
    name.into()
}
