//! Errors of user code, and the record that a task's handle gives of them.

use std::io;
use std::time::Duration;

use marionette::{Backoff, Config, Context, Error, TaskError, TaskManager};

fn running() -> TaskManager {
    let tasks = TaskManager::new(Config::default()).expect("the default is valid");
    tasks.start();
    tasks
}

/// Runs a task that fails, and returns its error. The caller keeps the manager, since a manager
/// that is dropped abandons its tasks.
async fn failure<F, Fut>(tasks: &TaskManager, task: F) -> Error
where
    F: FnMut(Context) -> Fut + Send + 'static,
    Fut: Future<Output = Result<(), TaskError>> + Send + 'static,
{
    let handle = tasks.queue(task).await.expect("it runs");
    handle.await.expect_err("it fails")
}

#[tokio::test]
async fn a_standard_error_goes_in_with_a_question_mark_and_comes_out_as_itself() {
    let tasks = running();
    let read = async |_: Context| {
        Err(io::Error::from(io::ErrorKind::NotFound))?;
        Ok(())
    };
    let error = failure(&tasks, read).await;
    assert_eq!(
        error.downcast_ref::<io::Error>().expect("it is one").kind(),
        io::ErrorKind::NotFound
    );
}

#[tokio::test]
async fn anyhow_goes_in_with_a_question_mark_and_its_chain_comes_out() {
    let tasks = running();
    let call = async |_: Context| {
        let called: anyhow::Result<()> =
            Err(anyhow::anyhow!("connection refused").context("could not call the webhook"));
        called?;
        Ok(())
    };
    let error = failure(&tasks, call).await;
    let failure = error.failures().next().expect("there was one");
    assert_eq!(failure.to_string(), "could not call the webhook");
    assert_eq!(
        format!("{failure:#}"),
        "could not call the webhook: connection refused"
    );
}

#[tokio::test]
async fn eyre_goes_in_with_a_question_mark() {
    let tasks = running();
    let call = async |_: Context| {
        let called: eyre::Result<()> = Err(eyre::eyre!("connection refused"));
        called?;
        Ok(())
    };
    let error = failure(&tasks, call).await;
    assert_eq!(
        error.failures().next().expect("there was one").to_string(),
        "connection refused"
    );
}

#[tokio::test]
async fn a_text_is_an_error_too() {
    let tasks = running();
    let call = async |_: Context| Err::<(), _>(format!("status {}", 500).into());
    let error = failure(&tasks, call).await;
    assert_eq!(
        error.failures().next().expect("there was one").to_string(),
        "status 500"
    );
}

#[tokio::test]
async fn the_last_handle_of_a_manager_abandons_what_it_accepted() {
    let tasks = running();
    let hangs = async { std::future::pending::<Result<(), TaskError>>().await };
    let handle = tasks.queue(hangs).await.expect("it runs");
    drop(tasks);
    let error = handle.await.expect_err("it was abandoned");
    assert!(error.is_abandoned());
}

#[test]
fn the_record_can_be_serialised() {
    let mut error = Error::msg("could not send the mail");
    error.append("connection refused");
    error.append_success();
    let json = serde_json::to_value(error.dict()).expect("it can be serialised");
    let expected = serde_json::json!({
        "error": "could not send the mail",
        "attempts": 2,
        "errors": ["connection refused"],
        "omitted": 0,
        "duration": { "secs": 0, "nanos": 0 },
    });
    assert_eq!(json, expected);
}

#[tokio::test(start_paused = true)]
async fn a_record_is_bounded_and_counts_what_it_leaves_out() {
    let tasks = running();
    let fails = async |cx: Context| Err::<(), _>(format!("attempt {}", cx.attempt()).into());
    let handle = tasks
        .queue(fails)
        .retries(999)
        .backoff(Backoff::none())
        .await
        .expect("it runs");
    let error = handle.await.expect_err("it fails");
    let dict = error.dict();
    assert_eq!(
        (dict.attempts, dict.errors.len(), dict.omitted),
        (1000, 128, 872)
    );
    assert_eq!(
        (dict.errors[63].as_str(), dict.errors[64].as_str()),
        ("attempt 64", "attempt 937")
    );
    assert!(
        format!("{error:?}").contains("\n  … 872 more\n  937. attempt 937"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_manager_that_lost_its_runtime_starts_on_another() {
    let tasks = TaskManager::new(Config::default()).expect("the default is valid");
    let lost = tasks.clone();
    let handle = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime can be built").block_on(async {
            lost.start();
            lost.pause();
            let queued = lost.queue(async |_: Context| Ok("it ran")).await;
            Some(queued.expect("it runs"))
        })
    });
    let handle = handle
        .join()
        .expect("it does not panic")
        .expect("it was queued");
    assert!(!tasks.is_running());
    tasks.start();
    tasks.resume();
    let ran = tokio::time::timeout(Duration::from_secs(10), handle)
        .await
        .expect("it goes on");
    assert_eq!(ran.expect("it succeeds"), "it ran");
}
