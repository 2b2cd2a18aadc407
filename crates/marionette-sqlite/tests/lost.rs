//! The files of an open store are removed, replaced, cut off or written over: a job for which a
//! caller is told `Ok` after that is found again, and all other callers are told that the store is
//! broken.
#![cfg(unix)]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Place, insert, job};
use marionette::TaskId;
use marionette::inspect::Inspect;
use marionette::store::{Store, StoreErrorKind};
use marionette_sqlite::rusqlite::Connection;
use marionette_sqlite::{SqliteStore, Synchronous};

/// A change of the files, and whether jobs that were accepted before it must still be there.
type Loss = (&'static str, fn(&Files), bool);

/// The files of a store, and an older copy of it.
struct Files {
    database: PathBuf,
    wal: PathBuf,
    index: PathBuf,
    older: PathBuf,
}

impl Files {
    fn of(place: &Place) -> Self {
        Self {
            database: place.path(),
            wal: place.path().with_extension("db-wal"),
            index: place.path().with_extension("db-shm"),
            older: place.directory.path().join("older.db"),
        }
    }
}

fn away(path: &Path) -> PathBuf {
    path.with_extension("away")
}

fn cut(path: &Path, to: impl FnOnce(u64) -> u64) {
    let file = fs::OpenOptions::new().write(true).open(path);
    let file = file.expect("it can be opened");
    let length = file.metadata().expect("it is a file").len();
    file.set_len(to(length)).expect("it can be cut");
}

/// As `cp` does: the file stays the same, with other contents.
fn write_over(path: &Path, contents: &[u8]) {
    fs::write(path, contents).expect("it can be written");
}

const LOSSES: &[Loss] = &[
    (
        "rm -wal",
        |files| fs::remove_file(&files.wal).expect("it is there"),
        true,
    ),
    (
        "mv -wal",
        |files| fs::rename(&files.wal, away(&files.wal)).expect("it is there"),
        true,
    ),
    (
        "mv other -wal",
        |files| {
            fs::write(away(&files.wal), "").expect("there is room");
            fs::rename(away(&files.wal), &files.wal).expect("it is there");
        },
        false,
    ),
    ("truncate -s 0 -wal", |files| cut(&files.wal, |_| 0), false),
    (
        "truncate -wal within its header",
        |files| cut(&files.wal, |_| 20),
        false,
    ),
    (
        "truncate -wal by half",
        |files| cut(&files.wal, |length| length / 2),
        false,
    ),
    (
        "truncate -wal by a byte",
        |files| cut(&files.wal, |length| length - 1),
        false,
    ),
    (
        "cp other -wal",
        |files| {
            let length = fs::metadata(&files.wal).expect("it is there").len();
            let length = usize::try_from(length).expect("it is small");
            write_over(&files.wal, &vec![0x37; length + 100_000]);
        },
        false,
    ),
    (
        "rm -shm",
        |files| fs::remove_file(&files.index).expect("it is there"),
        false,
    ),
    (
        "rm -wal -shm",
        |files| {
            fs::remove_file(&files.wal).expect("it is there");
            fs::remove_file(&files.index).expect("it is there");
        },
        false,
    ),
    (
        "rm",
        |files| fs::remove_file(&files.database).expect("it is there"),
        false,
    ),
    (
        "mv",
        |files| fs::rename(&files.database, away(&files.database)).expect("it is there"),
        false,
    ),
    (
        "mv older",
        |files| fs::rename(&files.older, &files.database).expect("it is there"),
        false,
    ),
    ("truncate -s 0", |files| cut(&files.database, |_| 0), false),
    (
        "truncate by half",
        |files| cut(&files.database, |length| length / 2),
        false,
    ),
    (
        "cp older",
        |files| {
            let older = fs::read(&files.older).expect("it is there");
            write_over(&files.database, &older);
        },
        false,
    ),
];

/// A store with jobs in its database and others in its WAL, and an older copy of it.
async fn prepared(synchronous: Synchronous) -> (Place, Files, SqliteStore, Vec<TaskId>) {
    let place = Place::new();
    let files = Files::of(&place);
    let store = place.open().await;
    insert_many(&store, 50).await;
    let copy = format!("VACUUM INTO '{}'", files.older.display());
    let connection = Connection::open(place.path()).expect("it is a database");
    connection.execute_batch(&copy).expect("it is copied");
    let mut accepted = insert_many(&store, 500).await;
    drop((store, connection));
    let options = SqliteStore::options().synchronous(synchronous);
    let store = options.open(place.path()).await.expect("it can be opened");
    for _ in 0..5 {
        accepted.push(insert(&store, job()).await);
    }
    (place, files, store, accepted)
}

async fn insert_many(store: &SqliteStore, count: usize) -> Vec<TaskId> {
    let jobs: Vec<_> = (0..count).map(|_| job()).collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.insert(jobs).await.expect("they are accepted");
    ids
}

async fn is_told_as_broken(store: &SqliteStore, what: &str) {
    let err = store.insert(vec![job()]).await;
    let err = err.expect_err(what);
    assert_eq!(err.kind(), StoreErrorKind::Broken, "{what}: {err}");
    let text = err.to_string();
    assert!(text.contains("tasks.db"), "{what}: {text}");
    assert!(text.contains("open"), "{what}: it says what to do: {text}");
    let err = store.counts().await.expect_err(what);
    assert_eq!(err.kind(), StoreErrorKind::Broken, "{what}: {err}");
    let again = store.insert(vec![job()]).await.expect_err(what);
    assert_eq!(again.to_string(), text, "{what}: nothing mends it");
}

#[tokio::test]
async fn a_file_that_is_lost_is_told_by_the_first_call() {
    for (what, lose, keeps) in LOSSES {
        let (place, files, store, accepted) = prepared(Synchronous::Full).await;
        lose(&files);
        is_told_as_broken(&store, what).await;
        drop(store);
        if *keeps {
            let store = place.open().await;
            for id in accepted {
                let details = store.job(id).await.expect("an answer");
                assert!(details.is_some(), "{what}: {id} was accepted");
            }
        }
    }
}

/// Waits long enough for the store to look at everything again.
#[allow(clippy::disallowed_methods)] // The files and the threads live in real time.
async fn a_moment() {
    tokio::time::sleep(std::time::Duration::from_millis(25)).await;
}

#[tokio::test]
async fn without_syncs_a_file_that_is_lost_is_told_within_20_ms() {
    for (what, lose, _) in LOSSES {
        let (_place, files, store, _) = prepared(Synchronous::Normal).await;
        lose(&files);
        a_moment().await;
        is_told_as_broken(&store, what).await;
    }
}

#[tokio::test]
async fn who_only_reads_is_told_too() {
    for (what, lose, _) in LOSSES.iter().filter(|loss| loss.0.starts_with("rm")) {
        let (_place, files, store, _) = prepared(Synchronous::Full).await;
        lose(&files);
        a_moment().await;
        let err = store.counts().await.expect_err(what);
        assert_eq!(err.kind(), StoreErrorKind::Broken, "{what}: {err}");
    }
}

#[tokio::test]
async fn what_others_may_do_with_the_files_breaks_nothing() {
    let (place, files, store, _) = prepared(Synchronous::Full).await;
    let other = Connection::open(place.path()).expect("it is a database");
    let mine = place.open().await;
    let copied = |mode: &str| {
        let copied = format!("PRAGMA wal_checkpoint({mode})");
        other
            .query_row(&copied, [], |_| Ok(()))
            .expect("it answers");
    };
    for round in 0..3 {
        for mode in ["PASSIVE", "FULL", "RESTART", "TRUNCATE"] {
            copied(mode);
            insert(&store, job()).await;
            insert(&mine, job()).await;
            a_moment().await;
            copied(mode);
            a_moment().await;
            insert(&store, job()).await;
        }
        let touched = fs::OpenOptions::new().append(true).open(&files.wal);
        let now = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(round);
        touched
            .expect("it is there")
            .set_modified(now)
            .expect("it can be touched");
        other.execute_batch("VACUUM").expect("nobody else writes");
        assert_eq!(
            fs::metadata(&files.database).expect("it is there").len() % 4096,
            0
        );
        insert(&store, job()).await;
        a_moment().await;
        insert(&mine, job()).await;
    }
    fs::copy(&files.database, away(&files.database)).expect("it is there");
    insert(&store, job()).await;
    assert!(store.counts().await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_only_touched_breaks_nothing() {
    let (place, _, store, _) = prepared(Synchronous::Full).await;
    let touched = Command::new("touch").arg(place.path()).status();
    assert!(touched.expect("there is a touch").success());
    insert(&store, job()).await;
    a_moment().await;
    let touched = Command::new("touch").arg(place.path()).status();
    assert!(touched.expect("there is a touch").success());
    assert!(store.counts().await.is_ok());
    insert(&store, job()).await;
}

/// Says loudly that the shell is missing, if it is.
fn shell(path: &Path, sql: &str) -> Option<String> {
    let Ok(output) = Command::new("sqlite3").arg(path).arg(sql).output() else {
        eprintln!("SKIPPED: there is no sqlite3 here, so no other SQLite opened the file");
        return None;
    };
    assert!(output.status.success(), "{output:?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The process opens and closes its file by other means, which takes its locks: to another SQLite
/// nobody has the file open then, and it would remove the WAL.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_reads_its_own_files_loses_nothing_to_another_sqlite() {
    let (place, files, store, mut accepted) = prepared(Synchronous::Full).await;
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let (store, over) = (store.clone(), over.clone());
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    accepted.push(insert(&store, job()).await);
                }
                accepted
            })
        })
        .collect();
    for _ in 0..10 {
        // Its contents do not matter; that it is closed does.
        for file in [&files.database, &files.wal] {
            fs::read(file).expect("it is there");
        }
        if shell(&place.path(), "SELECT count(*) FROM marionette_job").is_none() {
            break;
        }
        a_moment().await;
    }
    over.store(true, Ordering::Relaxed);
    for caller in callers {
        accepted.extend(caller.await.expect("no panic"));
    }
    // As if the process ended here: nothing of what it has in memory counts.
    let Some(found) = shell(&place.path(), "SELECT hex(id) FROM marionette_job") else {
        return;
    };
    let found: HashSet<_> = found.lines().map(str::to_lowercase).collect();
    for id in &accepted {
        let id = id.to_string().replace('-', "");
        assert!(found.contains(&id), "{id} was accepted");
    }
    // Once it is closed, others may do with it what they like.
    drop(store);
    assert!(!files.wal.exists(), "its log was copied and removed");
    let mode = shell(&place.path(), "PRAGMA journal_mode = DELETE");
    assert_eq!(mode.as_deref(), Some("delete\n"));
    insert(&place.open().await, job()).await;
}

/// Another process goes on with a log of its own: the one that lost its log does nothing to it.
#[tokio::test]
async fn of_two_that_would_write_different_logs_only_one_goes_on() {
    for keep_index in [false, true] {
        let (place, files, store, accepted) = prepared(Synchronous::Full).await;
        fs::remove_file(&files.wal).expect("it is there");
        if !keep_index {
            fs::remove_file(&files.index).expect("it is there");
        }
        if keep_index {
            is_told_as_broken(&store, "its log is gone").await;
        }
        let theirs = "CREATE TABLE theirs (n); INSERT INTO theirs VALUES (42)";
        if shell(&files.database, theirs).is_none() {
            return;
        }
        is_told_as_broken(&store, "another process went on").await;
        drop(store);
        let found = "SELECT n FROM theirs; PRAGMA integrity_check";
        let found = shell(&files.database, found);
        assert_eq!(
            found.as_deref(),
            Some("42\nok\n"),
            "closing it does no harm"
        );
        let store = place.open().await;
        insert(&store, job()).await;
        for id in accepted.iter().filter(|_| keep_index) {
            let details = store.job(*id).await.expect("an answer");
            assert!(details.is_some(), "{id} was accepted");
        }
    }
}

/// Between the commit and the answer.
#[cfg(feature = "failpoints")]
#[tokio::test]
async fn what_is_lost_between_commit_and_answer_is_not_told_as_accepted() {
    use std::sync::{Mutex, PoisonError};

    let _scenario = fail::FailScenario::setup();
    let points = [
        "sqlite::batch::begun",
        "sqlite::batch::committed",
        "sqlite::sync::done",
    ];
    let losses = ["rm -wal", "rm -wal -shm", "truncate -s 0 -wal", "mv older"];
    for point in points {
        for (what, lose, _) in LOSSES.iter().filter(|loss| losses.contains(&loss.0)) {
            let (_place, files, store, _) = prepared(Synchronous::Full).await;
            let files = Mutex::new(Some(files));
            let lose = *lose;
            let once = move || {
                let files = files.lock().unwrap_or_else(PoisonError::into_inner).take();
                files.iter().for_each(lose);
            };
            fail::cfg_callback(point, once).expect("there is such a point");
            is_told_as_broken(&store, &format!("{what} at {point}")).await;
            fail::remove(point);
        }
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Report;

impl marionette::Job for Report {
    const KIND: &'static str = "report";
    type Output = ();
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // The threads of the store live in real time.
async fn who_waits_for_a_job_when_the_files_go_is_told_so() {
    for remove in [
        (|files: &Files| fs::remove_file(&files.wal)) as fn(&Files) -> _,
        |files: &Files| fs::remove_file(&files.database),
        |files: &Files| fs::rename(&files.index, away(&files.index)),
    ] {
        let place = Place::new();
        let store = place.open().await;
        // Nobody works here: another process may.
        let tasks = marionette::TaskManager::builder().store(store.clone());
        let tasks = tasks.build().expect("it is sound");
        let first = tasks.queue(Report).await.expect("it is stored");
        let other = tasks.queue(Report).await.expect("it is stored");
        let waits = tokio::spawn(async move { tokio::join!(first, other) });
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert!(!waits.is_finished());
        remove(&Files::of(&place)).expect("it is there");
        let told = tokio::time::timeout(std::time::Duration::from_secs(20), waits);
        let (first, other) = told.await.expect("not for ever").expect("no panic");
        for told in [first, other] {
            let told = format!("{:?}", told.expect_err("nobody knows").dict());
            assert!(told.contains("gone"), "{told}");
        }
    }
}
