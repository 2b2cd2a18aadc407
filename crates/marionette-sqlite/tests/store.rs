//! The life of a job in a file, once through.

mod common;

use std::time::{Duration, Instant};

use common::{
    Place, by, claim, done, failed, insert, job, known_instance, name, paused_in, settle, wanted,
};
use marionette::inspect::{Filter, Inspect, Page, Which};
use marionette::store::{Due, Ended, JobState, Next, PastOutcome, Renewal, Settled, Store};

#[tokio::test]
async fn a_job_is_claimed_once_and_its_end_is_known() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let id = insert(&store, job()).await;
    assert_eq!(
        store.ended(vec![id]).await.expect("an answer"),
        [Ended::NotYet]
    );
    let claimed = claim(&store, &instance, 10).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease.job, id);
    assert_eq!(claimed[0].payload, b"{\"to\":\"ada\"}");
    assert!(claim(&store, &instance, 10).await.is_empty());
    let lease = claimed[0].lease;
    let renewals = store
        .renew(instance.clone(), vec![lease])
        .await
        .expect("an answer");
    assert_eq!(renewals, [Renewal::Kept]);
    assert_eq!(settle(&store, done(lease)).await, Settled::Applied);
    assert_eq!(settle(&store, done(lease)).await, Settled::Applied);
    let ended = store.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended, [Ended::Done(b"null".to_vec())]);
    let details = store.job(id).await.expect("an answer").expect("it is kept");
    assert_eq!(details.summary.state, JobState::Done);
    assert_eq!(details.attempts.len(), 1);
    assert_eq!(details.attempts[0].outcome, PastOutcome::Done);
    assert_eq!(details.attempts[0].ran, Duration::from_micros(1234));
    assert_eq!(details.attempts[0].instance, Some(instance.id));
}

#[tokio::test]
async fn a_failed_job_waits_and_has_its_history() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let id = insert(&store, job()).await;
    for round in 1..=30_u32 {
        let claimed = claim(&store, &instance, 1).await.remove(0);
        assert_eq!(claimed.failed, round - 1);
        let settlement = failed(claimed.lease, "no route", Next::Retry(Due::Now));
        assert_eq!(settle(&store, settlement).await, Settled::Applied);
    }
    let details = store.job(id).await.expect("an answer").expect("it is kept");
    let numbers: Vec<u32> = details
        .attempts
        .iter()
        .map(|attempt| attempt.number)
        .collect();
    let expected: Vec<u32> = (1..=5).chain(11..=30).collect();
    assert_eq!(numbers, expected);
    assert_eq!(details.summary.reason.as_deref(), Some("no route"));
    let claimed = claim(&store, &instance, 1).await.remove(0);
    assert_eq!(settle(&store, done(claimed.lease)).await, Settled::Applied);
    let details = store.job(id).await.expect("an answer").expect("it is kept");
    assert_eq!(details.summary.state, JobState::Done);
    assert_eq!(details.attempts.last().expect("there are some").number, 31);
}

#[tokio::test]
async fn who_waits_is_woken_by_an_insert_and_at_the_due_time() {
    let place = Place::new();
    let store = marionette_sqlite::SqliteStore::options()
        .poll(Duration::from_secs(60))
        .open(place.path())
        .await
        .expect("it can be opened");
    let instance = known_instance(&store).await;
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.wait(wanted()).await }
    });
    tokio::task::yield_now().await;
    insert(&store, job()).await;
    waiting.await.expect("no panic").expect("woken");
    assert_eq!(claim(&store, &instance, 1).await.len(), 1);
    let pause = Duration::from_millis(300);
    let later = job().due(Due::After(pause));
    #[allow(clippy::disallowed_methods)] // The claim is about real time.
    let before = Instant::now();
    insert(&store, later).await;
    if !claim(&store, &instance, 1).await.is_empty() {
        // The machine stood still: there was nothing to wait for.
        assert!(before.elapsed() >= pause, "it is not due");
        return;
    }
    store.wait(wanted()).await.expect("woken");
    assert!(before.elapsed() >= pause);
    assert_eq!(
        claim(&store, &instance, 1).await.len(),
        1,
        "woken at its time, not before"
    );
}

#[tokio::test]
async fn the_jobs_of_a_dead_store_come_back_at_the_next_sweep() {
    let place = Place::new();
    let (store, doomed) = (place.open().await, place.open().await);
    let id = insert(&store, job()).await;
    let instance = known_instance(&doomed).await;
    let lost = claim(&doomed, &instance, 1).await.remove(0);
    let swept = store.sweep().await.expect("an answer");
    assert_eq!(swept.released, 0, "it lives");
    drop(doomed);
    let swept = store.sweep().await.expect("an answer");
    assert_eq!(swept.released, 1);
    assert_eq!(settle(&store, done(lost.lease)).await, Settled::Stale);
    let survivor = known_instance(&store).await;
    let claimed = claim(&store, &survivor, 1).await.remove(0);
    assert_eq!((claimed.lease.job, claimed.crashes), (id, 1));
    let instances = store.instances().await.expect("an answer");
    assert_eq!(instances.len(), 1);
    assert_eq!(instances[0].running, 1);
}

#[tokio::test]
async fn people_see_and_change_jobs() {
    let place = Place::new();
    let store = place.open().await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(insert(&store, job()).await);
    }
    let page = Page::first(2);
    let first = store
        .list(Filter::default(), page)
        .await
        .expect("an answer");
    let listed: Vec<_> = first.jobs.iter().map(|job| job.id).collect();
    assert_eq!(listed, [ids[2], ids[1]]);
    assert_eq!(first.next, Some(ids[1]));
    let which = Which::Matching(Filter::new().text("ada"));
    assert_eq!(
        store
            .cancel(which, "enough".to_owned(), by())
            .await
            .expect("an answer"),
        3
    );
    let counts = store.counts().await.expect("an answer");
    assert_eq!(counts.len(), 1);
    assert_eq!((counts[0].state, counts[0].jobs), (JobState::Cancelled, 3));
    let cancelled = Filter::new().state(JobState::Cancelled).text("enough");
    let changed = store
        .retry(Which::Matching(cancelled), by())
        .await
        .expect("an answer");
    assert_eq!(changed, 3);
    store
        .pause_queue(name("default"), by())
        .await
        .expect("an answer");
    let instance = known_instance(&store).await;
    assert!(claim(&store, &instance, 3).await.is_empty());
    assert_eq!(paused_in(&store).await, ["default"]);
    store
        .resume_queue(name("default"), by())
        .await
        .expect("an answer");
    assert_eq!(claim(&store, &instance, 3).await.len(), 3);
}

#[tokio::test]
async fn a_store_that_is_closed_is_one_file() {
    let place = Place::new();
    let wal = place.directory.path().join("tasks.db-wal");
    for round in 0..150 {
        let store = place.open().await;
        insert(&store, job()).await;
        assert!(wal.exists(), "the job is in the WAL at first");
        drop(store);
        assert!(!wal.exists(), "closed {round} times before");
    }
}
