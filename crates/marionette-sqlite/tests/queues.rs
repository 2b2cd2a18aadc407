//! A queue for each tenant: what a job costs does not grow with the number of queues.

mod common;
#[path = "crash/clock.rs"]
mod clock;

use std::time::Duration;

use common::Place;
use marionette::store::Store;
use marionette::{Context, Job, TaskManager, wrap};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Greet(usize);

impl Job for Greet {
    const KIND: &'static str = "greet";
    type Output = usize;
}

fn name(queue: usize) -> String {
    format!("tenant-{queue}")
}

/// From `queue` to the result, in the median of some jobs in different queues.
async fn median(queues: usize) -> Duration {
    let place = Place::new();
    let store = place.open().await;
    let tasks = TaskManager::builder()
        .store(store.clone())
        .queues((0..queues).map(name))
        .handle(async |greet: Greet, _: Context| Ok(greet.0))
        .build()
        .expect("the settings are in order");
    tasks.start();
    // Each queue has had a job.
    let rows = (0..queues).map(|queue| {
        let row = wrap(Greet(queue)).in_queue(name(queue));
        row.into_new_job().expect("it encodes")
    });
    store.insert(rows.collect()).await.expect("there is room");
    tasks.idle().await;

    let mut times = Vec::new();
    for round in 0..41 {
        let queue = round * 7 % queues;
        let began = clock::now();
        let handle = tasks.queue(Greet(queue)).in_queue(name(queue)).await;
        let result = handle.expect("it is accepted").await;
        times.push(began.elapsed());
        assert_eq!(result.expect("it succeeds"), queue);
    }
    tasks.stop().await;
    times.sort();
    times[times.len() / 2]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_on_thousands_of_queues_is_about_as_fast_as_on_ten() {
    let few = median(10).await;
    let many = median(3_000).await;
    println!("{few:?} with 10 queues, {many:?} with 3,000");
    assert!(
        many < few * 10,
        "{few:?} with 10 queues, {many:?} with 3,000"
    );
}
