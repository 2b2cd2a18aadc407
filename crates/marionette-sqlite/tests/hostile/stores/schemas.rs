//! Stores whose schema is not that of the library.

use std::path::Path;

use super::base::{edit, edit_schema, good, hidden};
use super::{HostileStore, Kind};

const TABLES: [&str; 6] = [
    "marionette_job",
    "marionette_lane",
    "marionette_queue",
    "marionette_instance",
    "marionette_attempt",
    "marionette_meta",
];

/// A query that never ends, and one that takes all memory meanwhile.
const ENDLESS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n)
    SELECT max(n) FROM n";
const GREEDY: &str = "WITH RECURSIVE n (n, b) AS (SELECT 1, zeroblob(1000000)
    UNION ALL SELECT n + 1, zeroblob(1000000 + n) FROM n) SELECT group_concat(hex(b)) FROM n";

fn store(name: impl Into<String>, sql: impl Into<String>) -> HostileStore {
    let sql = sql.into();
    HostileStore::new(Kind::Schema, name, move |path| {
        good(path);
        edit(path, |connection| {
            connection
                .execute_batch(&sql)
                .unwrap_or_else(|err| panic!("{sql}: {err}"));
        });
    })
}

fn written(name: impl Into<String>, sql: impl Into<String>) -> HostileStore {
    let sql = sql.into();
    HostileStore::new(Kind::Schema, name, move |path| {
        good(path);
        edit_schema(path, &sql);
    })
}

/// Nothing in the schema tells what is on which page.
fn exchanged(name: &str, sql: String) -> HostileStore {
    HostileStore {
        kind: Kind::Damage,
        ..written(name, sql)
    }
}

fn fine(name: &str, make: impl Fn(&Path) + Send + Sync + 'static) -> HostileStore {
    HostileStore::new(Kind::Fine, name, move |path| {
        good(path);
        make(path);
    })
}

pub(super) fn all() -> Vec<HostileStore> {
    let mut stores = views();
    stores.extend(triggers());
    stores.extend(changed_tables());
    stores.extend(foreign_objects());
    stores.extend(written_schemas());
    stores.extend(unusual());
    stores
}

/// A view in the place of each table.
fn views() -> Vec<HostileStore> {
    let mut views = Vec::new();
    for table in TABLES {
        for (what, query) in [("endless", ENDLESS), ("greedy", GREEDY)] {
            views.push(HostileStore::new(
                Kind::Schema,
                format!("an {what} view {table}"),
                move |path| {
                    good(path);
                    edit(path, |connection| {
                        let all = format!("SELECT * FROM {table}");
                        let rows = connection.prepare(&all).expect("it is a table");
                        let columns = rows
                            .column_names()
                            .map(|name| format!("({query}) AS {name}"))
                            .collect::<Vec<_>>()
                            .join(", ");
                        let view =
                            format!("DROP TABLE {table}; CREATE VIEW {table} AS SELECT {columns}");
                        drop(rows);
                        connection.execute_batch(&view).expect("it is SQL");
                    });
                },
            ));
        }
        views.push(store(
            format!("a view {table} with triggers in its place"),
            format!(
                "ALTER TABLE {table} RENAME TO other; CREATE VIEW {table} AS SELECT * FROM other;
                 CREATE TRIGGER t INSTEAD OF UPDATE ON {table} BEGIN {ENDLESS}; END"
            ),
        ));
    }
    views
}

fn triggers() -> Vec<HostileStore> {
    let mut triggers = Vec::new();
    for table in TABLES {
        for event in ["BEFORE INSERT", "AFTER UPDATE", "BEFORE DELETE"] {
            triggers.push(store(
                format!("an endless trigger {event} on {table}"),
                format!("CREATE TRIGGER t {event} ON {table} BEGIN {ENDLESS}; END"),
            ));
        }
    }
    triggers.push(store(
        "a trigger that aborts with words for the terminal",
        "CREATE TRIGGER t BEFORE UPDATE ON marionette_job
         BEGIN SELECT raise(abort, '\u{1b}]52;c;cHduZWQ=\u{7}'); END",
    ));
    triggers.push(store(
        "a trigger that calls itself",
        "PRAGMA recursive_triggers = ON; CREATE TRIGGER t AFTER UPDATE ON marionette_job
         BEGIN UPDATE marionette_job SET token = token + 1; END",
    ));
    triggers.push(store(
        "a trigger with a name of ours",
        "CREATE TRIGGER marionette_job_waits AFTER UPDATE ON marionette_job BEGIN SELECT 1; END",
    ));
    triggers.push(store(
        "a trigger of another table with a name of ours",
        "CREATE TABLE theirs (a); CREATE TRIGGER marionette_job_waits AFTER UPDATE ON theirs
         BEGIN SELECT 1; END",
    ));
    triggers
}

/// Tables of ours with more, less or other columns, and indexes of others on them.
fn changed_tables() -> Vec<HostileStore> {
    let mut stores = vec![
        store(
            "an index with a greedy expression",
            "CREATE INDEX i ON marionette_job (length(hex(zeroblob(abs(token % 2)))))",
        ),
        store(
            "an index of somebody",
            "CREATE INDEX i ON marionette_job (accepted)",
        ),
        store(
            "an index that is called as one of ours and has another condition",
            "DROP INDEX marionette_job_waiting;
             CREATE INDEX marionette_job_waiting ON marionette_job (lane, due, failed)
                 WHERE state = 3",
        ),
        store(
            "an index that is missing",
            "DROP INDEX marionette_job_ended",
        ),
        store("a table that is missing", "DROP TABLE marionette_queue"),
        store(
            "a table of versions that is missing",
            "DROP TABLE marionette_meta",
        ),
        store(
            "a column more",
            "ALTER TABLE marionette_job ADD COLUMN more TEXT",
        ),
        store(
            "a column less",
            "ALTER TABLE marionette_instance DROP COLUMN since",
        ),
        store(
            "a column with another name",
            "ALTER TABLE marionette_lane RENAME suspect TO suspects",
        ),
        store(
            "a column that is generated",
            "ALTER TABLE marionette_job ADD COLUMN g AS (hex(zeroblob(1000000)))",
        ),
    ];
    stores.extend(changed_attempts());
    stores.extend(virtual_tables());
    stores
}

/// The table of attempts with other rules.
fn changed_attempts() -> Vec<HostileStore> {
    let attempt = |changed: &str| {
        format!(
            "DROP TABLE marionette_attempt; CREATE TABLE marionette_attempt (job INTEGER NOT NULL,
             n INTEGER NOT NULL, number INTEGER NOT NULL, started INTEGER NOT NULL,
             ended INTEGER NOT NULL, ran INTEGER NOT NULL, outcome TEXT NOT NULL, error TEXT,
             instance BLOB{changed}"
        )
    };
    vec![
        store(
            "a check",
            attempt(", PRIMARY KEY (job, n), CHECK (length(error) < 9)) WITHOUT ROWID"),
        ),
        store(
            "a default",
            attempt(" DEFAULT (randomblob(9)), PRIMARY KEY (job, n)) WITHOUT ROWID"),
        ),
        store(
            "a collation",
            attempt(" COLLATE NOCASE, PRIMARY KEY (job, n)) WITHOUT ROWID"),
        ),
        store("a table with rowids", attempt(", PRIMARY KEY (job, n))")),
        store(
            "a strict table",
            attempt(", PRIMARY KEY (job, n)) WITHOUT ROWID, STRICT"),
        ),
        store(
            "a conflict clause",
            attempt(", PRIMARY KEY (job, n) ON CONFLICT IGNORE) WITHOUT ROWID"),
        ),
        store(
            "a foreign key of ours",
            attempt(" REFERENCES marionette_job (id), PRIMARY KEY (job, n)) WITHOUT ROWID"),
        ),
    ]
}

/// Virtual tables in the place of ours.
fn virtual_tables() -> Vec<HostileStore> {
    vec![
        store(
            "a full-text table in the place of ours",
            "DROP TABLE marionette_lane;
             CREATE VIRTUAL TABLE marionette_lane USING fts5 (id, queue, kind, priority, suspect)",
        ),
        store(
            "an r-tree in the place of ours",
            "DROP TABLE marionette_lane;
             CREATE VIRTUAL TABLE marionette_lane USING rtree (id, queue, kind, priority, suspect)",
        ),
        store(
            "a table-valued function in the place of ours",
            "DROP TABLE marionette_queue; CREATE VIRTUAL TABLE marionette_queue USING dbstat(main)",
        ),
    ]
}

/// Objects of others that touch our tables, or have names like ours.
fn foreign_objects() -> Vec<HostileStore> {
    let mut objects = vec![
        store(
            "a table with a name of ours",
            "CREATE TABLE marionette_more (a)",
        ),
        store(
            "a view with a name of ours",
            format!("CREATE VIEW Marionette_More AS {ENDLESS}"),
        ),
        store(
            "a name of ours in capitals",
            "CREATE TABLE MARIONETTE_MORE (a)",
        ),
    ];
    for action in [
        "CASCADE",
        "SET NULL",
        "SET DEFAULT",
        "RESTRICT",
        "NO ACTION",
    ] {
        objects.push(store(
            format!("a foreign key to ours, ON DELETE {action}, with an endless trigger behind it"),
            format!(
                "CREATE TABLE theirs (a REFERENCES marionette_job (seq)
                     ON DELETE {action} ON UPDATE {action});
                 INSERT INTO theirs SELECT seq FROM marionette_job;
                 CREATE TRIGGER t AFTER DELETE ON theirs BEGIN {ENDLESS}; END;
                 CREATE TRIGGER u AFTER UPDATE ON theirs BEGIN {ENDLESS}; END"
            ),
        ));
    }
    objects
}

/// What only `writable_schema` makes.
fn written_schemas() -> Vec<HostileStore> {
    let hidden = hidden();
    let row = |kind: &str, name: &str, table: &str, root: &str, sql: &str| {
        format!("INSERT INTO sqlite_schema VALUES ({kind}, {name}, {table}, {root}, {sql})")
    };
    let garbage = row("'table'", hidden, hidden, "2", "'garbage'");
    let bytes = "CAST('marionette_more' AS BLOB)";
    let more = "'CREATE TABLE marionette_more (a)'";
    let mut stores = vec![
        written("garbage with words for the terminal", garbage),
        written(
            "garbage beside ours",
            row("'table'", "'x'", "'x'", "2", "'CREATE TABLE x'"),
        ),
        written(
            "a type that is none",
            row("'thing'", "'x'", "'x'", "2", "'CREATE TABLE x (a)'"),
        ),
        written(
            "a table twice",
            "INSERT INTO sqlite_schema SELECT * FROM sqlite_schema WHERE name = 'marionette_lane'",
        ),
        written(
            "a row without SQL that is called as one of ours",
            row(
                "'index'",
                "'marionette_job_more'",
                "'marionette_job'",
                "2",
                "NULL",
            ),
        ),
        written(
            "a table whose name is bytes",
            row("'table'", bytes, "'marionette_more'", "2", more),
        ),
    ];
    stores.extend(written_pages());
    stores.extend(written_lanes());
    stores
}

/// Tables and indexes on the pages of others.
fn written_pages() -> Vec<HostileStore> {
    let swap = |one: &str, other: &str| {
        format!(
            "CREATE TEMP TABLE roots AS SELECT name, rootpage FROM sqlite_schema;
             UPDATE sqlite_schema SET rootpage =
                 (SELECT rootpage FROM roots WHERE name = '{other}') WHERE name = '{one}';
             UPDATE sqlite_schema SET rootpage =
                 (SELECT rootpage FROM roots WHERE name = '{one}') WHERE name = '{other}'"
        )
    };
    let same = |one: &str, other: &str| {
        format!(
            "UPDATE sqlite_schema SET rootpage =
                 (SELECT rootpage FROM sqlite_schema WHERE name = '{other}') WHERE name = '{one}'"
        )
    };
    let (lane_table, job_table) = ("marionette_lane", "marionette_job");
    let (waiting, ended) = ("marionette_job_waiting", "marionette_job_ended");
    let theirs = same("theirs", lane_table);
    vec![
        exchanged(
            "two tables whose pages are exchanged",
            swap(lane_table, job_table),
        ),
        exchanged(
            "a table and an index whose pages are exchanged",
            swap(lane_table, waiting),
        ),
        exchanged(
            "two indexes whose pages are exchanged",
            swap(ended, waiting),
        ),
        written(
            "two tables on one page",
            same("marionette_attempt", "marionette_instance"),
        ),
        written("two indexes on one page", same(ended, waiting)),
        written(
            "a table of others on the page of ours",
            format!("CREATE TABLE theirs (a); {theirs}"),
        ),
    ]
}

/// One table of ours that is elsewhere, or another.
fn written_lanes() -> Vec<HostileStore> {
    let lane =
        |change: &str| format!("UPDATE sqlite_schema SET {change} WHERE name = 'marionette_lane'");
    vec![
        written("a table on page 1", lane("rootpage = 1")),
        written("a table on no page", lane("rootpage = 0")),
        written(
            "a table on a page beyond the end",
            lane("rootpage = 4000000"),
        ),
        written("a table on a negative page", lane("rootpage = -7")),
        written("a table whose page is a text", lane("rootpage = 'two'")),
        written(
            "a table whose SQL is a query",
            lane(&format!(
                "sql = 'CREATE TABLE marionette_lane AS {ENDLESS}'"
            )),
        ),
        written(
            "a table whose SQL is another",
            lane(
                "sql = 'CREATE TABLE marionette_lane
                     (id INTEGER PRIMARY KEY, queue, kind, priority, suspect)'",
            ),
        ),
        written(
            "a megabyte of SQL",
            lane(
                "sql = 'CREATE TABLE marionette_lane (id'
                     || replace(hex(zeroblob(500000)), '0', ' ') || ')'",
            ),
        ),
    ]
}

/// Stores that are unusual, and still stores.
fn unusual() -> Vec<HostileStore> {
    let run = |sql: &'static str| {
        move |path: &Path| {
            edit(path, |connection| {
                connection
                    .execute_batch(sql)
                    .unwrap_or_else(|err| panic!("{sql}: {err}"));
            });
        }
    };
    let vacuumed = |sql: &'static str| {
        move |path: &Path| {
            edit(path, |connection| {
                let _ = connection.execute_batch("PRAGMA journal_mode = DELETE");
                connection.execute_batch(sql).expect("it is SQL");
                connection.execute_batch("VACUUM").expect("there is room");
            });
        }
    };
    vec![
        fine("a good store", |_| {}),
        fine(
            "tables of the application",
            run(
                "CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, job BLOB);
             CREATE TABLE lines (order_id REFERENCES orders (id) ON DELETE CASCADE);
             CREATE INDEX orders_item ON orders (lower(item));
             CREATE VIEW waiting AS SELECT * FROM marionette_job WHERE state = 2;
             CREATE TRIGGER ordered AFTER INSERT ON orders
                 BEGIN DELETE FROM lines WHERE order_id = new.id - 1000; END;
             CREATE VIRTUAL TABLE words USING fts5 (text)",
            ),
        ),
        fine("an endless view of the application", |path| {
            edit(path, |connection| {
                let view = format!("CREATE VIEW theirs AS {ENDLESS}");
                connection.execute_batch(&view).expect("it is SQL");
            });
        }),
        fine("statistics", run("ANALYZE")),
        fine("a store after VACUUM", run("VACUUM")),
        fine(
            "a table renamed there and back",
            run("ALTER TABLE marionette_lane RENAME TO other;
             ALTER TABLE other RENAME TO marionette_lane"),
        ),
        fine(
            "another application_id and user_version",
            run("PRAGMA application_id = 252006673; PRAGMA user_version = -5"),
        ),
        fine("pages of 65536 bytes", vacuumed("PRAGMA page_size = 65536")),
        fine("pages of 512 bytes", vacuumed("PRAGMA page_size = 512")),
        fine("auto_vacuum full", vacuumed("PRAGMA auto_vacuum = 1")),
        fine(
            "auto_vacuum incremental",
            vacuumed("PRAGMA auto_vacuum = 2"),
        ),
        fine("the WAL already", run("PRAGMA journal_mode = WAL")),
    ]
}
