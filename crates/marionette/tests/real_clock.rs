//! Every promise about time, tested once on the clock that users have. On a paused clock two
//! readings are equal; here they never are. An upper bound is only the patience of the test,
//! whatever else the machine does: the promise is that nothing comes early, and that everything
//! comes.
#![allow(clippy::disallowed_methods)] // Here it is the real clocks that count.
#![allow(clippy::unused_async)] // A task is an async function, also one that waits for nothing.

mod common;

use std::fmt::Debug;
use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use common::jobs::{Act, act, mail, send};
use common::{cooperative, manager, started, stubborn};
use marionette::backoff::Constant;
use marionette::inspect::{ActivityFilter, By, Inspect};
use marionette::store::{JobState, Name};
use marionette::timer::{FutureTask, Futures, Scheduler};
use marionette::{Context, Error, JoinHandle, MemoryStore, TaskError, TaskId, TaskManager};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const MILLI: Duration = Duration::from_millis(1);
const SHORT: Duration = Duration::from_millis(40);
/// More than any machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Far less than [`PATIENCE`], and far more than what is compared with it.
const LONG: Duration = Duration::from_secs(600);

async fn soon<F: Future>(future: F) -> F::Output {
    let done = timeout(PATIENCE, future).await;
    done.expect("it comes, however slow the machine is")
}

async fn result<T: Debug>(handle: JoinHandle<T>) -> Result<T, Error> {
    soon(handle).await
}

/// The time that a task reads.
async fn both() -> Result<(SystemTime, Instant), TaskError> {
    Ok((SystemTime::now(), Instant::now()))
}

/// A manager for each number of workers that makes a difference.
fn managers() -> impl Iterator<Item = TaskManager> {
    [1, 4].into_iter().map(|workers| started(workers, 64))
}

// ---- schedule and delay ----

#[tokio::test]
async fn a_task_for_a_time_that_has_passed_runs_at_once_on_a_manager_with_nothing_else_to_do() {
    for tasks in managers() {
        for ago in [Duration::ZERO, MILLI, 5 * PATIENCE] {
            let task = tasks.schedule(SystemTime::now() - ago, both());
            result(task.await.expect("accepted"))
                .await
                .expect("it runs");
        }
    }
}

#[tokio::test]
async fn a_task_for_a_time_to_come_runs_then_on_a_manager_with_nothing_else_to_do() {
    for tasks in managers() {
        for ahead in [Duration::from_nanos(1), MILLI, SHORT] {
            let time = SystemTime::now() + ahead;
            let task = tasks.schedule(time, both()).await.expect("accepted");
            let (ran, _) = result(task).await.expect("it runs");
            assert!(ran >= time, "{ran:?} is before {time:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delays_and_schedules_all_come_and_none_is_early() {
    for tasks in managers() {
        let mut expected = Vec::new();
        for nth in 0..300_u32 {
            let pause = MILLI * (nth * 7 % 50);
            let (time, instant) = (SystemTime::now() + pause, Instant::now() + pause);
            let task = if nth % 2 == 0 {
                tasks.schedule(time, both()).await
            } else {
                tasks.delay(pause, both()).await
            };
            expected.push((nth, time, instant, task.expect("accepted")));
        }
        for (nth, time, instant, task) in expected {
            let (wall, monotonic) = result(task).await.expect("it runs");
            let is_late = if nth % 2 == 0 {
                wall >= time
            } else {
                monotonic >= instant
            };
            assert!(is_late, "{nth} came early");
        }
    }
}

#[tokio::test]
async fn a_task_that_was_scheduled_while_the_manager_was_stopped_runs_after_the_start() {
    let tasks = manager(1, 64);
    let task = tasks.schedule(SystemTime::now() + MILLI, both());
    let task = task.await.expect("accepted");
    sleep(2 * MILLI).await;
    tasks.start();
    result(task).await.expect("it runs");
}

#[tokio::test]
async fn a_precise_manager_delays_and_schedules() {
    let tasks = TaskManager::builder().precise().build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    let time = SystemTime::now() + SHORT;
    let scheduled = tasks.schedule(time, both()).await.expect("accepted");
    let due = Instant::now() + SHORT / 2;
    let delayed = tasks.delay(SHORT / 2, both()).await.expect("accepted");
    assert!(result(delayed).await.expect("it runs").1 >= due);
    assert!(result(scheduled).await.expect("it runs").0 >= time);
}

// ---- Scheduler and Futures ----

#[tokio::test]
async fn a_scheduler_sends_what_goes_by_either_clock_in_one_order() {
    let (out, mut due) = mpsc::channel(8);
    let scheduler = Scheduler::new(out);
    let (time, instant) = (SystemTime::now(), Instant::now());
    let schedule = |time, task| scheduler.schedule(time, task).expect("it is after 1970");
    scheduler.delay(4 * SHORT, "last");
    schedule(time + 3 * SHORT, "third");
    scheduler.delay(2 * SHORT, "second");
    schedule(time + SHORT, "first");
    schedule(time - LONG, "past");
    scheduler.start();
    assert_eq!(soon(due.recv()).await, Some("past"));
    // After a stall both clocks stand beyond several of them, and the order is the same.
    std::thread::sleep(2 * SHORT);
    for (nth, task) in (1..).zip(["first", "second", "third", "last"]) {
        assert_eq!(soon(due.recv()).await, Some(task));
        assert!(instant.elapsed() >= SHORT * nth, "{task} came early");
        if nth % 2 == 1 {
            assert!(SystemTime::now() >= time + SHORT * nth, "{task} came early");
        }
    }
}

#[test]
fn futures_give_out_what_has_been_due_for_longest_by_whichever_clock() {
    let mut futures = Futures::new();
    let ago = |time: Duration| SystemTime::now() - time;
    let at = |time, task| FutureTask::at(time, task).expect("it is after 1970");
    futures.insert(FutureTask::after(Duration::ZERO, "just now"));
    futures.insert(at(ago(MILLI * 500), "half a second ago"));
    futures.insert(at(ago(LONG), "long ago"));
    futures.insert(FutureTask::after(LONG, "later"));
    assert_eq!(futures.next_due(), Some(Duration::ZERO));
    for task in ["long ago", "half a second ago", "just now"] {
        assert_eq!(futures.pop_due().map(FutureTask::into_task), Some(task));
    }
    assert!(futures.pop_due().is_none());
    let next = futures.next_due().expect("one waits");
    assert!(next <= LONG && next + PATIENCE > LONG, "{next:?}");
}

#[test]
fn a_sorted_list_is_sorted_however_close_the_times_are() {
    let mut futures = Futures::new();
    let time = SystemTime::now() + LONG;
    for n in 0..500 {
        futures.insert(FutureTask::at(time, n).expect("it is after 1970"));
    }
    for n in 500..1000 {
        futures.insert(FutureTask::after(2 * LONG, n));
    }
    for n in 0..500 {
        // Due within nanoseconds of each other, and put in backwards.
        let time = time + 3 * LONG - Duration::from_nanos(n);
        let n = 1500 - usize::try_from(n).expect("it is small");
        futures.insert(FutureTask::at(time, n).expect("it is after 1970"));
    }
    let sorted = futures.into_sorted_vec().into_iter();
    let sorted: Vec<usize> = sorted.map(FutureTask::into_task).collect();
    assert!(sorted.is_sorted(), "{sorted:?}");
}

#[tokio::test]
async fn what_is_taken_out_of_a_manager_is_sorted_by_one_reading_of_the_clocks() {
    let tasks = manager(1, 64);
    let time = SystemTime::now() + LONG;
    for nth in 0..100 {
        let task = tasks.schedule(time, both()).name(format!("{nth:03}"));
        drop(task.await.expect("accepted"));
        let task = tasks.delay(2 * LONG, both()).name(format!("{}", 100 + nth));
        drop(task.await.expect("accepted"));
    }
    let taken = tasks.take_waiting().into_iter();
    let names: Vec<_> = taken.map(|task| task.task().to_string()).collect();
    assert_eq!(names.len(), 200);
    assert!(names.is_sorted(), "{names:?}");
}

// ---- Attempts ----

#[tokio::test]
async fn a_retry_comes_after_its_pause() {
    let tasks = started(1, 64);
    let began = Instant::now();
    let fails_twice = async |cx: Context| match cx.attempt() {
        1 | 2 => Err("not yet".into()),
        _ => Ok(Instant::now()),
    };
    let task = tasks.queue(fails_twice).retries(2);
    let task = task.backoff(Constant::new(SHORT)).await.expect("accepted");
    assert!(result(task).await.expect("the third succeeds") >= began + 2 * SHORT);
}

#[tokio::test]
async fn a_task_that_snoozes_comes_back_after_its_pause() {
    let tasks = started(1, 64);
    let began = Instant::now();
    let snoozes = move |_: Context| async move {
        if began.elapsed() < SHORT {
            return Err(TaskError::snooze(SHORT));
        }
        Ok(Instant::now())
    };
    let task = tasks.queue(snoozes).await.expect("accepted");
    assert!(result(task).await.expect("it succeeds") >= began + SHORT);
}

#[tokio::test]
async fn a_timeout_ends_an_attempt_and_waits_out_the_grace_of_one_that_was_told() {
    let tasks = TaskManager::builder().grace(SHORT).build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    let began = Instant::now();
    let deaf = tasks.queue(async |_: Context| {
        sleep(LONG).await;
        Ok(())
    });
    let deaf = deaf.timeout(SHORT).await.expect("accepted");
    let obeys = tasks.queue(cooperative).timeout(SHORT).await;
    let stays = tasks.queue(stubborn).timeout(SHORT).await;
    for (task, least) in [
        (deaf, SHORT),
        (obeys.expect("accepted"), SHORT),
        (stays.expect("accepted"), 2 * SHORT),
    ] {
        let error = result(task).await.expect_err("its time is over");
        assert!(error.is_timed_out(), "{error:?}");
        assert!(began.elapsed() >= least, "{error:?}");
    }
}

#[tokio::test]
async fn a_task_is_given_up_after_its_limit_in_total() {
    let tasks = started(1, 64);
    let began = Instant::now();
    let task = tasks.queue(async |_: Context| {
        sleep(LONG).await;
        Ok(())
    });
    let task = task.retries(9).give_up_after(SHORT).await;
    let error = result(task.expect("accepted")).await;
    assert_eq!(error.expect_err("its time is over").attempts(), 1);
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_task_expires_that_did_not_start_in_time() {
    let tasks = started(1, 64);
    let blocks = tasks.queue(async |_: Context| {
        sleep(2 * SHORT).await;
        Ok(())
    });
    drop(blocks.await.expect("accepted"));
    let late = tasks.queue(both()).expires_after(SHORT).await;
    let in_time = tasks.queue(both()).expires_after(LONG).await;
    let error = result(late.expect("accepted")).await;
    assert!(error.expect_err("it is too late").is_expired());
    result(in_time.expect("accepted")).await.expect("it runs");
}

#[tokio::test]
async fn patience_for_room_in_the_queue_ends() {
    let tasks = manager(1, 1);
    tasks.start();
    tasks.pause();
    while tasks.queue(both()).try_now().is_ok() {}
    let began = Instant::now();
    let refused = soon(tasks.queue(both()).wait_at_most(SHORT).into_future()).await;
    assert!(refused.expect_err("there is no room").is_full());
    assert!(began.elapsed() >= SHORT);
}

#[tokio::test]
async fn a_stop_with_a_limit_is_over_after_limit_and_grace() {
    let tasks = TaskManager::builder().grace(SHORT).build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    let task = tasks.queue(stubborn).await.expect("accepted");
    let later = tasks.schedule(SystemTime::now() + LONG, both()).await;
    drop(later.expect("accepted"));
    sleep(MILLI).await;
    let began = Instant::now();
    let report = soon(tasks.stop_within(SHORT)).await;
    assert!(began.elapsed() >= SHORT);
    assert_eq!((report.waiting, report.interrupted.len()), (1, 1));
    drop(task);
}

// ---- Jobs ----

#[tokio::test]
async fn jobs_in_memory_come_at_their_time_by_either_clock() {
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(send)
        .handle(act)
        .build()
        .expect("the settings are sound");
    tasks.start();
    let (time, instant) = (SystemTime::now(), Instant::now());
    let past = tasks.schedule(time - LONG, mail("Ada")).await;
    let scheduled = tasks.schedule(time + SHORT, mail("Bo")).await;
    let delayed = tasks.delay(SHORT, mail("Cy")).await;
    assert_eq!(soon(past.expect("accepted")).await.expect("it runs"), 3);
    assert_eq!(soon(delayed.expect("accepted")).await.expect("it runs"), 2);
    assert!(instant.elapsed() >= SHORT);
    soon(scheduled.expect("accepted")).await.expect("it runs");
    assert!(SystemTime::now() >= time + SHORT);

    let began = Instant::now();
    let retried = tasks.queue(Act::Fail).retries(2);
    let retried = retried.backoff(Constant::new(SHORT)).await;
    let error = soon(retried.expect("accepted")).await;
    assert_eq!(error.expect_err("it always fails").attempts(), 3);
    assert!(began.elapsed() >= 2 * SHORT);
}

/// How long the store below keeps what it is to forget.
const KEPT: Duration = Duration::from_millis(300);

/// A store that sweeps often, on a manager that runs.
fn forgetful() -> TaskManager<MemoryStore> {
    let options = MemoryStore::options().keep_done(KEPT).keep_failed(KEPT);
    let store = options.sweep(5 * MILLI).build();
    let builder = TaskManager::builder().store(store);
    let tasks = builder.handle(send).handle(act).build();
    let tasks = tasks.expect("the settings are sound");
    tasks.start();
    tasks
}

/// Waits until the store does not know this job, which it has accepted.
async fn forgotten(store: &MemoryStore, id: TaskId) {
    while store.job(id).await.expect("it answers").is_some() {
        sleep(MILLI).await;
    }
}

#[tokio::test]
async fn the_store_in_memory_forgets_jobs_that_ended_once_they_are_old() {
    let tasks = forgetful();
    let store = tasks.store();
    let began = Instant::now();
    let done = tasks.queue(mail("ada")).await.expect("accepted");
    let dead = tasks.queue(Act::Fail).retries(0).await.expect("accepted");
    let longer = tasks.queue(mail("bo")).keep_result(LONG).await;
    let longer = longer.expect("accepted");
    soon(longer.clone()).await.expect("it succeeds");
    for id in [done.id(), dead.id()] {
        soon(forgotten(store, id)).await;
        assert!(began.elapsed() >= KEPT, "{:?}", began.elapsed());
    }
    let stats = tasks.stats();
    assert_eq!((stats.done, stats.failed), (2, 1));
    // A job that asked for more time is still there.
    let state = longer.state().await.expect("it answers");
    assert_eq!(state, Some(JobState::Done));
}

#[tokio::test]
async fn the_store_in_memory_forgets_who_changed_what_once_that_is_old() {
    let tasks = forgetful();
    let store = tasks.store();
    let by = By::new("ada", "a test");
    let waits = tasks.delay(LONG, mail("ada")).await.expect("accepted");
    let began = Instant::now();
    let paused = store
        .pause_queue(Name::from_static("mails"), by.clone())
        .await;
    paused.expect("a change");
    let cancelled = store.cancel(waits.id().into(), "no need".into(), by);
    assert_eq!(cancelled.await.expect("a change"), 1);
    let activity = async || store.activity(ActivityFilter::new()).await;
    soon(async {
        while !activity().await.expect("it answers").is_empty() {
            sleep(MILLI).await;
        }
    })
    .await;
    assert!(began.elapsed() >= KEPT, "{:?}", began.elapsed());
    soon(forgotten(store, waits.id())).await;
    // The pause goes on, although nobody knows any more who made it.
    let paused = store.paused_queues().await.expect("it answers");
    assert_eq!(paused.len(), 1);
}

// ---- Nothing polls ----

/// How often the runtime went to sleep while a test slept.
async fn parks_in(time: Duration) -> u64 {
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.worker_park_count(0);
    sleep(time).await;
    metrics.worker_park_count(0) - before
}

#[tokio::test]
async fn nobody_wakes_while_all_that_waits_is_for_later() {
    let tasks = started(4, 64);
    let (out, _due) = mpsc::channel(1);
    let scheduler = Scheduler::new(out);
    scheduler.start();
    let time = SystemTime::now() + LONG;
    for nth in 0..10 {
        drop(tasks.schedule(time + MILLI * nth, both()).await);
        drop(tasks.delay(LONG, both()).await);
        scheduler.schedule(time, nth).expect("it is after 1970");
    }
    parks_in(10 * MILLI).await; // until everybody has gone to sleep
    let parks = parks_in(500 * MILLI).await;
    assert!(parks <= 10, "{parks} wake-ups in half a second");
}

// ---- What happens between two attempts ----

/// How long that takes here: longer than a limit below, and that is longer than any machine stalls.
const LAG: Duration = Duration::from_millis(1500);

/// A value whose drop takes time, as closing a connection does.
struct SlowToDrop;

impl Drop for SlowToDrop {
    fn drop(&mut self) {
        std::thread::sleep(LAG);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_begins_with_the_attempt_however_long_the_task_before_took_to_go() {
    let tasks = started(1, 64);
    tasks.pause();
    drop(tasks.queue(async |_: Context| Ok(SlowToDrop)).await);
    let task = tasks.queue(async |_: Context| {
        sleep(MILLI).await;
        Ok(())
    });
    let task = task.timeout(LAG * 2 / 3).await.expect("accepted");
    drop(tasks.queue(async |_: Context| Ok(SlowToDrop)).await);
    let late = tasks.queue(both()).expires_after(LAG * 4 / 3).await;
    tasks.resume();
    result(task).await.expect("it had its time");
    let error = result(late.expect("accepted")).await;
    assert!(error.expect_err("it is too late").is_expired());
}

#[tokio::test]
async fn a_thread_that_asks_only_after_its_attempt_is_over_hears_that_it_is() {
    let tasks = started(1, 64);
    let (ends, mut ended) = mpsc::channel::<()>(1);
    let code = marionette::blocking(move |cx: Context| {
        let _ends = ends.clone();
        std::thread::sleep(2 * SHORT);
        while !cx.is_cancelled() {
            std::thread::sleep(MILLI);
        }
        Ok(())
    });
    let task = tasks.queue(code).timeout(SHORT).await.expect("accepted");
    assert!(result(task).await.expect_err("too late").is_timed_out());
    drop(tasks);
    assert_eq!(soon(ended.recv()).await, None);
}
