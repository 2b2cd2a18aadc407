//! Limits in time, what a task may say of its failure, panics, and threads that block.

mod common;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{GRACE, HOUR, SECOND, fails, now, started, stubborn, works_on};
use marionette::backoff::Constant;
use marionette::store::Store;
use marionette::{
    Backoff, Context, Error, FailureKind, Job, MemoryStore, TaskError, TaskManager, TaskState,
    blocking, wrap,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, timeout};

#[tokio::test(start_paused = true)]
async fn a_timeout_tells_the_token_first_and_drops_after_the_grace() {
    let tasks = started(1, 64);
    let start = now();
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let task = move |cx: Context| {
        let tell = Arc::clone(&tell);
        async move {
            cx.token().cancelled().await;
            *tell.lock().expect("not poisoned") = Some(now());
            std::future::pending::<Result<(), TaskError>>().await
        }
    };
    let handle = tasks.queue(task).timeout(SECOND).await.expect("it runs");
    let error = handle.await.expect_err("it is too slow");
    assert!(error.is_timed_out());
    assert_eq!(error.dict().errors, ["timed out after 1s"]);
    let told = told.lock().expect("not poisoned").expect("it was told");
    assert!(told - start >= SECOND && told - start < 2 * SECOND);
    assert!(now() - start >= SECOND + GRACE);
    assert!(now() - start < SECOND + GRACE + SECOND);
    assert_eq!(tasks.stats().timed_out, 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_drops_an_attempt_at_once_that_never_asked() {
    let tasks = started(1, 64);
    let start = now();
    let deaf = async |_: Context| std::future::pending::<Result<(), TaskError>>().await;
    let handle = tasks.queue(deaf).timeout(SECOND).await.expect("it runs");
    assert!(handle.await.expect_err("it is too slow").is_timed_out());
    assert!(now() - start < 2 * SECOND);
    works_on(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_success_within_the_grace_counts() {
    let tasks = started(1, 64);
    let task = async |cx: Context| {
        cx.cancelled().await;
        sleep(SECOND).await;
        Ok("late")
    };
    let handle = tasks.queue(task).timeout(SECOND).await.expect("it runs");
    assert_eq!(handle.await.expect("it counts"), "late");
    assert_eq!(tasks.stats().timed_out, 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_retried_with_a_fresh_deadline() {
    let tasks = started(1, 64);
    let task = async |cx: Context| {
        if cx.attempt() == 1 {
            cx.cancelled().await;
            return Err("too slow".into());
        }
        assert!(!cx.is_cancelled(), "each attempt has a token of its own");
        sleep(SECOND / 2).await;
        Ok(cx.attempt())
    };
    let queued = tasks.queue(task).retries(1).timeout(SECOND);
    let handle = queued.backoff(Backoff::none()).await.expect("it runs");
    assert_eq!(handle.await.expect("the retry succeeds"), 2);
}

#[tokio::test(start_paused = true)]
async fn give_up_after_ends_an_attempt_and_all_retries() {
    let tasks = started(1, 64);
    let start = now();
    let queued = tasks.queue(fails).retries(1000);
    let queued = queued.backoff(Constant::new(SECOND));
    let handle = queued.give_up_after(10 * SECOND).await.expect("it runs");
    let error = handle.await.expect_err("it always fails");
    assert!(now() - start <= 10 * SECOND, "{:?}", now() - start);
    assert!((9..=11).contains(&error.attempts()), "{error:?}");

    let task = async |cx: Context| {
        cx.cancelled().await;
        Err::<(), TaskError>("told to end".into())
    };
    let queued = tasks.queue(task).retries(9).give_up_after(10 * SECOND);
    let error = queued.await.expect("it runs").await;
    let error = error.expect_err("it is given up");
    assert!(error.is_timed_out());
    assert_eq!(error.attempts(), 1);
    assert_eq!(error.dict().errors, ["given up after 10s in total"]);
}

#[tokio::test(start_paused = true)]
async fn give_up_after_counts_from_when_the_task_was_due() {
    let tasks = started(1, 64);
    let delayed = tasks.delay(HOUR, async |_: Context| Ok("in time"));
    let handle = delayed.give_up_after(SECOND).await.expect("accepted");
    assert_eq!(handle.await.expect("the delay is not counted"), "in time");
    let busy = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let queued = tasks.queue(async |_: Context| Ok(())).give_up_after(SECOND);
    let handle = queued.await.expect("there is room");
    sleep(2 * SECOND).await;
    busy.abort();
    let error = handle.await.expect_err("no worker was free in time");
    assert!(error.is_timed_out());
    assert_eq!((error.attempts(), tasks.stats().failed), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn expires_ends_what_was_not_started_in_time() {
    let tasks = started(1, 64);
    let busy = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let late = tasks.queue(async |_: Context| Ok(1)).expires_after(SECOND);
    let late = late.await.expect("there is room");
    let patient = tasks.queue(async |_: Context| Ok(2)).expires_after(HOUR);
    let patient = patient.await.expect("there is room");
    sleep(2 * SECOND).await;
    busy.abort();
    let error = late.await.expect_err("it was not started in time");
    assert!(error.is_expired() && !error.is_timed_out());
    assert_eq!(error.attempts(), 0);
    assert_eq!(
        error.dict().errors,
        ["expired: not started within 1s of its time"]
    );
    assert_eq!(patient.await.expect("it was in time"), 2);
    assert_eq!(tasks.stats().expired, 1);
}

#[tokio::test(start_paused = true)]
async fn expires_does_not_end_retries() {
    let tasks = started(1, 64);
    let task = async |cx: Context| match cx.attempt() {
        1 => Err("not yet".into()),
        nth => Ok(nth),
    };
    let queued = tasks.queue(task).retries(1).expires_after(SECOND);
    let handle = queued.backoff(Constant::new(HOUR)).await.expect("it runs");
    assert_eq!(handle.await.expect("what began may go on"), 2);
}

#[tokio::test(start_paused = true)]
async fn snooze_uses_no_attempt() {
    let tasks = started(1, 64);
    let start = now();
    let calls = AtomicU32::new(0);
    let task = move |cx: Context| {
        let nth = calls.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth < 5 {
                Err(TaskError::snooze(SECOND))
            } else {
                Ok(cx.attempt())
            }
        }
    };
    let handle = tasks.queue(task).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), 1);
    assert!(now() - start >= 5 * SECOND);
    let stats = tasks.stats();
    assert_eq!((stats.snoozed, stats.retried, stats.failed), (5, 0, 0));
    let for_too_long = async |_: Context| Err::<(), _>(TaskError::snooze(HOUR));
    let handle = tasks.queue(for_too_long).give_up_after(SECOND).await;
    let error = handle.expect("it runs").await.expect_err("out of time");
    assert_eq!((error.is_timed_out(), error.attempts()), (true, 0));
}

#[tokio::test(start_paused = true)]
async fn snooze_of_a_plain_future_is_a_failure() {
    let tasks = started(1, 64);
    let handle = tasks.queue(async { Err::<(), _>(TaskError::snooze(SECOND)) });
    let error = handle.await.expect("it runs").await;
    assert_eq!(
        error.expect_err("it cannot run again").dict().errors,
        ["it snoozed, but a plain future runs once"]
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_overrides_the_backoff_once() {
    let tasks = started(1, 64);
    let start = now();
    let task = async |cx: Context| match cx.attempt() {
        1 => Err(TaskError::retry_after(HOUR, "too many requests")),
        2 => Err("refused".into()),
        nth => Ok(nth),
    };
    let queued = tasks.queue(task).retries(2).backoff(Constant::new(SECOND));
    let handle = queued.await.expect("it runs");
    assert_eq!(handle.await.expect("the last retry succeeds"), 3);
    let took = now() - start;
    assert!(
        took >= HOUR + SECOND && took < HOUR + 2 * SECOND,
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_makes_no_retry_that_was_not_granted() {
    let tasks = started(1, 64);
    let task = async |_: Context| Err::<(), _>(TaskError::retry_after(HOUR, "busy"));
    let error = tasks.queue(task).await.expect("it runs").await;
    assert_eq!(error.expect_err("no retries").dict().errors, ["busy"]);
}

#[tokio::test(start_paused = true)]
async fn fatal_ends_the_task_however_many_retries_are_left() {
    let tasks = started(1, 64);
    let task = async |_: Context| Err::<(), _>(TaskError::fatal("gone"));
    let handle = tasks.queue(task).retries(100).await.expect("it runs");
    let error = handle.await.expect_err("it is fatal");
    assert_eq!((error.attempts(), tasks.stats().retried), (1, 0));
    assert_eq!(error.dict().errors, ["gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_task_may_cancel_itself() {
    let tasks = started(1, 64);
    let task = async |_: Context| Err::<(), _>(TaskError::cancelled("obsolete"));
    let handle = tasks.queue(task).retries(100).await.expect("it runs");
    let error = handle.await.expect_err("it cancelled itself");
    assert!(error.is_cancelled());
    assert_eq!(error.dict().errors, ["cancelled: obsolete"]);
    assert_eq!((tasks.stats().cancelled, tasks.stats().failed), (1, 0));
}

/// Checks that there was one panic with this text, and where.
fn assert_panicked(error: &Error, text: &str) {
    assert!(error.is_panic(), "{error:?}");
    let last = error.failures().last().expect("there is one");
    assert_eq!(last.kind(), FailureKind::Panicked);
    let told = last.to_string();
    assert!(told.starts_with(&format!("panicked: {text}")), "{told}");
    assert!(told.contains("limits.rs:"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_an_attempt_is_a_failure_that_is_retried() {
    let tasks = started(1, 64);
    let task = async |cx: Context| {
        assert!(cx.attempt() > 2, "attempt {}", cx.attempt());
        Ok(cx.attempt())
    };
    let queued = tasks.queue(task).retries(2).backoff(Backoff::none());
    assert_eq!(queued.await.expect("it runs").await.expect("the third"), 3);
    assert_eq!(tasks.stats().panicked, 2);
    let error = tasks.queue(task).await.expect("it runs").await;
    assert_panicked(&error.expect_err("no retries"), "attempt 1");
    works_on(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_closure_itself_is_a_failure() {
    let tasks = started(1, 64);
    let task = |cx: Context| {
        assert!(cx.attempt() > 1, "in the closure");
        async { Ok(()) }
    };
    let error = tasks.queue(task).await.expect("it runs").await;
    assert_panicked(&error.expect_err("it panics"), "in the closure");
    let handle = tasks.queue(task).retries(1).await.expect("it runs");
    handle.await.expect("the retry succeeds");
    works_on(&tasks).await;
}

#[tokio::test]
async fn blocking_tasks_run_on_threads_apart_and_count_as_workers() {
    let tasks = started(2, 64);
    let home = std::thread::current().id();
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut handles = Vec::new();
    for _ in 0..8 {
        let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
        let code = move |_: Context| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            at_once.fetch_sub(1, Ordering::SeqCst);
            Ok(std::thread::current().id() != home)
        };
        handles.push(tasks.queue(blocking(code)).await.expect("it runs"));
    }
    for handle in handles {
        assert!(handle.await.expect("it succeeds"), "it is another thread");
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn a_blocking_task_can_hear_that_it_should_end() {
    let tasks = started(1, 64);
    let (begun, begins) = oneshot::channel();
    let mut begun = Some(begun);
    let code = move |cx: Context| {
        begun.take().map(|begun| begun.send(()));
        while !cx.is_cancelled() {
            std::thread::yield_now();
        }
        Err::<(), _>("told to end".into())
    };
    let handle = tasks.queue(blocking(code)).retries(9).await.expect("runs");
    begins.await.expect("it begins");
    assert_eq!(handle.state(), TaskState::Running);
    assert!(handle.cancel("shutting down"));
    assert_eq!(
        handle.await.expect_err("cancelled").dict().errors,
        ["cancelled: shutting down"]
    );
}

#[tokio::test]
async fn fewer_workers_have_fewer_threads_once_those_that_are_stuck_come_back() {
    let tasks = started(2, 64);
    let (begun, mut begins) = mpsc::unbounded_channel();
    // The thread is stuck until the test drops the sender, whatever becomes of its attempt.
    let stuck = || {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let begun = begun.clone();
        let code = move |_: Context| {
            let _ = begun.send(());
            let _ = released.recv();
            Ok(())
        };
        (release, tasks.queue(blocking(code)))
    };
    let mut before = Vec::new();
    for _ in 0..2 {
        let (release, queued) = stuck();
        before.push((release, queued.await.expect("it runs")));
        begins.recv().await.expect("it begins");
    }
    tasks.set_workers(1).expect("there is one");
    for (_, handle) in &before {
        assert!(handle.abort());
    }
    drop(before);
    let (first, queued) = stuck();
    let handle = queued.await.expect("it runs");
    begins.recv().await.expect("it begins");
    assert!(handle.abort());
    let (_second, queued) = stuck();
    drop(queued.await.expect("it runs"));
    let begun = timeout(SECOND / 20, begins.recv()).await;
    assert!(begun.is_err(), "the first has the one thread");
    drop(first);
    begins.recv().await.expect("it begins");
}

#[tokio::test]
async fn a_panic_in_a_blocking_task_is_a_failure_with_its_place() {
    let tasks = started(1, 64);
    let code = |cx: Context| {
        assert!(cx.attempt() > 1, "on a thread");
        Ok(cx.attempt())
    };
    let error = tasks.queue(blocking(code)).await.expect("it runs").await;
    assert_panicked(&error.expect_err("it panics"), "on a thread");
    let queued = tasks.queue(blocking(code)).retries(1);
    let handle = queued.backoff(Backoff::none()).await.expect("it runs");
    assert_eq!(handle.await.expect("the retry succeeds"), 2);
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Asks;

impl Job for Asks {
    const KIND: &'static str = "asks";
    type Output = bool;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_of_zero_is_none_for_tasks_and_for_jobs() {
    let tasks = started(1, 64);
    let takes_an_hour = async |cx: Context| {
        sleep(HOUR).await;
        Ok(cx.deadline().is_none())
    };
    let queued = tasks.queue(takes_an_hour).timeout(Duration::ZERO).await;
    assert!(queued.expect("it runs").await.expect("no limit"));
    let wrapped = wrap(takes_an_hour).timeout(SECOND);
    let delayed = tasks.delay(SECOND, wrapped.timeout(Duration::ZERO)).await;
    assert!(delayed.expect("it runs").await.expect("no limit"));
    let asks = blocking(|cx: Context| Ok(cx.deadline().is_none()));
    let queued = tasks.queue(asks).timeout(Duration::ZERO).await;
    assert!(queued.expect("it runs").await.expect("no limit"));

    let store = MemoryStore::default();
    let jobs = TaskManager::builder().store(store.clone());
    let jobs = jobs.handle(async |_: Asks, cx: Context| {
        sleep(HOUR).await;
        Ok(cx.deadline().is_none())
    });
    let jobs = jobs.build().expect("sound");
    jobs.start();
    let queued = jobs.queue(Asks).timeout(Duration::ZERO).await;
    assert!(queued.expect("it is stored").await.expect("no limit"));
    // A job whose limit is stored as zero, whoever wrote it.
    let row = wrap(Asks).into_new_job();
    let mut row = row.expect("it can be stored");
    row.options.timeout = Some(Duration::ZERO);
    let id = row.id;
    store.insert(vec![row]).await.expect("it is stored");
    let stored = jobs.job_handle::<Asks>(id);
    assert!(stored.await.expect("no limit"));
}
