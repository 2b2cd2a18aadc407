//! Looks for damage, as SQLite itself does.

use rusqlite::Connection;

use crate::threads::reader::Reader;

/// The most faults that are told.
const FAULTS_MAX: usize = 100;

/// What is wrong with the file, in the words of SQLite; empty if nothing is.
pub(crate) fn check(reader: &Reader<'_>) -> rusqlite::Result<Vec<String>> {
    let mut faults = integrity(reader.connection)?;
    faults.extend(references(reader.connection)?);
    faults.truncate(FAULTS_MAX);
    Ok(faults)
}

/// Every page is where it belongs, and every index has what its table has.
fn integrity(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare(&format!("PRAGMA integrity_check({FAULTS_MAX})"))?;
    let faults = check.query_map([], |row| row.get::<_, String>(0))?;
    let faults: Vec<_> = faults.collect::<Result<_, _>>()?;
    // Without a fault it has one row.
    Ok(faults.into_iter().filter(|fault| fault != "ok").collect())
}

/// Every row that refers to another finds it.
fn references(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut check = connection.prepare("PRAGMA foreign_key_check")?;
    let faults = check.query_map([], |row| {
        let (table, row, of): (String, Option<i64>, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?);
        let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row}"));
        Ok(format!(
            "{row} of {table} refers to a row of {of} that is not there"
        ))
    })?;
    faults.take(FAULTS_MAX).collect()
}
