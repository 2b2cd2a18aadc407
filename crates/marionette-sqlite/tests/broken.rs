//! A fault in the store itself is told to every caller, and nobody waits for ever.

mod common;

use std::time::Duration;

use common::{Place, by, insert, job, name, wanted};
use marionette::inspect::Inspect;
use marionette::store::{Claim, InstanceId, Store, StoreError, StoreErrorKind};
use marionette::{Context, Job, TaskManager};
use marionette_sqlite::{FAIL_POINTS, SqliteStore};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Mail {
    to: String,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

#[tokio::test]
async fn a_thread_that_panics_breaks_the_store_and_hangs_nobody() {
    let place = Place::new();
    let store = place.open().await;
    let id = insert(&store, job()).await;
    fail::cfg("sqlite::insert::row", "panic").expect("there is such a point");
    let calls: Vec<_> = (0..10)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.insert(vec![job()]).await })
        })
        .collect();
    for call in calls {
        let answer = tokio::time::timeout(Duration::from_secs(30), call).await;
        let answer = answer
            .expect("nobody waits for ever")
            .expect("no panic here");
        let err = answer.expect_err("its transaction did not come to an end");
        assert_eq!(err.kind(), StoreErrorKind::Broken, "{err:?}");
        assert!(err.to_string().contains("tasks.db"), "{err}");
    }
    fail::remove("sqlite::insert::row");
    let err = store.insert(vec![job()]).await;
    assert_eq!(
        err.expect_err("there is no writer any more").kind(),
        StoreErrorKind::Broken
    );
    drop(store);
    let store = place.open().await;
    assert!(
        store.job(id).await.expect("an answer").is_some(),
        "nothing is lost"
    );
    insert(&store, job()).await;
}

/// Makes a call in which a thread of the store passes this fail point.
async fn provoke(store: &SqliteStore, point: &str) {
    if point == "sqlite::wake::begin" {
        let _ = store.wait(wanted()).await;
    } else if point == "sqlite::read::begin" {
        let _ = store.counts().await;
    } else {
        // Several at once, so that the syncer has something to do as well.
        let calls = (0..20).map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.insert(vec![job()]).await })
        });
        for call in calls.collect::<Vec<_>>() {
            let _ = call.await.expect("no panic here");
        }
    }
}

#[tokio::test]
async fn whichever_thread_panics_every_later_call_says_that_the_store_is_broken_and_why() {
    for (point, thread) in [
        ("sqlite::batch::begun", "the thread that writes"),
        ("sqlite::batch::answered", "the thread that writes"),
        ("sqlite::sync::begin", "the thread that "),
        ("sqlite::read::begin", "the thread that reads"),
        ("sqlite::wake::begin", "the thread that wakes"),
    ] {
        let place = Place::new();
        let store = place.open().await;
        let id = insert(&store, job()).await;
        break_at(&store, point).await;
        let broken = |what: &str, answer: Option<StoreError>| {
            let error = answer.unwrap_or_else(|| panic!("{point}: {what} succeeded"));
            assert_eq!(
                error.kind(),
                StoreErrorKind::Broken,
                "{point}, {what}: {error:?}"
            );
            let text = error.to_string();
            for expected in [thread, "ended by a panic", "tasks.db", point] {
                assert!(text.contains(expected), "{point}, {what}: {text}");
            }
        };
        let claim = Claim::new(InstanceId::new(), wanted(), 1);
        broken("insert", store.insert(vec![job()]).await.err());
        broken("claim", store.claim(claim).await.err());
        broken("settle", store.settle(Vec::new()).await.err());
        broken("sweep", store.sweep().await.err());
        broken("wait", store.wait(wanted()).await.err());
        broken("ended", store.ended(vec![id]).await.err());
        broken("counts", store.counts().await.err());
        broken("job", store.job(id).await.err());
        broken(
            "pause",
            store.pause_queue(name("default"), by()).await.err(),
        );
        drop(store);
        let store = place.open().await;
        let kept = store.job(id).await.expect("an answer");
        assert!(kept.is_some(), "{point}: nothing is lost");
    }
}

/// Lets a thread panic at this fail point, and waits until the store says that it is broken and
/// why.
///
/// Calls may be answered before their thread passes the point, so the point stays until then.
async fn break_at(store: &SqliteStore, point: &str) {
    fail::cfg(point, "panic").expect("there is such a point");
    let said = async {
        loop {
            provoke(store, point).await;
            // A thread has ended for its callers before it says why.
            let why = why(store).await;
            if !why.is_empty() && !why.contains("unexpectedly") {
                return;
            }
        }
    };
    let said = tokio::time::timeout(Duration::from_secs(60), said).await;
    said.unwrap_or_else(|_| panic!("{point}: nobody says that it is broken"));
    fail::remove(point);
}

async fn why(store: &SqliteStore) -> String {
    let answer = store.paused_queues().await;
    answer.map_or_else(|error| error.to_string(), |_| String::new())
}

#[tokio::test]
async fn a_manager_whose_store_has_lost_a_thread_has_that_trouble() {
    for point in ["sqlite::batch::begun", "sqlite::read::begin"] {
        let place = Place::new();
        let store = place.open().await;
        let tasks = TaskManager::builder()
            .store(store.clone())
            .handle(async |_: Mail, _: Context| Ok(()))
            .build()
            .expect("it is sound");
        tasks.start();
        tasks.idle().await;
        fail::cfg(point, "panic").expect("there is such a point");
        provoke(&store, point).await;
        fail::remove(point);
        let said = async {
            loop {
                let trouble = tasks.trouble().and_then(|trouble| trouble.error);
                if trouble.is_some_and(|error| error.contains("ended by a panic")) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let said = tokio::time::timeout(Duration::from_secs(30), said).await;
        said.unwrap_or_else(|_| panic!("{point}: it has no trouble: {:?}", tasks.trouble()));
    }
}

#[test]
fn every_fail_point_is_somewhere_and_is_listed_once() {
    let mut sources = String::new();
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("failpoint/enabled.rs") {
                sources += &std::fs::read_to_string(path).expect("it can be read");
            }
        }
    }
    for point in FAIL_POINTS {
        assert!(
            sources.contains(&format!("at(\"{point}\")")),
            "{point} is nowhere"
        );
        let listed = FAIL_POINTS.iter().filter(|other| *other == point);
        assert_eq!(listed.count(), 1, "{point}");
    }
}
