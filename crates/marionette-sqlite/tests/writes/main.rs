//! S3: a write of SQLite fails, at the first time, the second, and so on until a run is clean. A
//! caller that was told `Ok` was told the truth, one that was told an error hears what it was and
//! may ask again, nothing is done twice, and the store goes on by itself.
//!
//! A failure is repeated with the number of its write alone: the tests print it.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
mod disk;
mod engine;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use common::{Place, by, instance, job, wanted};
use disk::{Disk, How};
use marionette::TaskId;
use marionette::inspect::Inspect;
use marionette::store::{
    Claim, Claimed, Due, InstanceInfo, JobState, NewJob, Next, Settled, Store, StoreError,
    StoreErrorKind, StoreFuture,
};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

const HOWS: [How; 3] = [How::Error, How::Full, How::Torn];
/// The same, and one after the other.
const ROWS: [(How, i64); 4] = [
    (How::Error, 1),
    (How::Full, 1),
    (How::Torn, 1),
    (How::Error, 3),
];
/// How often jobs are inserted, claimed and settled.
const ROUNDS: usize = 2;
/// How often a call is made until it succeeds: more often than writes fail.
const TRIES: usize = 6;

/// The answers that callers got, and what is known of the jobs.
#[derive(Default)]
struct Told {
    inserted: Vec<TaskId>,
    settled: HashSet<TaskId>,
    errors: usize,
}

#[tokio::test]
async fn a_write_that_fails_is_told_and_harms_nothing() {
    let disk = Disk::new();
    for (how, count) in ROWS {
        for nth in 0.. {
            let place = place();
            let store = place.open().await;
            disk.fail(nth, count, how);
            let told = work(&store).await;
            let failed = disk.mend();
            println!("{how:?}, {count} from write {nth}: {failed} failed");
            as_if_killed(&place.path(), &told).await;
            goes_on(&store, &told).await;
            drop(store);
            goes_on(&place.open().await, &told).await;
            assert!(told.errors == 0 || failed > 0, "nobody hears of nothing");
            // Where there is no room, the store makes some in the log, and tries once more.
            let is_told = told.errors > 0 || how != How::Error;
            assert!(is_told || failed == 0, "who waits for a write hears of it");
            if failed == 0 {
                assert!(nth > 20, "{nth}: each round writes");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_write_that_fails_while_the_wal_is_copied_loses_nothing() {
    let disk = Disk::new();
    for how in HOWS {
        let mut failures = 0;
        for nth in 0.. {
            let place = place();
            let store = place.open().await;
            let told = work(&store).await;
            disk.fail(nth, 1, how);
            // The last connection copies the WAL.
            drop(store);
            let failed = disk.mend();
            as_if_killed(&place.path(), &told).await;
            goes_on(&place.open().await, &told).await;
            failures += failed;
            if failed == 0 {
                break;
            }
        }
        assert!(failures > 4, "{failures}: several pages are copied");
    }
}

#[tokio::test]
async fn a_write_that_fails_when_a_file_is_opened_is_told_and_the_next_try_works() {
    let disk = Disk::new();
    for how in HOWS {
        for nth in 0.. {
            let place = place();
            disk.fail(nth, 1, how);
            let opened = SqliteStore::open(place.path()).await;
            let failed = disk.mend();
            match opened {
                Ok(store) => goes_on(&store, &Told::default()).await,
                Err(err) => is_of_the_disk(&err, &place.path()),
            }
            goes_on(&place.open().await, &Told::default()).await;
            if failed == 0 {
                assert!(nth > 5, "{nth}: tables are made");
                break;
            }
        }
    }
}

/// A place in memory, if there is one: here the disk is asked ten thousands of times to sync.
fn place() -> Place {
    let memory = tempfile::tempdir_in("/dev/shm");
    memory.map_or_else(|_| Place::new(), |directory| Place { directory })
}

/// Inserts, claims and settles, each as often as it takes.
async fn work(store: &SqliteStore) -> Told {
    let mut told = Told::default();
    let instance = instance();
    for _ in 0..ROUNDS {
        told.until_ok(store, || store.renew(instance.clone(), vec![]))
            .await;
        for jobs in [vec![job()], vec![job()], (0..5).map(|_| large()).collect()] {
            let inserted = told.until_ok(store, || store.insert(jobs.clone())).await;
            assert!(inserted.iter().all(|one| one.is_accepted()));
            told.inserted.extend(jobs.iter().map(|job| job.id));
        }
        settle_all(store, &instance, &mut told).await;
        told.until_ok(store, || store.sweep()).await;
    }
    told
}

/// A claim that failed has taken nothing: the next one finds all that wait.
async fn settle_all(store: &SqliteStore, instance: &InstanceInfo, told: &mut Told) {
    let claim = Claim::new(instance.id, wanted(), 100).suspects(100);
    let claimed = told.until_ok(store, || store.claim(claim.clone())).await;
    let ids: HashSet<_> = claimed.iter().map(|claimed| claimed.lease.job).collect();
    let waiting = told.inserted.iter().copied().collect::<HashSet<_>>();
    assert_eq!(
        ids,
        &waiting - &told.settled,
        "all that wait, and each once"
    );
    for (number, Claimed { lease, .. }) in claimed.into_iter().enumerate() {
        let settlement = match number % 3 {
            0 => common::failed(lease, "it was not to be", Next::Bury),
            _ => common::done(lease),
        };
        let settled = told
            .until_ok(store, || store.settle(vec![settlement.clone()]))
            .await;
        assert_eq!(settled, [Settled::Applied]);
        told.settled.insert(lease.job);
    }
}

fn large() -> NewJob {
    job().payload(vec![b'x'; 5000]).due(Due::Now)
}

impl Told {
    async fn until_ok<'s, T>(
        &mut self,
        store: &SqliteStore,
        call: impl Fn() -> StoreFuture<'s, T>,
    ) -> T {
        for _ in 0..TRIES {
            match call().await {
                Ok(answer) => return answer,
                Err(err) => {
                    is_of_the_disk(&err, store.path());
                    self.errors += 1;
                }
            }
        }
        panic!("{TRIES} tries, and only so many writes fail");
    }
}

/// Checks that an error names the file and what happened.
fn is_of_the_disk(err: &StoreError, path: &Path) {
    let text = err.to_string();
    assert!(text.contains(&path.display().to_string()), "{text}");
    if err.kind() == StoreErrorKind::Full {
        assert!(
            text.contains("disk is full") || text.contains("4874"),
            "{text}"
        );
    } else {
        assert!(err.is_unavailable(), "{err:?}");
        assert!(text.contains("disk I/O error"), "{text}");
    }
}

/// The jobs in the files now, read by another store.
async fn as_if_killed(path: &Path, told: &Told) {
    let other = place();
    fs::copy(path, other.path()).expect("it can be copied");
    let wal = path.with_extension("db-wal");
    if wal.exists() {
        fs::copy(wal, other.path().with_extension("db-wal")).expect("it can be copied");
    }
    goes_on(&other.open().await, told).await;
}

/// Checks that the answers were true, the file is sound, and everything works.
async fn goes_on(store: &SqliteStore, told: &Told) {
    for &id in &told.inserted {
        let details = store.job(id).await.expect("an answer");
        let job = details.unwrap_or_else(|| panic!("{id} was accepted and is lost"));
        assert!(told.settled.contains(&id), "all are settled in the end");
        let state = job.summary.state;
        assert!(
            matches!(state, JobState::Done | JobState::Dead),
            "{state:?}"
        );
        assert_eq!(job.attempts.len(), 1, "it was done once");
    }
    let counts = store.counts().await.expect("an answer");
    let kept: u64 = counts.iter().map(|count| count.jobs).sum();
    assert_eq!(kept, told.inserted.len() as u64, "no job more than those");
    let connection = Connection::open(store.path()).expect("it is a database");
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.expect("it answers"), "ok");
    let instance = common::known_instance(store).await;
    let id = common::insert(store, job()).await;
    let claimed = common::claim(store, &instance, 100).await;
    assert_eq!(claimed.len(), 1, "nothing else waits");
    assert_eq!(claimed[0].lease.job, id);
    assert_eq!(
        common::settle(store, common::done(claimed[0].lease)).await,
        Settled::Applied
    );
    let deleted = store
        .delete(marionette::inspect::Which::Ids(vec![id]), by())
        .await;
    assert_eq!(deleted.expect("it is there"), 1);
}
