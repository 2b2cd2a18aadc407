//! Jobs on a manager without a store: the types are the same, and what would fail later with a
//! store fails at once.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{HOUR, SECOND, now};
use marionette::backoff::Constant;
use marionette::error::QueueErrorKind;
use marionette::event::Received;
use marionette::{
    BoxError, Context, Job, JobHandler, Payload, TaskError, TaskManager, TaskState, wrap,
};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Add(u32, u32);

impl Job for Add {
    const KIND: &'static str = "add";
    type Output = u32;
}

/// A handler with a state.
struct Adder {
    calls: Arc<AtomicU32>,
    failures: u32,
}

impl JobHandler<Add> for Adder {
    async fn handle(&self, Add(a, b): Add, cx: Context) -> Result<u32, TaskError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if cx.attempt() <= self.failures {
            return Err("not yet".into());
        }
        Ok(a + b)
    }
}

fn adder(failures: u32) -> (TaskManager, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let handler = Adder {
        calls: Arc::clone(&calls),
        failures,
    };
    let tasks = TaskManager::builder().handle(handler).build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    (tasks, calls)
}

#[tokio::test(start_paused = true)]
async fn an_event_tells_the_kind_of_a_job_and_none_for_a_task() {
    let (tasks, _) = adder(0);
    let mut events = tasks.events();
    let job = tasks.queue(Add(2, 3)).name("a sum").await.expect("it runs");
    let id = job.id();
    job.await.expect("it succeeds");
    let task = tasks.queue(async |_: Context| Ok(())).await;
    task.expect("it runs").await.expect("it succeeds");
    for kind in [Some("add"), Some("add"), None, None] {
        let Some(Received::Event(event)) = events.recv().await else {
            panic!("each has an event at its start and at its end");
        };
        assert_eq!(event.job.as_deref(), kind, "{event:?}");
        assert_eq!(
            (event.id == id, &*event.name == "a sum"),
            (kind.is_some(), kind.is_some())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_name_of_a_queue_is_refused_as_by_a_manager_with_a_store() {
    let (tasks, calls) = adder(0);
    let refused = tasks.queue(Add(2, 3)).in_queue("a b").await;
    let refused = refused.expect_err("it is no name");
    assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
    assert_eq!(
        refused.to_string(),
        "a job cannot be stored: the name `a b` of a queue has ' ', \
         which is none of A–Z, a–z, 0–9, _ . : -"
    );
    let mended = refused.into_task();
    let handle = tasks.queue(mended).in_queue("sums").await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), 5);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_gives_its_typed_result() {
    let (tasks, _) = adder(0);
    let handle = tasks.queue(Add(2, 3)).await.expect("it runs");
    assert_eq!(handle.name(), "add");
    assert_eq!(handle.await.expect("it succeeds"), 5);
    let many = tasks.queue_many((0..200).map(|nth| Add(nth, 1))).await;
    for (nth, handle) in (0..).zip(many.expect("they run")) {
        assert_eq!(handle.await.expect("it succeeds"), nth + 1);
    }
    let handler = wrap(Add(1, 1));
    assert_eq!(tasks.exec(handler).await.await.expect("it succeeds"), 2);
}

#[tokio::test(start_paused = true)]
async fn every_option_of_a_task_is_there_for_a_job() {
    let (tasks, calls) = adder(2);
    let began = now();
    let handle = tasks.delay(HOUR, Add(2, 3));
    let handle = handle.retries(2).backoff(Constant::new(SECOND)).name("sum");
    let handle = handle.await.expect("it is accepted");
    assert_eq!((handle.name(), handle.state()), ("sum", TaskState::Waiting));
    assert_eq!(handle.await.expect("it succeeds"), 5);
    assert_eq!(began.elapsed(), HOUR + 2 * SECOND);
    assert_eq!(calls.load(Ordering::Relaxed), 3);

    let handle = tasks.queue(Add(2, 3)).error("no sum").await;
    let error = handle.expect("it runs").await.expect_err("it fails");
    assert_eq!(error.to_string(), "after 1 attempt: no sum");
    let handle = tasks.delay(HOUR, Add(2, 3)).await.expect("it is accepted");
    assert!(handle.cancel("no need"));
    assert!(handle.await.expect_err("it was cancelled").is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_kind_without_a_handler_is_refused_at_once() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Multiply(u32, u32);
    impl Job for Multiply {
        const KIND: &'static str = "multiply";
        type Output = u32;
    }
    let (tasks, _) = adder(0);
    let refused = tasks
        .queue(Multiply(2, 3))
        .await
        .expect_err("who would run it?");
    assert_eq!(refused.kind(), QueueErrorKind::UnknownKind);
    assert_eq!(
        refused.to_string(),
        "no handler for jobs of kind `multiply` is registered, only for `add`"
    );
    assert_eq!(refused.into_task(), Multiply(2, 3));
    let refused = tasks.queue(Multiply(2, 3)).try_now();
    let refused = refused.expect_err("who would run it?");
    assert_eq!(refused.kind(), QueueErrorKind::UnknownKind);

    let none = TaskManager::new(marionette::Config::default()).expect("it is sound");
    let refused = none
        .delay(HOUR, Add(1, 1))
        .await
        .expect_err("there is none");
    assert_eq!(
        refused.to_string(),
        "no handler for jobs of kind `add` is registered: register it with \
         `TaskManagerBuilder::handle`"
    );
    let many = tasks.queue_many([Multiply(1, 2), Multiply(3, 4)]).await;
    let error = many.expect_err("who would run them?");
    assert!(error.to_string().contains("`multiply`"), "{error}");
    assert_eq!(error.into_parts().1, [Multiply(1, 2), Multiply(3, 4)]);
    // Here no caller is left who could be refused: the job fails when it runs.
    let handle = tasks.exec(wrap(Multiply(1, 2)).retries(3)).await;
    let error = handle.await.expect_err("there is no handler");
    assert_eq!(error.attempts(), 1);
    assert!(format!("{error:?}").contains("`multiply`"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_type_that_does_not_round_trip_is_found_without_a_store() {
    #[derive(Serialize, Deserialize)]
    struct OneWay {
        #[serde(rename(serialize = "here", deserialize = "there"))]
        place: String,
    }
    impl Job for OneWay {
        const KIND: &'static str = "one_way";
        type Output = ();
    }
    #[derive(Serialize, Deserialize)]
    struct Oracle;
    impl Job for Oracle {
        const KIND: &'static str = "oracle";
        type Output = Riddle;
    }
    #[derive(Debug)]
    struct Riddle;
    impl Payload for Riddle {
        fn encode(&self) -> Result<Vec<u8>, BoxError> {
            Ok(b"?".to_vec())
        }
        fn decode(_: &[u8]) -> Result<Self, BoxError> {
            Err("nobody understands it".into())
        }
    }
    let tasks = TaskManager::builder()
        .handle(async |_: OneWay, _: Context| Ok(()))
        .handle(async |_: Oracle, _: Context| Ok(Riddle))
        .build()
        .expect("it is sound");
    tasks.start();
    let job = OneWay { place: "x".into() };
    let refused = tasks.queue(job).retries(5).await;
    let told = refused.expect_err("it does not decode").to_string();
    let expected = "a payload of kind `one_way` does not come back from its encoding: missing \
                    field `there`";
    assert!(told.starts_with(expected), "{told}");

    let handle = tasks.queue(Oracle).retries(5).await.expect("it encodes");
    let error = handle.await.expect_err("its result does not decode");
    let expected = "the job is done, but its result cannot be read: a result of kind `oracle` \
                    does not decode: nobody understands it";
    assert_eq!(
        (error.to_string().as_str(), error.attempts()),
        (expected, 1)
    );
    assert!(error.is_unreadable());
}

#[tokio::test(start_paused = true)]
async fn a_job_is_encoded_once_and_decoded_when_it_comes_in_and_for_each_attempt() {
    static ENCODED: AtomicU32 = AtomicU32::new(0);
    static DECODED: AtomicU32 = AtomicU32::new(0);
    struct Counted;
    impl Job for Counted {
        const KIND: &'static str = "counted";
        type Output = u32;
    }
    impl Payload for Counted {
        fn encode(&self) -> Result<Vec<u8>, BoxError> {
            ENCODED.fetch_add(1, Ordering::Relaxed);
            Ok(b"sealed".to_vec())
        }
        fn decode(payload: &[u8]) -> Result<Self, BoxError> {
            assert_eq!(payload, b"sealed");
            DECODED.fetch_add(1, Ordering::Relaxed);
            Ok(Self)
        }
    }
    let tasks = TaskManager::builder().handle(async |_: Counted, cx: Context| {
        let attempt = cx.attempt();
        if attempt < 3 {
            Err("again".into())
        } else {
            Ok(attempt)
        }
    });
    let tasks = tasks.build().expect("it is sound");
    tasks.start();
    let handle = tasks.queue(Counted).retries(2).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), 3);
    assert_eq!(ENCODED.load(Ordering::Relaxed), 1);
    assert_eq!(DECODED.load(Ordering::Relaxed), 4);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_waits_in_a_stopped_manager_comes_back_and_runs_elsewhere() {
    let (first, _) = adder(0);
    let handle = first.delay(HOUR, Add(4, 5)).await.expect("it is accepted");
    first.stop().await;
    // The job takes its handler along.
    let second = TaskManager::new(marionette::Config::default()).expect("it is sound");
    second.start();
    for waiting in first.take_waiting() {
        second.restore(waiting);
    }
    assert_eq!(handle.await.expect("it succeeds"), 9);
}
