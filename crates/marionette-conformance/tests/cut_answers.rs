//! A store may cut its answers: the library goes on after each of them, and a user sees no
//! difference.

use std::time::Duration;

use marionette::inspect::{Filter, Inspect, Page};
use marionette::testing::{drain, queued};
use marionette::{Context, Job, MemoryStore, TaskManager, TaskManagerBuilder};
use marionette_conformance::{FaultyStore, Method};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Double(u64);

impl Job for Double {
    const KIND: &'static str = "double";
    type Output = u64;
}

/// The clock, which the paused runtime owns.
#[allow(clippy::disallowed_methods)]
fn now() -> Instant {
    Instant::now()
}

/// A store that keeps this many jobs.
fn store(jobs: usize) -> FaultyStore {
    let options = MemoryStore::options().keep_done_count(jobs as u64);
    FaultyStore::new(options.build())
}

fn doubling(store: &FaultyStore) -> TaskManager<FaultyStore> {
    let builder = TaskManager::builder().workers(1_000);
    built(
        builder.handle(async |Double(number): Double, _: Context| Ok(2 * number)),
        store,
    )
}

fn built(builder: TaskManagerBuilder, store: &FaultyStore) -> TaskManager<FaultyStore> {
    let builder = builder.store(store.clone());
    builder.build().expect("the settings are right")
}

#[tokio::test(start_paused = true)]
async fn all_jobs_are_done_although_each_claim_gives_a_few() {
    const JOBS: u64 = 25_000;
    let store = store(25_000);
    store.cut(Method::Claim, 300);
    let tasks = doubling(&store);
    let jobs = (0..JOBS).map(Double);
    let handles = tasks.queue_many(jobs).await.expect("they are accepted");
    let begun = now();
    tasks.start();
    for (number, handle) in (0..JOBS).zip(handles) {
        assert_eq!(handle.await.expect("it is done"), 2 * number);
    }
    // No claim waited for a poll, since jobs were due all the time.
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(store.calls(Method::Claim) >= JOBS / 300);
}

#[tokio::test(start_paused = true)]
async fn every_wait_is_answered_although_the_store_tells_a_few_ends_at_once() {
    const JOBS: u64 = 12_000;
    let store = store(12_000);
    store.cut(Method::Ended, 300);
    // One process waits for jobs that another one runs, so all ends come from the store.
    let front = built(TaskManager::builder(), &store);
    let jobs = (0..JOBS).map(Double);
    let handles = front.queue_many(jobs).await.expect("they are accepted");
    let waits: Vec<_> = handles.into_iter().map(tokio::spawn).collect();
    // Each handle asks for itself first.
    while store.calls(Method::Ended) < JOBS {
        tokio::task::yield_now().await;
    }
    let back = doubling(&store);
    back.start();
    let begun = now();
    for (number, wait) in (0..JOBS).zip(waits) {
        let doubled = wait.await.expect("no panic").expect("it is done");
        assert_eq!(doubled, 2 * number);
    }
    // Nobody waits for a poll between the parts of one answer.
    let polls = begun.elapsed().as_secs_f64();
    assert!(polls < 5.0, "{polls} polls of one second");
    let asked = store.calls(Method::Ended) - JOBS;
    assert!(asked >= JOBS / 300, "{asked} calls");
}

#[tokio::test(start_paused = true)]
async fn a_handle_that_is_asked_for_alone_is_answered_by_a_store_that_tells_one_end_at_once() {
    let store = store(10);
    store.cut(Method::Ended, 1);
    store.cut(Method::Claim, 1);
    let tasks = doubling(&store);
    tasks.start();
    let handles = tasks
        .queue_many((0..10).map(Double))
        .await
        .expect("they are accepted");
    drain(&tasks).await;
    for (number, handle) in (0..10).zip(handles) {
        assert_eq!(handle.await.expect("it is done"), 2 * number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_is_complete_although_each_page_is_shorter_than_asked() {
    const JOBS: u64 = 100;
    let store = store(100);
    store.cut(Method::List, 7);
    let tasks = doubling(&store);
    let jobs = (0..JOBS).map(Double);
    let accepted = tasks.queue_many(jobs).await.expect("they are accepted");

    let mut page = Page::default();
    let mut listed = Vec::new();
    loop {
        let next = store.list(Filter::new(), page).await.expect("a list");
        assert!(next.jobs.len() <= 7);
        listed.extend(next.jobs.into_iter().map(|job| job.id));
        let Some(last) = next.next else { break };
        page = Page::after(last, 100);
    }
    listed.reverse();
    let accepted: Vec<_> = accepted.iter().map(marionette::JobHandle::id).collect();
    assert_eq!(listed, accepted);

    let jobs = queued::<Double>(&store).await;
    assert_eq!(jobs, (0..JOBS).map(Double).collect::<Vec<_>>());
}
