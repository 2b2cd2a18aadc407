//! How a job ended is data, from the manager that ends it to the handle and to a person.

mod common;

use common::jobs::{Act, act, builder, details, mail, send, started};
use common::{HOUR, SECOND};
use marionette::inspect::{JobSummary, TimedAttempt};
use marionette::store::{EndKind, PastOutcome};
use marionette::{Error, Job, JobHandle, MemoryStore, TaskManager};
use tokio::time::sleep;

/// What is known of a job that ended: the error of its handle, and what its store tells.
async fn end<J: Job>(store: &MemoryStore, handle: JobHandle<J>) -> (Error, JobSummary, Vec<Told>)
where
    J::Output: std::fmt::Debug,
{
    let id = handle.id();
    let error = handle.await.expect_err("it ends without success");
    let details = details(store, id).await;
    let attempts = details.attempts.into_iter().map(told).collect();
    (error, details.summary, attempts)
}

type Told = (PastOutcome, Option<String>);

fn told(attempt: TimedAttempt) -> Told {
    (attempt.outcome, attempt.error)
}

#[tokio::test(start_paused = true)]
async fn an_attempt_keeps_its_error_without_its_outcome() {
    let store = MemoryStore::new();
    let tasks = started(&store);
    let panics = tasks.queue(Act::Panic).await.expect("it is accepted");
    let (error, summary, attempts) = end(&store, panics).await;
    assert!(error.is_panic(), "{error:?}");
    assert_eq!(summary.end, Some(EndKind::Failed));
    let (outcome, text) = &attempts[0];
    assert_eq!(*outcome, PastOutcome::Panicked);
    let text = text.as_deref().expect("it said something");
    assert!(text.starts_with("oh no at "), "{text}");
    assert_eq!(summary.reason, Some(format!("panicked: {text}")));

    let obeys = tasks.queue(Act::Obey).await.expect("it is accepted");
    sleep(SECOND).await;
    let why = "expired: not started within 1s of its time";
    assert!(obeys.cancel(why).await.expect("it answers"));
    let (error, summary, attempts) = end(&store, obeys).await;
    assert!(error.is_cancelled() && !error.is_expired(), "{error:?}");
    assert_eq!(summary.end, Some(EndKind::Cancelled));
    assert_eq!(attempts, [(PastOutcome::Cancelled, Some(why.to_owned()))]);
}

#[tokio::test(start_paused = true)]
async fn what_came_too_late_says_which_limit_it_met() {
    let store = MemoryStore::new();
    let tasks = builder(store.clone()).build().expect("it is sound");
    let expires = tasks.queue(mail("ada")).expires_after(SECOND).await;
    let gives_up = tasks.queue(mail("ada")).give_up_after(SECOND).await;
    sleep(HOUR).await;
    tasks.start();
    let (error, summary, attempts) = end(&store, expires.expect("it is accepted")).await;
    assert!(error.is_expired(), "{error:?}");
    assert_eq!((summary.end, attempts), (Some(EndKind::Expired), vec![]));
    let (error, summary, attempts) = end(&store, gives_up.expect("it is accepted")).await;
    assert!(error.is_timed_out(), "{error:?}");
    assert_eq!((summary.end, attempts), (Some(EndKind::GivenUp), vec![]));

    let hangs = tasks.queue(Act::Hang).give_up_after(SECOND).await;
    let (error, summary, attempts) = end(&store, hangs.expect("it is accepted")).await;
    assert!(error.is_timed_out(), "{error:?}");
    assert_eq!(summary.end, Some(EndKind::GivenUp));
    let text = Some("given up after 1s in total".to_owned());
    assert_eq!(attempts, [(PastOutcome::GivenUp, text)]);

    let hangs = tasks.queue(Act::Hang).timeout(SECOND).await;
    let (error, summary, attempts) = end(&store, hangs.expect("it is accepted")).await;
    assert!(error.is_timed_out(), "{error:?}");
    assert_eq!(summary.end, Some(EndKind::Failed));
    let text = Some("timed out after 1s".to_owned());
    assert_eq!(attempts, [(PastOutcome::TimedOut, text)]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_no_store_takes_is_refused_before_a_store_is_asked() {
    let tasks = TaskManager::builder().store(MemoryStore::new());
    let tasks = tasks.handle(send).handle(act).build().expect("it is sound");
    let refused = tasks.queue(mail("ada")).in_queue("two words").await;
    let refused = refused.expect_err("a name has no blanks");
    assert!(refused.store_error().is_none(), "{refused:?}");
    assert!(refused.to_string().contains("of a queue"), "{refused}");
}
