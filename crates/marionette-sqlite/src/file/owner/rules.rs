//! The rules for a file that is safe to work with: its owner, its kind, and who may write it.

use std::fs::Metadata;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use marionette::store::StoreError;
use nix::unistd::geteuid;

use super::groups;
use crate::error::words::name_of;

/// A folder in which only the owner of a file may remove or rename it.
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// The user of this process, and the users that it has to trust anyway.
#[derive(Clone, Copy, Debug)]
pub(super) struct TrustedUsers {
    user: u32,
    /// The owner of `/`: in a user namespace that is root, under another number.
    root: u32,
}

impl TrustedUsers {
    pub(super) fn now() -> Self {
        Self {
            user: geteuid().as_raw(),
            root: Path::new("/").metadata().map_or(0, |root| root.uid()),
        }
    }

    /// Whether a file belongs to this user or to root.
    fn owns(self, found: &Metadata) -> bool {
        found.uid() == self.user || found.uid() == 0
    }

    /// Checks a folder on the way to a store: nobody else may replace what is in it.
    pub(super) fn check_way(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        if !self.owns(found) && found.uid() != self.root {
            let what = format!(
                "the folder belongs to {}, who can put other files in the place of what is in it",
                owner(found)
            );
            return Err(not_ours(path, &what));
        }
        if found.mode() & STICKY != 0 {
            return Ok(());
        }
        let Some(who) = self.who_writes(found) else {
            return Ok(());
        };
        let what = format!(
            "{who} may write in this folder (mode {:04o}), and put other files in the place of \
             what is in it; take that away with `chmod go-w`",
            found.mode() & 0o7777
        );
        Err(not_ours(path, &what))
    }

    /// Checks a link on the way to a store.
    pub(super) fn check_link(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        if self.owns(found) || found.uid() == self.root {
            return Ok(());
        }
        Err(not_ours(
            path,
            &format!("it is a symbolic link of {}", owner(found)),
        ))
    }

    /// Checks a file of a store.
    pub(super) fn check_file(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        self.check_writers(path, found)?;
        check_regular(path, found)
    }

    /// Checks a file that has to have one name.
    pub(super) fn check_only(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        self.check_file(path, found)?;
        match found.nlink() {
            0 | 1 => Ok(()),
            links => Err(wrong_kind(
                path,
                &format!("it has {links} names (hard links); remove all but this one"),
            )),
        }
    }

    /// Checks a folder beside a store that holds the store's files alone.
    pub(super) fn check_folder(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        self.check_writers(path, found)?;
        // If this is a file of ours, the code that needs a folder will say so.
        if found.is_dir() || found.is_file() {
            return Ok(());
        }
        Err(wrong_kind(
            path,
            &format!("it is {}, and has to be a folder; remove it", kind(found)),
        ))
    }

    fn check_writers(self, path: &Path, found: &Metadata) -> Result<(), StoreError> {
        if !self.owns(found) {
            let what = format!(
                "it belongs to {}, who can change what is in it",
                owner(found)
            );
            return Err(not_ours(path, &what));
        }
        // The permissions of a link are those of its target.
        if found.file_type().is_symlink() {
            return Ok(());
        }
        let Some(who) = self.who_writes(found) else {
            return Ok(());
        };
        let what = format!(
            "{who} may write it (mode {:04o}), and change what is in it; take that away with \
             `chmod go-w`",
            found.mode() & 0o7777
        );
        Err(not_ours(path, &what))
    }

    /// Names who else but the owner may write, if anybody may.
    fn who_writes(self, found: &Metadata) -> Option<String> {
        if found.mode() & OTHERS_WRITE != 0 {
            return Some("everybody".to_owned());
        }
        let group = found.gid();
        let is_shared = found.mode() & GROUP_WRITES != 0
            && !(found.uid() == self.user && groups::is_private(group));
        is_shared.then(|| match groups::name(group) {
            Some(name) => format!("the group {name}"),
            None => format!("the group {group}"),
        })
    }
}

/// Checks that this is a regular file, which can be opened without waiting.
pub(super) fn check_regular(path: &Path, found: &Metadata) -> Result<(), StoreError> {
    if found.is_file() {
        return Ok(());
    }
    let what = format!("it is {}, and has to be a file; remove it", kind(found));
    Err(wrong_kind(path, &what))
}

fn kind(found: &Metadata) -> &'static str {
    let kind = found.file_type();
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_file() {
        "a file"
    } else {
        "a device"
    }
}

fn owner(found: &Metadata) -> String {
    let user = found.uid();
    match name_of(user) {
        Some(name) => format!("{name} (user {user})"),
        None => format!("user {user}"),
    }
}

/// The error for a file that somebody else could change. A caller that trusts them may go on.
fn not_ours(path: &Path, what: &str) -> StoreError {
    refused(ErrorKind::PermissionDenied, path, what)
}

/// The error for a file of the wrong kind, with which no caller can go on.
pub(super) fn wrong_kind(path: &Path, what: &str) -> StoreError {
    refused(ErrorKind::InvalidInput, path, what)
}

fn refused(kind: ErrorKind, path: &Path, what: &str) -> StoreError {
    // The text says it all, and the source tells a caller which of the two it is.
    StoreError::refused(format!("{}: {what}", path.display())).with_source(io::Error::from(kind))
}
