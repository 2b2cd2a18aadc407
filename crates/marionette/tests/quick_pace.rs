//! After a row of tasks that end at once the workers wake each other less, and still no task waits
//! beside a free worker.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{HOUR, now, quick, started};
use marionette::backoff::Constant;
use marionette::{Context, TaskError, TaskManager};
use tokio::time::{sleep, timeout};

const PAUSE: Duration = Duration::from_millis(50);
/// More tasks in a row than it takes for a worker to reach the quick pace.
const ROW: usize = 40;

/// A task whose first attempt fails.
async fn fails_once(cx: Context) -> Result<(), TaskError> {
    if cx.attempt() == 1 {
        return Err("refused".into());
    }
    Ok(())
}

/// Brings this many workers to a quick pace. Each runs a whole row: the last worker to park is the
/// first to be woken.
async fn hurry(tasks: &TaskManager, workers: usize) {
    for _ in 0..workers * 2 {
        for _ in 0..ROW {
            drop(tasks.queue(quick).await.expect("the manager runs"));
        }
        tasks.idle().await;
    }
}

/// Checks that the retry of that task comes at its time.
async fn fails_once_then(tasks: &TaskManager, then: impl AsyncFnOnce()) {
    let begun = now();
    let retried = tasks.queue(fails_once).retries(1);
    let retried = retried.backoff(Constant::new(PAUSE)).await;
    then().await;
    let done = timeout(HOUR / 2, retried.expect("the manager runs")).await;
    assert!(done.expect("it is retried").is_ok());
    let took = now() - begun;
    assert!(took >= PAUSE && took < 2 * PAUSE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_parks_leaves_its_retry_to_the_sleeper() {
    let tasks = started(1, 64);
    hurry(&tasks, 1).await;
    fails_once_then(&tasks, async || {}).await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_task_waits_leaves_its_retry_to_the_sleeper() {
    let tasks = started(2, 64);
    hurry(&tasks, 2).await;
    fails_once_then(&tasks, async || {
        let waits = async |_: Context| {
            sleep(HOUR).await;
            Ok(())
        };
        drop(tasks.queue(waits).await.expect("the manager runs"));
    })
    .await;
}

// On the real clock: on a paused one nothing becomes due between two steps of the worker.
#[tokio::test]
async fn a_retry_that_is_put_away_after_the_clock_stopped_stays_there() {
    let tasks = started(1, 1000);
    hurry(&tasks, 1).await;
    // More than a worker runs before it lets others have its thread.
    for _ in 0..500 {
        drop(tasks.queue(quick).await.expect("the manager runs"));
    }
    let retried = tasks.queue(fails_once).retries(1);
    let _ = retried
        .backoff(Constant::new(Duration::from_nanos(1)))
        .await;
    let report = tasks.stop().await;
    assert_eq!((report.queued, report.waiting), (0, 1));
}

/// It does not let others have the thread first, as it does after a long turn: they could be on
/// another thread, whose wake-up takes longer than many a task.
#[tokio::test(start_paused = true)]
async fn a_worker_that_was_idle_starts_its_next_task_when_it_is_woken() {
    let tasks = started(1, 64);
    hurry(&tasks, 1).await;
    sleep(PAUSE).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let note = |who: &'static str| {
        let order = Arc::clone(&order);
        move || order.lock().expect("no panic").push(who)
    };
    let task = note("task");
    let queued = tasks.queue(move |_: Context| {
        task();
        async { Ok(()) }
    });
    let queued = queued.await.expect("the manager runs");
    let other = note("other");
    let other = tokio::spawn(async move { other() });
    queued.await.expect("it succeeds");
    other.await.expect("it does not panic");
    assert_eq!(*order.lock().expect("no panic"), ["task", "other"]);
}
