//! The owners whose files may be used.

use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::path::Path;

use rustix::fs::Stat;
use serde::{Deserialize, Serialize};

/// The owners whose files may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// The files of this user and of root alone.
    Ours,
    /// The files of any user: their owner is trusted, or they are only looked at.
    Anybodys,
}

/// The name of a user, if `/etc/passwd` lists it.
pub(crate) fn user_name(id: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

pub(super) fn check_owner(stat: &Stat, path: &Path) -> io::Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    if stat.st_uid == ours || stat.st_uid == 0 {
        return Ok(());
    }
    let owner = user_name(stat.st_uid).unwrap_or_else(|| format!("user {}", stat.st_uid));
    Err(refused(path, format!("belongs to {owner}")))
}

/// The error for a file that is not used because of `what`.
pub(super) fn refused(path: &Path, what: impl Display) -> io::Error {
    let what = format!(
        "{} {what}, so it is not used",
        crate::console::text::path(path)
    );
    io::Error::new(ErrorKind::PermissionDenied, what)
}
