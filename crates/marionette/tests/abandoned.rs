//! A task that will never run again is reported by one event, wherever it waits or runs.

mod common;

use std::time::Duration;

use common::log::{Entry, Log};
use common::{HOUR, SECOND, wall};
use marionette::backoff::Constant;
use marionette::event::{EventKind, Received};
use marionette::{Context, TaskError, TaskManager, wrap};
use tokio::time::{sleep, timeout};
use tracing::Level;

fn manager() -> TaskManager {
    let builder = TaskManager::builder().workers(1).server_name("mailer");
    let tasks = builder.build().expect("sound");
    tasks.start();
    tasks
}

async fn fails(_: Context) -> Result<(), TaskError> {
    Err("refused".into())
}

async fn hangs(_: Context) -> Result<(), TaskError> {
    std::future::pending().await
}

/// One task in each place where a task can be, each with its user's error.
async fn in_every_place(tasks: &TaskManager) -> usize {
    let sound = "it is accepted";
    let user = |place: &str| format!("not sent: {place}");
    let retried = tasks.queue(fails).retries(1).error(user("retry"));
    drop(retried.backoff(Constant::new(HOUR)).await.expect(sound));
    let delayed = tasks.delay(HOUR, fails).error(user("delayed"));
    drop(delayed.await.expect(sound));
    let scheduled = tasks.schedule(wall() + HOUR, fails);
    drop(scheduled.error(user("scheduled")).await.expect(sound));
    let early = tasks.delay(HOUR, fails).await.expect(sound);
    assert!(early.cancel("not needed"), "it is told as that");
    sleep(SECOND).await;
    let runs = tasks.queue(hangs).error(user("runs")).await.expect(sound);
    sleep(SECOND).await;
    drop(runs);
    let queued = tasks.queue(fails).error(user("queued")).await;
    drop(queued.expect(sound));
    let plain = tasks.queue(async { Ok(()) }).error(user("plain")).await;
    drop(plain.expect(sound));
    6
}

/// The user's errors of the abandoned tasks, in the order of their events.
fn told(log: &Log) -> Vec<String> {
    let errors = log.events(Level::ERROR);
    for event in &errors {
        let fields = &event.fields;
        assert_eq!(fields["server"], "mailer");
        let known = ["task.id", "task.name", "attempts", "errors", "duration"];
        assert!(
            known.iter().all(|name| fields.contains_key(name)),
            "{fields:?}"
        );
        assert!(fields["errors"].contains("abandoned: "), "{fields:?}");
    }
    let mut all: Vec<_> = errors
        .iter()
        .map(|event| event.fields["error"].clone())
        .collect();
    all.sort();
    all
}

const ALL: [&str; 6] = [
    "not sent: delayed",
    "not sent: plain",
    "not sent: queued",
    "not sent: retry",
    "not sent: runs",
    "not sent: scheduled",
];

#[tokio::test(start_paused = true)]
async fn what_goes_with_its_manager_is_told_once_each() {
    let (log, _listening) = Log::listen();
    let tasks = manager();
    let mut events = tasks.events();
    let count = in_every_place(&tasks).await;
    drop(tasks);
    sleep(SECOND).await;
    assert_eq!(told(&log), ALL);
    let mut abandoned = 0;
    while let Some(Received::Event(event)) = timeout(HOUR, events.recv()).await.expect("it ends") {
        if let EventKind::Failed(dict) = event.kind {
            assert!(
                dict.errors
                    .last()
                    .is_some_and(|last| last.contains("abandoned"))
            );
            abandoned += 1;
        }
    }
    assert_eq!(abandoned, count);
}

#[tokio::test(start_paused = true)]
async fn what_a_stop_left_is_told_when_the_manager_goes() {
    let (log, _listening) = Log::listen();
    let tasks = manager();
    in_every_place(&tasks).await;
    let report = tasks.stop_within(Duration::ZERO).await;
    assert_eq!((report.queued, report.waiting), (3, 3), "{report}");
    assert!(log.events(Level::ERROR).is_empty());
    assert_eq!(tasks.stats().abandoned, 0);
    drop(tasks);
    assert_eq!(told(&log), ALL);
}

#[test]
fn what_goes_with_its_runtime_is_told_and_counted() {
    let (log, _listening) = Log::listen();
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime can be made");
    let tasks = runtime.block_on(async {
        let tasks = manager();
        in_every_place(&tasks).await;
        tasks
    });
    let is_gone = |log: &Log| {
        let warnings = log.events(Level::WARN);
        let message = |entry: &Entry| entry.fields["message"].contains("runtime of the workers");
        warnings.iter().filter(|entry| message(entry)).count()
    };
    assert_eq!(is_gone(&log), 0);
    drop(runtime);
    assert_eq!(is_gone(&log), 1, "one for all workers");
    assert_eq!(
        told(&log),
        ["not sent: runs"],
        "the others wait for a start"
    );
    assert_eq!(tasks.stats().abandoned, 1);
    drop(tasks);
    assert_eq!(told(&log), ALL);
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_out_or_executed_and_dropped_is_told() {
    let (log, _listening) = Log::listen();
    let tasks = manager();
    for gone in [false, true] {
        let delayed = tasks.delay(HOUR, fails).error(format!("taken {gone}"));
        drop(delayed.await.expect("it is accepted"));
    }
    let mut taken = tasks.take_waiting();
    let last = taken.pop();
    drop(taken);
    let executed = wrap(hangs).error("executed");
    timeout(SECOND, tasks.exec(executed))
        .await
        .expect_err("it hangs");
    assert_eq!(tasks.stats().abandoned, 2);
    tasks.stop().await;
    drop(tasks);
    drop(last);
    assert_eq!(told(&log), ["executed", "taken false", "taken true"]);
}

#[tokio::test(start_paused = true)]
async fn a_plain_future_that_a_stop_interrupts_is_told() {
    let (log, _listening) = Log::listen();
    let tasks = manager();
    let plain = tasks.queue(std::future::pending::<Result<(), TaskError>>());
    drop(plain.error("plain").await.expect("it runs"));
    sleep(SECOND).await;
    let report = tasks.stop_within(SECOND).await;
    assert_eq!((report.cancelled, tasks.stats().abandoned), (1, 1));
    assert_eq!(told(&log), ["plain"]);
}
