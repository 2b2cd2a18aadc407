//! Whether a file may be opened: by which SQLite, under which name, and whose it is.

use std::path::Path;

use marionette::store::StoreError;
use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::file_identity::links;
use super::opening::keep_wal;
use super::owner;
use crate::error::store_error;
use crate::options::Settings;

/// The first version of SQLite in which a WAL that begins anew cannot damage the database.
const SQLITE_MIN: i32 = 3_051_003;

/// An error if this version of the SQLite library may not be used.
pub(crate) fn check_library(number: i32, name: &str) -> Result<(), StoreError> {
    if number >= SQLITE_MIN {
        return Ok(());
    }
    let what = format!(
        "the SQLite library is {name}, which can lose data of a WAL; 3.51.3 or newer is needed"
    );
    Err(StoreError::broken(what))
}

/// An error if this is not the name of a file that several connections can open.
///
/// SQLite, its shell and other libraries take some texts for more than a name. A file of that name
/// would not be what was meant.
pub(crate) fn check_path(path: &Path) -> Result<(), StoreError> {
    let text = path.to_string_lossy();
    let what = if text.starts_with(":memory:") || text.is_empty() {
        "is no file: the threads of a store would each have a database of its own; use \
         marionette::MemoryStore"
    } else if ["file:", "sqlite:"]
        .iter()
        .any(|scheme| text.starts_with(scheme))
    {
        "is a URL, not the name of a file: leave out what stands before the name, and what follows \
         a question mark (for a file that is called so, write ./ before it)"
    } else if text == "~" || text.starts_with("~/") {
        "begins with ~, which only a shell replaces: write the path of the folder (for one that is \
         called so, write ./ before it)"
    } else if text
        .split_once('?')
        .is_some_and(|(_, after)| after.contains('='))
    {
        "has settings behind a question mark, as a URL has them: use SqliteStore::options"
    } else if text.contains('\0') {
        "has a zero byte in it"
    } else {
        return Ok(());
    };
    Err(StoreError::refused(format!("the name {text:?} {what}")))
}

/// An error if the file has another name too, as far as the system tells.
///
/// SQLite finds the WAL by the name: under another name there would be another WAL for the same
/// file, and both would be written.
pub(crate) fn check_links(path: &Path) -> Result<(), StoreError> {
    let links = std::fs::metadata(path).map_or(1, |found| links(&found));
    if links <= 1 {
        return Ok(());
    }
    let what = format!(
        "{}: the file has {links} names (hard links), and SQLite keeps a log for each name, so \
         what is written under one would be lost under another; remove all but one, or make a copy",
        path.display()
    );
    Err(StoreError::refused(what))
}

/// Checks the files before any of them is opened: SQLite would wait for a pipe, and takes a file of
/// the right name beside a database for a part of it.
pub(crate) fn check_before(path: &Path, settings: &Settings) -> Result<(), StoreError> {
    if settings.check_owner {
        owner::check_before(path)?;
    } else {
        owner::check_kinds(path)?;
    }
    check_links(path)
}

/// Checks the files again when they are open and nothing was written yet.
pub(crate) fn check_after(
    connection: &Connection,
    path: &Path,
    settings: &Settings,
) -> Result<(), StoreError> {
    if !settings.check_owner {
        return Ok(());
    }
    let option = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    let failed = |err| store_error(path, err);
    // A log that is refused must not be copied into the database.
    let kept_before = connection.db_config(option).map_err(failed)?;
    keep_wal(connection).map_err(failed)?;
    // SQLite opens the WAL with the first question.
    let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    asked.map_err(failed)?;
    owner::check_after(path)?;
    let restored = connection.set_db_config(option, kept_before);
    restored.map(drop).map_err(failed)
}

#[cfg(test)]
mod tests {
    use marionette::store::StoreErrorKind;

    use super::*;

    #[test]
    fn an_sqlite_that_can_lose_a_wal_is_refused() {
        let err = check_library(3_051_002, "3.51.2").expect_err("it is too old");
        assert_eq!(err.kind(), StoreErrorKind::Broken);
        assert!(err.to_string().contains("3.51.2"), "{err}");
        assert!(err.to_string().contains("3.51.3"), "{err}");
        check_library(3_051_003, "3.51.3").expect("it is new enough");
    }

    #[test]
    fn a_database_in_memory_is_refused() {
        for name in [":memory:", ""] {
            let err = check_path(Path::new(name)).expect_err("it is no file");
            assert_eq!(err.kind(), StoreErrorKind::Refused);
            assert!(err.to_string().contains("MemoryStore"), "{err}");
        }
    }

    #[test]
    fn what_means_more_than_a_name_elsewhere_is_refused() {
        for name in [
            "file:x.db?mode=ro",
            "sqlite:x.db",
            "sqlite://x.db",
            "~/x.db",
            "~",
            "a\0b",
        ] {
            let err = check_path(Path::new(name)).expect_err("it is meant otherwise");
            assert_eq!(err.kind(), StoreErrorKind::Refused, "{err}");
            assert!(err.to_string().contains(&format!("{name:?}")), "{err}");
        }
        for name in [
            "./~/x.db",
            "./file:x.db",
            "x.db",
            "~x.db",
            "a~/x.db",
            "what?.db",
        ] {
            check_path(Path::new(name)).expect("it is a name");
        }
    }
}
