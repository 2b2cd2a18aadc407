//! Jobs in a store: which are accepted, how they are stored, what comes back, and how they end.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use common::jobs::{Act, SendMail, builder, details, mail, producer, send, started};
use common::{HOUR, SECOND, now, wall};
use marionette::backoff::Constant;
use marionette::error::QueueErrorKind;
use marionette::inspect::Inspect;
use marionette::store::{JobState, Priority, Store, StoredBackoff, StoredJitter};
use marionette::{
    Context, FailureKind, Job, MemoryStore, TaskError, TaskHandler, TaskId, TaskManager, wrap,
};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_manager_that_was_not_started_accepts_jobs() {
    let store = MemoryStore::new();
    let tasks = builder(store.clone()).build().expect("it is sound");
    let handle = tasks.queue(mail("ada")).await.expect("it is accepted");
    let state = handle.state().await.expect("it answers");
    assert_eq!(state, Some(JobState::Ready));
    tasks.start();
    assert_eq!(handle.await.expect("it succeeds"), 3);
    assert_eq!(tasks.stats().done, 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_wherever_its_handler_is() {
    let store = MemoryStore::new();
    let (producer, worker) = (producer(&store), started(&store));
    // A manager without handlers may be started, and runs nothing.
    producer.start();
    let handle = producer.queue(mail("grace")).await.expect("it is accepted");
    assert_eq!(handle.await.expect("it succeeds"), 5);
    assert_eq!((producer.stats().done, worker.stats().done), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn what_a_job_asks_for_is_in_the_store() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let handle = tasks
        .queue(mail("ada"))
        .retries(8)
        .backoff(Constant::new(MINUTE))
        .timeout(SECOND)
        .give_up_after(HOUR)
        .expires_after(2 * HOUR)
        .error("could not send the welcome mail")
        .name("welcome")
        .priority(7)
        .in_queue("mail")
        .keep_result(3 * HOUR)
        .await
        .expect("it is accepted");
    let job = details(&store, handle.id()).await;
    let summary = &job.summary;
    assert_eq!((&*summary.kind, &*summary.queue), ("send_mail", "mail"));
    assert_eq!(summary.priority, Priority::new(7));
    assert_eq!(job.payload, br#"{"to":"ada"}"#);
    let options = &job.options;
    let backoff = StoredBackoff::Constant {
        pause: MINUTE,
        jitter: StoredJitter::None,
    };
    assert_eq!((options.retries, options.backoff), (8, Some(backoff)));
    assert_eq!(options.timeout, Some(SECOND));
    assert_eq!(options.give_up_after, Some(HOUR));
    assert_eq!(options.expires_after, Some(2 * HOUR));
    assert_eq!(options.name.as_deref(), Some("welcome"));
    assert_eq!(options.keep_result, Some(3 * HOUR));
    let error = options.error.as_deref();
    assert_eq!(error, Some("could not send the welcome mail"));
}

#[derive(Serialize, Deserialize)]
struct Report;

impl Job for Report {
    const KIND: &'static str = "report";
    const QUEUE: &'static str = "reports";
    type Output = ();

    fn defaults(job: TaskHandler<Self>) -> TaskHandler<Self> {
        job.retries(3).timeout(MINUTE).priority(-1)
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_has_defaults_and_a_job_overrides_them() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let plain = tasks.queue(Report).await.expect("it is accepted");
    let other = tasks.queue(Report).retries(0).in_queue("other");
    let other = other.await.expect("it is accepted");
    let (plain, other) = (
        details(&store, plain.id()).await,
        details(&store, other.id()).await,
    );
    assert_eq!((plain.options.retries, other.options.retries), (3, 0));
    assert_eq!(other.options.timeout, Some(MINUTE));
    let queues = (&*plain.summary.queue, &*other.summary.queue);
    assert_eq!(queues, ("reports", "other"));
    assert_eq!(other.summary.priority, Priority::new(-1));
    assert_eq!(plain.options.name, None);
}

#[tokio::test(start_paused = true)]
async fn a_future_job_runs_at_its_time_and_never_before() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let began = now();
    let delayed = tasks.delay(HOUR, mail("a")).await.expect("it is accepted");
    let at = wall() + began.elapsed() + 2 * HOUR;
    let scheduled = tasks
        .schedule(at, mail("bc"))
        .await
        .expect("it is accepted");
    assert_eq!(
        scheduled.state().await.expect("it answers"),
        Some(JobState::Scheduled)
    );
    assert_eq!(delayed.await.expect("it succeeds"), 1);
    assert!(began.elapsed() >= HOUR && began.elapsed() < HOUR + MINUTE);
    assert_eq!(scheduled.await.expect("it succeeds"), 2);
    // The wall clock goes on a little while the test runs.
    assert!(began.elapsed().abs_diff(2 * HOUR) < MINUTE);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_time_is_waited_for() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let handle = tasks.delay(Duration::MAX, mail("ada")).await;
    let handle = handle.expect("it is accepted");
    sleep(HOUR).await;
    let state = handle.state().await.expect("it answers");
    assert_eq!(state, Some(JobState::Scheduled));
}

#[tokio::test(start_paused = true)]
async fn a_time_that_cannot_be_is_refused() {
    let tasks = producer(&MemoryStore::new());
    let refused = tasks.schedule(UNIX_EPOCH, mail("ada")).await;
    let refused = refused.expect_err("it is the zero value");
    assert!(refused.is_unschedulable());
    assert_eq!(refused.into_task(), mail("ada"));
}

#[tokio::test(start_paused = true)]
async fn the_handle_tells_the_error_of_every_attempt() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let handle = tasks.queue(Act::Fail).retries(2).error("no luck");
    let error = handle.await.expect("it is accepted").await;
    let error = error.expect_err("it fails");
    assert_eq!(error.to_string(), "after 3 attempts: no luck");
    let told: Vec<_> = error.failures().map(ToString::to_string).collect();
    assert_eq!(told, ["refused 1", "refused 2", "refused 3"]);
    assert!(
        error
            .failures()
            .all(|failure| failure.kind() == FailureKind::Failed)
    );
}

#[tokio::test(start_paused = true)]
async fn the_handle_tells_of_panics_and_timeouts_as_without_a_store() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let handle = tasks.queue(Act::Panic).await.expect("it is accepted");
    let error = handle.await.expect_err("it panics");
    assert!(error.is_panic(), "{error:?}");
    let told = error.failures().next().expect("there is one").to_string();
    assert!(told.starts_with("panicked: oh no at "), "{told}");

    let handle = tasks.queue(Act::Hang).timeout(SECOND).await;
    let error = handle.expect("it is accepted").await;
    let error = error.expect_err("it hangs");
    assert!(error.is_timed_out(), "{error:?}");
    let told = error.failures().next().expect("there is one").to_string();
    assert_eq!(told, "timed out after 1s");
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_too_long_is_cut_and_marked() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let long = "é".repeat(10_000);
    let handle = tasks.queue(Act::FailWith(long.clone())).error(long);
    let handle = handle.await.expect("it is accepted");
    let id = handle.id();
    handle.await.expect_err("it fails");
    let job = details(&store, id).await;
    let texts = [job.options.error, job.attempts[0].error.clone()];
    for text in texts.map(|text| text.expect("there is one")) {
        assert!(
            text.len() <= 8 * 1024 && text.ends_with("é […]"),
            "{}",
            text.len()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_does_not_decode_buries_its_job_alone() {
    #[derive(Serialize, Deserialize)]
    struct Old {
        address: String,
    }
    impl Job for Old {
        const KIND: &'static str = "send_mail";
        type Output = usize;
    }
    let store = MemoryStore::new();
    let tasks = started(&store);
    let old = Old {
        address: "a".into(),
    };
    let old = tasks.queue(old).retries(9).await.expect("it is accepted");
    let new = tasks.queue(mail("ada")).await.expect("it is accepted");
    let error = old.await.expect_err("it is of another version");
    assert_eq!(error.attempts(), 1);
    let told = error.failures().next().expect("there is one").to_string();
    let expected = "a payload of kind `send_mail` does not decode: missing field `to`";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(new.await.expect("it succeeds"), 3);
}

#[tokio::test(start_paused = true)]
async fn any_process_can_await_and_cancel_a_job_by_its_id() {
    let store = MemoryStore::new();
    let (here, there) = (producer(&store), started(&store));
    let id = here.queue(mail("ada")).await.expect("it is accepted").id();
    let handle = there.job_handle::<SendMail>(id);
    assert_eq!(handle.id(), id);
    assert_eq!(handle.await.expect("it succeeds"), 3);
    // And again, also after it has ended.
    assert_eq!(
        here.job_handle::<SendMail>(id).await.expect("it succeeds"),
        3
    );

    let waits = there
        .delay(HOUR, mail("ada"))
        .await
        .expect("it is accepted");
    let handle = here.job_handle::<SendMail>(waits.id());
    assert!(handle.cancel("by mistake").await.expect("it answers"));
    assert!(!handle.cancel("again").await.expect("it answers"));
    let error = waits.await.expect_err("it was cancelled");
    assert!(error.is_cancelled());
    assert_eq!(format!("{error:?}"), "cancelled: by mistake");
}

#[tokio::test(start_paused = true)]
async fn a_running_job_hears_that_another_process_cancelled_it() {
    let store = MemoryStore::new();
    let (here, there) = (producer(&store), started(&store));
    let handle = here.queue(Act::Obey).retries(5).await;
    let handle = handle.expect("it is accepted");
    sleep(SECOND).await;
    assert_eq!(
        handle.state().await.expect("it answers"),
        Some(JobState::Running)
    );
    assert!(handle.cancel("no need").await.expect("it answers"));
    let error = handle.await.expect_err("it was cancelled");
    assert!(error.is_cancelled(), "{error:?}");
    let last = error.failures().last().expect("there is one").to_string();
    assert_eq!((last.as_str(), error.attempts()), ("cancelled: no need", 1));
    drop(there);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_not_started_in_time_is_expired() {
    let store = MemoryStore::new();
    let tasks = builder(store).build().expect("it is sound");
    let handle = tasks.queue(mail("ada")).expires_after(MINUTE).await;
    let handle = handle.expect("it is accepted");
    sleep(HOUR).await;
    tasks.start();
    let error = handle.await.expect_err("it is too late");
    assert!(error.is_expired() && !error.is_cancelled(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_out_of_time_before_its_start_says_so() {
    let store = MemoryStore::new();
    let tasks = builder(store).build().expect("it is sound");
    let handle = tasks.queue(mail("ada")).give_up_after(MINUTE).await;
    let handle = handle.expect("it is accepted");
    sleep(HOUR).await;
    tasks.start();
    let error = handle.await.expect_err("it is too late");
    assert!(error.is_timed_out(), "{error:?}");
    let told = format!("{error:?}");
    let expected = "given up after 60s in total";
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn the_handle_of_a_job_that_nobody_knows_says_so() {
    let tasks = producer(&MemoryStore::new());
    let handle = tasks.job_handle::<SendMail>(TaskId::new());
    assert_eq!(handle.state().await.expect("it answers"), None);
    assert!(!handle.cancel("no").await.expect("it answers"));
    let error = handle.await.expect_err("there is no such job");
    assert!(error.is_missing(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_handle_resolves_when_its_manager_goes_and_the_job_stays() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let mut waits = tasks.queue(mail("ada")).await.expect("it is accepted");
    let unpolled = tasks.job_handle::<SendMail>(waits.id());
    assert!(timeout(HOUR, &mut waits).await.is_err());
    drop(tasks);
    let error = timeout(SECOND, waits).await.expect("it resolves");
    assert!(error.expect_err("nobody tells").is_abandoned());
    assert!(unpolled.state().await.is_err());
    assert!(unpolled.cancel("no").await.is_err());
    let id = unpolled.id();
    let error = timeout(SECOND, unpolled).await.expect("it resolves");
    assert!(error.expect_err("nobody tells").is_abandoned());
    let job = details(&store, id).await;
    assert_eq!(job.summary.state, JobState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_manager_works_on_its_queues_alone_and_on_the_urgent_first() {
    let store = MemoryStore::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let tasks = TaskManager::builder()
        .workers(1)
        .store(store.clone())
        .queues(["mail", "news"])
        .handle(move |mail: SendMail, _: Context| {
            seen.lock().expect("nobody panics").push(mail.to);
            async { Ok::<_, TaskError>(0) }
        })
        .build()
        .expect("it is sound");
    let other = tasks.queue(mail("other")).await.expect("it is accepted");
    for (to, queue, priority) in [("a", "mail", -1), ("b", "news", 0), ("c", "mail", 5)] {
        let job = tasks.queue(mail(to)).in_queue(queue).priority(priority);
        job.await.expect("it is accepted");
    }
    tasks.start();
    tasks.idle().await;
    assert_eq!(*order.lock().expect("nobody panics"), ["c", "b", "a"]);
    assert_eq!(
        other.state().await.expect("it answers"),
        Some(JobState::Ready)
    );
}

#[tokio::test(start_paused = true)]
async fn a_manager_does_the_same_without_the_type_of_its_store() {
    let erased: TaskManager<dyn Store> = started(&MemoryStore::new()).erased();
    let handle = erased.queue(mail("ada")).await.expect("it is accepted");
    assert_eq!(
        erased
            .job_handle::<SendMail>(handle.id())
            .await
            .expect("it succeeds"),
        3
    );
    let counts = erased.store().counts().await.expect("it answers");
    assert_eq!((counts.len(), counts[0].state), (1, JobState::Done));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_producers_and_workers_mix_nothing_up() {
    // A handle asks after each poll for a job that another manager runs.
    let store = MemoryStore::options()
        .poll(Duration::from_millis(5))
        .build();
    let (producer, workers) = (producer(&store), [started(&store), started(&store)]);
    let producing = (0..8).map(|nth| {
        let producer = producer.clone();
        tokio::spawn(async move {
            for length in (nth..400).step_by(8) {
                let handle = producer.queue(mail(&"a".repeat(length))).await;
                let sent = handle.expect("it is accepted").await;
                assert_eq!(sent.expect("it succeeds"), length);
            }
        })
    });
    for producing in producing.collect::<Vec<_>>() {
        timeout(MINUTE, producing)
            .await
            .expect("it ends")
            .expect("it does not panic");
    }
    let done = workers.map(|worker| worker.stats().done);
    assert_eq!(done.iter().sum::<u64>(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_job_is_the_same_for_both_managers() {
    let store = MemoryStore::new();
    let with_store = producer(&store);
    let wrap = || wrap(mail("ada")).retries(4).name("welcome");
    let wrapped = wrap();
    let id = wrapped.id();
    let handle = with_store.queue(wrapped).in_queue("mail").await;
    assert_eq!(handle.expect("it is accepted").id(), id);
    let job = details(&store, id).await;
    assert_eq!((job.options.retries, &*job.summary.queue), (4, "mail"));

    let in_memory = TaskManager::builder().handle(send).build();
    let in_memory = in_memory.expect("it is sound");
    in_memory.start();
    let handle = in_memory.queue(wrap().priority(3)).await;
    let handle = handle.expect("it is accepted");
    assert_eq!(handle.name(), "welcome");
    assert_eq!(handle.await.expect("it succeeds"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_row_for_a_transaction_has_all_that_was_asked_for() {
    let wrapped = wrap(mail("ada")).retries(4).in_queue("mail");
    let id = wrapped.id();
    let row = wrapped.into_new_job().expect("it can be stored");
    assert_eq!((row.id, &*row.kind, &*row.queue), (id, "send_mail", "mail"));
    assert_eq!((row.options.retries, row.queue_limit), (4, None));

    let wrapped = wrap(mail("ada")).in_queue("no good");
    let refused = wrapped.into_new_job().expect_err("the name is bad");
    assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
    // The caller mends the job that came back, and it is accepted.
    let row = refused.into_task().in_queue("good").into_new_job();
    assert_eq!(row.expect("it can be stored").queue, "good");
}

#[tokio::test(start_paused = true)]
async fn what_a_store_tells_lasts_as_long_as_was_asked() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let handle = tasks.queue(mail("ada")).keep_result(MINUTE).await;
    let id = handle.expect("it is accepted").id();
    sleep(MINUTE / 2).await;
    assert_eq!(
        tasks.job_handle::<SendMail>(id).await.expect("it is kept"),
        3
    );
    sleep(2 * MINUTE).await;
    let error = tasks
        .job_handle::<SendMail>(id)
        .await
        .expect_err("it is pruned");
    assert!(error.is_missing(), "{error:?}");
    assert!(store.job(id).await.expect("it answers").is_none());
}
