//! Decides whose stores may be used.

use std::error::Error;
use std::fs::{self};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Result, bail, ensure};
use marionette::store::StoreError;
use marionette_sqlite::SqliteStore;

use super::error::explain;
use super::paths::{beside, hint, owner, shown};
use crate::common::Common;
use crate::console::Console;
use crate::console::text::safe;
use crate::files::Whose;

/// The endings of the folders that the command keeps beside a store, in addition to the store's
/// own.
const FOLDERS: [&str; 3] = ["-output", "-minders", "-runs"];
/// The ways out for a store that is not this user's.
const TRUST: &str = "; whoever can change that can have commands run as you: name another store, \
                     or trust them with --trust-owner";

/// The purpose for which a store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To change something in it or beside it, or to run its commands.
    Change,
    /// To look only.
    Look,
}

/// Whose files may be used in this store. Anyone who can write one of them decides which commands
/// run from it, so a store that is not this user's is refused; a process that only looks prints a
/// warning.
pub(crate) fn check_owner(common: &Common, path: &Path, purpose: Purpose) -> Result<Whose> {
    if common.trust_owner {
        ensure!(
            !path.is_dir(),
            "{} is a directory; name a file with --store",
            shown(path)
        );
        return Ok(Whose::Anybodys);
    }
    let Err(error) = SqliteStore::check_owner(path, &FOLDERS) else {
        return Ok(Whose::Ours);
    };
    let way_out = if is_of_trust(&error) { TRUST } else { "" };
    if path.is_dir() && !is_of_trust(&error) {
        bail!("{} is a directory; name a file with --store", shown(path));
    }
    let what = safe(&explain(error).to_string());
    let hint = hint(path);
    if !hint.is_empty() {
        bail!(
            "cannot use the store {}{hint}: {what}{way_out}",
            shown(path)
        );
    }
    if purpose == Purpose::Change {
        bail!("cannot use the store: {what}{way_out}");
    }
    refuse_foreign_logs(path)?;
    Console::new(common).warn(&format!("others can change what is shown here: {what}"));
    Ok(Whose::Anybodys)
}

/// As [`check_owner`], for the folders on this machine of a store on a server. Those that are
/// missing on the way are made, for this user alone.
#[cfg(feature = "redis")]
pub(super) fn check_folders(common: &Common, path: &Path) -> Result<Whose> {
    use std::os::unix::fs::DirBuilderExt;

    use anyhow::Context;

    if let Some(folder) = super::paths::folder(path) {
        let made = fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(folder);
        made.with_context(|| format!("cannot make the folder {}", shown(folder)))?;
    }
    check_owner(common, path, Purpose::Change)
}

/// Whether the error is one of ownership, which `--trust-owner` would permit.
fn is_of_trust(error: &StoreError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref());
    source.is_some_and(|source: &io::Error| source.kind() == ErrorKind::PermissionDenied)
}

/// Refuses logs and journals that were made by neither the owner of the store, nor this user, nor
/// root: even a process that only looks writes them back into the store.
fn refuse_foreign_logs(path: &Path) -> Result<()> {
    let Ok(store) = fs::metadata(path) else {
        return Ok(());
    };
    let known = [store.uid(), rustix::process::geteuid().as_raw(), 0];
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    for ending in ["-journal", "-wal", "-shm"] {
        let path = beside(&path, ending);
        if let Ok(found) = fs::symlink_metadata(&path)
            && !known.contains(&found.uid())
        {
            bail!(
                "cannot look at the store: {}: it is not its owner's{}, and would be written into \
                 it{TRUST}",
                shown(&path),
                owner(&path)
            );
        }
    }
    Ok(())
}
