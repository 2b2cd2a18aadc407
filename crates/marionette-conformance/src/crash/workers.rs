//! Workers are killed at random moments, several in the same second, while jobs of several queues
//! and priorities come, now and at later times, and some fail once.

use std::time::Duration;

use marionette::inspect::{Filter, Page};
use marionette::store::{JobState, Store};

use crate::crash::child::insert;
use crate::crash::clock;
use crate::crash::parent::{Parent, times};
use crate::crash::work::{Work, mixed};
use crate::history::Event;

/// How many workers live at once.
const LIVING: usize = 6;

/// Kills this number of workers, up to half of those that live at once, and checks that each job
/// ends once. Returns what is to be told about it.
///
/// # Panics
///
/// If something is wrong.
pub async fn kill_workers(mut parent: Parent, kills: usize) -> String {
    let begun = clock::now();
    let store = parent.open().await;
    let mut living: Vec<_> = (0..LIVING).map(|_| parent.start("work")).collect();
    let (kills, mut killed) = (kills * times(), 0);
    while killed < kills {
        let jobs = (0..parent.rng.usize(1..20)).map(|_| mixed(&mut parent.rng));
        let jobs = jobs.collect();
        insert(&store, &parent.history, jobs).await;
        // From before its store is open to the middle of its work.
        clock::sleep(Duration::from_millis(parent.rng.u64(1..150)));
        let many = parent.rng.usize(1..=LIVING / 2).min(kills - killed);
        parent.rng.shuffle(&mut living);
        parent.kill_all(living.drain(..many));
        living.extend((0..many).map(|_| parent.start("work")));
        killed += many;
    }
    let took = begun.elapsed();
    for worker in &mut living {
        assert!(!parent.has_ended(worker), "{}", parent.again());
    }
    parent.kill_all(living);
    let books = parent.end().await;
    poison_has_its_payload(&store).await;
    let attempts = |event: &Event| matches!(event, Event::Start(..));
    assert!(
        books.events.count(attempts) > kills,
        "they did something: {books}"
    );
    let all = begun.elapsed();
    format!("{kills} workers killed in {took:?}, all in {all:?}: {books}")
}

/// A job that met three deaths is kept with its payload, so that a person can look at it.
async fn poison_has_its_payload(store: &dyn Store) {
    let quarantined = Filter::new().state(JobState::Quarantined);
    let listed = store.list(quarantined, Page::first(1_000)).await;
    for job in listed.expect("the store answers").jobs {
        assert_eq!(job.crashes, 3, "{job:?}");
        let details = store.job(job.id).await.expect("the store answers");
        let payload = details.expect("it is kept").payload;
        let work: Work = serde_json::from_slice(&payload).expect("it is as it was");
        assert_eq!(work.id, job.id.to_string());
    }
}
