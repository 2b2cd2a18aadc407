//! A manager runs in the runtime in which it was started, of whichever kind, from wherever it is
//! called.
#![allow(clippy::disallowed_methods)] // Here it is the real clocks that count.

mod common;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use common::{fails, manager, quick, started};
use marionette::backoff::Constant;
use marionette::timer::Scheduler;
use marionette::{Context, TaskManager};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Barrier, mpsc};
use tokio::task::LocalSet;
use tokio::time::timeout;

const SHORT: Duration = Duration::from_millis(20);
/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder
        .enable_all()
        .build()
        .expect("a runtime can be built")
}

/// Checks that tasks of all three ways run, and that one is retried.
async fn all_ways_work(tasks: &TaskManager) {
    let queued = tasks.queue(quick).await.expect("accepted");
    let delayed = tasks.delay(SHORT, quick).await.expect("accepted");
    let time = SystemTime::now() + SHORT;
    let scheduled = tasks.schedule(time, quick).await.expect("accepted");
    let retried = tasks.queue(fails).retries(1).backoff(Constant::new(SHORT));
    let retried = retried.await.expect("accepted");
    let all = async {
        for handle in [queued, delayed, scheduled] {
            handle.await.expect("it succeeds");
        }
        assert_eq!(retried.await.expect_err("it fails").attempts(), 2);
    };
    timeout(PATIENCE, all).await.expect("all of them run");
}

/// Runs `count` tasks at once.
async fn work_at_once(tasks: &TaskManager, count: usize) {
    let barrier = Arc::new(Barrier::new(count));
    let mut handles = Vec::new();
    for _ in 0..count {
        let barrier = Arc::clone(&barrier);
        let task = tasks.queue(async move {
            barrier.wait().await;
            Ok(())
        });
        handles.push(task.await.expect("accepted"));
    }
    for handle in handles {
        let done = timeout(PATIENCE, handle).await;
        done.expect("all of them have a worker").expect("ok");
    }
}

#[test]
fn a_manager_works_in_a_local_set() {
    let local = LocalSet::new();
    let work = local.run_until(async {
        let tasks = started(2, 64);
        all_ways_work(&tasks).await;
        // …and for a task that stays on this thread.
        let inner = tasks.clone();
        let here = tokio::task::spawn_local(async move { all_ways_work(&inner).await });
        here.await.expect("no panic");
        assert!(tasks.stop().await.is_complete());
    });
    runtime().block_on(work);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_that_another_runtime_asks_for_outlive_it() {
    let tasks = started(1, 64);
    let inner = tasks.clone();
    let other = thread::spawn(move || {
        let set = async { inner.set_workers(3).expect("there is one") };
        runtime().block_on(set);
    });
    other.join().expect("no panic");
    work_at_once(&tasks, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_without_a_runtime_may_ask_for_workers() {
    let tasks = started(1, 64);
    let inner = tasks.clone();
    let other = thread::spawn(move || inner.set_workers(3).expect("there is one"));
    other.join().expect("no panic");
    work_at_once(&tasks, 3).await;
}

/// Checks that this panics with a message that says what is missing.
fn panics(what: &str, start: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(start)).expect_err("it cannot start here");
    let told = panic.downcast_ref::<String>().cloned();
    let told = told.or_else(|| panic.downcast_ref::<&str>().map(|told| (*told).to_owned()));
    let told = told.expect("a panic has a text");
    assert!(told.contains(what), "{told}");
}

#[test]
fn a_start_that_panicked_can_be_repeated_where_there_is_a_runtime() {
    let tasks = manager(2, 64);
    let (out, mut due) = mpsc::channel(1);
    let scheduler = Scheduler::new(out);
    let without_timers = Builder::new_current_thread().build();
    let without_timers = without_timers.expect("a runtime can be built");
    for _ in 0..2 {
        panics("no reactor running", || tasks.start());
        panics("no reactor running", || scheduler.start());
        without_timers.block_on(async {
            panics("timers are disabled", || tasks.start());
            panics("timers are disabled", || scheduler.start());
        });
        assert!(!tasks.is_running() && !scheduler.is_running());
    }
    scheduler.delay(SHORT, "later");
    runtime().block_on(async {
        tasks.start();
        all_ways_work(&tasks).await;
        scheduler.start();
        assert_eq!(due.recv().await, Some("later"));
        let report = tasks.stop().await;
        assert!(report.is_complete(), "{report}");
    });
}

#[test]
fn a_manager_whose_runtime_went_works_in_the_next_one() {
    let tasks = manager(2, 64);
    for _ in 0..3 {
        runtime().block_on(async {
            tasks.start();
            all_ways_work(&tasks).await;
            tasks.set_workers(3).expect("there is one");
            work_at_once(&tasks, 3).await;
            tasks.set_workers(2).expect("there is one");
        });
        assert!(!tasks.is_running());
    }
    // No worker is left there, and asking for workers does no harm.
    tasks.set_workers(1).expect("there is one");
    runtime().block_on(async {
        tasks.start();
        let task = tasks.queue(async |_: Context| Ok(())).await;
        task.expect("accepted").await.expect("it succeeds");
    });
}

#[tokio::test(start_paused = true)]
async fn the_patience_of_a_thread_ends_although_the_clock_is_paused() {
    let tasks = started(1, 1);
    tasks.pause();
    while tasks.queue(quick).try_now().is_ok() {}
    let inner = tasks.clone();
    let waits = move || {
        let began = Instant::now();
        let refused = inner.queue(quick).wait_at_most(SHORT).blocking_wait();
        (refused.is_err_and(|error| error.is_full()), began.elapsed())
    };
    // The clock stands still while a thread of the runtime is blocked.
    let waited = tokio::task::spawn_blocking(waits).await;
    let (is_full, took) = waited.expect("no panic");
    assert!(is_full && took >= SHORT, "{took:?}");
}
