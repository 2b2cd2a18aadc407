//! A store that forgot claims, as a server does that failed over or lost its power: it gives away
//! again what its instances still run.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::{JobState, PastOutcome};
use marionette::{Context, Job, MemoryStore, TaskManager};
use marionette_conformance::{Fault, FaultyStore, Method};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

#[derive(Serialize, Deserialize)]
struct Slow;

impl Job for Slow {
    const KIND: &'static str = "slow";
    type Output = u32;
}

/// What the attempts of all managers did.
#[derive(Clone, Default)]
struct Seen {
    runs: Arc<AtomicU32>,
    attempts: Arc<Mutex<Vec<Context>>>,
}

impl Seen {
    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Which attempts were told to end, the oldest first.
    fn are_cancelled(&self) -> Vec<bool> {
        let attempts = self.attempts.lock().expect("no panic");
        attempts.iter().map(Context::is_cancelled).collect()
    }
}

/// A manager whose jobs take ten seconds, whatever they are told, and return the number of the run.
fn manager(store: &FaultyStore, seen: &Seen) -> TaskManager<FaultyStore> {
    let seen = seen.clone();
    TaskManager::builder()
        .store(store.clone())
        .handle(move |_: Slow, cx: Context| {
            let run = seen.runs.fetch_add(1, Ordering::Relaxed) + 1;
            seen.attempts.lock().expect("no panic").push(cx);
            async move {
                sleep(Duration::from_secs(10)).await;
                Ok(run)
            }
        })
        .build()
        .expect("the settings are right")
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_claimed_again_by_the_manager_that_runs_it_ends_once() {
    let inner = MemoryStore::new();
    let store = FaultyStore::new(inner.clone());
    let seen = Seen::default();
    let tasks = manager(&store, &seen);
    tasks.start();
    let handle = tasks.queue(Slow).await.expect("it is accepted");
    let id = handle.id();
    // Between two renewals, which come each second.
    sleep(Duration::from_millis(5_500)).await;
    assert_eq!(inner.forget_claims(8).len(), 1);
    // No renewal comes in between: the second claim alone tells that the first is worth nothing.
    sleep(Duration::from_millis(1)).await;
    assert_eq!(seen.runs(), 2);
    assert_eq!(seen.are_cancelled(), [true, false]);
    assert_eq!(
        handle.await.expect("it succeeds"),
        2,
        "the newer run counts"
    );
    sleep(Duration::from_secs(60)).await;
    let details = inner.job(id).await.expect("an answer").expect("it is kept");
    assert_eq!(details.summary.state, JobState::Done);
    let outcomes: Vec<_> = details.attempts.iter().map(|past| past.outcome).collect();
    assert_eq!(outcomes, [PastOutcome::Done]);
    assert_eq!((seen.runs(), tasks.stats().done), (2, 1));
    assert!(tasks.stop().await.is_complete());
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_forgotten_claim_is_stale_and_that_of_the_next_one_counts() {
    let inner = MemoryStore::new();
    let store = FaultyStore::new(inner.clone());
    let seen = Seen::default();
    let first = manager(&store, &seen);
    first.start();
    let handle = first.queue(Slow).await.expect("it is accepted");
    sleep(Duration::from_secs(5)).await;
    // The first manager hears nothing of it: its renewals fail, and it must not claim again.
    first.pause();
    for call in 1..1_000 {
        store.fail(
            Method::Renew,
            store.calls(Method::Renew) + call,
            Fault::Before,
        );
    }
    inner.forget_claims(8);
    let second = manager(&FaultyStore::new(inner.clone()), &seen);
    second.start();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.runs(), 2);
    sleep(Duration::from_secs(4)).await;
    let state = inner.job(handle.id()).await.expect("an answer");
    let state = state.expect("it is there").summary.state;
    assert_eq!(
        state,
        JobState::Running,
        "the end of the first claim is stale"
    );
    assert_eq!(handle.await.expect("it succeeds"), 2);
    store.heal();
    assert!(second.stop().await.is_complete());
}

/// A success that could not be written counts for the next claim only if that is the next one.
#[tokio::test(start_paused = true)]
async fn a_success_that_was_not_written_does_not_count_once_its_claim_is_forgotten() {
    let inner = MemoryStore::new();
    let store = FaultyStore::new(inner.clone());
    let seen = Seen::default();
    let tasks = manager(&store, &seen);
    tasks.start();
    let handle = tasks.queue(Slow).await.expect("it is accepted");
    let settled = store.calls(Method::Settle);
    for call in 1..1_000 {
        store.fail(Method::Settle, settled + call, Fault::Before);
    }
    sleep(Duration::from_secs(11)).await;
    assert!(
        store.calls(Method::Settle) > settled,
        "it could not be written"
    );
    inner.forget_claims(8);
    sleep(Duration::from_secs(1)).await;
    store.heal();
    assert_eq!(handle.await.expect("it succeeds"), 2, "it has run again");
    assert!(tasks.stop().await.is_complete());
}
