//! What the tests of a manager have in common: durations, the clocks, managers, and tasks.
// Each test file is a crate of its own and uses a part; where a task is not used, none awaits it.
#![allow(dead_code, clippy::unused_async)]

pub(crate) mod jobs;
pub(crate) mod log;

use std::time::{Duration, SystemTime};

use marionette::{Context, TaskError, TaskManager};
use tokio::time::{Instant, sleep, timeout};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// How long an attempt may still run after it was asked to end.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The monotonic clock, which the paused runtime owns.
#[allow(clippy::disallowed_methods)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock of the system.
#[allow(clippy::disallowed_methods)]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// A manager that is not running yet.
pub(crate) fn manager(workers: usize, queue_size: usize) -> TaskManager {
    let builder = TaskManager::builder().workers(workers).grace(GRACE);
    let tasks = builder.queue_size(queue_size).build();
    tasks.expect("the settings are sound")
}

/// A manager that runs.
pub(crate) fn started(workers: usize, queue_size: usize) -> TaskManager {
    let tasks = manager(workers, queue_size);
    tasks.start();
    tasks
}

pub(crate) async fn quick(_: Context) -> Result<(), TaskError> {
    Ok(())
}

/// A task that takes a second and cannot hear that it should end.
pub(crate) async fn slow(_: Context) -> Result<(), TaskError> {
    sleep(SECOND).await;
    Ok(())
}

pub(crate) async fn fails(_: Context) -> Result<(), TaskError> {
    Err("refused".into())
}

/// A task that ends as soon as it is asked to.
pub(crate) async fn cooperative(cx: Context) -> Result<(), TaskError> {
    cx.cancelled().await;
    Err("asked to end".into())
}

/// A task that ignores the request to end.
pub(crate) async fn stubborn(cx: Context) -> Result<(), TaskError> {
    let _token = cx.token();
    std::future::pending().await
}

/// Checks that the worker lives on: it runs another task.
pub(crate) async fn works_on(tasks: &TaskManager) {
    let next = tasks.queue(async |_: Context| Ok("next")).await;
    let next = timeout(HOUR, next.expect("it runs")).await;
    assert_eq!(next.expect("a worker lives").expect("it succeeds"), "next");
    assert_eq!(tasks.stats().running, 0);
}
