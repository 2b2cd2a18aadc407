//! The library never asks a store for more in one call than the contract allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marionette::store::{CALL_BYTES_MAX, CALL_ROWS_MAX, ERROR_BYTES_MAX, PAYLOAD_BYTES_MAX};
use marionette::{Context, Job, JobHandle, MemoryStore, TaskError, TaskManager};
use marionette_conformance::{CallSize, Fault, FaultyStore, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::sleep;

/// A job with a result of so many bytes, which ends at once or when it may.
#[derive(Serialize, Deserialize)]
struct Held {
    is_held: bool,
    bytes: usize,
}

impl Job for Held {
    const KIND: &'static str = "held";
    type Output = String;
}

/// Lets jobs end, and counts those that have begun.
struct Gate {
    permits: Semaphore,
    begun: AtomicUsize,
}

impl Gate {
    fn closed() -> Arc<Self> {
        Arc::new(Self {
            permits: Semaphore::new(0),
            begun: AtomicUsize::new(0),
        })
    }

    async fn has_begun(&self, jobs: usize) {
        while self.begun.load(Ordering::Relaxed) < jobs {
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A manager whose held jobs wait at the gate.
fn manager(store: &FaultyStore, workers: usize, gate: &Arc<Gate>) -> TaskManager<FaultyStore> {
    let gate = Arc::clone(gate);
    TaskManager::builder()
        .workers(workers)
        .store(store.clone())
        .handle(move |held: Held, _: Context| {
            let gate = Arc::clone(&gate);
            gate.begun.fetch_add(1, Ordering::Relaxed);
            async move {
                if held.is_held {
                    gate.permits.acquire().await.expect("it is open").forget();
                }
                Ok("x".repeat(held.bytes))
            }
        })
        .build()
        .expect("the settings are right")
}

fn is_bounded(store: &FaultyStore) {
    for method in [
        Method::Insert,
        Method::Claim,
        Method::Renew,
        Method::Settle,
        Method::Ended,
    ] {
        let CallSize { rows, bytes } = store.largest(method);
        assert!(rows <= CALL_ROWS_MAX, "{method:?} of {rows}");
        assert!(bytes <= CALL_BYTES_MAX, "{method:?} with {bytes} bytes");
    }
}

/// Waits for all of these at the same time.
async fn all_are_done(handles: Vec<JobHandle<Held>>) {
    let waits: Vec<_> = handles.into_iter().map(tokio::spawn).collect();
    for wait in waits {
        wait.await.expect("no panic").expect("it is done");
    }
}

#[tokio::test(start_paused = true)]
async fn no_call_has_more_than_ten_thousand_rows() {
    const JOBS: usize = 25_000;
    const HELD: usize = CALL_ROWS_MAX + 1_500;
    let options = MemoryStore::options().keep_done_count(JOBS as u64);
    let store = FaultyStore::new(options.build());
    let gate = Gate::closed();
    let tasks = manager(&store, HELD, &gate);
    let jobs = (0..JOBS).map(|number| Held {
        is_held: number >= JOBS - HELD,
        bytes: 0,
    });
    let handles = tasks.queue_many(jobs).await.expect("they are accepted");
    let waiting = tokio::spawn(all_are_done(handles));
    tasks.start();
    gate.has_begun(JOBS).await;
    // More leases are held than one call renews, and more handles wait than one call answers.
    sleep(Duration::from_secs(3)).await;
    is_bounded(&store);
    assert_eq!(store.largest(Method::Renew).rows, CALL_ROWS_MAX);
    assert_eq!(store.largest(Method::Ended).rows, CALL_ROWS_MAX);
    gate.permits.add_permits(HELD);
    waiting.await.expect("every wait is answered");
    is_bounded(&store);
    assert_eq!(store.largest(Method::Claim).rows, CALL_ROWS_MAX);
    assert_eq!(store.largest(Method::Settle).rows, CALL_ROWS_MAX);
    assert_eq!(tasks.stats().done, JOBS as u64);
}

/// A job that fails for good with the longest error that is kept.
#[derive(Serialize, Deserialize)]
struct Wordy;

impl Job for Wordy {
    const KIND: &'static str = "wordy";
    type Output = ();
}

#[tokio::test(start_paused = true)]
async fn no_call_has_more_than_sixteen_mebibytes_of_errors() {
    const JOBS: usize = 3_000;
    let store = FaultyStore::new(MemoryStore::new());
    let all_run = Arc::new(tokio::sync::Barrier::new(JOBS));
    let tasks = TaskManager::builder()
        .workers(JOBS)
        .store(store.clone())
        .handle(move |_: Wordy, _: Context| {
            let all_run = Arc::clone(&all_run);
            async move {
                all_run.wait().await;
                Err(TaskError::from("x".repeat(ERROR_BYTES_MAX)))
            }
        })
        .build()
        .expect("the settings are right");
    let jobs = (0..JOBS).map(|_| Wordy);
    let handles = tasks.queue_many(jobs).await.expect("they are accepted");
    tasks.start();
    for handle in handles {
        handle.await.expect_err("it fails");
    }
    is_bounded(&store);
    let largest = store.largest(Method::Settle).bytes;
    assert!(largest > CALL_BYTES_MAX - ERROR_BYTES_MAX, "{largest}");
}

#[tokio::test(start_paused = true)]
async fn no_call_has_more_than_sixteen_mebibytes_of_results_or_payloads() {
    const JOBS: usize = 40;
    let store = FaultyStore::new(MemoryStore::new());
    let gate = Gate::closed();
    let tasks = manager(&store, JOBS, &gate);
    let jobs = (0..JOBS).map(|_| Held {
        is_held: true,
        bytes: PAYLOAD_BYTES_MAX - 2,
    });
    let handles = tasks.queue_many(jobs).await.expect("they are accepted");
    tasks.start();
    gate.has_begun(JOBS).await;
    gate.permits.add_permits(JOBS);
    for handle in handles {
        assert_eq!(
            handle.await.expect("it is done").len(),
            PAYLOAD_BYTES_MAX - 2
        );
    }
    is_bounded(&store);
    assert_eq!(store.largest(Method::Settle).bytes, CALL_BYTES_MAX);
}

#[derive(Serialize, Deserialize)]
struct Big(String);

impl Job for Big {
    const KIND: &'static str = "big";
    type Output = ();
}

#[tokio::test(start_paused = true)]
async fn many_jobs_are_cut_into_calls_and_the_error_says_which_were_accepted() {
    let store = FaultyStore::new(MemoryStore::new());
    let tasks = TaskManager::builder()
        .store(store.clone())
        .build()
        .expect("the settings are right");
    store.fail(Method::Insert, 3, Fault::Before);
    let jobs = (0..40).map(|_| Big("x".repeat(1_000_000)));
    let refused = tasks
        .queue_many(jobs)
        .await
        .expect_err("the third call fails");
    is_bounded(&store);
    assert_eq!(store.calls(Method::Insert), 3);
    let (accepted, jobs, _) = refused.into_parts();
    let accepted = accepted.len();
    assert_eq!(accepted + jobs.len(), 40);
    assert!((10..=32).contains(&accepted), "{accepted}");
    // The refused ones are there to be queued again.
    let rest = tasks.queue_many(jobs).await.expect("they are accepted now");
    assert_eq!(accepted + rest.len(), 40);
    is_bounded(&store);
}
