//! Jobs that are not accepted come back, with a reason that says what to do.

mod common;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::jobs::{Act, Faulty, SendMail, act, builder, details, mail, producer, send};
use common::log::Log;
use common::{HOUR, SECOND, now};
use marionette::error::QueueErrorKind;
use marionette::inspect::{Filter, Inspect, Page};
use marionette::store::{JobState, Store, StoreError, StoreErrorKind};
use marionette::{
    Backoff, BoxError, Context, Job, MemoryStore, Parent, Payload, TaskId, TaskManager, wrap,
};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// All jobs of a store.
async fn count(store: &impl Store) -> usize {
    let page = Page::first(1_000);
    let listed = store.list(Filter::default(), page).await;
    listed.expect("it answers").jobs.len()
}

/// A job that does not encode.
struct Stubborn;

impl Job for Stubborn {
    const KIND: &'static str = "stubborn";
    type Output = ();
}

impl Payload for Stubborn {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Err("there is no key to seal it with".into())
    }

    fn decode(_: &[u8]) -> Result<Self, BoxError> {
        Ok(Self)
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_does_not_encode_is_refused() {
    let tasks = producer(&MemoryStore::new());
    let refused = tasks.queue(Stubborn).await.expect_err("it does not encode");
    assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
    assert_eq!(
        refused.to_string(),
        "a payload of kind `stubborn` does not encode: there is no key to seal it with"
    );
    assert!(refused.source().is_none(), "the text says it");
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_too_large_is_refused_with_its_size() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    // The quotes and the name of the field are eleven bytes beside the text.
    let fits = mail(&"a".repeat(1024 * 1024 - 9));
    tasks.queue(fits.clone()).await.expect("it just fits");
    let large = SendMail { to: fits.to + "a" };
    let refused = tasks
        .queue(large.clone())
        .await
        .expect_err("it is too large");
    assert_eq!(refused.kind(), QueueErrorKind::TooLarge);
    let told = refused.to_string();
    let expected = "a payload of kind `send_mail` has 1048577 bytes, the limit is 1048576";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(refused.into_task(), large);

    let in_memory = TaskManager::builder().handle(send).build();
    let in_memory = in_memory.expect("it is sound");
    in_memory.start();
    let refused = in_memory.queue(large.clone()).try_now();
    let refused = refused.expect_err("it is too large");
    assert_eq!(refused.kind(), QueueErrorKind::TooLarge);
    let refused = in_memory.queue(large).await;
    let refused = refused.expect_err("it is too large");
    assert_eq!(refused.kind(), QueueErrorKind::TooLarge);
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_code_cannot_be_stored() {
    let tasks = producer(&MemoryStore::new());
    let rule = Backoff::from_fn(|_| Some(SECOND));
    let refused = tasks.queue(mail("ada")).backoff(rule).await;
    let refused = refused.expect_err("a function is no data");
    assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
    assert!(
        refused
            .to_string()
            .contains("let its handler return `TaskError::retry_after`")
    );

    let wrapped = wrap(mail("ada")).context(CancellationToken::new());
    let refused = tasks.queue(wrapped).await.expect_err("a token is no data");
    assert!(
        refused.to_string().contains("leave out `context`"),
        "{refused}"
    );

    let (_log, _guard) = Log::listen();
    let parent = tracing::info_span!("request").in_scope(Parent::current_span);
    let refused = tasks.queue(mail("ada")).context(parent).await;
    let refused = refused.expect_err("a span is no data");
    assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
}

#[tokio::test(start_paused = true)]
async fn a_bad_name_of_a_queue_is_refused() {
    let tasks = producer(&MemoryStore::new());
    for name in [String::new(), "a b".into(), "ä".into(), "q".repeat(129)] {
        let refused = tasks.queue(mail("ada")).in_queue(name).await;
        let refused = refused.expect_err("it is no name");
        assert_eq!(refused.kind(), QueueErrorKind::Unstorable);
        let told = refused.to_string();
        assert!(
            told.starts_with("a job cannot be stored: the name `")
                && told.contains("` of a queue "),
            "{told}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_gives_the_job_back_and_says_why() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.fail(true);
    let refused = tasks.queue(mail("ada")).await.expect_err("it fails");
    assert!(refused.is_unavailable() && !refused.is_full());
    let error = refused.store_error().expect("it was the store");
    assert_eq!(
        error.chain(),
        "the store does not answer: connection refused"
    );
    assert_eq!(
        refused.source().expect("it is kept").to_string(),
        "connection refused"
    );
    let error: BoxError = refused.into();
    assert_eq!(error.to_string(), "the store does not answer");
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_job_that_is_queued_again_is_accepted_once() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.lose_answers(true);
    let refused = tasks.queue(wrap(mail("ada"))).await;
    let wrapped = refused.expect_err("the answer is lost").into_task();
    store.lose_answers(false);
    let id = wrapped.id();
    let handle = tasks.queue(wrapped).await.expect("it is accepted");
    assert_eq!((handle.id(), count(&store).await), (id, 1));
}

#[tokio::test(start_paused = true)]
async fn a_wrapped_job_that_comes_back_has_all_its_options() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.fail(true);
    let wrapped = wrap(mail("ada")).error("no luck").retries(3);
    let refused = tasks.queue(wrapped).in_queue("mail").priority(2).await;
    let wrapped = refused.expect_err("it fails").into_task();
    store.fail(false);
    let handle = tasks.queue(wrapped).await.expect("it is accepted");
    let job = details(&store, handle.id()).await;
    assert_eq!(job.options.error.as_deref(), Some("no luck"));
    let (summary, retries) = (job.summary, job.options.retries);
    assert_eq!(
        (retries, &*summary.queue, summary.priority.get()),
        (3, "mail", 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_for_a_job_has_not_accepted_it() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.forget();
    let refused = tasks.queue(mail("ada")).await.expect_err("it is not sure");
    assert!(
        refused
            .store_error()
            .is_some_and(|error| error.kind() == StoreErrorKind::Broken)
    );
}

#[tokio::test(start_paused = true)]
async fn a_handle_whose_store_fails_says_so() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let handle = tasks.queue(mail("ada")).await.expect("it is accepted");
    store.fail(true);
    let error = handle.await.expect_err("the store fails");
    let error = error
        .downcast_ref::<StoreError>()
        .expect("it is the store's");
    assert!(error.is_unavailable());
}

#[tokio::test(start_paused = true)]
async fn a_handle_waits_while_its_store_fails_and_ends_once_that_is_broken() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let handle = tasks.queue(mail("ada")).await.expect("it is accepted");
    let mut waits = tokio::spawn(handle);
    sleep(SECOND).await;
    store.fail_at("ended", || StoreError::unavailable("it is busy"));
    let waited = timeout(HOUR, &mut waits).await;
    waited.expect_err("that may pass");
    store.fail_at("ended", || StoreError::broken("the file is gone"));
    let ended = timeout(HOUR, waits).await.expect("that does not pass");
    let error = ended.expect("no panic").expect_err("nobody knows its end");
    assert!(error.is_unreachable(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_or_is_waited_for() {
    let store = MemoryStore::new();
    let tasks = builder(store.clone()).queue_limit("mail", 2);
    let tasks = tasks.workers(1).build().expect("it is sound");
    let to = |to: &str| tasks.queue(mail(to)).in_queue("mail");
    to("a").await.expect("there is room");
    to("b").await.expect("there is room");
    let refused = timeout(HOUR, to("c").try_now()).await;
    let refused = refused.expect("it does not wait");
    let refused = refused.expect_err("it is full");
    assert!(refused.is_full());
    assert_eq!(refused.into_task(), mail("c"));
    let began = now();
    let refused = to("c")
        .wait_at_most(SECOND)
        .await
        .expect_err("it stays full");
    assert!(refused.is_full());
    assert_eq!(began.elapsed(), SECOND);
    // The wait counts from the await, not from the call.
    let later = to("c").wait_at_most(SECOND);
    sleep(HOUR).await;
    let began = now();
    assert!(later.await.expect_err("it stays full").is_full());
    assert_eq!(began.elapsed(), SECOND);
    // Another queue has its own room.
    tasks.queue(mail("d")).await.expect("there is no limit");
    {
        let waits = to("cc");
        let mut waits = std::pin::pin!(waits.into_future());
        assert!(timeout(HOUR, &mut waits).await.is_err());
        tasks.start();
        let handle = timeout(2 * SECOND, waits).await.expect("there is room");
        assert_eq!(
            handle.expect("it is accepted").await.expect("it succeeds"),
            2
        );
    }
}

#[tokio::test(start_paused = true)]
async fn many_jobs_are_a_few_calls_of_the_store() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let jobs = (0..2_500).map(|nth| wrap(mail(&nth.to_string())).retries(1));
    let handles = tasks.queue_many(jobs).await.expect("they are accepted");
    assert_eq!((handles.len(), store.inserts()), (2_500, 3));
    assert!(handles.is_sorted_by_key(|handle| handle.id()));
    assert_eq!(store.counts().await.expect("it answers")[0].jobs, 2_500);
    let none = tasks.queue_many(std::iter::empty::<SendMail>()).await;
    assert_eq!(none.expect("nothing is wrong").len(), 0);
    assert_eq!(store.inserts(), 3);
    // A call is limited by bytes too: these are nearly a mebibyte each.
    let large = (0..18).map(|_| mail(&"a".repeat(1024 * 1000)));
    tasks.queue_many(large).await.expect("they are accepted");
    assert_eq!(store.inserts(), 5);
}

#[tokio::test(start_paused = true)]
async fn many_jobs_of_which_one_is_unfit_come_back_from_there() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let queues = ["a", "b", "not good", "c"];
    let jobs = queues.map(|queue| wrap(mail(queue)).in_queue(queue));
    let error = tasks
        .queue_many(jobs)
        .await
        .expect_err("one has a bad name");
    assert_eq!(error.accepted().len(), 2);
    assert!(
        error.to_string().contains("2 tasks were accepted"),
        "{error}"
    );
    assert_eq!(error.why().kind(), QueueErrorKind::Unstorable);
    let (_, refused, _) = error.into_parts();
    assert_eq!(refused.len(), 2);
    let mended = refused.into_iter().map(|job| job.in_queue("c"));
    tasks.queue_many(mended).await.expect("now they are good");
    assert_eq!(count(&store).await, 4);
}

#[tokio::test(start_paused = true)]
async fn many_jobs_wait_for_room_as_one_does() {
    let store = MemoryStore::new();
    let tasks = builder(store).queue_limit("default", 10).build();
    let tasks = tasks.expect("it is sound");
    let jobs = || (0..100).map(|nth| mail(&nth.to_string()));
    assert!(timeout(HOUR, tasks.queue_many(jobs())).await.is_err());
    tasks.start();
    let handles = tasks.queue_many(jobs()).await.expect("they are accepted");
    for handle in handles {
        handle.await.expect("it succeeds");
    }
    // The jobs of the first call that had room ran too.
    assert_eq!(tasks.stats().done, 110);
}

#[tokio::test(start_paused = true)]
async fn many_jobs_of_a_store_that_fails_come_back() {
    let store = Faulty::default();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    store.fail(true);
    let error = tasks.queue_many([mail("a"), mail("b")]).await;
    let error = error.expect_err("it fails");
    assert!(error.accepted().is_empty() && error.why().is_unavailable());
    assert_eq!(error.into_parts().1, [mail("a"), mail("b")]);
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let error = TaskManager::builder()
        .workers(0)
        .handle(send)
        .handle(act)
        .handle(async |_: SendMail, _: Context| Ok(1))
        .store(MemoryStore::new())
        .queues(["mail", ""])
        .queue_limit("mail", 0)
        .build()
        .expect_err("much is wrong");
    assert!(error.is_no_workers());
    assert_eq!(
        error.to_string(),
        "invalid configuration: workers is 0, expected a whole number from 1 to 65536: \
         at least one worker must be specified; \
         jobs of kind `send_mail` have more than one handler: `jobs_refused::common::jobs::send`, \
         `jobs_refused::all_that_is_wrong_is_said_at_once::{{closure}}`; \
         the name `` of a queue is empty; \
         the limit of the queue `mail` is 0, so it accepts nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refused_job_is_an_error_like_others() {
    async fn producer() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
        let handle = tasks.queue(Act::Fail).await?;
        assert_eq!(handle.state().await?, Some(JobState::Ready));
        tasks.queue_many([Act::Fail]).await?;
        Err(tasks
            .queue(Stubborn)
            .await
            .expect_err("it is refused")
            .into())
    }
    let error = producer().await.expect_err("the last one is refused");
    assert_eq!(
        error.to_string(),
        "a payload of kind `stubborn` does not encode: there is no key to seal it with"
    );
}

#[tokio::test(start_paused = true)]
async fn an_enqueueing_that_is_dropped_loses_nothing_else() {
    let store = MemoryStore::new();
    let tasks = builder(store.clone()).queue_limit("default", 1).build();
    let tasks = tasks.expect("it is sound");
    tasks.queue(mail("a")).await.expect("there is room");
    let _ = timeout(SECOND, tasks.queue(mail("b"))).await;
    drop(tasks.queue(mail("c")));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(count(&store).await, 1);
}

#[tokio::test(start_paused = true)]
async fn user_code_that_panics_while_it_encodes_harms_only_its_caller() {
    static PANICS: AtomicBool = AtomicBool::new(true);
    struct Moody;
    impl Job for Moody {
        const KIND: &'static str = "moody";
        type Output = ();
    }
    impl Payload for Moody {
        fn encode(&self) -> Result<Vec<u8>, BoxError> {
            assert!(!PANICS.load(Ordering::Relaxed), "not today");
            Ok(b"null".to_vec())
        }
        fn decode(_: &[u8]) -> Result<Self, BoxError> {
            Ok(Self)
        }
    }
    let tasks = Arc::new(producer(&MemoryStore::new()));
    let clone = Arc::clone(&tasks);
    let panicked = tokio::spawn(async move { clone.queue(Moody).await.map(drop).is_ok() }).await;
    assert!(panicked.expect_err("it panics").is_panic());
    PANICS.store(false, Ordering::Relaxed);
    tasks.queue(Moody).await.expect("it is accepted");
}

/// The job that somebody else has inserted under the id of this one.
async fn insert_as(store: &MemoryStore, id: TaskId, other: SendMail) {
    let row = wrap(other).into_new_job();
    let row = row.expect("it encodes").id(id);
    store.insert(vec![row]).await.expect("it is in order");
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_id_another_has_is_refused_and_the_same_again_is_not() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let wrapped = wrap(mail("ada"));
    let id = wrapped.id();
    insert_as(&store, id, mail("bob")).await;
    let refused = tasks.queue(wrapped).await.expect_err("bob has that id");
    assert_eq!(refused.kind(), QueueErrorKind::Taken);
    let told = refused.to_string();
    assert!(told.contains(&id.to_string()), "{told}");
    assert_eq!(refused.into_task().id(), id);

    let again = wrap(mail("ada"));
    insert_as(&store, again.id(), mail("ada")).await;
    tasks.queue(again).await.expect("it is the same job");
    assert_eq!(count(&store).await, 2);
}

#[tokio::test(start_paused = true)]
async fn of_many_jobs_those_whose_ids_others_have_come_back() {
    let store = MemoryStore::new();
    let tasks = producer(&store);
    let jobs = ["ada", "bob", "cyd"].map(|to| wrap(mail(to)));
    let ids: Vec<_> = jobs.iter().map(|job| job.id()).collect();
    insert_as(&store, ids[0], mail("ada")).await;
    insert_as(&store, ids[1], mail("dan")).await;
    let err = tasks
        .queue_many(jobs)
        .await
        .expect_err("dan has one of the ids");
    assert_eq!(err.accepted().len(), 2);
    assert_eq!(err.why().kind(), QueueErrorKind::Taken);
    let (_, refused, _) = err.into_parts();
    assert_eq!(
        refused.iter().map(|job| job.id()).collect::<Vec<_>>(),
        [ids[1]]
    );
}
