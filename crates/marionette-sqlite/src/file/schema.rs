//! The tables and their versions. The version is in a table, since `user_version` belongs to the
//! application that shares the file.

use std::path::Path;

use marionette::store::StoreError;
use rusqlite::{Connection, OptionalExtension};

use crate::error::store_error;
use crate::failpoint;
use crate::file::blueprint::{self, Blueprint};
use crate::options::Additions;

/// The statements that bring a file from each version to the next.
const MIGRATIONS: [&str; 3] = [
    include_str!("../sql/schema_1.sql"),
    include_str!("../sql/schema_2.sql"),
    include_str!("../sql/schema_3.sql"),
];

/// The version that this library writes.
#[allow(clippy::cast_possible_truncation)] // There will not be four billion.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Brings the file to this library's version. Several processes may do so at once.
pub(crate) fn migrate(
    connection: &Connection,
    path: &Path,
    additions: Additions,
) -> Result<(), StoreError> {
    let failed = |err| store_error(path, err);
    if check(version(connection, path, additions)?, path)? {
        return Ok(());
    }
    failpoint::at("sqlite::migrate::begin");
    connection
        .execute_batch("BEGIN EXCLUSIVE")
        .map_err(failed)?;
    let done = migrate_from(connection, path, additions);
    if done.is_err() {
        // This fails if SQLite has rolled back already.
        let _ = connection.execute_batch("ROLLBACK");
    }
    done
}

/// The version of the tables; `None` if there are none. An error if they differ from those that
/// this library makes in that version.
pub(crate) fn peek(
    connection: &Connection,
    path: &Path,
    additions: Additions,
) -> Result<Option<u32>, StoreError> {
    let version = version(connection, path, additions)?;
    Ok((version > 0).then_some(version))
}

fn migrate_from(
    connection: &Connection,
    path: &Path,
    additions: Additions,
) -> Result<(), StoreError> {
    let failed = |err| store_error(path, err);
    // Another process may have been faster.
    let from = version_within(connection, path, additions)?;
    if !check(from, path)? {
        for migration in &MIGRATIONS[from as usize..] {
            connection.execute_batch(migration).map_err(failed)?;
            failpoint::at("sqlite::migrate::tables");
        }
        write_version(connection, VERSION).map_err(failed)?;
    }
    failpoint::at("sqlite::migrate::commit");
    connection.execute_batch("COMMIT").map_err(failed)?;
    failpoint::at("sqlite::migrate::committed");
    Ok(())
}

/// Whether the file has this library's version; an error if it has a newer one.
fn check(version: u32, path: &Path) -> Result<bool, StoreError> {
    if version > VERSION {
        let path = path.display();
        let what = format!(
            "{path}: its tables are of version {version}, this library knows versions up to \
             {VERSION}; use a newer one"
        );
        return Err(StoreError::broken(what));
    }
    Ok(version == VERSION)
}

/// The version of the tables; 0 if there are none.
fn version(connection: &Connection, path: &Path, additions: Additions) -> Result<u32, StoreError> {
    // Another process may migrate meanwhile, so all is read in one transaction.
    let moment = connection.unchecked_transaction();
    let _moment = moment.map_err(|err| store_error(path, err))?;
    version_within(connection, path, additions)
}

/// The version of the tables, within a transaction. A table is asked nothing before it is known to
/// be a table, and ours.
fn version_within(
    connection: &Connection,
    path: &Path,
    additions: Additions,
) -> Result<u32, StoreError> {
    let failed = |err| store_error(path, err);
    let expected = |version| blueprint::expected(version, make, VERSION).map_err(failed);
    let found = Blueprint::of(connection).map_err(failed)?;
    let mut version = 0;
    if found.has_meta() {
        let meta = expected(VERSION)?.meta();
        if let Some(fault) = found.meta().fault(&meta) {
            return Err(blueprint::not_ours(path, &fault));
        }
        version = read_version(connection).map_err(failed)?;
    }
    if version <= VERSION {
        if let Some(fault) = found.fault(expected(version)?) {
            return Err(blueprint::not_ours(path, &fault));
        }
        blueprint::check_additions(&found, connection, path, additions)?;
    }
    Ok(version)
}

/// Reads the version from its table.
fn read_version(connection: &Connection) -> rusqlite::Result<u32> {
    let query = "SELECT value FROM marionette_meta WHERE name = 'version'";
    let version = connection
        .query_row(query, [], |row| row.get(0))
        .optional()?;
    Ok(version.unwrap_or(0))
}

/// Makes all tables of a version in a database that is empty.
fn make(connection: &Connection, version: u32) -> rusqlite::Result<()> {
    for migration in &MIGRATIONS[..version as usize] {
        connection.execute_batch(migration)?;
    }
    write_version(connection, version)
}

fn write_version(connection: &Connection, version: u32) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS marionette_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
    )?;
    let upsert = "INSERT INTO marionette_meta (name, value) VALUES ('version', ?1)
        ON CONFLICT (name) DO UPDATE SET value = ?1";
    connection.execute(upsert, [version])?;
    Ok(())
}
