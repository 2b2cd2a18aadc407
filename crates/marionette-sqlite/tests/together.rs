//! Many callers at once: they share transactions and statements, and each has its own answer.

mod common;

use common::{Place, by, claim, job, known_instance, name};
use marionette::inspect::{Inspect, Which};
use marionette::store::{Inserted, NewJob, Priority, Store};
use marionette_sqlite::{SqliteStore, Synchronous};
use tokio::task::JoinSet;

const CALLERS: usize = 64;

async fn insert_at_once(store: &SqliteStore, jobs: Vec<NewJob>) -> Vec<Inserted> {
    let mut callers = JoinSet::new();
    for job in jobs {
        let store = store.clone();
        callers.spawn(async move { store.insert(vec![job]).await.expect("it is answered") });
    }
    callers.join_all().await.into_iter().flatten().collect()
}

async fn waiting(store: &SqliteStore) -> u64 {
    let counts = store.counts().await.expect("an answer");
    counts.iter().map(|count| count.jobs).sum()
}

async fn each_job_is_there_once(synchronous: Synchronous) {
    let place = Place::new();
    let options = SqliteStore::options().synchronous(synchronous);
    let store = options.open(place.path()).await.expect("it can be opened");
    let mut jobs: Vec<NewJob> = (0..CALLERS).map(|_| job()).collect();
    for (index, job) in jobs.iter_mut().enumerate() {
        job.priority = Priority::new(i8::try_from(index % 3).expect("it is small"));
    }
    let twice = jobs.iter().chain(&jobs).cloned().collect();
    let answers = insert_at_once(&store, twice).await;
    let news = answers.iter().filter(|one| **one == Inserted::Accepted);
    assert_eq!(news.count(), CALLERS);
    let known = answers.iter().filter(|one| **one == Inserted::Known);
    assert_eq!(known.count(), CALLERS);
    assert_eq!(waiting(&store).await, CALLERS as u64);
    let instance = known_instance(&store).await;
    let claimed = claim(&store, &instance, 2 * CALLERS).await;
    assert_eq!(claimed.len(), CALLERS);
    let is_sorted = claimed.is_sorted_by(|one, next| one.priority >= next.priority);
    assert!(is_sorted, "the most urgent are first");
}

#[tokio::test]
async fn a_job_that_two_of_many_callers_insert_is_there_once() {
    each_job_is_there_once(Synchronous::Full).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_two_of_many_callers_insert_is_there_once_without_syncs() {
    each_job_is_there_once(Synchronous::Normal).await;
}

#[tokio::test]
async fn a_limit_holds_among_callers_that_have_none() {
    let place = Place::new();
    let store = place.open().await;
    let jobs = (0..CALLERS).map(|index| {
        job()
            .queue(name(if index % 2 == 0 { "narrow" } else { "wide" }))
            .queue_limit((index % 2 == 0).then_some(5))
    });
    let answers = insert_at_once(&store, jobs.collect()).await;
    let full = answers.iter().filter(|one| **one == Inserted::Full).count();
    assert_eq!(full, CALLERS / 2 - 5);
}

#[tokio::test]
async fn one_caller_after_another_is_answered_at_once_where_nobody_waits_for_the_disk() {
    let place = Place::new();
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.open(place.path()).await.expect("it can be opened");
    let mut last = None;
    for _ in 0..500 {
        let job = job();
        last = Some(job.id);
        let inserted = store.insert(vec![job]).await.expect("it is answered");
        assert_eq!(inserted, [Inserted::Accepted]);
    }
    drop(store);
    let store = place.open().await;
    assert_eq!(waiting(&store).await, 500);
    let which = Which::Ids(vec![last.expect("there was one")]);
    assert_eq!(store.delete(which, by()).await.expect("an answer"), 1);
}
