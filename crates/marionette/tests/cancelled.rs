//! Tasks that are cancelled while they wait, by their handles or with their parents: they end at
//! once, and their places are free.

mod common;

use common::{HOUR, SECOND, quick, started, wall};
use marionette::{Constant, Context, JoinHandle, TaskError, TaskManager};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

async fn fails(_: Context) -> Result<(), TaskError> {
    Err("refused".into())
}

/// One worker that is busy for good.
async fn busy(queue_size: usize) -> (TaskManager, JoinHandle<()>) {
    let tasks = started(1, queue_size);
    let hangs = async |_: Context| std::future::pending::<Result<(), TaskError>>().await;
    let running = tasks.queue(hangs).await.expect("it runs");
    sleep(SECOND).await;
    (tasks, running)
}

/// One task in each place where a task can wait, of this parent.
async fn in_every_place(tasks: &TaskManager, parent: &CancellationToken) -> Vec<JoinHandle<()>> {
    let sound = "it is accepted";
    let retried = tasks.queue(fails).retries(1).context(parent.clone());
    let retried = retried.backoff(Constant::new(HOUR)).await.expect(sound);
    sleep(SECOND).await;
    let delayed = tasks.delay(HOUR, fails).context(parent.clone()).await;
    let scheduled = tasks.schedule(wall() + HOUR, fails).context(parent.clone());
    let snooze = async |_: Context| Err::<(), _>(TaskError::snooze(HOUR));
    let snoozed = tasks.queue(snooze).context(parent.clone()).await;
    sleep(SECOND).await;
    tasks.pause();
    let queued = tasks.queue(fails).context(parent.clone()).await;
    vec![
        retried,
        delayed.expect(sound),
        scheduled.await.expect(sound),
        snoozed.expect(sound),
        queued.expect(sound),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_ends_with_its_parent_at_once() {
    let tasks = started(1, 64);
    let parent = CancellationToken::new();
    for handle in in_every_place(&tasks, &parent).await {
        let id = handle.id();
        let awaited = tokio::spawn(timeout(SECOND, handle));
        tokio::task::yield_now().await;
        parent.cancel();
        let ended = awaited.await.expect("no panic").expect("at once");
        let error = ended.expect_err("cancelled");
        assert!(error.is_cancelled(), "{id}: {error:?}");
        assert!(
            error
                .dict()
                .errors
                .last()
                .is_some_and(|last| last.contains("parent"))
        );
    }
    let report = tasks.stop().await;
    assert_eq!((report.queued, report.waiting), (0, 0), "{report}");
    assert_eq!(tasks.stats().cancelled, 5);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_count_what_ended_with_its_parent() {
    let tasks = started(1, 64);
    let parent = CancellationToken::new();
    let handles = in_every_place(&tasks, &parent).await;
    parent.cancel();
    assert!(handles[..3].iter().all(JoinHandle::is_finished));
    // Nobody has looked at the others.
    let report = tasks.stop().await;
    assert_eq!((report.queued, report.waiting), (0, 0), "{report}");
    assert!(tasks.take_waiting().is_empty());
    assert_eq!(tasks.stats().cancelled, 5);
}

#[tokio::test]
async fn a_retry_ends_with_its_parent_on_the_real_clock_too() {
    let tasks = started(1, 64);
    let parent = CancellationToken::new();
    let retried = tasks.queue(fails).retries(1).context(parent.clone());
    let handle = retried.backoff(Constant::new(HOUR)).await.expect("it runs");
    tasks.idle().await;
    parent.cancel();
    let ended = timeout(10 * SECOND, handle).await.expect("at once");
    assert!(ended.expect_err("cancelled").is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_task_gives_its_place_in_a_full_queue_back_at_once() {
    for by_parent in [false, true] {
        let (tasks, running) = busy(2).await;
        let parent = CancellationToken::new();
        let first = tasks.queue(quick).context(parent.clone()).try_now();
        let first = first.expect("there is room");
        let second = tasks.queue(quick).try_now().expect("there is room");
        assert!(tasks.queue(quick).try_now().expect_err("full").is_full());
        if by_parent {
            parent.cancel();
            assert!(first.is_finished());
        } else {
            assert!(first.cancel("not needed"));
        }
        let third = tasks.queue(quick).try_now().expect("its place is free");
        assert!(tasks.queue(quick).try_now().expect_err("full").is_full());
        assert_eq!((tasks.stats().queued, tasks.stats().cancelled), (2, 1));
        assert!(first.await.expect_err("cancelled").is_cancelled());
        running.abort();
        second.await.expect("it runs");
        third.await.expect("it runs");
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_room_gets_the_place_of_a_cancelled_task() {
    let (tasks, _running) = busy(1).await;
    let first = tasks.queue(quick).try_now().expect("there is room");
    let inner = tasks.clone();
    let waits = tokio::spawn(async move { inner.queue(quick).await.is_ok() });
    sleep(SECOND).await;
    assert!(!waits.is_finished());
    assert!(first.cancel("not needed"));
    let accepted = timeout(SECOND, waits).await.expect("at once");
    assert!(accepted.expect("no panic"));
    assert_eq!(tasks.stats().queued, 1);
}
