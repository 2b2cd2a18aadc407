//! Opening connections to the file, with their settings.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use marionette::store::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags};

use crate::clock;
use crate::codec;
use crate::error::store_error;
use crate::failpoint;
use crate::file::allowance::Allowance;
use crate::file::creating::{carefully, io_error, sync_directory};
use crate::file::schema;
use crate::file::wal::Wal;
use crate::options::{Additions, Settings};
use crate::paths::beside;

/// How much of the file a connection keeps in memory, in KiB.
const CACHE_KIB: i32 = 16 * 1024;
/// The size to which the WAL is cut when it begins anew, which is as long as it usually becomes.
pub(crate) const WAL_BYTES: u64 = 8 * 1024 * 1024;
/// The longest row, text or blob: a job's payload and result have 1 MiB each.
const ROW_BYTES_MAX: i32 = 16 * 1024 * 1024;
/// The longest statement, in the schema too; our longest has some thousand bytes.
const SQL_BYTES_MAX: i32 = 1_000_000;
/// SQLite copies the WAL at this size if the writer, which copies it after its answers, does not.
const CHECKPOINT_PAGES_MAX: i32 = 16_000;

/// Opens the connection that writes. A file whose tables are not ours is not written to.
pub(crate) fn writer(
    path: &Path,
    settings: &Settings,
) -> Result<(Connection, Allowance), StoreError> {
    let failed = |err| store_error(path, err);
    let (connection, allowance) = connect(path, settings).map_err(failed)?;
    schema::peek(&connection, path, settings.additions)?;
    wal(&connection, settings.busy).map_err(failed)?;
    failpoint::at("sqlite::open::wal");
    // The writer itself syncs what must survive a loss of power.
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

/// Opens a connection that reads.
pub(crate) fn reader(
    path: &Path,
    settings: &Settings,
) -> Result<(Connection, Allowance), StoreError> {
    let open = || {
        let (connection, allowance) = connect(path, settings)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // The writer copies the WAL in the end, if it still may be copied.
        keep_wal(&connection)?;
        // SQLite opens the WAL with the first question.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
        Ok((connection, allowance))
    };
    open().map_err(|err| store_error(path, err))
}

/// Opens a connection for a few questions. It makes no file and changes none.
pub(crate) fn peek(path: &Path, settings: &Settings) -> Result<Connection, StoreError> {
    let open = || {
        let (connection, _) = connect(path, settings)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    };
    open().map_err(|err| store_error(path, err))
}

fn connect(path: &Path, settings: &Settings) -> rusqlite::Result<(Connection, Allowance)> {
    // Each connection stays on one thread, so SQLite need not lock it.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let allowance = distrust(&mut connection, path, settings.additions)?;
    // SQLite opens a read-only file for reading without an error, and the first question would make
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

/// Makes the file mere data before SQLite reads any of it: SQLite runs nothing that is in its
/// schema, reads no row larger than ours, and ends every statement.
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

/// Turns the WAL on. SQLite does not wait for other connections here, so this function does.
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

/// Asks for the WAL and returns the resulting mode. SQLite returns the row before it writes the
/// change, so only the step after the row fails on a full disk.
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

/// The path of the file, as SQLite resolved it.
pub(crate) fn resolved(connection: &Connection, path: &Path) -> PathBuf {
    connection
        .path()
        .map_or_else(|| path.to_owned(), PathBuf::from)
}

/// Opens the WAL of a connection, to sync it and to look at it.
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

/// Keeps the WAL when this connection is closed: SQLite would copy and remove it with the last one.
pub(crate) fn keep_wal(connection: &Connection) -> rusqlite::Result<()> {
    let option = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(option, true).map(drop)
}
