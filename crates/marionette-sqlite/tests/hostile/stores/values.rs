//! Stores in which each column is at its ends, in a row for each state and each end.

use std::path::Path;

use marionette_sqlite::rusqlite::Connection;

use super::base::{self, DEAD_INSTANCE, JOB, SORTS, edit, good, insert_job, sort, without_rules};
use super::{HostileStore, Kind};

/// What may stand in any column of a file that somebody made.
fn ends() -> Vec<String> {
    let mut ends: Vec<String> = [
        "-9223372036854775808",
        "-9223372036854775807",
        "9223372036854775807",
        "9223372036854775806",
        "-1",
        "0",
        "127",
        "128",
        "4294967295",
        "4294967296",
        "253402300800000000",
        "1e308",
        "-1e308",
        "9e999",
        "-9e999",
        "0.5",
        "NULL",
        "''",
        "'many'",
        "x''",
        "x'00'",
        "zeroblob(17)",
        "x'ffffffffffffffffffffffffffffffff'",
        "CAST(x'fffe80' AS TEXT)",
        "'a' || char(0) || 'b'",
        "replace(hex(zeroblob(100000)), '0', '[')",
        "zeroblob(3000000)",
    ]
    .map(str::to_owned)
    .to_vec();
    ends.push(base::hidden().to_owned());
    ends
}

/// The numbers among these.
const NUMBERS: [&str; 7] = [
    "-9223372036854775808",
    "9223372036854775807",
    "-1",
    "0",
    "4294967295",
    "1e308",
    "'many'",
];

const LANE: [&str; 5] = ["id", "queue", "kind", "priority", "suspect"];
const INSTANCE: [&str; 7] = [
    "id", "server", "process", "workers", "beat", "since", "seen",
];
const ATTEMPT: [&str; 9] = [
    "job", "n", "number", "started", "ended", "ran", "outcome", "error", "instance",
];

pub(super) fn all() -> Vec<HostileStore> {
    let store = |name: String, fill: Box<dyn Fn(&Connection) + Send + Sync>| {
        HostileStore::new(Kind::Values, name, move |path: &Path| {
            good(path);
            without_rules(path, &fill);
        })
    };
    let mut stores = Vec::new();
    for (column, _) in JOB {
        let fill = move |connection: &Connection| jobs(connection, &[column], &ends());
        stores.push(store(
            format!("jobs with every end in {column}"),
            Box::new(fill),
        ));
    }
    for number in NUMBERS {
        let fill =
            move |connection: &Connection| jobs(connection, &numbers(), &[number.to_owned()]);
        stores.push(store(
            format!("jobs with {number} in all numbers"),
            Box::new(fill),
        ));
    }
    for column in LANE {
        stores.push(store(
            format!("lanes with every end in {column}"),
            Box::new(|c| lanes(c, column)),
        ));
    }
    for column in INSTANCE {
        let fill = move |connection: &Connection| instances(connection, column);
        stores.push(store(
            format!("instances with every end in {column}"),
            Box::new(fill),
        ));
    }
    for column in ATTEMPT {
        let fill = move |connection: &Connection| attempts(connection, column);
        stores.push(store(
            format!("attempts with every end in {column}"),
            Box::new(fill),
        ));
    }
    for column in ["name", "paused"] {
        let fill = move |connection: &Connection| {
            rows(
                connection,
                "marionette_queue",
                &[("name", "'q'"), ("paused", "1")],
                column,
            );
        };
        stores.push(store(
            format!("paused queues with every end in {column}"),
            Box::new(fill),
        ));
    }
    stores.push(long_histories());
    stores.extend(versions());
    stores
}

/// Far more attempts than are ever kept.
fn long_histories() -> HostileStore {
    HostileStore::new(Kind::Values, "a thousand attempts of each job", |path| {
        good(path);
        edit(path, |connection| {
            let many = "INSERT OR IGNORE INTO marionette_attempt
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 1000)
                SELECT seq, n, n, 1, 2, 3, 'failed', replace(hex(zeroblob(2000)), '0', 'x'), NULL
                FROM marionette_job, n";
            let counted = "UPDATE marionette_job SET history = 1000, failed = 1000";
            connection.execute_batch(many).expect("it is SQL");
            connection.execute_batch(counted).expect("it is SQL");
        });
    })
}

/// Versions that are none, or that nobody knows.
fn versions() -> Vec<HostileStore> {
    let mut stores = Vec::new();
    for version in [
        "-1",
        "0",
        "1",
        "3",
        "9223372036854775807",
        "'2'",
        "'one'",
        "NULL",
        "2.5",
        "x'02'",
    ] {
        stores.push(HostileStore::new(
            Kind::Schema,
            format!("version {version}"),
            move |path| {
                good(path);
                edit(path, |connection| {
                    let update = format!("UPDATE marionette_meta SET value = {version}");
                    connection.execute_batch(&update).expect("it is SQL");
                });
            },
        ));
    }
    stores
}

/// The columns of a job that are numbers, but for its place, its state and its lane.
fn numbers() -> Vec<&'static str> {
    vec![
        "due",
        "token",
        "settled",
        "started",
        "ended",
        "ran",
        "failed",
        "crashes",
        "history",
        "accepted",
        "first_due",
        "keep",
        "until",
    ]
}

/// A job of each sort for each end, which stands in these columns.
fn jobs(connection: &Connection, columns: &[&'static str], ends: &[String]) {
    let mut number = 1000;
    for end in ends {
        for of in 0..SORTS {
            // All sorts are at the ends of numbers; what waits, runs or has failed at the rest.
            let is_number = NUMBERS.contains(&&**end);
            if !is_number && ![0, 3, 5].contains(&of) {
                continue;
            }
            number += 1;
            let mut changes = sort(of);
            for column in columns {
                // SQLite lets no key of a row be anything but a number.
                let is_key = *column == "seq";
                if is_key && end.parse::<i64>().is_err() {
                    continue;
                }
                let end = if is_key && of > 0 { "NULL" } else { end };
                changes.push((column, end.to_owned()));
            }
            insert_job(connection, number, &changes);
        }
    }
}

fn lanes(connection: &Connection, column: &str) {
    for (number, end) in ends().into_iter().enumerate() {
        if column == "id" && end.parse::<i64>().is_err() {
            continue;
        }
        let id = (10 + number).to_string();
        let queue = format!("'q{number}'");
        let usual = [
            ("id", &*id),
            ("queue", &*queue),
            ("kind", "'command'"),
            ("priority", "0"),
            ("suspect", "0"),
        ];
        insert(connection, "marionette_lane", &usual, column, &end);
        let lane = if column == "id" { &end } else { &id };
        for of in [0, 3, 5] {
            let mut changes = sort(of);
            changes.push(("lane", lane.clone()));
            insert_job(connection, 1000 + number * SORTS + of, &changes);
        }
    }
}

fn instances(connection: &Connection, column: &str) {
    for (number, end) in ends().into_iter().enumerate() {
        let id = format!("x'0199000000007000800000000001{number:04x}'");
        let usual = [
            ("id", &*id),
            ("server", "'here'"),
            ("process", "1"),
            ("workers", "1"),
            ("beat", "1"),
            ("since", "1"),
            ("seen", "(SELECT at FROM now) + 3600000000"),
        ];
        insert(connection, "marionette_instance", &usual, column, &end);
        let mut changes = sort(3);
        let instance = if column == "id" { &end } else { &id };
        changes.push(("instance", instance.clone()));
        insert_job(connection, 1000 + number, &changes);
    }
}

fn attempts(connection: &Connection, column: &str) {
    let dead = "UPDATE marionette_job SET history = 5, failed = 2";
    connection.execute_batch(dead).expect("it is SQL");
    let usual = [
        ("job", "1"),
        ("n", "1"),
        ("number", "1"),
        ("started", "1"),
        ("ended", "2"),
        ("ran", "1"),
        ("outcome", "'failed'"),
        ("error", "'no'"),
        ("instance", DEAD_INSTANCE),
    ];
    for job in 1..=SORTS {
        for (number, end) in ends().into_iter().enumerate() {
            let (job, n) = (job.to_string(), (number % 7).to_string());
            let mut usual = usual;
            usual[0].1 = &job;
            usual[1].1 = &n;
            insert(connection, "marionette_attempt", &usual, column, &end);
        }
    }
}

fn rows(connection: &Connection, table: &str, usual: &[(&str, &str)], column: &str) {
    for end in ends() {
        insert(connection, table, usual, column, &end);
    }
}

/// Inserts a row with one column replaced, unless SQLite itself refuses it.
fn insert(connection: &Connection, table: &str, usual: &[(&str, &str)], column: &str, end: &str) {
    let columns: Vec<_> = usual.iter().map(|(name, _)| *name).collect();
    let values: Vec<_> = usual
        .iter()
        .map(|(name, value)| if *name == column { end } else { *value })
        .collect();
    let sql = format!(
        "INSERT OR IGNORE INTO {table} ({}) VALUES ({})",
        columns.join(", "),
        values.join(", ")
    );
    connection
        .execute_batch(&sql)
        .unwrap_or_else(|err| panic!("{sql}: {err}"));
}
