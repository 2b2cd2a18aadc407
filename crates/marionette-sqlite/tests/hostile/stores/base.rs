//! A good store, of which the others are made.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use marionette_sqlite::rusqlite::Connection;

/// How many jobs of a [`good`] store are due at once.
pub(crate) const BASE_READY: usize = 2;

const SCHEMA: &str = concat!(
    include_str!("../../../src/sql/schema_1.sql"),
    include_str!("../../../src/sql/schema_2.sql")
);
const META: &str = "CREATE TABLE marionette_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
     INSERT INTO marionette_meta VALUES ('version', 2)";

/// The columns of `marionette_job`, with an expression for each that suits a job which is ready.
pub(super) const JOB: [(&str, &str); 23] = [
    ("seq", "NULL"),
    ("id", "zeroblob(16)"),
    ("state", "2"),
    ("lane", "1"),
    ("due", "(SELECT at FROM now) - 5000000"),
    ("token", "(SELECT at FROM now) - 9000000"),
    ("settled", "9000000 - (SELECT at FROM now)"),
    ("instance", "zeroblob(16)"),
    ("started", "9000000 - (SELECT at FROM now)"),
    ("ended", "9000000 - (SELECT at FROM now)"),
    ("ran", "0.0"),
    ("failed", "0"),
    ("crashes", "0"),
    ("history", "0"),
    ("accepted", "(SELECT at FROM now) - 9000000"),
    ("first_due", "(SELECT at FROM now) - 5000000"),
    ("keep", "NULL"),
    ("until", "NULL"),
    ("options", "NULL"),
    ("cancel", "NULL"),
    ("reason", "NULL"),
    ("result", "NULL"),
    ("payload", r#"'{"run":"true","cwd":"/"}'"#),
];

/// What differs in a job that is not ready.
const OTHERS: [(u8, &[(&str, &str)]); 8] = [
    (2, &[]),
    (2, &[("due", "(SELECT at FROM now) + 3600000000")]),
    (
        2,
        &[
            ("due", "(SELECT at FROM now) + 3600000000"),
            ("failed", "1"),
            ("history", "1"),
        ],
    ),
    (3, &[("started", PAST), ("instance", DEAD_INSTANCE)]),
    (
        4,
        &[
            ("started", PAST),
            ("ended", PAST),
            ("instance", DEAD_INSTANCE),
            ("ran", "0.5"),
        ],
    ),
    (
        5,
        &[
            ("started", PAST),
            ("ended", PAST),
            ("failed", "1"),
            ("history", "1"),
            ("ran", "NULL"),
        ],
    ),
    (
        6,
        &[
            ("ended", PAST),
            ("reason", "'nobody wants it'"),
            ("ran", "NULL"),
        ],
    ),
    (
        7,
        &[
            ("ended", PAST),
            ("reason", "'its worker died'"),
            ("crashes", "3"),
            ("ran", "NULL"),
        ],
    ),
];

const PAST: &str = "(SELECT at FROM now) - 4000000";
/// An instance that is listed, and of which there is no process.
pub(super) const DEAD_INSTANCE: &str = "x'01990000000070008000ffffffffffff'";

/// An id for the job of this number: one of version 7.
pub(super) fn id(number: usize) -> String {
    format!("x'0199{:08x}70008000{number:012x}'", number / 7)
}

/// Inserts a job in this state with some columns replaced.
pub(super) fn insert_job(connection: &Connection, number: usize, changes: &[(&str, String)]) {
    let columns: Vec<_> = JOB.iter().map(|(name, _)| *name).collect();
    let own = id(number);
    let value = |(name, usual): &(&str, &str)| {
        let changed = changes.iter().rev().find(|(column, _)| column == name);
        match changed {
            Some((_, value)) => value.clone(),
            None if *name == "id" => own.clone(),
            None => (*usual).to_owned(),
        }
    };
    let values: Vec<_> = JOB.iter().map(value).collect();
    // Where it would be the second of its kind, there is one of it already.
    let insert = format!(
        "INSERT OR IGNORE INTO marionette_job ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    );
    connection
        .execute_batch(&insert)
        .unwrap_or_else(|err| panic!("{insert}: {err}"));
}

/// What makes a job one of this sort: 0 is ready, 1 scheduled, 2 retrying, 3 running, 4 done,
/// 5 dead, 6 cancelled, 7 quarantined.
pub(super) fn sort(sort: usize) -> Vec<(&'static str, String)> {
    let (state, changes) = OTHERS[sort];
    let state = ("state", state.to_string());
    let changes = changes
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()));
    [state].into_iter().chain(changes).collect()
}

/// How many sorts there are.
pub(super) const SORTS: usize = OTHERS.len();

/// Changes a file by means that no application has.
pub(super) fn edit(path: &Path, work: impl FnOnce(&Connection)) {
    let connection = Connection::open(path).expect("it is a database");
    let settings = "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;
        PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;
        CREATE TEMP TABLE now (at);
        INSERT INTO now SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    connection.execute_batch(settings).expect("they can be set");
    work(&connection);
}

/// Lets a change write into the schema, as `writable_schema` does, and forgets what it was before.
pub(super) fn edit_schema(path: &Path, sql: &str) {
    edit(path, |connection| {
        let all = format!("PRAGMA writable_schema = ON; {sql}; PRAGMA writable_schema = RESET");
        // The last step may find the new schema wrong, which is what it is for.
        let _ = connection.execute_batch(&all);
    });
}

/// Runs `work` while no column of our tables is `NOT NULL` or unique by anything but its rowid.
pub(super) fn without_rules(path: &Path, work: impl FnOnce(&Connection)) {
    edit_schema(
        path,
        "CREATE TABLE kept AS SELECT name, sql FROM sqlite_schema WHERE name LIKE 'marionette%';
         UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE type = 'table'",
    );
    edit(path, work);
    edit_schema(
        path,
        "UPDATE sqlite_schema AS now SET sql = (SELECT sql FROM kept WHERE kept.name = now.name)
         WHERE name IN (SELECT name FROM kept WHERE sql IS NOT NULL)",
    );
    edit(path, |connection| {
        connection
            .execute_batch("DROP TABLE kept")
            .expect("it is there");
    });
}

/// Writes a good store: jobs of all sorts, a lane, a paused queue and an instance that is dead.
pub(crate) fn good(path: &Path) {
    fs::write(path, base()).expect("there is room");
}

/// The bytes of a good store, whose journal is not the WAL yet.
pub(crate) fn base() -> &'static [u8] {
    static BASE: OnceLock<Vec<u8>> = OnceLock::new();
    BASE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("base.db");
        edit(&path, |connection| {
            let rows = format!(
                "INSERT INTO marionette_lane VALUES (1, 'default', 'command', 0, 0),
                     (2, 'other', 'command', 5, 0);
                 INSERT INTO marionette_queue VALUES ('paused', 1);
                 INSERT INTO marionette_instance
                     VALUES ({DEAD_INSTANCE}, 'elsewhere', 1, 4, 1, 1, (SELECT at FROM now));"
            );
            let all = format!("{SCHEMA};{META};{rows}");
            connection.execute_batch(&all).expect("it is SQL");
            for number in 0..SORTS {
                insert_job(connection, number + 1, &sort(number));
            }
            insert_job(connection, SORTS + 1, &sort(0));
            let attempts = "INSERT INTO marionette_attempt
                SELECT seq, 1, 1, accepted, accepted, 1000, 'failed', 'it failed', NULL
                FROM marionette_job WHERE history = 1";
            connection.execute_batch(attempts).expect("it is SQL");
        });
        fs::read(&path).expect("it was made")
    })
}

/// Words that a terminal would obey.
pub(crate) fn hidden() -> &'static str {
    "char(27) || ']52;c;cHduZWQ=' || char(7) || char(27) || '[2J' || char(0x202e) || char(0x9b)"
}
