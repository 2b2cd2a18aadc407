//! K3: a job that takes longer than a lease, and blocks the only thread of its runtime, keeps its
//! lease as long as its process lives.

use std::time::Duration;

use marionette::store::JobState;
use marionette_conformance::crash::{Parent, Way, insert, job};
use marionette_conformance::history::Event;

use crate::alone;
use crate::child::GROUND;
use crate::clock;

#[tokio::test]
async fn a_long_job_keeps_its_lease_also_if_it_blocks_its_runtime() {
    let _alone = alone();
    // A machine that stands still for a second must not make it lapse.
    let lease = Duration::from_secs(3);
    let mut parent = Parent::new(&GROUND).with_lease(lease);
    let store = parent.open().await;
    let blocked = parent.start("blocked");
    let long = job(3 * 3_000, Way::Blocks);
    let id = long.id;
    insert(&store, &parent.history, vec![long]).await;
    until(async || {
        let details = store.job(id).await.expect("the store answers");
        details.expect("it is kept").summary.state == JobState::Running
    })
    .await;
    // These would be glad to have it.
    let others = [parent.start("work"), parent.start("work")];
    let jobs = (0..20).map(|_| job(10, Way::Waits)).collect();
    insert(&store, &parent.history, jobs).await;
    until(async || {
        let counts = store.counts().await.expect("the store answers");
        counts
            .iter()
            .all(|count| count.state.is_end() || count.jobs == 0)
    })
    .await;
    parent.kill(blocked);
    parent.kill_all(others);
    drop(store);
    let books = parent.end().await;
    println!("a job of three leases: {books}");
    let starts = books
        .events
        .count(|event| matches!(event, Event::Start(..)));
    assert_eq!(starts, 21, "each ran once");
}

async fn until(is_so: impl AsyncFn() -> bool) {
    let begun = clock::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "within a minute");
        clock::sleep(Duration::from_millis(10));
    }
}
