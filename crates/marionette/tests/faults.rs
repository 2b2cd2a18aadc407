//! Marionette began as a Go package of this name, with twelve faults that must not come back. Each
//! test is named after what holds here; the line above it says what the package in Go does.

mod common;

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use common::{HOUR, SECOND, fails, manager, quick, slow, wall};
use marionette::backoff::{Constant, Exponential};
use marionette::event::{EventKind, Received};
use marionette::timer::{FutureTask, Scheduler};
use marionette::{Backoff, Context, TaskError, TaskManager, TaskState, wrap};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A test that is slow by nature takes seconds; one that meets the fault never ends.
const FOR_EVER: Duration = Duration::from_secs(120);

/// Keeps a worker busy until the sender is used.
async fn keep_busy(tasks: &TaskManager) -> oneshot::Sender<()> {
    let (free, freed) = oneshot::channel::<()>();
    let busy = tasks.queue(async { Ok(freed.await?) }).await;
    let busy = busy.expect("it runs");
    while busy.state() != TaskState::Running {
        tokio::task::yield_now().await;
    }
    free
}

/// Runs this on a thread with a paused clock, and fails if it never ends.
fn ends<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let (done, waits) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let builder = builder.enable_all().start_paused(true);
        builder.build().expect("a runtime").block_on(test());
        done.send(()).expect("the test waits");
    });
    match waits.recv_timeout(FOR_EVER) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
        _ => thread.join().expect("its message is above"),
    }
}

/// In Go, tasks between the two channels of a stop are lost, and retries are dropped in silence.
#[tokio::test(start_paused = true)]
async fn stop_loses_no_accepted_task_and_reports_what_waits() {
    let tasks = manager(2, 64);
    tasks.start();
    let ran = Arc::new(AtomicU32::new(0));
    for nth in 0..40_u32 {
        let ran = Arc::clone(&ran);
        let task = async move {
            sleep(SECOND).await;
            ran.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        // Every other one comes through the scheduler.
        let accepted = if nth % 2 == 0 {
            tasks.queue(task).await
        } else {
            tasks.delay(Duration::from_millis(1), task).await
        };
        drop(accepted.expect("it runs"));
    }
    let retries = tasks.queue(fails).retries(1).backoff(Constant::new(HOUR));
    let retrying = retries.await.expect("it runs");
    let delayed = tasks.delay(HOUR, quick).await.expect("accepted");
    sleep(5 * SECOND).await;
    let report = tasks.stop().await;
    assert_eq!(ran.load(Ordering::Relaxed), 40);
    assert_eq!((report.queued, report.waiting), (0, 2));
    assert_eq!(retrying.state(), TaskState::Retrying);
    assert_eq!(delayed.state(), TaskState::Waiting);
    assert_eq!(tasks.stats().done, 40);
}

/// In Go, the process ends.
#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_attempt_alone() {
    let tasks = manager(1, 8);
    tasks.start();
    let panics = async |cx: Context| {
        assert!(cx.attempt() > 1, "the first one");
        Ok(cx.attempt())
    };
    let error = tasks.queue(panics).await.expect("it runs").await;
    assert!(error.expect_err("it panics").is_panic());
    let handle = tasks.queue(panics).retries(1).await.expect("it runs");
    assert_eq!(handle.await.expect("the retry succeeds"), 2);
    assert!(tasks.is_running());
}

/// In Go, the scheduler spins at 100 % of a core.
#[test]
fn a_due_task_before_a_full_queue_sleeps() {
    // The paused clock advances only while nothing spins.
    ends(|| async {
        let tasks = manager(1, 1);
        tasks.start();
        let free = keep_busy(&tasks).await;
        let queued = tasks.queue(quick).await.expect("there is room");
        for _ in 0..1000 {
            drop(tasks.delay(SECOND, quick).await.expect("accepted"));
        }
        let due = tasks.delay(SECOND, quick).await.expect("accepted");
        sleep(HOUR).await;
        assert_eq!(due.state(), TaskState::Waiting);
        assert!(tasks.stats().waiting > 0, "the scheduler waits for room");
        free.send(()).expect("the task waits for it");
        queued.await.expect("it succeeds");
        due.await.expect("it succeeds");
    });
}

/// In Go, the error that the user gave is built and never logged.
#[tokio::test(start_paused = true)]
async fn the_users_error_is_in_the_final_event_and_in_the_handle() {
    let tasks = manager(1, 8);
    tasks.start();
    let mut events = tasks.events();
    let queued = tasks.queue(fails).error("no mail to ada");
    let error = queued.await.expect("it runs").await;
    let error = error.expect_err("it fails");
    assert_eq!(error.to_string(), "after 1 attempt: no mail to ada");
    drop(tasks);
    let mut told = Vec::new();
    while let Some(Received::Event(event)) = events.recv().await {
        if let EventKind::Failed(dict) = event.kind {
            told.push(dict);
        }
    }
    assert_eq!(told.len(), 1);
    assert_eq!(*told[0], error.dict());
    assert_eq!(told[0].error.as_deref(), Some("no mail to ada"));
}

/// In Go, a lock is held while a producer waits for room, and `Stop` hangs behind it.
#[tokio::test(start_paused = true)]
async fn a_producer_that_waits_holds_up_nobody_and_gets_its_task_back() {
    let tasks = manager(1, 1);
    tasks.start();
    let free = keep_busy(&tasks).await;
    tasks.queue(quick).await.expect("there is room");
    let producer = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.queue(wrap(quick).name("mine")).await }
    });
    sleep(SECOND).await;
    assert!(!producer.is_finished());
    assert!(tasks.is_running());
    let stopping = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.stop().await }
    });
    let refused = timeout(SECOND, producer).await.expect("it is told at once");
    let refused = refused.expect("no panic").expect_err("it was stopped");
    assert!(refused.is_stopped());
    assert_eq!(refused.into_task().to_string(), "mine");
    assert!(!tasks.is_running());
    assert!(!stopping.is_finished());
    free.send(()).expect("the task waits for it");
    let report = timeout(SECOND, stopping).await.expect("it ends");
    assert_eq!(report.expect("no panic").done, 2);
}

/// In Go, such tasks are accepted, and nobody hears of them again.
#[tokio::test(start_paused = true)]
async fn future_tasks_of_a_stopped_manager_are_kept_counted_and_told() {
    let tasks = manager(1, 8);
    tasks.start();
    tasks.stop().await;
    let delayed = tasks.delay(SECOND, quick).await.expect("kept");
    let scheduled = tasks.schedule(wall() + HOUR, quick).await.expect("kept");
    sleep(2 * SECOND).await;
    assert_eq!(delayed.state(), TaskState::Waiting);
    assert_eq!(tasks.stats().waiting, 2);
    assert_eq!(tasks.stop().await.waiting, 2);
    tasks.start();
    timeout(SECOND, delayed)
        .await
        .expect("it is due")
        .expect("done");
    tasks.stop().await;
    drop(tasks);
    let ended = timeout(SECOND, scheduled).await.expect("it resolves");
    assert!(ended.expect_err("no start comes any more").is_abandoned());
}

/// In Go, "stop" is taken as "retry at once", and two tasks corrupt the backoff that they share.
#[tokio::test(start_paused = true)]
async fn a_backoff_is_a_value_and_may_say_stop() {
    let tasks = manager(2, 8);
    tasks.start();
    let stops = Backoff::from_fn(|_| None);
    let queued = tasks.queue(fails).retries(100).backoff(stops);
    let error = queued.await.expect("it runs").await;
    assert_eq!(error.expect_err("it fails").attempts(), 1);

    // 1 s + 2 s + 4 s for each, however many use it.
    let exact = Exponential::default().initial(SECOND).multiplier(2.0);
    let shared = Backoff::from(exact.jitter(marionette::backoff::Jitter::None));
    let mut handles = Vec::new();
    for _ in 0..4 {
        let queued = tasks.queue(fails).retries(3).backoff(shared.clone());
        handles.push(queued.await.expect("it runs"));
        sleep(SECOND).await;
    }
    for handle in handles {
        let took = handle.await.expect_err("it fails").duration();
        assert!(took.abs_diff(7 * SECOND) < SECOND / 10, "{took:?}");
    }
}

/// In Go, it is about twice the queue size plus one.
#[tokio::test(start_paused = true)]
async fn the_capacity_is_the_queue_size() {
    for size in [0, 1, 5, 64] {
        let tasks = manager(1, size);
        tasks.start();
        tokio::task::yield_now().await;
        let free = keep_busy(&tasks).await;
        let mut accepted = Vec::new();
        while let Ok(handle) = tasks.queue(quick).try_now() {
            accepted.push(handle);
            assert!(accepted.len() <= size, "more than {size} were accepted");
        }
        assert_eq!(accepted.len(), size);
        assert_eq!(tasks.stats().queued, size);
        // Due tasks were accepted long ago, and make no room for more.
        for _ in 0..3 {
            drop(tasks.delay(Duration::ZERO, quick).await.expect("accepted"));
        }
        sleep(SECOND).await;
        assert!(tasks.queue(quick).try_now().expect_err("full").is_full());
        free.send(()).expect("the task waits for it");
        sleep(SECOND).await;
        assert_eq!(tasks.stats().done, size as u64 + 4);
    }
}

/// In Go, a stop can miss the wait for the workers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn start_then_stop_is_exact_under_any_interleaving() {
    let tasks = manager(3, 64);
    let mut total = 0;
    for round in 0..500_u64 {
        tasks.start();
        let count = round % 7;
        for _ in 0..count {
            drop(tasks.queue(quick).await.expect("it runs"));
        }
        let report = timeout(FOR_EVER, tasks.stop()).await.expect("it ends");
        total += count;
        assert_eq!(tasks.stats().done, total, "in round {round}");
        assert!(report.is_complete(), "{report}");
        assert_eq!((tasks.stats().workers, tasks.stats().running), (0, 0));
    }
}

/// In Go, every retry still runs.
#[tokio::test(start_paused = true)]
async fn a_cancelled_parent_ends_the_retries() {
    let tasks = manager(1, 8);
    tasks.start();
    let parent = CancellationToken::new();
    let calls = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&calls);
    let task = move |_: Context| {
        counts.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), TaskError>("refused".into()) }
    };
    let queued = tasks.queue(task).retries(100).context(parent.clone());
    let handle = queued.backoff(Constant::new(HOUR)).await.expect("it runs");
    sleep(2 * HOUR + SECOND).await;
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    parent.cancel();
    let error = timeout(2 * HOUR, handle).await.expect("it ends");
    assert!(error.expect_err("no retry follows").is_cancelled());
    sleep(10 * HOUR).await;
    assert_eq!(calls.load(Ordering::Relaxed), 3);
    let late = tasks.queue(quick).context(parent).await.expect("accepted");
    let error = late.await.expect_err("it never starts");
    assert!(error.is_cancelled());
}

/// In Go, nothing returns an id, a handle or a result, and nothing can be cancelled.
#[tokio::test(start_paused = true)]
async fn there_are_ids_handles_results_and_cancellation() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks.queue(async |cx: Context| Ok(cx.id())).await;
    let handle = handle.expect("it runs");
    let id = handle.id();
    assert_eq!(handle.await.expect("it succeeds"), id);
    let delayed = tasks.delay(HOUR, slow).await.expect("accepted");
    assert_ne!(delayed.id(), id);
    assert!(delayed.cancel("not needed"));
    assert!(delayed.await.expect_err("cancelled").is_cancelled());
}

/// In Go, each insertion copies the whole list.
#[test]
fn a_million_future_tasks_are_ordinary() {
    ends(|| async {
        let (out, mut due) = tokio::sync::mpsc::channel(1024);
        let scheduler = Scheduler::new(out);
        scheduler.start();
        // From the last to the first, the worst order for a sorted list, and while the scheduler
        // runs.
        for nth in (0..500_000_u32).rev() {
            scheduler.insert(FutureTask::after(SECOND + SECOND / 500_000 * nth, nth));
        }
        let base = wall() + HOUR;
        for nth in (500_000..1_000_000_u32).rev() {
            let time = base + Duration::from_micros(nth.into());
            scheduler.schedule(time, nth).expect("a sound time");
        }
        assert_eq!(scheduler.len(), 1_000_000);
        for nth in 0..1_000_000 {
            assert_eq!(due.recv().await, Some(nth));
        }
    });
}

/// In Go, each insertion copies the whole list.
#[test]
fn a_million_future_tasks_of_a_manager_are_ordinary() {
    ends(|| async {
        let tasks = manager(4, 1024);
        tasks.start();
        for nth in (0..1_000_000_u32).rev() {
            let delay = SECOND + Duration::from_micros(nth.into());
            drop(tasks.delay(delay, quick).await.expect("accepted"));
        }
        assert_eq!(tasks.stats().waiting, 1_000_000);
        sleep(10 * SECOND).await;
        assert_eq!(tasks.stats().done, 1_000_000);
    });
}
