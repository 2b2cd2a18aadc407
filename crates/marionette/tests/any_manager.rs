//! `Jobs` is a way in to any manager, with a store or without, and keeps none alive.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use common::jobs::{Act, SendMail, act, mail, send};
use common::{HOUR, SECOND};
use marionette::marker::Anywhere;
use marionette::store::JobState;
use marionette::{
    Context, Job, JobHandle, Jobs, MemoryStore, QueueError, Submit, TaskError, TaskManager, wrap,
};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

/// The ways in to a manager with a store and to one without, and what keeps the managers alive.
fn both() -> [(Jobs, Box<dyn std::any::Any>); 2] {
    let builder = || TaskManager::builder().workers(2).handle(send).handle(act);
    let without = builder().build().expect("it is sound");
    without.start();
    let with = builder().store(MemoryStore::new()).build();
    let with = with.expect("it is sound");
    with.start();
    [
        (without.jobs(), Box::new(without)),
        (with.jobs(), Box::new(with)),
    ]
}

/// What a library does: it prepares a job with its options, for whichever manager.
fn prepared(
    jobs: &Jobs,
    to: &str,
) -> Submit<'static, SendMail, marionette::marker::ByJob, Anywhere> {
    jobs.queue(mail(to)).retries(3).priority(1)
}

#[tokio::test(start_paused = true)]
async fn every_way_in_works_for_every_manager() {
    for (jobs, _manager) in both() {
        let queued = prepared(&jobs, "ada").await.expect("it runs");
        assert_eq!(queued.await.expect("it succeeds"), 3);

        let delayed = jobs.delay(HOUR, mail("grace")).await.expect("accepted");
        let state = delayed.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Scheduled));
        let wrapped = wrap(mail("eve"));
        let id = wrapped.id();
        let wrapped = jobs.queue(wrapped).try_now().await.expect("there is room");
        assert_eq!(wrapped.id(), id);
        assert_eq!(wrapped.await.expect("it succeeds"), 3);
        let soon = common::wall() + SECOND;
        let scheduled = jobs.schedule(soon, mail("a")).await.expect("accepted");
        assert_eq!(scheduled.clone().await.expect("it succeeds"), 1);
        let state = scheduled.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Done));

        let many = jobs.queue_many((0..100).map(|_| mail("ada"))).await;
        for handle in many.expect("they are accepted") {
            assert_eq!(handle.await.expect("it succeeds"), 3);
        }
        assert_eq!(delayed.await.expect("it succeeds"), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn every_clone_of_a_handle_has_the_result_or_the_error() {
    for (jobs, _manager) in both() {
        let handle = jobs.queue(mail("ada")).await.expect("it runs");
        let (first, second) = (handle.clone(), handle.clone().untyped());
        let (first, second) = tokio::join!(first, second);
        assert_eq!(first.expect("it succeeds"), 3);
        assert_eq!(second.expect("it succeeds"), b"3");
        assert_eq!(handle.await.expect("it succeeds"), 3);

        // Each of these tasks waits by itself.
        let later = jobs.delay(SECOND, mail("ada")).await.expect("it waits");
        let clones = [later.clone(), later].map(tokio::spawn);
        for clone in clones {
            let sent = timeout(HOUR, clone).await.expect("it is woken");
            assert_eq!(sent.expect("no panic").expect("it succeeds"), 3);
        }

        let failing = jobs.queue(Act::FailWith("no luck".into())).retries(1);
        let failing = failing.error("the act failed").await.expect("it runs");
        for handle in [failing.clone(), failing.clone()] {
            let error = handle.await.expect_err("it fails");
            assert_eq!(error.to_string(), "after 2 attempts: the act failed");
            let failures: Vec<_> = error.failures().map(ToString::to_string).collect();
            assert_eq!(failures, ["no luck", "no luck"]);
        }
        let state = failing.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Dead));
        let panics = jobs.queue(Act::Panic).await.expect("it runs");
        assert!(panics.await.expect_err("it panics").is_panic());
    }
}

#[tokio::test(start_paused = true)]
async fn a_handle_cancels_while_a_clone_awaits() {
    for (jobs, _manager) in both() {
        let handle = jobs.queue(Act::Obey).await.expect("it runs");
        let awaits = tokio::spawn(handle.clone());
        sleep(SECOND).await;
        let state = handle.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Running));
        assert!(handle.cancel("no need").await.expect("it can be told"));
        let error = awaits
            .await
            .expect("no panic")
            .expect_err("it was cancelled");
        assert!(error.is_cancelled(), "{error:?}");
        let state = handle.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Cancelled));
        assert!(!handle.cancel("again").await.expect("it can be told"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_gone_brings_the_job_back() {
    for (jobs, manager) in both() {
        drop(manager);
        let refused = |refused: QueueError<SendMail>| {
            assert!(refused.is_stopped());
            let text = refused.to_string();
            assert_eq!(text, "the task manager is gone: its last clone was dropped");
            assert_eq!(refused.into_task(), mail("ada"));
        };
        refused(jobs.queue(mail("ada")).await.expect_err("it is gone"));
        refused(jobs.delay(HOUR, mail("ada")).await.expect_err("it is gone"));
        let row = jobs.queue(mail("ada")).into_new_job();
        refused(row.expect_err("it is gone"));
        let error = jobs.queue_many([mail("a"), mail("b")]).await;
        let (_, refused, why) = error.expect_err("it is gone").into_parts();
        assert_eq!(refused, [mail("a"), mail("b")]);
        assert!(why.is_stopped());
        assert!(format!("{jobs:?}").contains("is_gone: true"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_job_that_came_too_late_is_cancelled_everywhere() {
    for (jobs, _manager) in both() {
        let busy = jobs.queue_many([Act::Obey, Act::Obey]).await;
        let late = jobs.queue(mail("ada")).expires_after(SECOND);
        let late = late.await.expect("it waits");
        sleep(HOUR).await;
        for busy in busy.expect("they run") {
            assert!(busy.cancel("no need").await.expect("it can be told"));
        }
        assert!(late.clone().await.expect_err("it is late").is_expired());
        let state = late.state().await.expect("it can be asked");
        assert_eq!(state, Some(JobState::Cancelled));
    }
}

#[test]
fn no_way_in_keeps_a_store_open() {
    let store = Arc::new(MemoryStore::new());
    let tasks = TaskManager::builder().store(Arc::clone(&store)).build();
    let tasks = tasks.expect("it is sound");
    let jobs = tasks.jobs();
    let handle: JobHandle<SendMail> = jobs.job_handle(marionette::TaskId::new());
    assert!(Arc::strong_count(&store) > 1, "the manager has it");
    drop(tasks);
    assert_eq!(Arc::strong_count(&store), 1, "{jobs:?} {handle:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_for_room_is_refused_when_its_manager_goes() {
    let tasks = TaskManager::builder().workers(1).queue_size(1).handle(act);
    let without = tasks.build().expect("it is sound");
    without.start();
    let tasks = TaskManager::builder().store(MemoryStore::new());
    let with = tasks.queue_limit("default", 1).build();
    let with = with.expect("it is sound");
    let waits = [without.jobs(), with.jobs()].map(|jobs| {
        tokio::spawn(async move {
            while jobs.queue(Act::Hang).try_now().await.is_ok() {}
            jobs.queue(Act::Hang).await.map(drop)
        })
    });
    sleep(SECOND).await;
    drop((without, with));
    for waits in waits {
        let refused = timeout(HOUR, waits).await.expect("it ends");
        let refused = refused.expect("no panic").expect_err("it is gone");
        assert!(refused.is_stopped(), "{refused}");
    }
}

/// A job that queues the next one of its kind, for ever.
#[derive(Serialize, Deserialize)]
struct Next(u32);

impl Job for Next {
    const KIND: &'static str = "next";
    type Output = ();
}

/// The number of the last job that ran.
static LAST: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// Runs the job, which queues the next one of its kind.
async fn next<const N: usize>(Next(nth): Next, cx: Context) -> Result<(), TaskError> {
    LAST[N].store(nth, Ordering::SeqCst);
    sleep(Duration::from_millis(1)).await;
    cx.jobs().queue(Next(nth + 1)).await?;
    Ok(())
}

#[tokio::test]
async fn a_job_that_queues_the_next_one_for_ever_ends_with_its_manager() {
    let without = TaskManager::builder().handle(next::<0>).build();
    let without = without.expect("it is sound");
    without.start();
    without.queue(Next(1)).await.expect("it runs");
    let with = TaskManager::builder().handle(next::<1>);
    let with = with.store(MemoryStore::new()).build();
    let with = with.expect("it is sound");
    with.start();
    with.queue(Next(1)).await.expect("it is stored");
    let goes_on = async {
        while LAST.iter().any(|last| last.load(Ordering::SeqCst) < 5) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(30 * SECOND, goes_on)
        .await
        .expect("each job queues the next one");
    drop((without, with));
    // What runs at this moment may come to its end, however long the machine takes for that.
    let stands_still = async {
        let last = || LAST.each_ref().map(|last| last.load(Ordering::SeqCst));
        loop {
            let before = last();
            sleep(SECOND / 5).await;
            if last() == before {
                return;
            }
        }
    };
    timeout(30 * SECOND, stands_still)
        .await
        .expect("no job runs any more");
}

#[tokio::test(start_paused = true)]
async fn a_context_knows_its_manager_wherever_it_is_used() {
    let builder = TaskManager::builder().handle(send);
    let tasks = builder.build().expect("it is sound");
    tasks.start();
    let spawned = async |cx: Context| {
        let queued = tokio::spawn(async move { cx.jobs().queue(mail("ada")).await });
        Ok(queued.await??.await.map_err(|error| error.to_string())?)
    };
    let handle = tasks.queue(spawned).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), 3);
    let here = tasks.exec(spawned).await;
    assert_eq!(here.await.expect("it succeeds"), 3);

    let kept = Arc::new(std::sync::Mutex::new(None));
    let keeps = Arc::clone(&kept);
    let keep = move |cx: Context| {
        let keeps = Arc::clone(&keeps);
        async move {
            *keeps.lock().expect("no panic") = Some(cx);
            Ok(())
        }
    };
    let handle = tasks.queue(keep).await.expect("it runs");
    handle.await.expect("it succeeds");
    drop(tasks);
    let cx = kept.lock().expect("no panic").take().expect("it was kept");
    let refused = cx.jobs().queue(mail("ada")).await;
    assert!(refused.expect_err("it is gone").is_stopped());
}

#[tokio::test(start_paused = true)]
async fn the_handle_of_an_id_finds_a_job_where_there_is_a_store() {
    let [(without, _a), (with, _b)] = both();
    let stored = with.queue(mail("ada")).await.expect("it is stored");
    let found: JobHandle<SendMail> = with.job_handle(stored.id());
    assert_eq!(found.await.expect("it succeeds"), 3);
    let missing: JobHandle<SendMail> = without.job_handle(stored.id());
    assert_eq!(missing.state().await.expect("it can be asked"), None);
    assert!(missing.await.expect_err("nobody knows it").is_missing());
}

#[test]
fn a_thread_without_a_runtime_stores_a_job_and_waits_for_it() {
    let runtime = tokio::runtime::Runtime::new().expect("the system has threads");
    let store = MemoryStore::new();
    let producer = TaskManager::builder().store(store.clone()).build();
    let producer = producer.expect("it is sound");
    let handle = producer.queue(mail("ada")).blocking_wait();
    let handle = handle.expect("it is stored");
    let worker = TaskManager::builder().store(store).handle(send).build();
    let worker = worker.expect("it is sound");
    runtime.block_on(async { worker.start() });
    assert_eq!(handle.clone().blocking_wait().expect("it succeeds"), 3);
    let jobs = worker.jobs();
    let handle = jobs.queue(mail("grace")).blocking_wait();
    let handle = handle.expect("it is stored");
    let waits = runtime.spawn_blocking(|| handle.blocking_wait());
    let result = runtime.block_on(waits).expect("a thread that may block");
    assert_eq!(result.expect("it succeeds"), 5);
    // Handles that are awaited later still hear of the ends of jobs.
    let handle = producer.queue(mail("eve")).blocking_wait();
    let handle = handle.expect("it is stored");
    let awaited = runtime.block_on(async { timeout(30 * SECOND, handle).await });
    assert_eq!(awaited.expect("in time").expect("it succeeds"), 3);
}

#[tokio::test]
async fn waiting_on_a_thread_of_async_code_panics_at_once() {
    let tasks = TaskManager::builder().handle(send).build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    let handle = tasks.queue(mail("ada")).await.expect("it runs");
    for (jobs, _manager) in both() {
        let stored = jobs.queue(mail("ada")).await.expect("it runs");
        let again = jobs.clone();
        assert!(
            tokio::spawn(async { drop(stored.blocking_wait()) })
                .await
                .is_err()
        );
        let waits = async move { drop(again.queue(mail("ada")).blocking_wait()) };
        assert!(tokio::spawn(waits).await.is_err());
    }
    assert!(
        tokio::spawn(async { drop(handle.blocking_wait()) })
            .await
            .is_err()
    );
    let waits = async move { drop(tasks.queue(mail("ada")).blocking_wait()) };
    assert!(tokio::spawn(waits).await.is_err());
}

/// A time of another library, which converts into a `SystemTime` where it can.
struct Stamp(Option<u64>);

impl TryFrom<Stamp> for SystemTime {
    type Error = &'static str;

    fn try_from(Stamp(seconds): Stamp) -> Result<Self, &'static str> {
        let seconds = seconds.ok_or("out of range")?;
        Ok(Self::UNIX_EPOCH + Duration::from_secs(seconds))
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_of_another_library_schedules_or_brings_the_task_back() {
    let tasks = TaskManager::builder().handle(send).build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    let past = tasks.schedule(Stamp(Some(1)), mail("ada")).await;
    assert_eq!(past.expect("accepted").await.expect("it succeeds"), 3);
    let refused = tasks.schedule(Stamp(None), mail("ada")).await;
    let refused = refused.expect_err("it is no time");
    assert!(refused.is_unschedulable());
    assert_eq!(
        refused.to_string(),
        "cannot schedule a task for a time that is no `SystemTime`"
    );
    assert_eq!(refused.into_task(), mail("ada"));
    for (jobs, _manager) in both() {
        let refused = jobs.schedule(Stamp(None), mail("ada")).await;
        assert!(refused.expect_err("it is no time").is_unschedulable());
    }
    let refused = marionette::timer::FutureTask::at(Stamp(None), "report");
    assert_eq!(refused.expect_err("it is no time").into_task(), "report");
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_room_is_limited_in_the_same_way_everywhere() {
    let without = TaskManager::builder().workers(1).queue_size(1).handle(act);
    let without = without.build().expect("it is sound");
    without.start();
    let with = TaskManager::builder().store(MemoryStore::new());
    let with = with.queue_limit("default", 1).build().expect("it is sound");
    without.queue(Act::Hang).await.expect("it runs");
    without.queue(Act::Hang).await.expect("it waits");
    with.queue(Act::Hang).await.expect("it waits");
    // Each wait counts from the await, however long before the `Submit` was made.
    let submits = (
        without.queue(Act::Hang).wait_at_most(SECOND),
        without.jobs().queue(Act::Hang).wait_at_most(SECOND),
        with.queue(Act::Hang).wait_at_most(SECOND),
        with.jobs().queue(Act::Hang).wait_at_most(SECOND),
    );
    sleep(HOUR).await;
    let began = common::now();
    assert!(submits.0.await.expect_err("it is full").is_full());
    assert_eq!(began.elapsed(), SECOND);
    for waits in [submits.1, submits.3] {
        let began = common::now();
        assert!(waits.await.expect_err("it is full").is_full());
        assert_eq!(began.elapsed(), SECOND);
    }
    let began = common::now();
    assert!(submits.2.await.expect_err("it is full").is_full());
    assert_eq!(began.elapsed(), SECOND);
    assert!(
        without
            .queue(Act::Hang)
            .try_now()
            .expect_err("full")
            .is_full()
    );
    assert!(
        without
            .jobs()
            .queue(Act::Hang)
            .try_now()
            .await
            .expect_err("full")
            .is_full()
    );
    assert!(
        with.queue(Act::Hang)
            .try_now()
            .await
            .expect_err("full")
            .is_full()
    );
    assert!(
        with.jobs()
            .queue(Act::Hang)
            .try_now()
            .await
            .expect_err("full")
            .is_full()
    );
}

#[tokio::test]
async fn a_row_has_the_due_time_and_the_limit_of_its_queue() {
    use marionette::store::Due;
    let tasks = TaskManager::builder().store(MemoryStore::new());
    let tasks = tasks.queue_limit("mail", 7).build().expect("it is sound");
    let row = tasks
        .delay(HOUR, mail("ada"))
        .in_queue("mail")
        .into_new_job();
    let row = row.expect("it can be stored");
    assert_eq!((row.due, row.queue_limit), (Due::After(HOUR), Some(7)));
    let row = tasks.jobs().queue(mail("ada")).into_new_job();
    let row = row.expect("it can be stored");
    assert_eq!((row.due, row.queue_limit), (Due::Now, None));
    let refused = tasks.schedule(SystemTime::UNIX_EPOCH, mail("ada"));
    let refused = refused.into_new_job().expect_err("it is no time");
    assert!(refused.is_unschedulable());
}
