//! A fault in the store itself is told to every caller, and nobody waits for ever.

mod common;

use std::time::Duration;

use common::{Place, insert, job, wanted};
use marionette::inspect::Inspect;
use marionette::store::Store;
use marionette_sqlite::FAIL_POINTS;

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
        assert!(err.is_broken(), "{err:?}");
        assert!(err.to_string().contains("tasks.db"), "{err}");
    }
    fail::remove("sqlite::insert::row");
    let err = store.insert(vec![job()]).await;
    assert!(err.expect_err("there is no writer any more").is_broken());
    store
        .wait(wanted())
        .await
        .expect("who waits looks for itself");
    drop(store);
    let store = place.open().await;
    assert!(
        store.job(id).await.expect("an answer").is_some(),
        "nothing is lost"
    );
    insert(&store, job()).await;
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
