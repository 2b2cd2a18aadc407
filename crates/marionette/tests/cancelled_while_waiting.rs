//! Tasks that are cancelled while they wait, by their handles or with their parents: they end at
//! once, and their places are free.

mod common;

use std::future::Future;
use std::time::Duration;

use common::{HOUR, SECOND, quick, started, wall};
use marionette::backoff::Constant;
use marionette::{Context, JoinHandle, TaskError, TaskManager};
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

/// One task of this parent in each place where a task can wait.
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

/// Gives up after some seconds of real time: the fault would be a thread that waits for itself.
fn soon<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        runtime.expect("a runtime can be made").block_on(test());
        let _ = done.send(());
    });
    let ended = ended.recv_timeout(Duration::from_secs(20));
    ended.expect("it ends, and does not panic");
}

#[test]
fn tasks_of_a_cancelled_parent_make_room_for_who_waits_together_with_one_that_is_asked() {
    soon(async || {
        let (tasks, running) = busy(3).await;
        let parent = CancellationToken::new();
        let mut handles = Vec::new();
        for _ in 0..3 {
            let queued = tasks.queue(quick).context(parent.clone()).try_now();
            handles.push(queued.expect("there is room"));
        }
        let inner = tasks.clone();
        let waits = tokio::spawn(async move { inner.queue(quick).await.is_ok() });
        sleep(SECOND).await;
        parent.cancel();
        // It looks for room, and finds the other two as well.
        assert!(handles[0].is_finished());
        let accepted = timeout(SECOND, waits).await.expect("at once");
        assert!(accepted.expect("no panic"));
        assert_eq!((tasks.stats().queued, tasks.stats().cancelled), (1, 3));
        running.abort();
        assert_eq!(tasks.stop().await.queued, 0);
    });
}

/// Cancels another task when it is dropped, as a guard of an application may do.
struct CancelsAnother(Option<JoinHandle<()>>);

impl Drop for CancelsAnother {
    fn drop(&mut self) {
        if let Some(other) = &self.0 {
            other.cancel("the other was");
        }
    }
}

#[test]
fn a_task_that_cancels_another_as_it_is_dropped_holds_nobody_up() {
    soon(async || {
        let (tasks, _running) = busy(3).await;
        let parent = CancellationToken::new();
        let mut last = None;
        for _ in 0..3 {
            let guard = CancelsAnother(last.take());
            let queued = tasks.queue(move |_: Context| {
                let _ = &guard;
                async { Ok(()) }
            });
            let queued = queued.context(parent.clone()).try_now();
            last = Some(queued.expect("there is room"));
        }
        let inner = tasks.clone();
        let waits = tokio::spawn(async move { inner.queue(quick).await.is_ok() });
        sleep(SECOND).await;
        parent.cancel();
        assert!(last.take().expect("it was queued").is_finished());
        let accepted = timeout(SECOND, waits).await.expect("at once");
        assert!(accepted.expect("no panic"));
    });
}

#[tokio::test(start_paused = true)]
async fn tasks_of_a_cancelled_parent_leave_a_full_queue_though_nobody_holds_their_handles() {
    for queue_size in [1, 2, 64, 1000] {
        let (tasks, _running) = busy(queue_size).await;
        for turn in 0..3.min(queue_size) {
            let parent = CancellationToken::new();
            for _ in turn..queue_size {
                let queued = tasks.queue(quick).context(parent.clone()).try_now();
                drop(queued.expect("there is room"));
            }
            assert!(tasks.queue(quick).try_now().expect_err("full").is_full());
            parent.cancel();
            // After a few refusals a large queue is searched as a whole.
            let few = (0..=queue_size / 64).any(|_| tasks.queue(quick).try_now().is_ok());
            assert!(few, "of {queue_size}");
            assert_eq!(tasks.stats().queued, turn + 1);
        }
    }
}
