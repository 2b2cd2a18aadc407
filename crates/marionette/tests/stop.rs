//! Every way to stop a manager, and to start it again: nothing that was accepted is lost.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::jobs::Act;
use common::{GRACE, HOUR, SECOND, cooperative, manager, now, slow, stubborn};
use marionette::backoff::Constant;
use marionette::{Context, MemoryStore, TaskError, TaskManager, TaskState, blocking, wrap};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

#[tokio::test(start_paused = true)]
async fn stop_before_start_does_nothing_and_counts_what_waits() {
    let tasks = manager(1, 1);
    let handle = tasks.delay(SECOND, slow).await.expect("accepted");
    let report = tasks.stop().await;
    assert_eq!((report.done, report.waiting, report.queued), (0, 1, 0));
    assert_eq!(report.duration, Duration::ZERO);
    assert_eq!(handle.state(), TaskState::Waiting);
    let report = tasks.stop_within(SECOND).await;
    assert_eq!((report.waiting, report.duration), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn stop_right_after_start_waits_for_all_of_it() {
    let tasks = manager(4, 64);
    tasks.start();
    for _ in 0..64 {
        tasks.queue(slow).try_now().expect("there is room");
    }
    let report = tasks.stop().await;
    assert_eq!(report.done, 64);
    assert_eq!(tasks.stats().workers, 0);
}

#[tokio::test(start_paused = true)]
async fn stop_twice_reports_the_second_time_that_nothing_happened() {
    let tasks = manager(1, 8);
    tasks.start();
    tasks.queue(slow).await.expect("it runs");
    assert_eq!(tasks.stop().await.done, 1);
    let again = tasks.stop().await;
    assert_eq!((again.done, again.queued, again.waiting), (0, 0, 0));
    assert_eq!(again.duration, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn two_stops_at_once_both_wait_for_the_same_end() {
    let tasks = manager(1, 8);
    tasks.start();
    tasks.queue(slow).await.expect("it runs");
    tasks.queue(slow).await.expect("it runs");
    let (one, two) = tokio::join!(tasks.stop(), tasks.stop());
    assert_eq!((one.done, two.done), (2, 2));
    assert!(one.duration >= 2 * SECOND && two.duration >= 2 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_stop_in_a_hurry_hurries_the_patient_one() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let start = now();
    let both = async { tokio::join!(tasks.stop(), tasks.stop_within(SECOND)) };
    let (patient, hurried) = timeout(HOUR, both).await.expect("both end");
    assert!(now() - start <= SECOND + GRACE + SECOND);
    assert!(!patient.is_complete() && !hurried.is_complete());
    assert_eq!(hurried.interrupted[0].id, handle.id());
}

#[tokio::test(start_paused = true)]
async fn start_while_a_stop_drains_takes_the_stop_back() {
    let tasks = manager(1, 8);
    tasks.start();
    let first = tasks.queue(slow).await.expect("it runs");
    let stopping = tokio::spawn({
        let tasks = tasks.clone();
        async move { tasks.stop().await }
    });
    sleep(SECOND / 2).await;
    assert!(!tasks.is_running());
    assert!(tasks.queue(slow).await.expect_err("it drains").is_stopped());
    tasks.start();
    assert!(tasks.is_running());
    let second = tasks.queue(slow).await.expect("it runs");
    first.await.expect("it succeeds");
    second.await.expect("it succeeds");
    timeout(HOUR, stopping)
        .await
        .expect("it ends")
        .expect("no panic");
    assert!(tasks.is_running());
}

#[tokio::test(start_paused = true)]
async fn a_task_may_stop_its_own_manager() {
    let tasks = manager(2, 8);
    tasks.start();
    let inner = tasks.clone();
    let other = tasks.queue(slow).await.expect("it runs");
    let stops = tasks.queue(async move { Ok(inner.stop().await) });
    let handle = stops.await.expect("it runs");
    let report = timeout(HOUR, handle).await.expect("no deadlock");
    let report = report.expect("it succeeds");
    assert_eq!((report.done, report.queued), (1, 0));
    assert!(report.abandoned.is_empty());
    assert!(other.is_finished());
    assert!(!tasks.is_running());
}

#[tokio::test(start_paused = true)]
async fn two_tasks_may_stop_their_manager_at_once() {
    let tasks = manager(2, 8);
    tasks.start();
    let stop = |tasks: TaskManager| async move { Ok(tasks.stop().await) };
    let one = tasks.queue(stop(tasks.clone())).await.expect("it runs");
    let two = tasks.queue(stop(tasks.clone())).await.expect("it runs");
    let both = async { tokio::join!(one, two) };
    let (one, two) = timeout(HOUR, both).await.expect("no deadlock");
    assert!(one.is_ok() && two.is_ok());
}

#[tokio::test(start_paused = true)]
async fn waiting_producers_get_their_tasks_back() {
    let tasks = manager(1, 1);
    tasks.start();
    let mut accepted = vec![tasks.queue(slow).await.expect("it runs")];
    tokio::task::yield_now().await;
    accepted.push(tasks.queue(slow).await.expect("there is room"));
    let producers: Vec<_> = (0..3)
        .map(|nth| {
            let tasks = tasks.clone();
            tokio::spawn(async move {
                let queued = tasks.queue(wrap(slow).name(format!("no. {nth}")));
                queued.await.expect_err("the stop comes first")
            })
        })
        .collect();
    sleep(SECOND / 2).await;
    let report = tasks.stop().await;
    assert_eq!(report.done, 2);
    for (nth, producer) in producers.into_iter().enumerate() {
        let refused = producer.await.expect("no panic");
        assert!(refused.is_stopped());
        assert_eq!(refused.into_task().to_string(), format!("no. {nth}"));
    }
}

#[tokio::test(start_paused = true)]
async fn stop_within_lets_all_run_that_ends_in_time() {
    let tasks = manager(1, 8);
    tasks.start();
    for _ in 0..3 {
        tasks.queue(slow).await.expect("it runs");
    }
    let report = tasks.stop_within(HOUR).await;
    assert_eq!(report.done, 3);
    assert!(report.is_complete());
    assert!(report.duration >= 3 * SECOND && report.duration < 4 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn stop_within_asks_cooperative_tasks_to_end() {
    let tasks = manager(1, 8);
    tasks.start();
    let running = tasks.queue(cooperative).name("polite").await;
    let running = running.expect("it runs");
    let queued = tasks.queue(slow).await.expect("there is room");
    sleep(SECOND).await;
    let report = tasks.stop_within(SECOND).await;
    assert!(report.duration < SECOND + GRACE, "no grace is needed");
    let interrupted: Vec<_> = report.interrupted.iter().map(|task| task.id).collect();
    assert_eq!(interrupted, [running.id()]);
    assert_eq!(report.interrupted[0].name, "polite");
    assert_eq!((report.queued, report.done), (2, 0));
    assert!(!report.is_complete());
    assert_ne!(queued.state(), TaskState::Finished);
    assert_ne!(running.state(), TaskState::Finished);
    assert_eq!(tasks.stats().interrupted, 1);
}

#[tokio::test(start_paused = true)]
async fn stop_within_counts_a_success_in_the_grace() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks
        .queue(async |cx: Context| {
            cx.cancelled().await;
            sleep(SECOND).await;
            Ok("cleaned up")
        })
        .await
        .expect("it runs");
    sleep(SECOND).await;
    let report = tasks.stop_within(SECOND).await;
    assert!(report.interrupted.is_empty() && report.is_complete());
    assert_eq!(report.done, 1);
    assert_eq!(handle.await.expect("it counts"), "cleaned up");
}

#[tokio::test(start_paused = true)]
async fn stop_within_drops_stubborn_tasks_after_the_grace() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let report = timeout(HOUR, tasks.stop_within(SECOND))
        .await
        .expect("ends");
    assert!(report.duration >= SECOND + GRACE, "{:?}", report.duration);
    assert!(
        report.duration < SECOND + 2 * GRACE,
        "{:?}",
        report.duration
    );
    assert_eq!(report.interrupted.len(), 1);
    assert_eq!((report.queued, report.abandoned.len()), (1, 0));
    assert_ne!(handle.state(), TaskState::Finished);
}

#[tokio::test(start_paused = true)]
async fn stop_within_ends_a_plain_future_as_abandoned() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks.queue(std::future::pending::<Result<(), TaskError>>());
    let handle = handle.await.expect("it runs");
    sleep(SECOND).await;
    timeout(HOUR, tasks.stop_within(SECOND))
        .await
        .expect("ends");
    let error = timeout(HOUR, handle).await.expect("it resolves");
    assert!(error.expect_err("it cannot run again").is_abandoned());
}

#[tokio::test]
async fn stop_within_does_not_wait_for_a_blocked_thread() {
    let tasks = TaskManager::builder().workers(1).grace(Duration::ZERO);
    let tasks = tasks.build().expect("the settings are sound");
    tasks.start();
    let (begun, begins) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let mut begun = Some(begun);
    let blocks = move |_: Context| {
        begun.take().map(|begun| begun.send(()));
        // The task ends when the test drops the sender.
        let _ = released.recv();
        Ok(())
    };
    let handle = tasks.queue(blocking(blocks)).name("blocks").await;
    let handle = handle.expect("it runs");
    begins.await.expect("it begins");
    let report = timeout(HOUR, tasks.stop_within(Duration::ZERO)).await;
    let report = report.expect("it does not wait");
    assert!(!report.is_complete());
    // The task waits for the next start, and its thread goes on.
    for tasks in [&report.interrupted, &report.abandoned] {
        let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
        assert_eq!(ids, [handle.id()]);
    }
    drop(release);
}

#[tokio::test(start_paused = true)]
async fn restart_resumes_what_was_interrupted_queued_and_delayed() {
    let tasks = manager(1, 8);
    tasks.start();
    let starts = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&starts);
    let interrupted = tasks
        .queue(move |cx: Context| {
            let nth = counts.fetch_add(1, Ordering::Relaxed);
            async move {
                if nth == 0 {
                    return stubborn(cx).await.map(|()| 0);
                }
                Ok(cx.attempt())
            }
        })
        .await
        .expect("it runs");
    let queued = tasks.queue(slow).await.expect("there is room");
    let delayed = tasks.delay(HOUR, slow).await.expect("accepted");
    sleep(SECOND).await;
    let report = tasks.stop_within(Duration::ZERO).await;
    assert_eq!((report.queued, report.waiting), (2, 1));
    tasks.start();
    let attempt = timeout(HOUR, interrupted).await.expect("it resumes");
    assert_eq!(attempt.expect("it succeeds"), 1, "no attempt was counted");
    queued.await.expect("it succeeds");
    delayed.await.expect("it succeeds");
    assert_eq!(starts.load(Ordering::Relaxed), 2);
    let report = tasks.stop().await;
    assert!(report.is_complete() && report.interrupted.is_empty());
    assert_eq!(tasks.stats().done, 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_is_reported_and_resumed() {
    let tasks = manager(1, 8);
    tasks.start();
    let handle = tasks
        .queue(async |cx: Context| match cx.attempt() {
            1 => Err("not yet".into()),
            nth => Ok(nth),
        })
        .retries(1)
        .backoff(Constant::new(HOUR))
        .await
        .expect("it runs");
    let report = tasks.stop().await;
    assert_eq!((report.waiting, report.failed), (1, 0));
    assert_eq!(handle.state(), TaskState::Retrying);
    assert_eq!(
        report.to_string(),
        "stopped in 0ns: 0 done, 0 failed, 0 cancelled; 0 queued and 1 future tasks wait"
    );
    tasks.start();
    assert_eq!(handle.await.expect("the retry succeeds"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stop_goes_on_draining() {
    let tasks = manager(1, 8);
    tasks.start();
    let handles = [
        tasks.queue(slow).await.expect("it runs"),
        tasks.queue(slow).await.expect("it runs"),
    ];
    assert!(timeout(SECOND / 2, tasks.stop()).await.is_err());
    assert!(!tasks.is_running());
    for handle in handles {
        handle.await.expect("it succeeds");
    }
    let report = timeout(HOUR, tasks.stop()).await.expect("it ends");
    assert_eq!((report.done, report.queued), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_a_pause() {
    let tasks = manager(1, 8);
    tasks.start();
    tasks.pause();
    let handle = tasks.queue(slow).await.expect("there is room");
    sleep(HOUR).await;
    assert_eq!(handle.state(), TaskState::Waiting);
    let report = timeout(HOUR, tasks.stop()).await.expect("it ends");
    assert_eq!(report.done, 1);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_manager_resolves_every_handle() {
    let tasks = manager(1, 8);
    tasks.start();
    let running = tasks.queue(stubborn).await.expect("it runs");
    let queued = tasks.queue(slow).await.expect("there is room");
    let delayed = tasks.delay(HOUR, slow).await.expect("accepted");
    let retrying = tasks.exec(
        wrap(async |_: Context| Err::<(), TaskError>("no".into()))
            .retries(1)
            .backoff(Constant::new(HOUR)),
    );
    let retrying = retrying.await;
    sleep(SECOND).await;
    assert_eq!(running.state(), TaskState::Running);
    drop(tasks);
    for handle in [running, queued, delayed, retrying] {
        let ended = timeout(HOUR, handle).await.expect("it resolves");
        let error = ended.expect_err("the manager is gone");
        assert!(error.is_abandoned(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_a_stopped_manager_resolves_what_it_kept() {
    let tasks = manager(1, 8);
    tasks.start();
    let running = tasks.queue(stubborn).await.expect("it runs");
    let queued = tasks.queue(slow).await.expect("there is room");
    sleep(SECOND).await;
    tasks.stop_within(Duration::ZERO).await;
    let delayed = tasks.delay(HOUR, slow).await.expect("accepted");
    drop(tasks);
    for handle in [running, queued, delayed] {
        let ended = timeout(HOUR, handle).await.expect("it resolves");
        assert!(ended.expect_err("the manager is gone").is_abandoned());
    }
}

#[tokio::test(start_paused = true)]
async fn future_tasks_can_be_taken_out_of_a_stopped_manager() {
    let tasks = manager(1, 8);
    tasks.start();
    let later = tasks.delay(2 * HOUR, slow).name("later").await;
    let later = later.expect("accepted");
    let sooner = tasks.delay(HOUR, slow).name("sooner").await;
    let sooner = sooner.expect("accepted");
    assert_eq!(tasks.stop().await.waiting, 2);
    let mut taken = tasks.take_waiting();
    let names: Vec<_> = taken.iter().map(|future| future.task().name()).collect();
    assert_eq!(names, ["sooner", "later"]);
    assert_eq!(tasks.stop().await.waiting, 0);

    drop(taken.pop());
    let error = timeout(HOUR, later).await.expect("it resolves");
    assert!(error.expect_err("it was dropped").is_abandoned());
    let other = manager(1, 8);
    taken.drain(..).for_each(|future| other.restore(future));
    other.start();
    sooner.await.expect("it ran in the other one");
    assert_eq!(other.stats().done, 1);
}

#[tokio::test(start_paused = true)]
async fn the_report_of_a_manager_with_a_store_does_not_say_that_nothing_waits() {
    let store = MemoryStore::default();
    let tasks = common::jobs::started(&store);
    tasks.delay(HOUR, Act::Fail).await.expect("it is stored");
    let report = tasks.stop().await;
    assert!(report.has_store);
    let told = report.to_string();
    assert!(
        told.ends_with("0 cancelled; what waits stays in the store"),
        "{told}"
    );
    tasks.start();
    tasks.queue(Act::Hang).await.expect("it is stored");
    sleep(SECOND).await;
    let told = tasks.stop_within(SECOND).await.to_string();
    assert!(
        told.contains("; 1 went back to the store, where what waits stays\n"),
        "{told}"
    );
}
