//! B1: a producer is ten times as fast as the workers. What waits, waits in the file and not in
//! memory; a claim touches no more because of it; a limit is kept, by producers that wait and by
//! producers that are refused; and everything ends.

mod common;
#[path = "crash/clock.rs"]
mod clock;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::{Place, known_instance, name};
use marionette::store::{Due, InstanceInfo, NewJob, Store};
use marionette::{Context, Job, TaskManager};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::{self, Connection, Statement, StatementStatus};
use serde::{Deserialize, Serialize};

/// The longest that any expected event may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize, Deserialize)]
struct Mail {
    number: u64,
    text: String,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

fn mail(number: u64, bytes: usize) -> Mail {
    let text = "x".repeat(bytes);
    Mail { number, text }
}

fn row(mail: &Mail) -> NewJob {
    common::job().payload(serde_json::to_vec(mail).expect("it is plain data"))
}

/// The managers that work: slowly, until they may be quick.
#[derive(Default)]
struct Crew {
    done: AtomicU64,
    is_quick: AtomicBool,
    /// How often each mail was sent.
    sent: Mutex<HashMap<u64, u32>>,
}

impl Crew {
    fn manager(
        self: &Arc<Self>,
        store: SqliteStore,
        time: Duration,
        limit: u64,
    ) -> TaskManager<SqliteStore> {
        let crew = Arc::clone(self);
        let handler = move |mail: Mail, _: Context| {
            let crew = Arc::clone(&crew);
            async move {
                if !crew.is_quick.load(Ordering::Relaxed) {
                    tokio::time::sleep(time).await;
                }
                crew.done.fetch_add(1, Ordering::Relaxed);
                *crew.sent().entry(mail.number).or_default() += 1;
                Ok(())
            }
        };
        let builder = TaskManager::builder().store(store).workers(2);
        let builder = builder.queue_limit("default", limit).handle(handler);
        let tasks = builder.build().expect("the settings are right");
        tasks.start();
        tasks
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, HashMap<u64, u32>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Makes the managers quick, and waits until this number of jobs is done in all.
    async fn ends(&self, jobs: u64) {
        self.is_quick.store(true, Ordering::Relaxed);
        let begun = clock::now();
        while self.done() < jobs {
            assert!(begun.elapsed() < PATIENCE, "{} of {jobs}", self.done());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// How much memory this process has, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there is a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).expect("a number");
    kib * 1024
}

/// One at a time, where they share a process: one measures its memory.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_ten_times_as_fast_fills_the_file_and_not_the_memory() {
    const JOBS: u64 = 8_000;
    const BYTES: usize = 12 * 1024;
    const MIB: u64 = 1024 * 1024;
    let _alone = ALONE.lock().await;
    let place = Place::new();
    let store = place.open().await;
    let crew = Arc::new(Crew::default());
    // So slow that this holds also where the disk is slow, or the machine stands still.
    let tasks = crew.manager(store.clone(), Duration::from_millis(200), u64::MAX);
    let idle = resident();
    let most = Arc::new(AtomicU64::new(idle));
    let measuring = tokio::spawn({
        let most = Arc::clone(&most);
        async move {
            loop {
                most.fetch_max(resident(), Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let begun = clock::now();
    for first in (0..JOBS).step_by(100) {
        let jobs = (first..first + 100).map(|number| row(&mail(number, BYTES)));
        store.insert(jobs.collect()).await.expect("there is room");
    }
    let (done, produced) = (crew.done(), begun.elapsed());
    assert!(done * 10 <= JOBS, "{done} of {JOBS} were done meanwhile");
    let behind = most.load(Ordering::Relaxed);
    crew.ends(JOBS).await;
    measuring.abort();
    let grown = most.load(Ordering::Relaxed).saturating_sub(idle);
    println!(
        "{JOBS} jobs of {BYTES} bytes in {produced:?}, {done} done meanwhile, all in {:?}: {} MiB \
         when idle, {} MiB more while they wait, {} MiB more at most",
        begun.elapsed(),
        idle / MIB,
        (behind - idle) / MIB,
        grown / MIB,
    );
    assert!(tasks.stop().await.is_complete());
    assert!(crew.sent().values().all(|times| *times == 1), "once each");
    assert!(grown <= 64 * MIB, "{} MiB", grown / MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_holds_for_who_waits_and_for_who_is_refused_and_all_that_was_accepted_ends() {
    const LIMIT: u64 = 50;
    let _alone = ALONE.lock().await;
    let place = Place::new();
    let crew = Arc::new(Crew::default());
    let tasks = crew.manager(place.open().await, Duration::from_millis(1), LIMIT);
    let watch = Connection::open(place.path()).expect("it is a database");
    let waiting = move || -> u64 {
        let count = "SELECT count(*) FROM marionette_job WHERE state = 2";
        let count = watch.query_row(count, [], |row| row.get::<_, i64>(0));
        u64::try_from(count.expect("it answers")).expect("it is a count")
    };
    let producers: Vec<_> = (0..20)
        .map(|producer| {
            let tasks = tasks.clone();
            tokio::spawn(async move {
                for number in producer * 30..(producer + 1) * 30 {
                    let queued = tasks.queue(mail(number, 1)).await;
                    queued.expect("who waits gets in");
                }
            })
        })
        .collect();
    let mut fullest = 0;
    while producers.iter().any(|producer| !producer.is_finished()) {
        fullest = fullest.max(waiting());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for producer in producers {
        producer.await.expect("no panic here");
    }
    crew.ends(600).await;
    let (mut accepted, mut refused) = (Vec::new(), Vec::new());
    // Nobody works while it fills, so that a slow disk changes nothing.
    for round in 0..4 {
        tasks.pause();
        for number in 600 + round * 300..900 + round * 300 {
            match tasks.queue(mail(number, 1)).try_now().await {
                Ok(_) => accepted.push(number),
                Err(err) => {
                    assert!(err.is_full(), "{err:?}");
                    refused.push(number);
                }
            }
            fullest = fullest.max(waiting());
        }
        tasks.resume();
        crew.ends(600 + accepted.len() as u64).await;
    }
    assert!(accepted.len() >= 200 && refused.len() >= 200);
    assert!(tasks.stop().await.is_complete());
    println!("{} refused, at most {fullest} waited", refused.len());
    assert_eq!(fullest, LIMIT, "it was full, and never more than that");
    let sent = crew.sent();
    let once = (0..600)
        .chain(accepted)
        .all(|number| sent.get(&number) == Some(&1));
    assert!(once, "what was accepted runs once");
    let none = refused.iter().all(|number| !sent.contains_key(number));
    assert!(none, "what was refused never runs");
}

/// What a claim has to do, counted and not timed: the steps of SQLite's machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Effort {
    steps: i32,
    scanned: i32,
    sorted: i32,
}

#[tokio::test]
async fn a_claim_touches_no_more_because_of_a_backlog() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
    let _alone = ALONE.lock().await;
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let other = |job: NewJob| job.kind(name("other"));
    let later = |job: NewJob| job.due(Due::After(YEAR)).priority(9);
    // One of each, so that there are as many lanes as later.
    let few: Vec<_> = (0..100).map(|_| common::job()).collect();
    store.insert(few).await.expect("there is room");
    let of_each = vec![other(common::job()), later(common::job())];
    store.insert(of_each).await.expect("there is room");
    let before = effort(&store, &instance);
    for _ in 0..20 {
        let jobs = (0..1_000).map(|_| common::job());
        let jobs = jobs.chain((0..250).map(|_| other(common::job())));
        let jobs = jobs.chain((0..250).map(|_| later(common::job())));
        store.insert(jobs.collect()).await.expect("there is room");
    }
    let after = effort(&store, &instance);
    println!("100 waiting: {before:?}, 30,100 waiting: {after:?}");
    assert!(before.steps > 0, "it was counted");
    assert!(after.steps <= 2 * before.steps, "{before:?}, {after:?}");
    assert_eq!((after.scanned, after.sorted), (before.scanned, 0));
}

/// The statements of a claim of 16, as the store runs them, and taken back.
fn effort(store: &SqliteStore, instance: &InstanceInfo) -> Effort {
    let connection = Connection::open(store.path()).expect("it is a database");
    let mut effort = Effort::default();
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody writes");
    let instance = instance.id.uuid().as_bytes().to_vec();
    run(
        &connection,
        include_str!("../src/sql/instance_known.sql"),
        (&instance,),
        &mut effort,
    );
    run(
        &connection,
        include_str!("../src/sql/paused.sql"),
        (),
        &mut effort,
    );
    let lanes = "SELECT id FROM marionette_lane WHERE kind = 'mail' ORDER BY priority DESC";
    let lanes = column(&connection, lanes);
    let due = include_str!("../src/sql/due_in_lane.sql");
    let now = column(&connection, "SELECT max(accepted) FROM marionette_job")[0];
    let mut taken = Vec::new();
    for lane in lanes {
        taken.extend(run(&connection, due, (lane, now, 16), &mut effort));
    }
    assert_eq!(taken.len(), 16, "it finds what it asks for");
    for seq in taken {
        run(
            &connection,
            include_str!("../src/sql/claim_read.sql"),
            (seq,),
            &mut effort,
        );
        let take = include_str!("../src/sql/claim_take.sql");
        run(&connection, take, (seq, &instance, 1, 1), &mut effort);
    }
    connection.execute_batch("ROLLBACK").expect("it is ours");
    effort
}

/// Runs a statement, and adds what it did. Answers the numbers in its first column.
fn run(
    connection: &Connection,
    sql: &str,
    arguments: impl rusqlite::Params,
    effort: &mut Effort,
) -> Vec<i64> {
    let mut statement = connection.prepare(sql).expect("it is SQL");
    let found = numbers(&mut statement, arguments);
    effort.steps += statement.get_status(StatementStatus::VmStep);
    effort.scanned += statement.get_status(StatementStatus::FullscanStep);
    effort.sorted += statement.get_status(StatementStatus::Sort);
    found
}

fn column(connection: &Connection, sql: &str) -> Vec<i64> {
    let mut statement = connection.prepare(sql).expect("it is SQL");
    numbers(&mut statement, ())
}

fn numbers(statement: &mut Statement<'_>, arguments: impl rusqlite::Params) -> Vec<i64> {
    let mut rows = statement.query(arguments).expect("it can be run");
    let mut found = Vec::new();
    while let Some(row) = rows.next().expect("it can be run") {
        found.push(row.get(0).unwrap_or_default());
    }
    found
}
