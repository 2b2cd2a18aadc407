//! Under load, tasks of the wall clock and tasks of the monotonic clock do not starve each other.
//! Measured on the real clocks.
#![allow(clippy::disallowed_methods)] // Here it is the real clocks that count.
#![allow(clippy::unused_async)] // A task is an async function, also one that waits for nothing.

mod common;

use std::time::{Duration, SystemTime};

use common::started;
use marionette::{Context, TaskError, TaskManager};
use tokio::time::{sleep, timeout};

const MILLI: Duration = Duration::from_millis(1);
/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Fills a manager with tasks that come back for ever, by the monotonic clock, as soon as they can.
async fn snoozes(tasks: &TaskManager, pause: Duration) {
    for _ in 0..300 {
        let task = move |_: Context| async move { Err::<(), _>(TaskError::snooze(pause)) };
        drop(tasks.delay(Duration::ZERO, task).await.expect("accepted"));
    }
}

/// The same load by the wall clock: each time has passed long ago.
fn comes_back(tasks: &TaskManager) {
    let again = tasks.clone();
    let task = move |_: Context| {
        comes_back(&again);
        async { Ok(()) }
    };
    let long_ago = SystemTime::now() - 1000 * PATIENCE;
    drop(tasks.schedule(long_ago, task).try_now());
}

async fn done(_: Context) -> Result<(), TaskError> {
    Ok(())
}

/// Checks that a task that becomes due meanwhile runs.
async fn both_come(tasks: &TaskManager) {
    sleep(10 * MILLI).await;
    let scheduled = tasks.schedule(SystemTime::now() + 10 * MILLI, done).await;
    let delayed = tasks.delay(10 * MILLI, done).await;
    let scheduled = timeout(PATIENCE, scheduled.expect("accepted")).await;
    scheduled.expect("a schedule is not starved").expect("ok");
    let delayed = timeout(PATIENCE, delayed.expect("accepted")).await;
    delayed.expect("a delay is not starved").expect("ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_by_one_clock_runs_among_what_is_always_due_by_the_other() {
    for pause in [Duration::from_nanos(1), 10 * MILLI] {
        let tasks = started(1, 4);
        snoozes(&tasks, pause).await;
        both_come(&tasks).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_runs_among_tasks_that_are_scheduled_into_the_past_again_and_again() {
    let tasks = started(1, 4);
    for _ in 0..100 {
        comes_back(&tasks);
    }
    sleep(10 * MILLI).await;
    let delayed = tasks.delay(10 * MILLI, done).await.expect("accepted");
    let delayed = timeout(PATIENCE, delayed).await;
    delayed.expect("a delay is not starved").expect("ok");
    drop(tasks.stop_within(Duration::ZERO).await);
}
