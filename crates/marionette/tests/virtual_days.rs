//! Days on the paused clock pass at once: while nothing is due, nothing wakes. The tests count how
//! often the runtime goes to sleep, since each sleep is a step of that clock.

mod common;

use std::time::Duration;

use common::jobs::{mail, send};
use common::{HOUR, SECOND, started, wall};
use marionette::inspect::Inspect;
use marionette::timer::Scheduler;
use marionette::{Context, MemoryStore, TaskManager};
use tokio::runtime::Handle;
use tokio::time::sleep;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A handful of sleeps for each thing that happens. One look a minute would be 1,440 a day.
const FEW: u64 = 100;

/// How often the runtime has gone to sleep so far.
fn parks() -> u64 {
    Handle::current().metrics().worker_park_count(0)
}

async fn parks_in(time: Duration) -> u64 {
    let before = parks();
    sleep(time).await;
    parks() - before
}

fn with_store(store: &MemoryStore) -> TaskManager<MemoryStore> {
    let builder = TaskManager::builder().store(store.clone()).handle(send);
    let tasks = builder.build().expect("the settings are sound");
    tasks.start();
    tasks
}

#[tokio::test(start_paused = true)]
async fn a_day_in_which_nothing_is_due_passes_at_once() {
    let store = MemoryStore::new();
    let (one, other) = (with_store(&store), with_store(&store));
    let plain = started(4, 64);
    let (out, _due) = tokio::sync::mpsc::channel(1);
    let scheduler = Scheduler::new(out);
    scheduler.start();
    let later = wall() + 3 * DAY;
    scheduler.schedule(later, ()).expect("it is after 1970");
    let task = plain.schedule(later, async |_: Context| Ok(())).await;
    let scheduled = one.schedule(later, mail("Ada")).await.expect("accepted");
    let delayed = other.delay(3 * DAY, mail("Bo")).await.expect("accepted");
    let awaited = tokio::spawn(scheduled.into_future());

    let day = parks_in(DAY).await;
    assert!(day <= FEW, "{day} steps in a day");
    assert_eq!(store.instances().await.expect("an answer").len(), 2);

    sleep(2 * DAY + HOUR).await;
    assert_eq!(awaited.await.expect("no panic").expect("it ran"), 3);
    assert_eq!(delayed.await.expect("it ran"), 2);
    task.expect("accepted").await.expect("it ran");
    let all = parks();
    assert!(all <= 4 * FEW, "{all} steps in three days");
}

#[tokio::test(start_paused = true)]
async fn three_days_with_a_job_in_each_hour_cost_what_the_jobs_cost() {
    let store = MemoryStore::new();
    let tasks = with_store(&store);
    let begin = wall();
    for hour in 1..=72 {
        let at = begin + HOUR * hour;
        drop(tasks.schedule(at, mail("Ada")).retries(1).await);
    }
    sleep(3 * DAY + HOUR).await;
    assert_eq!(tasks.stats().done, 72);
    let all = parks();
    assert!(all <= 72 * 30, "{all} steps for 72 jobs");
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_dies_among_those_that_rest_is_found_dead() {
    let store = MemoryStore::new();
    let lives = with_store(&store);
    let dies = with_store(&store);
    sleep(DAY).await;
    assert_eq!(store.instances().await.expect("an answer").len(), 2);
    drop(dies);
    sleep(Duration::from_secs(30)).await;
    assert_eq!(store.instances().await.expect("an answer").len(), 1);
    let sent = lives.queue(mail("Ada")).await.expect("accepted");
    assert_eq!(sent.await.expect("it runs"), 3);
}

#[tokio::test(start_paused = true)]
async fn what_another_manager_runs_after_days_is_heard_of_within_a_poll() {
    let store = MemoryStore::new();
    let front = TaskManager::builder().store(store.clone()).build();
    let front = front.expect("the settings are sound");
    let handle = front.delay(2 * DAY, mail("Ada")).await.expect("accepted");
    let waits = tokio::spawn(async move { (handle.await, common::now()) });
    let began = common::now();
    let back = with_store(&store);
    let (sent, at) = waits.await.expect("no panic");
    assert_eq!(sent.expect("it ran"), 3);
    let took = at - began;
    assert!(took <= 2 * DAY + 2 * SECOND, "{took:?}");
    drop(back);
}
