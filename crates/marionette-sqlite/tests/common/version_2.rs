//! A file as version 2 of the library left it: with jobs in every state and of every end, of which
//! one runs in an instance that has ended.

use std::fs;
use std::path::Path;

use marionette_sqlite::rusqlite::Connection;

const SCHEMAS: [&str; 2] = [
    include_str!("../../src/sql/schema_1.sql"),
    include_str!("../../src/sql/schema_2.sql"),
];

const ROWS: &str = r#"
CREATE TABLE marionette_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO marionette_meta VALUES ('version', 2);
INSERT INTO marionette_lane VALUES
    (1, 'default', 'mail', 0, 0), (2, 'slow', 'mail', 5, 0), (3, 'default', 'mail', 0, 1);
INSERT INTO marionette_queue VALUES ('closed', 1);
INSERT INTO marionette_instance VALUES
    (x'01990000000070008000ffffffffffff', 'elsewhere', 1, 4, 9, 1760000000000000, 1760000000000000);

-- seq, id, state, lane, due, token, settled, instance, started, ended, ran, failed, crashes,
-- history, accepted, first_due, keep, until, options, cancel, reason, result, payload
INSERT INTO marionette_job VALUES
    (1, x'01990000000070008000000000000001', 2, 1, 10, 100, -100,
        x'00000000000000000000000000000000', -100, -100, 0.0, 0, 0, 0,
        10, 10, NULL, NULL, NULL, NULL, NULL, NULL, '"ready"'),
    (2, x'01990000000070008000000000000002', 2, 2, 9000000000000000, 100, -100,
        x'00000000000000000000000000000000', -100, -100, 0.0, 0, 0, 0,
        10, 10, 60000000, NULL, '{"retries":2,"expires":{"secs":90,"nanos":5},"name":"later",'
        || '"keep_result":{"secs":60,"nanos":0}}', NULL, NULL, NULL, '"scheduled"'),
    (3, x'01990000000070008000000000000003', 2, 3, 9000000000000000, 101, 101,
        x'01990000000070008000ffffffffffff', 20, -100, NULL, 1, 1, 2,
        10, 10, NULL, NULL, '{"retries":9}', NULL, NULL, NULL, '"retrying"'),
    (4, x'01990000000070008000000000000004', 3, 1, 10, 101, -100,
        x'01990000000070008000ffffffffffff', 20, -100, 0.0, 0, 0, 0,
        10, 10, NULL, NULL, NULL, NULL, NULL, NULL, '"running"'),
    (5, x'01990000000070008000000000000005', 4, 1, 10, 101, 101,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, 0.25, 0, 0, 0,
        10, 10, NULL, NULL, NULL, NULL, NULL, '{"sent":true}', '"done"'),
    (6, x'01990000000070008000000000000006', 5, 1, 10, 102, 102,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 2, 0, 2,
        10, 10, NULL, NULL, NULL, NULL, NULL, NULL, '"dead"'),
    (7, x'01990000000070008000000000000007', 6, 1, 10, 100, -100,
        x'00000000000000000000000000000000', -100, 9000000000000000, 0.0, 0, 0, 0,
        10, 10, NULL, NULL, NULL, NULL, 'expired: I mean, not needed', NULL, '"cancelled"'),
    (8, x'01990000000070008000000000000008', 7, 1, 10, 103, 103,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 0, 3, 1,
        10, 10, NULL, NULL, NULL, NULL, 'its worker died 3 times while it had it', NULL,
        '"quarantined"'),
    (9, x'01990000000070008000000000000009', 6, 1, 10, 101, 101,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 0, 0, 0,
        10, 10, NULL, NULL, '{"expires":{"secs":1,"nanos":500000000}}', NULL,
        'expired: not started within 1.5s of its time', NULL, '"expired"'),
    (10, x'0199000000007000800000000000000a', 6, 1, 10, 102, 102,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 1, 0, 1,
        10, 10, NULL, NULL, NULL, NULL, 'given up after 10s in total', NULL,
        '"given up between attempts"'),
    (11, x'0199000000007000800000000000000b', 5, 1, 10, 102, 102,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 2, 0, 2,
        10, 10, NULL, NULL, NULL, NULL, NULL, NULL, '"given up in an attempt"'),
    (12, x'0199000000007000800000000000000c', 6, 1, 10, 101, 101,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 0, 0, 1,
        10, 10, NULL, NULL, NULL, NULL, 'shutting down', NULL, '"cancelled in an attempt"'),
    (13, x'0199000000007000800000000000000d', 3, 1, 10, 101, -100,
        x'01990000000070008000ffffffffffff', 20, -100, 0.0, 0, 0, 0,
        10, 10, NULL, NULL, NULL, 'not any more', NULL, NULL, '"to be cancelled"'),
    (14, x'0199000000007000800000000000000e', 4, 1, 10, 101, 101,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, 0.25, 0, 0, 0,
        10, 10, 90000000000000, 9000090000000000, '{"keep_result":{"secs":90000000,"nanos":0}}',
        NULL, NULL, NULL, '"done and kept"'),
    (15, x'0199000000007000800000000000000f', 4, 1, 10, 101, 101,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, 0.25, 0, 0, 0,
        10, 10, NULL, NULL, NULL, NULL, NULL, '!not kept: a number is NaN', '"done without"'),
    (16, x'01990000000070008000000000000010', 5, 1, 10, 102, 102,
        x'01990000000070008000ffffffffffff', 20, 9000000000000000, NULL, 1, 0, 2,
        10, 10, NULL, NULL, NULL, NULL, NULL, NULL, '"given up, begun anew and failed"');

-- job, n, number, started, ended, ran, outcome, error, instance
INSERT INTO marionette_attempt VALUES
    (3, 1, 1, 20, 30, 1000, 'failed', 'panicked: is what it said',
        x'01990000000070008000ffffffffffff'),
    (3, 2, 2, 20, 30, 1000, 'crashed', NULL, x'01990000000070008000ffffffffffff'),
    (6, 1, 1, 20, 30, 1000, 'timed_out', 'timed out after 1s', x'01990000000070008000ffffffffffff'),
    (6, 2, 2, 40, 50, 2000, 'panicked', 'panicked: index out of bounds at src/a.rs:7', NULL),
    (8, 1, 1, 20, 30, 1000, 'crashed', NULL, x'01990000000070008000ffffffffffff'),
    (10, 1, 1, 20, 30, 1000, 'failed', 'no such host', x'01990000000070008000ffffffffffff'),
    (11, 1, 1, 20, 30, 1000, 'failed', 'no such host', x'01990000000070008000ffffffffffff'),
    (11, 2, 2, 40, 50, 2000, 'timed_out', 'given up after 10s in total',
        x'01990000000070008000ffffffffffff'),
    (12, 1, 1, 20, 30, 1000, 'cancelled', 'cancelled: shutting down',
        x'01990000000070008000ffffffffffff'),
    (16, 1, 1, 20, 30, 1000, 'timed_out', 'given up after 10s in total',
        x'01990000000070008000ffffffffffff'),
    (16, 2, 1, 40, 50, 2000, 'failed', 'no such host', x'01990000000070008000ffffffffffff');
"#;

/// Makes the file.
pub(crate) fn make(path: &Path) {
    let connection = Connection::open(path).expect("there is room");
    let schemas = SCHEMAS.join("; ");
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode = WAL; BEGIN; {schemas}; {ROWS}; COMMIT"
        ))
        .expect("it is SQL");
    // The process that held this lock has ended.
    let locks = path.with_file_name("tasks.db-workers");
    fs::create_dir(&locks).expect("there is room");
    let lock = locks.join("01990000-0000-7000-8000-ffffffffffff");
    fs::write(lock, "").expect("there is room");
}
