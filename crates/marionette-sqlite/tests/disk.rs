//! S1: a disk that is truly full. Calls say so, no accepted job is lost, results are written once
//! there is room, and all goes on without a restart.
//!
//! The disk is a tmpfs of 2 MiB in a mount namespace of its own, which needs no rights. If the
//! system allows no such namespace, the test says so and is skipped.

#![cfg(target_os = "linux")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use common::{claim, insert, job, known_instance};
use marionette::inspect::{Filter, Inspect, Page};
use marionette::store::{
    JobState, NewJob, Next, PastOutcome, Settled, Settlement, Store, StoreError, StoreErrorKind,
};
use marionette::{Context, Job, TaskId, TaskManager};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

/// Where the child mounts its disk.
const PLACE: &str = "MARIONETTE_SQLITE_DISK";
/// The scene that the child plays on it.
const SCENE: &str = "MARIONETTE_SQLITE_SCENE";
/// The file of another program on the disk, which is removed in the end.
const BALLAST: usize = 768 * 1024;
/// The longest that any expected event may take.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_full_disk_loses_nothing_and_goes_on_once_there_is_room() {
    on_a_small_disk("fills_up");
}

#[test]
fn what_has_its_place_in_the_file_is_written_on_a_full_disk() {
    on_a_small_disk("stays_full");
}

/// Runs this program again, in which the child plays this scene.
fn on_a_small_disk(scene: &str) {
    let place = tempfile::tempdir().expect("there is room for a directory");
    let mut mount = in_a_namespace("mount");
    mount.args(MOUNT).arg(place.path());
    if let Err(why) = succeeds(&mut mount) {
        eprintln!("SKIPPED: no disk can be mounted here, so none was full: {why}");
        return;
    }
    let this = std::env::current_exe().expect("this program is a file");
    let mut child = in_a_namespace(this);
    child.args(["child", "--exact", "--nocapture"]);
    if let Err(why) = succeeds(child.env(PLACE, place.path()).env(SCENE, scene)) {
        panic!("{why}");
    }
}

const MOUNT: [&str; 5] = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];

/// Runs a program that may mount, in a namespace that nobody else sees.
fn in_a_namespace(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "--"]);
    command.arg(program);
    command
}

fn succeeds(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|err| format!("unshare: {err}"))?;
    let Output { stdout, stderr, .. } = &output;
    let (stdout, stderr) = (
        String::from_utf8_lossy(stdout),
        String::from_utf8_lossy(stderr),
    );
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{}\n{stdout}\n{stderr}", output.status))
}

/// No test, but the start of the child. Without a place it ends at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(place) = std::env::var(PLACE) else {
        return;
    };
    let mut mount = Command::new("mount");
    let mounted = mount.args(MOUNT).arg(&place).status();
    assert!(mounted.expect("there is a mount").success());
    let place = PathBuf::from(place);
    match std::env::var(SCENE).as_deref() {
        Ok("stays_full") => stays_full_and_goes_on(&place).await,
        _ => fills_up_and_goes_on(&place).await,
    }
}

/// A job that ends when the test lets it.
#[derive(Serialize, Deserialize)]
struct Long;

impl Job for Long {
    const KIND: &'static str = "long";
    type Output = u64;
}

/// What the disk is filled with.
#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

fn mail(bytes: usize) -> NewJob {
    let mail = Mail {
        to: "x".repeat(bytes),
    };
    job().payload(serde_json::to_vec(&mail).expect("it is plain data"))
}

async fn fills_up_and_goes_on(place: &Path) {
    let ballast = place.join("ballast");
    fs::write(&ballast, vec![b'x'; BALLAST]).expect("there is room for it");
    let path = place.join("tasks.db");
    let store = SqliteStore::open(&path)
        .await
        .expect("there is room for it");
    let (begun, gate) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let tasks = long_instance(&store, &begun, &gate);
    let long = tasks.queue(Long).await.expect("there is room for it");
    drop(begun.acquire().await.expect("it is open"));

    let mut accepted = fill(&store, 20_000).await;
    accepted.extend(fill(&store, 1).await);
    assert!(accepted.len() > 20, "{}", accepted.len());
    gate.add_permits(1);
    drop(begun.acquire_many(2).await.expect("it is open"));
    // Each goes through the same thread as the settlement, and comes after it.
    for _ in 0..20 {
        let err = store.insert(vec![mail(20_000)]).await;
        assert_eq!(err.expect_err("it is full").kind(), StoreErrorKind::Full);
    }
    let state = state(&store, long.id()).await;
    assert_eq!(state, JobState::Running, "its end could not be written");
    a_new_file_says_that_it_is_full(place).await;
    assert_eq!(
        waiting(&store).await,
        accepted,
        "what was accepted is there"
    );

    fs::remove_file(ballast).expect("it is there");
    let long_id = long.id();
    let ended = tokio::time::timeout(PATIENCE, long).await;
    assert_eq!(ended.expect("it is tried again").expect("it is done"), 42);
    let details = store.job(long_id).await.expect("an answer");
    let details = details.expect("it is kept");
    let outcomes: Vec<_> = details.attempts.iter().map(|past| past.outcome).collect();
    assert_eq!(outcomes, [PastOutcome::Done]);
    assert_eq!(begun.available_permits(), 2, "it ran once, and not again");
    assert_eq!((details.summary.failed, details.summary.crashes), (0, 0));
    accepted.insert(insert(&store, mail(1)).await);
    runs_all(&store, &accepted).await;
    let _ = tasks.stop().await;
    drop((tasks, store));
    is_sound(&path);
}

/// Jobs fail and wait again and again, which changes rows and makes none. Another program has
/// filled the disk, and frees nothing.
async fn stays_full_and_goes_on(place: &Path) {
    let path = place.join("tasks.db");
    let store = SqliteStore::open(&path).await.expect("there is room");
    for _ in 0..8 {
        insert(&store, mail(20_000)).await;
    }
    insert(&store, job()).await;
    drop(store);
    let store = SqliteStore::open(&path).await.expect("there is room");
    let instance = known_instance(&store).await;
    let mut ballast = fs::File::create(place.join("ballast")).expect("there is room");
    let room = vec![b'x'; 4096];
    while ballast.write_all(&room).is_ok() {}
    let length = ballast.metadata().expect("it is a file").len();
    ballast
        .set_len(length - 100 * 1024)
        .expect("it gives some back");
    // Each is two commits, and each commit a page or more: many times what there is room for.
    for round in 0..200 {
        let claimed = claim(&store, &instance, 1).await;
        assert_eq!(claimed.len(), 1, "round {round}");
        let release = Settlement::new(claimed[0].lease, Next::Release);
        let settled = store.settle(vec![release]).await;
        assert_eq!(
            settled.expect("it needs no room"),
            [Settled::Applied],
            "round {round}"
        );
    }
    drop(store);
    is_sound(&path);
}

/// A manager for the long job alone.
fn long_instance(
    store: &SqliteStore,
    begun: &Arc<Semaphore>,
    gate: &Arc<Semaphore>,
) -> TaskManager<SqliteStore> {
    let (begun, gate) = (Arc::clone(begun), Arc::clone(gate));
    let handler = move |_: Long, _: Context| {
        let (begun, gate) = (Arc::clone(&begun), Arc::clone(&gate));
        async move {
            begun.add_permits(1);
            drop(gate.acquire().await?);
            begun.add_permits(1);
            Ok(42)
        }
    };
    let builder = TaskManager::builder().store(store.clone()).handle(handler);
    let tasks = builder.build().expect("the settings are right");
    tasks.start();
    tasks
}

/// Inserts until there is no room. Returns the jobs that were accepted.
async fn fill(store: &SqliteStore, bytes: usize) -> HashSet<TaskId> {
    let mut accepted = HashSet::new();
    loop {
        let new = mail(bytes);
        let id = new.id;
        match store.insert(vec![new]).await {
            Ok(_) => accepted.insert(id),
            Err(err) => {
                assert_eq!(err.kind(), StoreErrorKind::Full, "{err:?}");
                return accepted;
            }
        };
        assert!(accepted.len() < 10_000, "the disk has an end");
    }
}

async fn a_new_file_says_that_it_is_full(place: &Path) {
    let opened: Result<SqliteStore, StoreError> = SqliteStore::open(place.join("new.db")).await;
    let err = opened.expect_err("there is no room for it");
    assert_eq!(err.kind(), StoreErrorKind::Full, "{err:?}");
}

async fn state(store: &SqliteStore, id: TaskId) -> JobState {
    let details = store.job(id).await.expect("reading needs no room");
    details.expect("it is there").summary.state
}

/// The mails that wait.
async fn waiting(store: &SqliteStore) -> HashSet<TaskId> {
    let filter = Filter::new().kind("mail").state(JobState::Ready);
    let (mut found, mut page) = (HashSet::new(), Page::default());
    loop {
        let listed = store.list(filter.clone(), page).await;
        let listed = listed.expect("reading needs no room");
        found.extend(listed.jobs.iter().map(|job| job.id));
        if listed.next.is_none() {
            return found;
        }
        page.after = listed.next;
    }
}

/// Another manager runs all jobs that were accepted, each once.
async fn runs_all(store: &SqliteStore, accepted: &HashSet<TaskId>) {
    let handler = async |_: Mail, _: Context| Ok(());
    let builder = TaskManager::builder().store(store.clone()).handle(handler);
    let tasks = builder.build().expect("the settings are right");
    tasks.start();
    let idle = tokio::time::timeout(PATIENCE, tasks.idle()).await;
    idle.expect("all of them run");
    let report = tasks.stop().await;
    assert!(report.is_complete(), "{report}");
    for &id in accepted {
        let details = store.job(id).await.expect("an answer");
        let details = details.expect("it is there");
        assert_eq!(details.summary.state, JobState::Done);
        assert_eq!(details.attempts.len(), 1, "once");
    }
}

fn is_sound(path: &Path) {
    let connection = Connection::open(path).expect("it is a database");
    let check = connection.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(check.expect("it answers"), "ok");
}
