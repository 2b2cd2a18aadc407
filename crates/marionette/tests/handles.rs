//! A handle is used to cancel, abort or await its task, or dropped, in every state of the task.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{GRACE, HOUR, SECOND, now, quick, started, stubborn};
use marionette::backoff::Constant;
use marionette::{Context, FailureKind, JoinHandle, TaskError, TaskManager, TaskState};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

/// A task that cannot hear that it should end.
async fn deaf(_: Context) -> Result<(), TaskError> {
    std::future::pending().await
}

/// The only reason why the task behind this handle ended.
async fn reason<T>(handle: JoinHandle<T>) -> String {
    let ended = timeout(HOUR, handle).await.expect("it resolves");
    let error = ended.err().expect("it was cancelled");
    assert!(error.is_cancelled(), "{error:?}");
    let last = error.failures().last().expect("there is a reason");
    assert_eq!(last.kind(), FailureKind::Cancelled);
    last.to_string()
}

#[tokio::test(start_paused = true)]
async fn a_handle_gives_the_typed_result() {
    let tasks = started(1, 8);
    let handle = tasks.queue(async |_: Context| Ok(vec![1_u8, 2]));
    let handle = handle.name("numbers").await.expect("it runs");
    assert_eq!(
        (handle.name(), handle.state()),
        ("numbers", TaskState::Waiting)
    );
    assert_eq!(handle.await.expect("it succeeds"), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_handle_knows_every_state() {
    let tasks = started(1, 8);
    let go = Arc::new(Notify::new());
    let gate = Arc::clone(&go);
    let handle = tasks
        .queue(move |cx: Context| {
            let gate = Arc::clone(&gate);
            async move {
                gate.notified().await;
                if cx.attempt() == 1 {
                    Err("again".into())
                } else {
                    Ok(())
                }
            }
        })
        .retries(1)
        .backoff(Constant::new(HOUR))
        .await
        .expect("it runs");
    assert_eq!(handle.state(), TaskState::Waiting);
    sleep(SECOND).await;
    assert_eq!(handle.state(), TaskState::Running);
    go.notify_one();
    sleep(SECOND).await;
    assert_eq!(handle.state(), TaskState::Retrying);
    sleep(HOUR).await;
    assert_eq!(handle.state(), TaskState::Running);
    assert!(!handle.is_finished());
    go.notify_one();
    sleep(SECOND).await;
    assert_eq!(handle.state(), TaskState::Finished);
    assert!(handle.is_finished());
    handle.await.expect("it succeeds");
}

#[tokio::test(start_paused = true)]
async fn cancel_while_queued_ends_at_once_and_never_runs() {
    let tasks = started(1, 8);
    let busy = tasks.queue(deaf).await.expect("it runs");
    sleep(SECOND).await;
    let (ran, runs) = oneshot::channel::<()>();
    let queued = tasks.queue(async move { ran.send(()).map_err(|()| "gone".into()) });
    let queued = queued.await.expect("there is room");
    let start = now();
    assert!(queued.cancel("not needed"));
    assert_eq!(queued.state(), TaskState::Finished);
    assert!(!queued.cancel("again"), "it has ended");
    assert_eq!(reason(queued).await, "cancelled: not needed");
    assert_eq!(now() - start, Duration::ZERO);
    busy.abort();
    runs.await.expect_err("it never ran");
    tasks.idle().await;
    assert_eq!((tasks.stats().done, tasks.stats().cancelled), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn cancel_while_delayed_ends_at_once_and_never_runs() {
    let tasks = started(1, 8);
    let delayed = tasks.delay(HOUR, quick).await.expect("accepted");
    assert!(delayed.cancel("not needed"));
    assert_eq!(reason(delayed).await, "cancelled: not needed");
    sleep(2 * HOUR).await;
    assert_eq!((tasks.stats().done, tasks.stats().waiting), (0, 0));
    assert_eq!(tasks.stats().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn cancel_between_two_attempts_ends_at_once_with_the_failures_so_far() {
    let tasks = started(1, 8);
    let fails = async |_: Context| Err::<(), TaskError>("refused".into());
    let handle = tasks.queue(fails).retries(9).backoff(Constant::new(HOUR));
    let handle = handle.await.expect("it runs");
    sleep(SECOND).await;
    assert_eq!(handle.state(), TaskState::Retrying);
    assert!(handle.cancel("not needed"));
    let ended = timeout(SECOND, handle).await.expect("it resolves at once");
    let error = ended.expect_err("it was cancelled");
    assert!(error.is_cancelled());
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.dict().errors, ["refused", "cancelled: not needed"]);
}

#[tokio::test(start_paused = true)]
async fn cancel_of_a_cooperative_attempt_is_its_end_and_no_retry_follows() {
    let tasks = started(1, 8);
    let asks = async |cx: Context| {
        cx.cancelled().await;
        assert!(cx.is_cancelled());
        assert_eq!(cx.cancel_reason().as_deref(), Some("shutting down"));
        Err::<(), TaskError>("told to end".into())
    };
    let handle = tasks.queue(asks).retries(9).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    assert!(handle.cancel("shutting down"));
    assert_eq!(reason(handle).await, "cancelled: shutting down");
    assert_eq!(now() - start, Duration::ZERO, "no grace is needed");
    assert_eq!(tasks.stats().cancelled, 1);
}

#[tokio::test(start_paused = true)]
async fn ok_after_a_cancel_is_a_success() {
    let tasks = started(1, 8);
    let asks = async |cx: Context| {
        cx.cancelled().await;
        sleep(SECOND).await;
        Ok("saved")
    };
    let handle = tasks.queue(asks).await.expect("it runs");
    sleep(SECOND).await;
    assert!(handle.cancel("shutting down"));
    assert_eq!(handle.await.expect("it counts"), "saved");
}

#[tokio::test(start_paused = true)]
async fn cancel_of_a_stubborn_attempt_drops_it_after_the_grace() {
    let tasks = started(1, 8);
    let handle = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    assert!(handle.cancel("now"));
    assert_eq!(reason(handle).await, "cancelled: now");
    let took = now() - start;
    assert!(took >= GRACE && took < GRACE + SECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn cancel_of_a_deaf_attempt_drops_it_at_once() {
    let tasks = started(1, 8);
    let handle = tasks.queue(deaf).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    assert!(handle.cancel("now"));
    assert_eq!(reason(handle).await, "cancelled: now");
    assert_eq!(now() - start, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn abort_in_the_grace_ends_it() {
    let tasks = started(1, 8);
    let handle = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    assert!(handle.cancel("please"));
    sleep(SECOND).await;
    assert_eq!(handle.state(), TaskState::Running);
    assert!(
        handle.cancel("please do"),
        "a second cancel changes nothing"
    );
    assert!(handle.abort());
    assert_eq!(reason(handle).await, "cancelled: please");
    assert_eq!(now() - start, SECOND);
}

#[tokio::test(start_paused = true)]
async fn abort_drops_a_running_attempt_at_once() {
    let tasks = started(1, 8);
    let handle = tasks.queue(stubborn).retries(9).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    assert!(handle.abort());
    assert_eq!(reason(handle).await, "cancelled: aborted");
    assert_eq!(now() - start, Duration::ZERO);
    let next = tasks.queue(quick).await.expect("the worker is free");
    next.await.expect("it succeeds");
}

#[tokio::test(start_paused = true)]
async fn abort_while_waiting_never_runs() {
    let tasks = started(1, 8);
    let delayed = tasks.delay(HOUR, quick).await.expect("accepted");
    assert!(delayed.abort());
    assert!(!delayed.abort());
    assert_eq!(reason(delayed).await, "cancelled: aborted");
}

#[tokio::test(start_paused = true)]
async fn cancel_after_the_end_changes_nothing() {
    let tasks = started(1, 8);
    let handle = tasks.queue(async |_: Context| Ok(1)).await.expect("runs");
    tasks.idle().await;
    assert!(!handle.cancel("too late"));
    assert!(!handle.abort());
    assert_eq!(handle.await.expect("it has succeeded"), 1);
    assert_eq!(tasks.stats().cancelled, 0);
}

#[tokio::test(start_paused = true)]
async fn cancelling_a_queued_task_makes_room_for_a_producer() {
    let tasks = TaskManager::builder().workers(1).queue_size(1);
    let tasks = tasks.build().expect("the settings are sound");
    tasks.start();
    let busy = tasks.queue(deaf).await.expect("it runs");
    sleep(SECOND).await;
    let queued = tasks.queue(quick).await.expect("there is room");
    assert!(queued.cancel("not needed"));
    busy.abort();
    let next = tasks.queue(quick).wait_at_most(SECOND).await.expect("room");
    next.await.expect("it succeeds");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_does_not_cancel() {
    let tasks = started(1, 8);
    let (ran, runs) = oneshot::channel();
    let handle = tasks.queue(async move {
        sleep(SECOND).await;
        ran.send("ran").map_err(|_| "gone".into())
    });
    drop(handle.await.expect("it runs"));
    assert_eq!(runs.await, Ok("ran"));
}

#[tokio::test(start_paused = true)]
async fn dropping_a_handle_leaks_neither_task_nor_result() {
    struct Output(Arc<()>);
    let tasks = started(1, 8);
    let alive = Arc::new(());
    let (captured, result) = (Arc::clone(&alive), Arc::clone(&alive));
    let code = move |_: Context| {
        let (captured, result) = (Arc::clone(&captured), Arc::clone(&result));
        async move {
            sleep(SECOND).await;
            drop(captured);
            Ok(Output(result))
        }
    };
    drop(tasks.queue(code).await.expect("it runs"));
    assert!(Arc::strong_count(&alive) > 1);
    tasks.idle().await;
    assert_eq!(Arc::strong_count(&alive), 1);
    let code = {
        let alive = Arc::clone(&alive);
        async move { Ok(Output(alive)) }
    };
    let handle = tasks.queue(code).await.expect("it runs");
    tasks.idle().await;
    assert_eq!(Arc::strong_count(&alive), 2, "the handle keeps the result");
    let output = handle.await.expect("it succeeds");
    assert_eq!(Arc::strong_count(&output.0), 2);
    drop(output);
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[tokio::test(start_paused = true)]
async fn a_handle_can_be_polled_by_reference_and_lose_nothing() {
    let tasks = started(1, 8);
    let slow = async |_: Context| {
        sleep(10 * SECOND).await;
        Ok("done")
    };
    let mut handle = tasks.queue(slow).await.expect("it runs");
    for _ in 0..3 {
        assert!(timeout(SECOND, &mut handle).await.is_err());
    }
    assert_eq!(handle.await.expect("it succeeds"), "done");
}

#[tokio::test(start_paused = true)]
async fn a_handle_wakes_the_task_that_polled_it_last() {
    let tasks = started(1, 8);
    let slow = async |_: Context| {
        sleep(SECOND).await;
        Ok(7)
    };
    let mut handle = tasks.queue(slow).await.expect("it runs");
    assert!(timeout(SECOND / 2, &mut handle).await.is_err());
    let elsewhere = tokio::spawn(handle);
    let ended = timeout(HOUR, elsewhere).await.expect("it is woken");
    assert_eq!(ended.expect("no panic").expect("it succeeds"), 7);
}

#[test]
fn a_handle_resolves_when_the_runtime_is_gone() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().expect("a runtime")
    };
    let first = runtime();
    let (tasks, running, queued) = first.block_on(async {
        let tasks = started(1, 8);
        let running = tasks.queue(stubborn).await.expect("it runs");
        let queued = tasks.queue(quick).await.expect("there is room");
        tokio::task::yield_now().await;
        (tasks, running, queued)
    });
    drop(first);
    let second = runtime();
    let error = second.block_on(running).expect_err("its runtime is gone");
    assert!(error.is_abandoned(), "{error:?}");
    drop(tasks);
    let error = second.block_on(queued).expect_err("the manager is gone");
    assert!(error.is_abandoned(), "{error:?}");
}

#[tokio::test]
async fn a_thread_outside_of_the_runtime_may_queue_and_wait() {
    let tasks = started(1, 8);
    let outside = tasks.clone();
    let thread = std::thread::spawn(move || {
        outside
            .queue(async |_: Context| Ok("from a thread"))
            .blocking_wait()
    });
    let joined = tokio::task::spawn_blocking(|| thread.join()).await;
    let handle = joined.expect("no panic").expect("no panic");
    let handle = handle.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), "from a thread");
}
