//! A full disk and a busy file: errors say which it is, and end when it ends.

mod common;

use std::time::Duration;

use common::{Place, by, claim, done, insert, job, known_instance, settle};
use marionette::inspect::{Filter, Inspect, Which};
use marionette::store::{JobState, NewJob, Settled, Store, StoreError, StoreErrorKind};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

const MIB: u64 = 1024 * 1024;

fn large() -> NewJob {
    job().payload(vec![b'x'; 100_000])
}

/// Inserts until there is no room. Returns the jobs that were accepted.
async fn fill(store: &SqliteStore) -> (Vec<NewJob>, StoreError) {
    let mut accepted = Vec::new();
    loop {
        let new = large();
        match store.insert(vec![new.clone()]).await {
            Ok(_) => accepted.push(new),
            Err(err) => return (accepted, err),
        }
        assert!(accepted.len() < 1000, "there is a limit");
    }
}

#[tokio::test]
async fn a_full_file_refuses_what_has_no_room_and_loses_nothing() {
    let place = Place::new();
    let options = SqliteStore::options().bytes_max(2 * MIB);
    let store = options.open(place.path()).await.expect("it can be opened");
    let instance = known_instance(&store).await;
    let (accepted, err) = fill(&store).await;
    assert_eq!(err.kind(), StoreErrorKind::Full, "{err:?}");
    assert!(accepted.len() > 10, "{}", accepted.len());
    let claimed = claim(&store, &instance, 1000).await;
    assert_eq!(claimed.len(), accepted.len(), "what was accepted is there");
    for claimed in &claimed {
        assert_eq!(settle(&store, done(claimed.lease)).await, Settled::Applied);
    }
    let all = Which::Matching(Filter::new().state(JobState::Done));
    let deleted = store
        .delete(all, by())
        .await
        .expect("deleting needs no room");
    assert_eq!(deleted, accepted.len() as u64);
    insert(&store, large()).await;
}

#[tokio::test]
async fn a_call_that_has_no_room_does_not_fail_others_in_its_commit() {
    let place = Place::new();
    let options = SqliteStore::options().bytes_max(2 * MIB);
    let store = options.open(place.path()).await.expect("it can be opened");
    let huge: Vec<_> = (0..50).map(|_| large()).collect();
    // While this file is locked, the calls gather for one transaction.
    let other = Connection::open(place.path()).expect("it is a database");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else writes");
    let first = tokio::spawn({
        let store = store.clone();
        async move { store.insert(vec![job()]).await }
    });
    tokio::task::yield_now().await;
    let calls = [vec![job()], huge, vec![job()]].map(|jobs| {
        let store = store.clone();
        tokio::spawn(async move { store.insert(jobs).await })
    });
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").expect("it is ours");
    first.await.expect("no panic").expect("it is small");
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    assert!(answers[0].is_ok() && answers[2].is_ok(), "{answers:?}");
    assert_eq!(
        answers[1].as_ref().expect_err("it is huge").kind(),
        StoreErrorKind::Full
    );
}

#[tokio::test]
async fn a_busy_file_is_unavailable_for_a_while() {
    let place = Place::new();
    let options = SqliteStore::options().busy_timeout(Duration::from_millis(20));
    let store = options.open(place.path()).await.expect("it can be opened");
    let other = Connection::open(place.path()).expect("it is a database");
    other
        .execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else writes");
    let new = job();
    let err = store
        .insert(vec![new.clone()])
        .await
        .expect_err("it is locked");
    assert!(err.is_unavailable(), "{err:?}");
    for what in [
        "another connection has been writing for 20ms",
        "try again",
        "code 5",
    ] {
        assert!(err.to_string().contains(what), "{err}");
    }
    assert!(store.counts().await.expect("reading goes on").is_empty());
    other.execute_batch("COMMIT").expect("it is ours");
    insert(&store, new).await;
}
