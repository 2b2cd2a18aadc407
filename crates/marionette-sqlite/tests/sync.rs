//! The disk fails to sync, at the first time, the second, and so on until a run needs no more: a
//! job for which a caller was told `Ok` survives a loss of power, and all other callers are told
//! that the store is broken.
#![cfg(feature = "failpoints")]

mod common;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ThreadId};

use common::{Place, claim, done, insert, job, known_instance, settle};
use marionette::TaskId;
use marionette::inspect::Inspect;
use marionette::store::{InstanceInfo, JobState, Settled, Store, StoreError, StoreErrorKind};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

/// How much of the WAL is on the disk for certain.
#[derive(Default)]
struct Disk {
    /// How long the WAL was when a thread began to sync it.
    begun: HashMap<ThreadId, u64>,
    certain: u64,
}

/// The answers that callers got.
#[derive(Default)]
struct Told {
    inserted: Vec<TaskId>,
    settled: Vec<TaskId>,
    broken: usize,
}

impl Told {
    fn hear(&mut self, err: &StoreError) {
        assert_eq!(err.kind(), StoreErrorKind::Broken, "{err:?}");
        assert!(err.to_string().contains("open the store again"), "{err}");
        self.broken += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_survives_a_sync_that_fails_and_a_loss_of_power() {
    let _scenario = fail::FailScenario::setup();
    let mut runs = 0;
    for nth in 0.. {
        let place = Place::new();
        let store = place.open().await;
        let disk = watch(&place.path());
        let action = format!("{nth}*off->1*return->off");
        fail::cfg("sqlite::sync::error", &action).expect("there is such a point");
        let told = work(&store).await;
        if told.broken > 0 {
            runs += 1;
            everything_is_broken(&store).await;
        }
        // Fewer syncs than that may have been needed: what follows must not meet the failure.
        fail::remove("sqlite::sync::error");
        let certain = disk.lock().unwrap_or_else(PoisonError::into_inner).certain;
        after_a_loss_of_power(&place.path(), certain, &told).await;
        drop(store);
        holds(&place.open().await, &told).await;
        if told.broken == 0 {
            assert_eq!(told.settled.len(), ROUNDS * CALLERS, "all went well");
            break;
        }
    }
    println!("{runs} syncs failed, one in each run");
    assert!(runs >= 2 * ROUNDS, "{runs}: each round has two at least");
}

/// Follows how much of the WAL is on the disk.
fn watch(path: &Path) -> Arc<Mutex<Disk>> {
    let disk = Arc::new(Mutex::new(Disk::default()));
    let wal = path.with_extension("db-wal");
    let begun = Arc::clone(&disk);
    let begin = move || {
        let length = fs::metadata(&wal).map_or(0, |wal| wal.len());
        let mut disk = begun.lock().unwrap_or_else(PoisonError::into_inner);
        disk.begun.insert(thread::current().id(), length);
    };
    fail::cfg_callback("sqlite::sync::begin", begin).expect("there is such a point");
    let ended = Arc::clone(&disk);
    let done = move || {
        let mut disk = ended.lock().unwrap_or_else(PoisonError::into_inner);
        let length = disk.begun.remove(&thread::current().id());
        disk.certain = disk.certain.max(length.expect("it has begun"));
    };
    fail::cfg_callback("sqlite::sync::done", done).expect("there is such a point");
    disk
}

/// How often the callers insert a job each, and an instance then settles these.
const ROUNDS: usize = 8;
/// How many callers insert at once.
const CALLERS: usize = 4;

/// Inserts and settles, until all is done or something is broken.
async fn work(store: &SqliteStore) -> Told {
    let instance = known_instance(store).await;
    let mut told = Told::default();
    for _ in 0..ROUNDS {
        let calls: Vec<_> = (0..CALLERS).map(|_| job()).collect();
        let calls = calls.into_iter().map(|job| {
            let (store, id) = (store.clone(), job.id);
            tokio::spawn(async move { store.insert(vec![job]).await.map(|_| id) })
        });
        let calls: Vec<_> = calls.collect();
        for call in calls {
            match call.await.expect("no panic here") {
                Ok(id) => told.inserted.push(id),
                Err(err) => told.hear(&err),
            }
        }
        if told.broken > 0 {
            return told;
        }
        settle_all(store, &instance, &mut told).await;
        if told.broken > 0 {
            return told;
        }
    }
    told
}

/// Each settlement is a call of its own, and they come at once.
async fn settle_all(store: &SqliteStore, instance: &InstanceInfo, told: &mut Told) {
    let calls = claim(store, instance, 100)
        .await
        .into_iter()
        .map(|claimed| {
            let (store, lease) = (store.clone(), claimed.lease);
            tokio::spawn(async move { (lease.job, store.settle(vec![done(lease)]).await) })
        });
    let calls: Vec<_> = calls.collect();
    for call in calls {
        match call.await.expect("no panic here") {
            (id, Ok(settled)) => {
                assert_eq!(settled, [Settled::Applied]);
                told.settled.push(id);
            }
            (_, Err(err)) => told.hear(&err),
        }
    }
}

/// A later sync that succeeds would not bring back what this one has lost.
async fn everything_is_broken(store: &SqliteStore) {
    let mut told = Told::default();
    for _ in 0..3 {
        told.hear(&store.insert(vec![job()]).await.expect_err("it is broken"));
        let instance = common::instance();
        told.hear(
            &store
                .renew(instance, vec![])
                .await
                .expect_err("it is broken"),
        );
    }
}

/// Opens what would be on the disk: the database as it was made, and the WAL as it was last synced.
async fn after_a_loss_of_power(path: &Path, certain: u64, told: &Told) {
    let other = Place::new();
    fs::copy(path, other.path()).expect("it can be copied");
    let name = other.path().with_extension("db-wal");
    fs::copy(path.with_extension("db-wal"), &name).expect("it can be copied");
    let wal = fs::OpenOptions::new().write(true).open(name);
    let wal = wal.expect("it was copied");
    let length = wal.metadata().expect("it is a file").len();
    wal.set_len(certain.min(length)).expect("it can be cut off");
    holds(&other.open().await, told).await;
}

/// Checks that every confirmed job is there, the file is sound, and everything works again.
async fn holds(store: &SqliteStore, told: &Told) {
    for &id in &told.inserted {
        let details = store.job(id).await.expect("an answer");
        let state = details.map(|job| job.summary.state);
        assert!(state.is_some(), "{id} was accepted and is lost");
        if told.settled.contains(&id) {
            assert_eq!(state, Some(JobState::Done), "{id} was settled");
        }
    }
    let connection = Connection::open(store.path()).expect("it is a database");
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.expect("it answers"), "ok");
    insert(store, job()).await;
    let instance = known_instance(store).await;
    let claimed = claim(store, &instance, 100).await;
    assert!(!claimed.is_empty());
    for claimed in claimed {
        assert_eq!(settle(store, done(claimed.lease)).await, Settled::Applied);
    }
}
