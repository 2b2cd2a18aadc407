//! Several stores on one file, as several processes would have.

mod common;

use std::process::Command;
use std::time::Duration;

use common::{Place, by, claim, done, insert, job, known_instance, name, settle, wanted};
use marionette::inspect::Inspect;
use marionette::store::{Ended, Settled, Store};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_may_open_a_new_file_at_once() {
    let place = Place::new();
    let opened: Vec<_> = (0..8)
        .map(|_| tokio::spawn(SqliteStore::open(place.path())))
        .collect();
    let mut stores = Vec::new();
    for store in opened {
        stores.push(
            store
                .await
                .expect("no panic")
                .expect("one of them makes it"),
        );
    }
    for store in &stores {
        insert(store, job()).await;
    }
    let instance = known_instance(&stores[0]).await;
    assert_eq!(claim(&stores[0], &instance, 100).await.len(), 8);
}

#[tokio::test]
async fn a_job_of_another_process_is_noticed_within_the_poll() {
    let place = Place::new();
    let (store, other) = (place.open().await, place.open().await);
    let instance = known_instance(&store).await;
    let inserting = tokio::spawn(async move { insert(&other, job()).await });
    let waiting = async {
        loop {
            let claimed = claim(&store, &instance, 1).await;
            if let Some(claimed) = claimed.into_iter().next() {
                return claimed;
            }
            store.wait(wanted()).await.expect("it lives");
        }
    };
    let claimed = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    let id = inserting.await.expect("no panic");
    assert_eq!(claimed.expect("it is noticed").lease.job, id);
}

#[tokio::test]
async fn what_one_store_does_another_one_sees() {
    let place = Place::new();
    let (store, other) = (place.open().await, place.open().await);
    let (instance, stranger) = (known_instance(&store).await, known_instance(&other).await);
    let id = insert(&other, job()).await;
    let claimed = claim(&store, &instance, 1).await.remove(0);
    assert!(claim(&other, &stranger, 1).await.is_empty());
    other
        .pause_queue(name("default"), by())
        .await
        .expect("an answer");
    insert(&store, job()).await;
    assert!(claim(&store, &instance, 1).await.is_empty(), "it is paused");
    store
        .resume_queue(name("default"), by())
        .await
        .expect("an answer");
    assert_eq!(settle(&store, done(claimed.lease)).await, Settled::Applied);
    let ended = other.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended, [Ended::Done(b"null".to_vec())]);
    assert_eq!(other.instances().await.expect("an answer").len(), 2);
}

/// Where the child of the test below finds the file.
const CHILD: &str = "MARIONETTE_SQLITE_TEST_CHILD";

/// The other process of the test below: it claims a job and ends without a word.
#[tokio::test]
async fn child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let store = SqliteStore::open(path).await.expect("it can be opened");
    let instance = known_instance(&store).await;
    assert_eq!(claim(&store, &instance, 1).await.len(), 1);
    std::process::abort();
}

#[tokio::test]
async fn the_job_of_a_process_that_died_runs_again_at_the_next_sweep() {
    let place = Place::new();
    let store = place.open().await;
    let id = insert(&store, job()).await;
    for crashes in 1..=3 {
        let mut child = Command::new(std::env::current_exe().expect("this is a process"));
        child.args(["--exact", "child"]).env(CHILD, place.path());
        let ended = child.output().expect("it can be started");
        assert!(!ended.status.success(), "it aborts");
        let swept = store.sweep().await.expect("an answer");
        let expected = if crashes < 3 { (1, 0) } else { (0, 1) };
        assert_eq!((swept.released, swept.quarantined), expected);
        let details = store.job(id).await.expect("an answer").expect("it is kept");
        assert_eq!(details.summary.crashes, crashes);
        assert_eq!(details.attempts.len(), crashes as usize);
    }
}

#[tokio::test]
async fn an_instance_that_is_silent_loses_its_jobs_and_may_come_back() {
    let place = Place::new();
    let options = SqliteStore::options().lease(Duration::from_millis(50));
    let store = options.open(place.path()).await.expect("it can be opened");
    let instance = known_instance(&store).await;
    insert(&store, job()).await;
    let claimed = claim(&store, &instance, 1).await.remove(0);
    let lost = async {
        while store.sweep().await.expect("an answer").released == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let lost = tokio::time::timeout(Duration::from_secs(30), lost).await;
    lost.expect("it is found silent");
    let renewals = store.renew(instance.clone(), vec![claimed.lease]).await;
    let renewals = renewals.expect("it is known again");
    assert_eq!(renewals, [marionette::store::Renewal::Lost]);
    assert_eq!(claim(&store, &instance, 1).await.len(), 1);
}

#[tokio::test]
async fn a_clock_that_is_stepped_kills_no_instance() {
    let place = Place::new();
    let (store, other) = (place.open().await, place.open().await);
    let instance = known_instance(&other).await;
    insert(&store, job()).await;
    let claimed = claim(&other, &instance, 1).await.remove(0);
    store.sweep().await.expect("an answer");
    let connection = Connection::open(place.path()).expect("it is a database");
    // As if the wall clock had gone ahead by ten years since its last sign of life.
    let stepped = "UPDATE marionette_instance SET seen = seen - 315360000000000, since = 1";
    assert_eq!(
        connection.execute(stepped, []).expect("it can be written"),
        1
    );
    for _ in 0..3 {
        assert_eq!(store.sweep().await.expect("an answer").released, 0);
    }
    assert_eq!(settle(&other, done(claimed.lease)).await, Settled::Applied);
}
