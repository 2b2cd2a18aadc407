//! Every error says its kind, so that a service maps it with a `match`.

mod common;

use std::collections::HashSet;
use std::error::Error as StdError;
use std::fmt::Debug;
use std::hash::Hash;
use std::io;
use std::ptr;

use common::jobs::{Faulty, mail};
use common::{SECOND, manager, quick};
use marionette::error::{ConfigProblemKind, QueueErrorKind, TaskErrorKind};
use marionette::store::{StoreError, StoreErrorKind};
use marionette::{Config, Context, Error, FailureKind, QueueError, TaskError, TaskManager};

fn is_a_kind<K: Copy + Debug + Eq + Hash + Send + Sync + Unpin + 'static>() {}

#[test]
fn a_kind_is_plain_data() {
    is_a_kind::<ConfigProblemKind>();
    is_a_kind::<FailureKind>();
    is_a_kind::<QueueErrorKind>();
    is_a_kind::<StoreErrorKind>();
    is_a_kind::<TaskErrorKind>();
}

#[test]
fn a_task_error_says_what_it_asks_for_and_gives_its_error_back() {
    let gone = || io::Error::from(io::ErrorKind::NotFound);
    let cases = [
        (TaskError::from(gone()), TaskErrorKind::Retry),
        (
            TaskError::retry_after(SECOND, gone()),
            TaskErrorKind::RetryAfter(SECOND),
        ),
        (TaskError::fatal(gone()), TaskErrorKind::Fatal),
    ];
    for (error, kind) in cases {
        assert_eq!(error.kind(), kind);
        let inside = error.error().expect("it has one");
        assert!(inside.is::<io::Error>());
        let inside = error.downcast_ref::<io::Error>().expect("it is one");
        assert_eq!(inside.kind(), io::ErrorKind::NotFound);
        assert!(error.into_error().is::<io::Error>());
    }
    let cases = [
        (
            TaskError::snooze(SECOND),
            TaskErrorKind::Snooze(SECOND),
            "snoozed for 1s",
        ),
        (
            TaskError::cancelled("no need"),
            TaskErrorKind::Cancelled,
            "cancelled: no need",
        ),
    ];
    for (error, kind, text) in cases {
        assert_eq!(error.kind(), kind);
        assert!(error.error().is_none() && error.downcast_ref::<io::Error>().is_none());
        assert_eq!(error.into_error().to_string(), text);
    }
}

#[test]
fn an_error_inside_of_a_task_error_is_found_behind_a_context() {
    let error = anyhow::Error::from(io::Error::from(io::ErrorKind::NotFound)).context("no page");
    let error = TaskError::from(error);
    assert_eq!(error.to_string(), "no page");
    assert!(error.downcast_ref::<io::Error>().is_some());
}

#[tokio::test]
async fn a_refused_task_and_its_reason_can_be_parted() {
    let tasks = manager(1, 1);
    let refused = tasks.queue(quick).await.expect_err("it is not running");
    assert_eq!(refused.kind(), QueueErrorKind::Stopped);
    let (task, refused): (_, QueueError<()>) = refused.into_parts();
    assert_eq!(refused.kind(), QueueErrorKind::Stopped);
    assert_eq!(refused.to_string(), "the task manager is not running");
    tasks.start();
    tasks
        .queue(task)
        .await
        .expect("it runs")
        .await
        .expect("it succeeds");
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_all_tasks_are_of_one_type_without_their_tasks() {
    let tasks = manager(1, 1);
    let one = tasks.queue(quick).await.map_err(QueueError::forget_task);
    let two = tasks
        .queue(async |_: Context| Ok(7))
        .await
        .map_err(QueueError::forget_task);
    let errors = [
        one.expect_err("it is stopped"),
        two.expect_err("it is stopped"),
    ];
    let kinds: HashSet<_> = errors.iter().map(QueueError::kind).collect();
    assert_eq!(kinds.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_full() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.fail_at("insert", || StoreError::full("the disk is full"));
    let refused = tasks
        .queue(mail("ada"))
        .await
        .expect_err("there is no room");
    assert_eq!(refused.kind(), QueueErrorKind::Store(StoreErrorKind::Full));
    assert!(refused.is_full() && !refused.is_unavailable());
    store.fail_at("insert", || {
        StoreError::unsupported("this store cannot do that")
    });
    let refused = tasks.queue(mail("ada")).await.expect_err("it cannot");
    assert_eq!(
        refused.kind(),
        QueueErrorKind::Store(StoreErrorKind::Unsupported)
    );
    assert!(!refused.is_full());
}

#[tokio::test(start_paused = true)]
async fn the_error_of_many_tasks_says_its_kind_and_each_text_once() {
    let tasks = manager(1, 1);
    let error = tasks.queue_many([quick, quick]).await;
    let error = error.expect_err("it is not running");
    assert_eq!(error.kind(), QueueErrorKind::Stopped);

    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.fail(true);
    let error = tasks.queue_many([mail("ada"), mail("bob")]).await;
    let error = error.expect_err("the store fails");
    let kind = QueueErrorKind::Store(StoreErrorKind::Unavailable);
    assert_eq!(error.kind(), kind);
    let report = format!("{:#}", anyhow::Error::from(error));
    for text in ["the store does not answer", "connection refused"] {
        assert_eq!(report.matches(text).count(), 1, "{report}");
    }
}

#[test]
fn one_error_of_a_store_answers_many_callers() {
    let error = StoreError::unavailable("the server does not answer");
    let error = error.with_source(io::Error::from(io::ErrorKind::ConnectionReset));
    let answers = [error.clone(), error];
    let sources = answers
        .each_ref()
        .map(|answer| answer.source().expect("it is kept"));
    assert!(ptr::addr_eq(sources[0], sources[1]));
    assert_eq!(answers[0].kind(), answers[1].kind());
}

#[test]
fn a_config_error_lists_its_problems() {
    let config = Config {
        workers: 0,
        queue_size: usize::MAX,
        server_name: String::new(),
    };
    let error = config.validate().expect_err("all of it is wrong");
    let kinds: Vec<_> = error.problems().map(|problem| problem.kind()).collect();
    let expected = [
        ConfigProblemKind::NoWorkers,
        ConfigProblemKind::Setting,
        ConfigProblemKind::NoServerName,
    ];
    assert_eq!(kinds, expected);
    let texts: Vec<_> = error.problems().map(ToString::to_string).collect();
    assert_eq!(
        error.to_string(),
        format!("invalid configuration: {}", texts.join("; "))
    );
}

#[test]
fn the_kind_of_an_error_is_that_of_its_last_failure() {
    let mut error = Error::msg("no mail");
    assert_eq!(error.kind(), FailureKind::Failed);
    error.append("connection refused");
    error.append_success();
    assert_eq!((error.kind(), error.attempts()), (FailureKind::Failed, 2));
    let last = error.failures().next_back().expect("there is one");
    assert!(last.error().is_some() && last.panic_location().is_none());
}
