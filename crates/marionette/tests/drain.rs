//! `testing::drain` with a store runs until nothing is left that the manager could run.
#![cfg(feature = "test-util")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::jobs::{SendMail, mail};
use common::{HOUR, SECOND};
use marionette::backoff::Constant;
use marionette::inspect::{By, Inspect};
use marionette::store::{JobState, Name};
use marionette::testing::{WallClock, drain};
use marionette::{Context, Job, MemoryStore, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Unhandled;

impl Job for Unhandled {
    const KIND: &'static str = "unhandled";
    type Output = ();
}

/// A manager whose handler fails this many times before it succeeds, and the count of its calls.
fn failing(failures: usize, store: MemoryStore) -> (TaskManager<MemoryStore>, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&calls);
    let tasks = TaskManager::builder()
        .store(store)
        .queues(["default", "paused"])
        .handle(move |mail: SendMail, _: Context| {
            let nth = counts.fetch_add(1, Ordering::SeqCst);
            async move {
                if nth < failures {
                    return Err("not yet".into());
                }
                Ok(mail.to.len())
            }
        })
        .build()
        .expect("it is sound");
    tasks.start();
    (tasks, calls)
}

#[tokio::test(start_paused = true)]
async fn drain_runs_what_is_due_later_and_what_is_tried_again() {
    let (tasks, calls) = failing(2, MemoryStore::new());
    let retried = tasks.queue(mail("ada")).retries(2);
    let retried = retried
        .backoff(Constant::new(2 * HOUR))
        .await
        .expect("stored");
    let later = tasks.delay(3 * HOUR, mail("grace")).await.expect("stored");
    drain(&tasks).await;
    assert_eq!(calls.load(Ordering::SeqCst), 4);
    for handle in [retried, later] {
        let state = handle.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Done));
    }
}

#[tokio::test(start_paused = true)]
async fn drain_leaves_what_the_manager_cannot_run() {
    let (tasks, _) = failing(0, MemoryStore::new());
    let unhandled = tasks.queue(Unhandled).await.expect("stored");
    let elsewhere = tasks.queue(mail("ada")).in_queue("elsewhere").await;
    tasks
        .store()
        .pause_queue(Name::from_static("paused"), By::new("ada", "test"))
        .await
        .expect("it can be paused");
    let paused = tasks.queue(mail("ada")).in_queue("paused").await;
    let done = tasks.queue(mail("ada")).await.expect("stored");
    drain(&tasks).await;
    let state = async |id| {
        let job = tasks.store().job(id).await.expect("it can be asked");
        job.expect("it is there").summary.state
    };
    assert_eq!(state(unhandled.id()).await, JobState::Ready);
    assert_eq!(
        state(elsewhere.expect("stored").id()).await,
        JobState::Ready
    );
    assert_eq!(state(paused.expect("stored").id()).await, JobState::Ready);
    assert_eq!(state(done.id()).await, JobState::Done);
}

#[tokio::test(start_paused = true)]
async fn drain_asks_the_clock_of_the_store() {
    let wall = WallClock::new();
    for step_forward in [true, false] {
        let (tasks, _) = failing(0, MemoryStore::options().wall_clock(&wall).build());
        let time = wall.now() + 60 * SECOND;
        let handle = tasks.schedule(time, mail("ada")).await.expect("stored");
        if step_forward {
            wall.step_forward(30 * SECOND);
        } else {
            wall.step_back(30 * SECOND);
        }
        drain(&tasks).await;
        let state = handle.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Done));
    }
}

#[tokio::test(start_paused = true)]
async fn drain_takes_a_manager_behind_dyn_and_one_that_only_queues() {
    let (tasks, calls) = failing(0, MemoryStore::new());
    tasks.delay(HOUR, mail("ada")).await.expect("stored");
    drain(&tasks.erased()).await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);

    let queues = TaskManager::builder().store(MemoryStore::new()).build();
    let queues = queues.expect("it is sound");
    queues.start();
    queues.queue(mail("ada")).await.expect("stored");
    drain(&queues).await;
}
