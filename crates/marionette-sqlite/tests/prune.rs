//! Done jobs beyond the number that is kept are pruned as fast as jobs end, in real time.

mod common;
#[path = "crash/clock.rs"]
mod clock;

use std::time::Duration;

use common::Place;
use marionette::inspect::Inspect;
use marionette::store::{JobState, Store};
use marionette::{Context, Job, TaskManager, wrap};
use marionette_sqlite::{SqliteStore, Synchronous};
use serde::{Deserialize, Serialize};

const JOBS: u32 = 20_000;
const KEPT: u64 = 1_000;

#[derive(Serialize, Deserialize)]
struct Step(u32);

impl Job for Step {
    const KIND: &'static str = "step";
    type Output = ();
}

async fn open(place: &Place, kept: u64) -> SqliteStore {
    let options = SqliteStore::options().synchronous(Synchronous::Normal);
    let store = options.keep_done_count(kept).open(place.path()).await;
    store.expect("there is room")
}

/// A manager that works on the file, as one more process would.
async fn instance(place: &Place, kept: u64) -> TaskManager<SqliteStore> {
    let tasks = TaskManager::builder()
        .store(open(place, kept).await)
        .workers(8)
        .handle(async |_: Step, _: Context| Ok(()))
        .build()
        .expect("the settings are in order");
    tasks.start();
    tasks
}

async fn fill(place: &Place) {
    let store = open(place, KEPT).await;
    let row = |number| {
        let row = wrap(Step(number)).into_new_job();
        row.expect("it encodes")
    };
    for first in (0..JOBS).step_by(1_000) {
        let jobs = (first..first + 1_000).map(row);
        store.insert(jobs.collect()).await.expect("there is room");
    }
}

async fn count(store: &SqliteStore, state: JobState) -> u64 {
    let counts = store.counts().await.expect("an answer");
    let counts = counts.iter().filter(|count| count.state == state);
    counts.map(|count| count.jobs).sum()
}

/// Waits until this number of jobs is done; returns the most that were kept at a time.
async fn until_done(store: &SqliteStore, right: impl Fn(u64) -> bool, patience: Duration) -> u64 {
    let (mut most, until) = (0, clock::now() + patience);
    loop {
        let done = count(store, JobState::Done).await;
        most = most.max(done);
        let waits = count(store, JobState::Ready).await + count(store, JobState::Running).await;
        if waits == 0 && right(done) {
            return most;
        }
        assert!(clock::now() < until, "{done} are done, {waits} are not");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn done_jobs_do_not_pile_up_while_several_instances_empty_a_full_store() {
    let place = Place::new();
    fill(&place).await;
    let instances = [instance(&place, KEPT).await, instance(&place, KEPT).await];
    let patience = Duration::from_secs(120);
    let most = until_done(instances[0].store(), |done| done == KEPT, patience).await;
    println!("{most} done jobs were there at once");
    assert!(most < KEPT + 10_000, "{most} were there at once");
    for instance in instances {
        instance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_done_jobs_are_gone_after_moments_of_idleness() {
    let place = Place::new();
    fill(&place).await;
    let all = instance(&place, u64::MAX).await;
    let patience = Duration::from_secs(120);
    until_done(all.store(), |done| done == u64::from(JOBS), patience).await;
    all.stop().await;
    drop(all);

    let idle = instance(&place, KEPT).await;
    // At 500 for each sweep it would be twenty seconds.
    until_done(idle.store(), |done| done == KEPT, Duration::from_secs(10)).await;
    idle.stop().await;
}
