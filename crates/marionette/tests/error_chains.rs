//! A chain of errors says the cause exactly once, in the reports of `anyhow` and `eyre` too,
//! whatever ended the task.

mod common;

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::time::Duration;

use common::jobs::{Faulty, SendMail, mail};
use common::{HOUR, SECOND, fails, started};
use marionette::{
    Context, Error, Failure, FailureKind, MemoryStore, TaskError, TaskId, TaskManager,
};
use tokio::time::{sleep, timeout};

/// A cause with a cause of its own.
#[derive(Debug)]
struct NoMail(io::Error);

impl NoMail {
    fn new() -> Self {
        Self(io::Error::other("connection refused"))
    }
}

impl fmt::Display for NoMail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mail was not sent")
    }
}

impl StdError for NoMail {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&self.0)
    }
}

async fn no_mail(_: Context) -> Result<(), TaskError> {
    Err(NoMail::new())?
}

/// Checks that each report of the error has each of its texts exactly once, and that the short ones
/// are these texts in a line.
fn told_once<E: StdError + Send + Sync + 'static>(error: E, texts: &[&str]) -> E {
    let line = texts.join(": ");
    let anyhow = anyhow::Error::from(error);
    assert_eq!(format!("{anyhow:#}"), line);
    let in_full = format!("{anyhow:?}");
    let error = anyhow.downcast::<E>().expect("it is still the same");
    let eyre = eyre::Report::from(error);
    assert_eq!(format!("{eyre:#}"), line);
    for report in [in_full, format!("{eyre:?}")] {
        for text in texts {
            assert_eq!(report.matches(text).count(), 1, "{text}\n{report}");
        }
    }
    eyre.downcast::<E>().expect("it is still the same")
}

/// As `told_once`, for the error of a task, which writes itself in a line too.
fn told(error: Error, kind: FailureKind, texts: &[&str]) -> Error {
    assert_eq!(error.kind(), kind);
    assert_eq!(error.to_string(), texts[0]);
    assert_eq!(format!("{error:#}"), texts.join(": "));
    let in_full = format!("{error:?}");
    for text in texts {
        assert_eq!(in_full.matches(text).count(), 1, "{text}\n{in_full}");
    }
    told_once(error, texts)
}

#[tokio::test(start_paused = true)]
async fn an_error_and_its_cause_are_told_once() {
    let tasks = started(1, 1);
    let handle = tasks.queue(no_mail).await.expect("it runs");
    let error = handle.await.expect_err("it fails");
    let texts = [
        "task failed after 1 attempt",
        "the mail was not sent",
        "connection refused",
    ];
    let error = told(error, FailureKind::Failed, &texts);
    let source = error.source().expect("the error of the attempt");
    assert!(
        source.is::<NoMail>(),
        "the chain has the error as it was returned"
    );
}

#[tokio::test(start_paused = true)]
async fn an_error_that_came_by_anyhow_or_eyre_is_told_once() {
    let tasks = started(1, 1);
    let by_anyhow = async |_: Context| {
        let failed: anyhow::Result<()> = Err(NoMail::new().into());
        Ok(failed.map_err(|error| error.context("no welcome for ada"))?)
    };
    let by_eyre = async |_: Context| {
        let failed: eyre::Result<()> = Err(NoMail::new().into());
        Ok(failed.map_err(|error| error.wrap_err("no welcome for ada"))?)
    };
    let handles = [
        tasks.queue(by_anyhow).await.expect("it runs"),
        tasks.queue(by_eyre).await.expect("it runs"),
    ];
    for handle in handles {
        let error = handle.await.expect_err("it fails");
        let texts = [
            "task failed after 1 attempt",
            "no welcome for ada",
            "the mail was not sent",
            "connection refused",
        ];
        told(error, FailureKind::Failed, &texts);
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_told_once_with_its_place() {
    let tasks = started(1, 1);
    let panics = async |_: Context| -> Result<(), TaskError> { panic!("no luck") };
    let handle = tasks.queue(panics).await.expect("it runs");
    let error = handle.await.expect_err("it fails");
    let location = error.failures().next().and_then(Failure::panic_location);
    let location = location.expect("the place is known");
    assert!(location.starts_with(file!()), "{location}");
    let panic = format!("panicked: no luck at {location}");
    told(
        error,
        FailureKind::Panicked,
        &["task failed after 1 attempt", &panic],
    );
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_time_is_told_once() {
    let tasks = started(1, 1);
    let hangs = async |_: Context| -> Result<(), TaskError> { std::future::pending().await };
    let one = tasks.queue(hangs).timeout(SECOND).await.expect("it runs");
    let texts = ["task failed after 1 attempt", "timed out after 1s"];
    told(
        one.await.expect_err("it hangs"),
        FailureKind::TimedOut,
        &texts,
    );
    let all = tasks
        .queue(hangs)
        .give_up_after(SECOND)
        .await
        .expect("it runs");
    let texts = ["task failed after 1 attempt", "given up after 1s in total"];
    told(
        all.await.expect_err("it hangs"),
        FailureKind::TimedOut,
        &texts,
    );
}

#[tokio::test(start_paused = true)]
async fn an_expiry_is_told_once_and_is_the_headline() {
    let tasks = started(1, 2);
    let slow = async |_: Context| {
        sleep(HOUR).await;
        Ok(())
    };
    let slow = tasks.queue(slow).await.expect("it runs");
    let late = tasks.queue(no_mail).expires_after(SECOND).await;
    let late = late.expect("it waits").await.expect_err("it is late");
    told(
        late,
        FailureKind::Expired,
        &["expired: not started within 1s of its time"],
    );
    slow.await.expect("it succeeds");
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_told_once_before_and_after_attempts() {
    let tasks = started(1, 1);
    let early = tasks.delay(HOUR, no_mail).await.expect("it waits");
    early.cancel("no need");
    let error = early.await.expect_err("it is cancelled");
    told(error, FailureKind::Cancelled, &["cancelled: no need"]);

    let later = tasks.queue(fails).retries(1);
    let later = later
        .backoff(marionette::Backoff::from_fn(|_| Some(HOUR)))
        .await
        .expect("it runs");
    sleep(SECOND).await;
    later.cancel("no need");
    let error = later.await.expect_err("it is cancelled");
    let expected = ["task failed after 1 attempt", "cancelled: no need"];
    told(error, FailureKind::Cancelled, &expected);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_task_is_told_once() {
    let tasks = started(1, 1);
    let handle = tasks.delay(HOUR, no_mail).await.expect("it waits");
    drop(tasks);
    let error = handle.await.expect_err("nobody runs it");
    let texts = ["abandoned: the task manager is gone"];
    told(error, FailureKind::Abandoned, &texts);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_missing_is_told_once() {
    let tasks = TaskManager::builder().store(MemoryStore::new()).build();
    let tasks = tasks.expect("it is sound");
    let error = tasks.job_handle::<SendMail>(TaskId::new()).await;
    let error = error.expect_err("it never was there");
    assert!(error.is_missing());
    let texts = ["the store does not know the job: it was pruned or deleted, or never was there"];
    told(error, FailureKind::Missing, &texts);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_asked_is_told_once_and_does_not_say_that_the_job_failed() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let handle = tasks.queue(mail("ada")).await.expect("it is accepted");
    store.fail(true);
    let error = handle.await.expect_err("the store fails");
    assert!(error.is_unreachable() && !error.is_missing());
    let texts = [
        "the job may still run: its store could not be asked",
        "the store does not answer",
        "connection refused",
    ];
    told(error, FailureKind::Unreachable, &texts);
    let refused = tasks.queue(mail("ada")).await.expect_err("the store fails");
    told_once(
        refused,
        &["the store does not answer", "connection refused"],
    );
}

#[tokio::test(start_paused = true)]
async fn with_a_users_error_the_cause_is_told_once_whatever_it_was() {
    let tasks = started(1, 2);
    let failed = tasks
        .queue(no_mail)
        .error("no welcome for ada")
        .await
        .expect("it runs");
    let error = failed.await.expect_err("it fails");
    let texts = [
        "after 1 attempt: no welcome for ada",
        "the mail was not sent",
        "connection refused",
    ];
    let error = told(error, FailureKind::Failed, &texts);
    assert!(
        error.is::<NoMail>() && error.is::<io::Error>(),
        "the user's error hides none"
    );

    let panics = async |_: Context| -> Result<(), TaskError> { panic!("no luck") };
    let panics = tasks
        .queue(panics)
        .error("no welcome for ada")
        .await
        .expect("it runs");
    let error = panics.await.expect_err("it panics");
    let panic = error.failures().next().expect("it panicked").to_string();
    told(
        error,
        FailureKind::Panicked,
        &["after 1 attempt: no welcome for ada", &panic],
    );

    let early = tasks
        .delay(HOUR, no_mail)
        .error("no welcome for ada")
        .await
        .expect("it waits");
    early.cancel("no need");
    let error = early.await.expect_err("it is cancelled");
    let texts = ["after 0 attempts: no welcome for ada", "cancelled: no need"];
    told(error, FailureKind::Cancelled, &texts);
}

/// A job whose arguments never encode.
#[derive(serde::Serialize, serde::Deserialize)]
struct Unfit(#[serde(serialize_with = "never")] u32);

#[allow(clippy::trivially_copy_pass_by_ref)] // The form that serde asks for.
fn never<S: serde::Serializer>(_: &u32, _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("the number is unfit"))
}

impl marionette::Job for Unfit {
    const KIND: &'static str = "unfit";
    type Output = ();
}

#[tokio::test]
async fn the_reason_of_a_refusal_is_told_once() {
    let tasks = TaskManager::builder().store(MemoryStore::new()).build();
    let tasks = tasks.expect("it is sound");
    let refused = tasks.queue(Unfit(7)).await.expect_err("it does not encode");
    let text = refused.to_string();
    assert!(text.contains("the number is unfit"), "{text}");
    told_once(refused.forget_task(), &[&text]);
}

/// On the real clock, since this is a promise about time.
#[tokio::test]
async fn a_timeout_on_the_real_clock_is_told_once() {
    let tasks = started(1, 1);
    let hangs = async |_: Context| -> Result<(), TaskError> { std::future::pending().await };
    let limit = Duration::from_millis(20);
    let handle = tasks.queue(hangs).timeout(limit).await.expect("it runs");
    let error = timeout(HOUR, handle)
        .await
        .expect("it ends")
        .expect_err("it hangs");
    told(
        error,
        FailureKind::TimedOut,
        &["task failed after 1 attempt", "timed out after 20ms"],
    );
}
