//! K3: a job that takes longer than a lease, and blocks the only thread of its runtime, keeps its
//! lease as long as its process lives.

use std::time::Duration;

use marionette_conformance::history::Event;

use crate::child::insert;
use crate::clock;
use crate::parent::{Parent, alone};
use crate::work::{Way, job};

#[tokio::test]
async fn a_long_job_keeps_its_lease_also_if_it_blocks_its_runtime() {
    let _alone = alone();
    let lease = Duration::from_millis(600);
    let mut parent = Parent::new().with_lease(lease);
    let store = parent.open().await;
    let blocked = parent.start("blocked");
    let long = 5 * 600;
    insert(&store, &parent.history, vec![job(long, Way::Blocks)]).await;
    clock::sleep(lease);
    // These would be glad to have it.
    let others = [parent.start("work"), parent.start("work")];
    let jobs = (0..20).map(|_| job(10, Way::Waits)).collect();
    insert(&store, &parent.history, jobs).await;
    clock::sleep(lease * 6);
    parent.kill(blocked);
    parent.kill_all(others);
    drop(store);
    let books = parent.end().await;
    println!("a job of five leases: {}", books.tell());
    let starts = books
        .events
        .count(|event| matches!(event, Event::Start(..)));
    assert_eq!(starts, 21, "each ran once");
}
