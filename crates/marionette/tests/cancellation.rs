//! What is asked to end ends as cancelled or stopped: tasks that run, and stops that were dropped
//! or hurried.

mod common;

use std::sync::{Arc, Mutex};

use common::{HOUR, SECOND, cooperative, started, stubborn};
use marionette::backoff::Constant;
use marionette::{Context, Error, FailureKind, JoinHandle, TaskError};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

#[tokio::test(start_paused = true)]
async fn a_cooperative_task_that_is_cancelled_ends_as_cancelled() {
    let tasks = started(1, 64);
    for retries in [0, 9] {
        let handle = tasks
            .queue(cooperative)
            .retries(retries)
            .await
            .expect("runs");
        sleep(SECOND).await;
        assert!(handle.cancel("not needed"));
        let error = handle.await.expect_err("cancelled");
        assert!(error.is_cancelled(), "{error:?}");
        assert_eq!(error.dict().errors, ["cancelled: not needed"]);
    }
    let stats = tasks.stats();
    assert_eq!((stats.cancelled, stats.failed, stats.retried), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cooperative_task_whose_parent_is_cancelled_ends_as_cancelled() {
    let tasks = started(1, 64);
    let parent = CancellationToken::new();
    let handle = tasks.queue(cooperative).context(parent.clone()).await;
    let handle = handle.expect("it runs");
    sleep(SECOND).await;
    parent.cancel();
    let error = handle.await.expect_err("cancelled");
    assert!(error.is_cancelled(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_cancelled_before_it_waits_ends_as_cancelled() {
    let tasks = started(1, 64);
    for abort in [false, true] {
        let place = Arc::new(Mutex::new(None::<JoinHandle<()>>));
        let itself = Arc::clone(&place);
        let ends = move |cx: Context| {
            if let Some(handle) = &*itself.lock().expect("nobody panics") {
                assert!(if abort {
                    handle.abort()
                } else {
                    handle.cancel("aborted")
                });
            }
            cooperative(cx)
        };
        tasks.pause();
        let handle = tasks.queue(ends).retries(9).await.expect("it runs");
        *place.lock().expect("nobody panics") = Some(handle);
        tasks.resume();
        tasks.idle().await;
        let handle = place.lock().expect("nobody panics").take();
        let error = handle.expect("it is there").await.expect_err("cancelled");
        assert!(error.is_cancelled(), "{error:?}");
        assert_eq!(error.dict().errors, ["cancelled: aborted"]);
    }
    let stats = tasks.stats();
    assert_eq!((stats.cancelled, stats.failed, stats.retried), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_parent_is_cancelled_before_it_waits_ends_as_cancelled() {
    let tasks = started(1, 64);
    let parent = CancellationToken::new();
    let cancelled = parent.clone();
    let ends = move |cx: Context| {
        cancelled.cancel();
        cooperative(cx)
    };
    let handle = tasks.queue(ends).context(parent).retries(9).await;
    let error = handle.expect("it runs").await.expect_err("cancelled");
    assert!(error.is_cancelled(), "{error:?}");
    let stats = tasks.stats();
    assert_eq!((stats.cancelled, stats.failed, stats.retried), (1, 0, 0));
}

/// How many attempts were made, and for how many seconds the cancelled one ran.
fn cancelled(error: &Error) -> (u32, u64) {
    let last = error.failures().last().expect("there was one");
    assert_eq!(last.kind(), FailureKind::Cancelled, "{error:?}");
    (error.attempts(), last.duration().as_secs())
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_cancelled_counts_with_its_duration() {
    let tasks = started(1, 64);
    let fails_once = async |cx: Context| match cx.attempt() {
        1 => Err("refused".into()),
        _ => cooperative(cx).await,
    };
    for abort in [false, true] {
        let queued = tasks.queue(fails_once).retries(9);
        let handle = queued.backoff(Constant::new(SECOND)).await.expect("runs");
        // The second attempt begins after one second.
        sleep(7 * SECOND / 2).await;
        assert!(if abort {
            handle.abort()
        } else {
            handle.cancel("not needed")
        });
        let error = handle.await.expect_err("cancelled");
        assert_eq!(cancelled(&error), (2, 2), "{error:?}");
    }
    let itself = async |_: Context| {
        sleep(3 * SECOND / 2).await;
        Err::<(), _>(TaskError::cancelled("obsolete"))
    };
    let error = tasks.queue(itself).await.expect("runs").await;
    assert_eq!(cancelled(&error.expect_err("cancelled")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_cancelled_while_it_waits_counts_no_attempt() {
    let tasks = started(1, 64);
    let handle = tasks.delay(HOUR, cooperative).await.expect("accepted");
    sleep(SECOND).await;
    handle.cancel("not needed");
    assert_eq!(cancelled(&handle.await.expect_err("cancelled")), (0, 0));
    let parent = CancellationToken::new();
    parent.cancel();
    let handle = tasks.queue(cooperative).context(parent).await;
    let error = handle.expect("runs").await.expect_err("cancelled");
    assert_eq!(cancelled(&error), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_future_task_is_counted_when_a_stop_sweeps_it() {
    let tasks = started(1, 64);
    let handle = tasks.delay(HOUR, cooperative).await.expect("accepted");
    assert!(handle.cancel("not needed"));
    tasks.stop().await;
    assert_eq!(tasks.stats().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stop_within_can_be_taken_up_by_another() {
    for within in [true, false] {
        let tasks = started(1, 64);
        let handle = tasks.queue(stubborn).await.expect("it runs");
        sleep(SECOND).await;
        // The stop is dropped while it grants the grace.
        let dropped = timeout(2 * SECOND, tasks.stop_within(SECOND)).await;
        assert!(dropped.is_err());
        let report = if within {
            timeout(HOUR, tasks.stop_within(SECOND)).await
        } else {
            timeout(HOUR, tasks.stop()).await
        };
        let report = report.expect("it ends");
        assert_eq!(report.interrupted.len(), 1, "{report}");
        assert_eq!(report.interrupted[0].id, handle.id());
        assert_eq!((report.queued, tasks.stats().running), (1, 0));
        assert!(tasks.stop().await.duration.is_zero());
    }
}

#[tokio::test(start_paused = true)]
async fn a_patient_stop_reports_what_a_hurried_one_interrupted() {
    let tasks = started(1, 64);
    let handle = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let both = async { tokio::join!(tasks.stop(), tasks.stop_within(SECOND)) };
    let (patient, hurried) = timeout(HOUR, both).await.expect("both end");
    for report in [patient, hurried] {
        assert_eq!(report.interrupted.len(), 1, "{report}");
        assert_eq!(report.interrupted[0].id, handle.id());
        assert!(report.abandoned.is_empty());
    }
}
