//! Nothing grows for ever: what a daemon has run costs a bounded number of files and lanes, and the
//! next start is about as fast as the first.

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use common::{Sandbox, entries, now, signal, until};
use marionette::TaskId;
use marionette_sqlite::rusqlite::{Connection, params};
use rustix::process::Signal;
use uuid::Uuid;

const DONE: i64 = 4;
const DEAD: i64 = 5;
/// The least number of tasks whose output is kept, spread over 256 folders.
const KEPT: usize = 1_000;
const KEPT_AT_MOST: usize = KEPT.div_ceil(256) * 256;

fn store(sandbox: &Sandbox) -> Connection {
    let connection = Connection::open(sandbox.path("tasks.db")).expect("it is there");
    let patience = connection.busy_timeout(Duration::from_secs(30));
    patience.expect("it can be set");
    connection
}

/// Writes tasks into the store that have ended.
fn ended(sandbox: &Sandbox, count: usize, state: i64) -> Vec<Uuid> {
    let mut connection = store(sandbox);
    let transaction = connection.transaction().expect("nobody else writes");
    let lane = "INSERT OR IGNORE INTO marionette_lane (queue, kind, priority, suspect)
        VALUES ('default', 'command', 0, 0)";
    transaction.execute(lane, []).expect("there is room");
    let job = "INSERT INTO marionette_job (id, state, lane, due, token, settled, instance, started,
            ended, ran, failed, crashes, history, accepted, first_due, payload, result)
        SELECT ?1, ?2, id, t, t, t, zeroblob(16), t, t, 0.001, 0, 0, 0, t, t,
            '{\"run\":\"true\",\"cwd\":\"/\"}', '{\"output_bytes\":6}'
        FROM marionette_lane, (SELECT unixepoch() * 1000000 AS t)
        WHERE queue = 'default' AND suspect = 0";
    let ids: Vec<_> = (0..count).map(|_| id()).collect();
    for id in &ids {
        let inserted = transaction.execute(job, params![id.as_bytes(), state]);
        assert_eq!(inserted.expect("there is room"), 1);
    }
    transaction.commit().expect("there is room");
    ids
}

fn id() -> Uuid {
    TaskId::new().uuid()
}

/// Where the output of a task is.
fn output(sandbox: &Sandbox, id: &Uuid) -> PathBuf {
    let hash = id.as_bytes().iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    let shard = hash.to_be_bytes()[0];
    let outputs = sandbox.path("tasks.db-output");
    outputs.join(format!("{shard:02x}")).join(id.to_string())
}

fn write_output(folder: &Path) {
    fs::create_dir_all(folder).expect("there is room");
    fs::write(folder.join("1.log"), "hello\n").expect("there is room");
}

/// The ids of tasks that have output.
fn kept(sandbox: &Sandbox) -> HashSet<Uuid> {
    let outputs = entries(&sandbox.path("tasks.db-output"));
    let below = outputs.iter().flat_map(|path| entries(path));
    let paths = outputs.iter().cloned().chain(below);
    let names = paths.filter_map(|path| path.file_name()?.to_str()?.parse().ok());
    names.collect()
}

fn lanes(sandbox: &Sandbox) -> usize {
    let count = "SELECT count(*) FROM marionette_lane";
    let count = store(sandbox).query_row(count, [], |row| row.get(0));
    usize::try_from(count.unwrap_or(i64::MAX)).expect("it is a number")
}

fn make_lanes(sandbox: &Sandbox, count: usize) {
    let lanes = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count})
        INSERT INTO marionette_lane (queue, kind, priority, suspect)
        SELECT 'run.' || hex(randomblob(8)) || '.1', 'command', 0, 0 FROM n"
    );
    store(sandbox).execute(&lanes, []).expect("there is room");
}

fn stop(mut daemon: Child) {
    signal(daemon.id(), Signal::TERM);
    let status = daemon.wait().expect("it ends");
    assert!(status.success(), "{status}");
}

/// A sandbox with a store.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let listed = sandbox.run(&["run", "--quiet", "--", "true", ":::", "1"]);
    assert_eq!(listed.status, Some(0), "{listed:?}");
    sandbox
}

#[test]
fn output_goes_when_the_store_forgets_its_task_and_beyond_what_is_kept() {
    let sandbox = sandbox();
    let done = ended(&sandbox, 2 * KEPT_AT_MOST, DONE);
    let dead = ended(&sandbox, 30, DEAD);
    let unknown: Vec<_> = (0..300).map(|_| id()).collect();
    for id in done.iter().chain(&dead).chain(&unknown[..150]) {
        write_output(&output(&sandbox, id));
    }
    // As versions before this one wrote them.
    let outputs = sandbox.path("tasks.db-output");
    let old_failure = ended(&sandbox, 1, DEAD)[0];
    for id in unknown[150..].iter().chain([&old_failure]) {
        write_output(&outputs.join(id.to_string()));
    }
    make_lanes(&sandbox, 1_000);

    let daemon = sandbox.start(&["work", "--keep-outputs", &KEPT.to_string()]);
    until("what nobody knows and what is too much is gone", || {
        let kept = kept(&sandbox);
        kept.len() <= KEPT_AT_MOST + 1 && unknown.iter().all(|id| !kept.contains(id))
    });
    until("lanes without tasks are gone", || lanes(&sandbox) < 100);
    let left = kept(&sandbox);
    assert!(dead.iter().all(|id| left.contains(id)), "failures go last");
    assert!(left.len() > KEPT / 2, "{} are kept", left.len());
    let shown = sandbox.run(&["show", &old_failure.to_string()]);
    assert!(shown.out.contains("hello"), "{shown:?}");
    let let_go = done.iter().find(|id| !left.contains(id)).expect("most are");
    let shown = sandbox.run(&["show", &let_go.to_string()]);
    assert!(shown.out.contains("it is not kept any more"), "{shown:?}");

    // A day later the store prunes them, and a month later the others.
    let earlier = "UPDATE marionette_job SET ended = ended - 31 * 86400 * 1000000";
    store(&sandbox).execute(earlier, []).expect("there is room");
    until("what was pruned has no output", || {
        kept(&sandbox).is_empty()
    });
    let added = sandbox.run(&["add", "echo alive"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    until("it works on", || sandbox.outputs() == ["alive\n"]);
    stop(daemon);
}

#[test]
fn a_start_takes_about_as_long_after_very_many_tasks_as_after_none() {
    let fresh = sandbox();
    let used = sandbox();
    for id in ended(&used, 5_000, DONE) {
        write_output(&output(&used, &id));
    }
    for _ in 0..2_000 {
        write_output(&used.path("tasks.db-output").join(id().to_string()));
    }
    make_lanes(&used, 20_000);
    let mut ratios = Vec::new();
    for round in 0..3 {
        let [fresh, used] = [&fresh, &used].map(|sandbox| {
            let began = now();
            let item = round.to_string();
            let said = sandbox.run(&["run", "--quiet", "--", "true", ":::", &item]);
            assert_eq!(said.status, Some(0), "{said:?}");
            let added = sandbox.run(&["add", "true"]);
            assert_eq!(added.status, Some(0), "{added:?}");
            let said = sandbox.run(&["work", "--once"]);
            assert_eq!(said.status, Some(0), "{said:?}");
            began.elapsed().as_secs_f64()
        });
        eprintln!("{fresh:.2} s after none, {used:.2} s after many");
        ratios.push(used / fresh);
    }
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[0] < 6.0, "{ratios:?}");
}
