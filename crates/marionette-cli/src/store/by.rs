//! The user who makes a change.

use marionette::inspect::By;

use crate::files;

/// The user whom this process acts for, through this command.
pub(crate) fn by() -> By {
    let id = rustix::process::geteuid().as_raw();
    let name = files::user_name(id).unwrap_or_else(|| format!("user {id}"));
    By::new(name, "command")
}
