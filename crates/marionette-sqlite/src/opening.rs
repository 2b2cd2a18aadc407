//! Opening the file: which SQLite, which mode, which settings of a connection.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use marionette::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use crate::allowance::Allowance;
use crate::clock;
use crate::codec;
use crate::error::store_error;
use crate::failpoint;
use crate::options::{Additions, Settings};
use crate::owner;
use crate::schema;
use crate::wal::Wal;
use crate::whereabouts::{beside, links};

/// The first version of SQLite in which a WAL that begins anew cannot damage the database.
const SQLITE_MIN: i32 = 3_051_003;
/// How much of the file a connection keeps in memory, in KiB.
const CACHE_KIB: i32 = 16 * 1024;
/// To how many bytes the WAL is cut down when it begins anew: as long as it becomes by itself.
pub(crate) const WAL_BYTES: u64 = 8 * 1024 * 1024;
/// The longest row, text or blob: the payload and the result of a job, 1 MiB each, and much room.
const ROW_BYTES_MAX: i32 = 16 * 1024 * 1024;
/// The longest statement, also in the schema; the longest of ours has some thousand bytes.
const SQL_BYTES_MAX: i32 = 1_000_000;
/// The WAL is copied by the writer after it has answered; this is for when it never comes to that.
const CHECKPOINT_PAGES_MAX: i32 = 16_000;

/// Whether this version of the SQLite library may be used.
pub(crate) fn check_library(number: i32, name: &str) -> Result<(), StoreError> {
    if number >= SQLITE_MIN {
        return Ok(());
    }
    let what = format!(
        "the SQLite library is {name}, which can lose data of a WAL; 3.51.3 or newer is needed"
    );
    Err(StoreError::broken(what))
}

/// Whether this can be the name of a file that several connections open.
///
/// SQLite, its shell and other libraries take some texts for more than a name. A file that is
/// called so is not what was meant.
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

/// Whether the file has this name alone, as far as the system tells.
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

/// Looks at the files before any of them is opened: SQLite waits for a pipe, and takes what lies
/// beside a database under the right name for a part of it.
pub(crate) fn check_before(path: &Path, settings: &Settings) -> Result<(), StoreError> {
    if settings.check_owner {
        owner::check_before(path)?;
    } else {
        owner::check_kinds(path)?;
    }
    check_links(path)
}

/// Looks at them once more, now that they are open and nothing was written yet.
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
    // Nothing of a log that is refused shall come into the database.
    let kept_before = connection.db_config(option).map_err(failed)?;
    keep_wal(connection).map_err(failed)?;
    // With the first question SQLite opens the WAL.
    let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
    asked.map_err(failed)?;
    owner::check_after(path)?;
    let restored = connection.set_db_config(option, kept_before);
    restored.map(drop).map_err(failed)
}

/// Makes the file, for its owner alone, if there is none; says whether there was none. SQLite gives
/// the files beside it the same mode.
///
/// A file that exists is not opened here: closing it again would take the locks from every other
/// connection of this process to it.
pub(crate) fn create(path: &Path) -> Result<bool, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            mend_mode(&file).map_err(|err| io_error(path, err))?;
            drop(file);
            failpoint::at("sqlite::open::created");
            sync_directory(path).map_err(|err| io_error(path, err))?;
            Ok(true)
        }
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(err) => Err(io_error(path, err)),
    }
}

/// Gives the owner of a new file back what the umask of this process took.
#[cfg(unix)]
pub(crate) fn mend_mode(file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    if file.metadata()?.permissions().mode() & 0o777 == 0o600 {
        return Ok(());
    }
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // Its twin can fail.
pub(crate) fn mend_mode(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Neither follows a link nor waits for anybody, where the system can open a file so.
pub(crate) fn carefully(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

        std::os::unix::fs::OpenOptionsExt::custom_flags(options, O_NOFOLLOW | O_NONBLOCK);
    }
    options
}

/// Removes a file that was made and could not be opened, unless it is in use by somebody else.
pub(crate) fn unmake(path: &Path) {
    // Its first page says no more than that it is a database.
    const NO_TABLES: u64 = 4096;
    let bytes = |path: &Path| std::fs::metadata(path).map(|found| found.len()).ok();
    let is_empty = bytes(path).is_some_and(|bytes| bytes <= NO_TABLES);
    if !is_empty || bytes(&beside(path, "-wal")).unwrap_or(0) > 0 {
        return;
    }
    let _ = std::fs::remove_file(path);
    // In a folder for all their names were taken first.
    for ending in ["-journal", "-wal", "-shm"] {
        let path = beside(path, ending);
        if bytes(&path) == Some(0) {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Makes sure that the names of new files beside this one survive a loss of power.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

fn io_error(path: &Path, err: io::Error) -> StoreError {
    let what = format!("{}: {err}", path.display());
    let error = match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::full(what),
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => StoreError::refused(what),
        _ => StoreError::unavailable(what),
    };
    error.with_source(err)
}

/// The connection that writes. Nothing is written to a file whose tables are not ours.
pub(crate) fn writer(
    path: &Path,
    settings: &Settings,
) -> Result<(Connection, Allowance), StoreError> {
    let failed = |err| store_error(path, err);
    let (connection, allowance) = connect(path, settings).map_err(failed)?;
    schema::peek(&connection, path, settings.additions)?;
    wal(&connection, settings.busy).map_err(failed)?;
    failpoint::at("sqlite::open::wal");
    // What must survive a loss of power is synced by the writer itself; see there.
    connection
        .pragma_update(None, "synchronous", "NORMAL")
        .map_err(failed)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES_MAX)
        .map_err(failed)?;
    let limit_of_wal = i64::try_from(WAL_BYTES).unwrap_or(i64::MAX);
    connection
        .pragma_update_and_check(None, "journal_size_limit", limit_of_wal, |_| Ok(()))
        .map_err(failed)?;
    if let Some(bytes) = settings.bytes_max {
        limit(&connection, bytes).map_err(failed)?;
    }
    Ok((connection, allowance))
}

/// A connection that reads, beside the writer.
pub(crate) fn reader(
    path: &Path,
    settings: &Settings,
) -> Result<(Connection, Allowance), StoreError> {
    let open = || {
        let (connection, allowance) = connect(path, settings)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // The writer copies the WAL in the end, if that may still be done.
        keep_wal(&connection)?;
        // With the first question SQLite opens the WAL.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok((connection, allowance))
    };
    open().map_err(|err| store_error(path, err))
}

/// A connection that asks for the version alone. It makes no file and changes none.
pub(crate) fn peek(path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let open = || {
        let (connection, _) = connect(path, settings)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|err| store_error(path, err))
}

fn connect(path: &Path, settings: &Settings) -> rusqlite::Result<(Connection, Allowance)> {
    // Each connection stays in one thread, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let allowance = distrust(&mut connection, path, settings.additions)?;
    // A file that may only be read is opened for that in silence, and the first question would make
    // a WAL beside it that nobody may write either.
    if connection.is_readonly(MAIN_DB)? {
        let read_only = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(rusqlite::Error::SqliteFailure(read_only, None));
    }
    connection.busy_timeout(settings.busy)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok((connection, allowance))
}

/// Takes the file for mere data, before SQLite reads any of it: nothing that stands in its schema
/// is run, no row is larger than one of ours, and no statement goes on for ever.
fn distrust(
    connection: &mut Connection,
    path: &Path,
    additions: Additions,
) -> rusqlite::Result<Allowance> {
    let are_trusted = additions == Additions::Trusted;
    for (option, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, are_trusted),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, are_trusted),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, are_trusted),
    ] {
        connection.set_db_config(option, is_on)?;
    }
    for (limit, most) in [
        (Limit::SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
    ] {
        connection.set_limit(limit, most)?;
    }
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(Allowance::of(connection, path))
}

/// Turns the WAL on. SQLite does not wait for others here, so this does.
fn wal(connection: &Connection, busy: Duration) -> rusqlite::Result<()> {
    let until: Instant = clock::monotonic() + busy;
    loop {
        match turn_wal_on(connection) {
            Ok(mode) if mode.eq_ignore_ascii_case("wal") => return Ok(()),
            Ok(_) => return Err(rusqlite::Error::InvalidQuery),
            Err(err)
                if err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && clock::monotonic() < until =>
            {
                clock::pause(Duration::from_millis(5));
            }
            Err(err) => return Err(err),
        }
    }
}

/// Says which mode there is then. The row comes before the change is written, so only the step
/// after it tells of a disk that did not take it.
fn turn_wal_on(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let modes = statement.query_map([], |row| row.get(0))?;
    let mut modes = modes.collect::<rusqlite::Result<Vec<String>>>()?;
    modes.pop().ok_or(rusqlite::Error::QueryReturnedNoRows)
}

fn limit(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page = connection.pragma_query_value(None, "page_size", |row| codec::count(row, 0))?;
    let pages = i64::try_from((bytes / page).max(1)).unwrap_or(i64::MAX);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

/// The file in which SQLite resolved the name, and its WAL.
pub(crate) fn resolved(connection: &Connection, path: &Path) -> PathBuf {
    connection
        .path()
        .map_or_else(|| path.to_owned(), PathBuf::from)
}

/// The WAL that a connection has open, to sync it and to look at it.
pub(crate) fn open_wal(connection: &Connection, path: &Path) -> Result<Wal, StoreError> {
    let name = beside(path, "-wal");
    let open = || {
        let mut options = OpenOptions::new();
        let file = carefully(&mut options).read(true).write(true).open(&name)?;
        sync_directory(path)?;
        Ok(file)
    };
    let file = open().map_err(|err| io_error(&name, err))?;
    Wal::new(file, connection).map_err(|err| store_error(path, err))
}

/// A connection that is closed shall not copy and remove the WAL, even if it is the last one.
pub(crate) fn keep_wal(connection: &Connection) -> rusqlite::Result<()> {
    let option = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(option, true).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_sqlite_that_can_lose_a_wal_is_refused() {
        let err = check_library(3_051_002, "3.51.2").expect_err("it is too old");
        assert!(err.is_broken());
        assert!(err.to_string().contains("3.51.2"), "{err}");
        assert!(err.to_string().contains("3.51.3"), "{err}");
        check_library(3_051_003, "3.51.3").expect("it is new enough");
    }

    #[test]
    fn a_database_in_memory_is_refused() {
        for name in [":memory:", ""] {
            let err = check_path(Path::new(name)).expect_err("it is no file");
            assert!(err.is_refused());
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
            assert!(err.is_refused(), "{err}");
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
