//! `testing`: handlers and tasks called by hand, and what a test finds in a store.
#![cfg(feature = "test-util")]

mod common;

use std::time::Duration;

use common::jobs::{SendMail, mail};
use common::{HOUR, SECOND};
use marionette::inspect::Inspect;
use marionette::testing::{context, drain, perform, queued};
use marionette::{
    BoxError, Context, Job, JobHandler, MemoryStore, Payload, TaskError, TaskHandler, TaskManager,
    blocking,
};
use serde::{Deserialize, Serialize};

#[tokio::test]
async fn a_context_is_of_the_only_attempt_of_a_task_unless_it_is_told() {
    let cx = context().build();
    assert_eq!((cx.attempt(), cx.attempts_left()), (1, 0));
    assert_eq!(
        (cx.name(), cx.kind(), cx.queue_name()),
        ("async task", None, None)
    );
    assert_eq!((cx.deadline(), cx.time_left()), (None, None));
    assert!(!cx.is_cancelled() && cx.cancel_reason().is_none());

    let cx = context().name("last seen").retries(4).attempt(3).build();
    assert_eq!(
        (cx.attempt(), cx.attempts_left(), cx.name()),
        (3, 2, "last seen")
    );
    assert_ne!(cx.id(), context().build().id());
    let cx = context().retries(4).attempt(0).build();
    assert_eq!((cx.attempt(), cx.attempts_left()), (1, 4));
}

#[tokio::test]
async fn a_context_that_is_cancelled_says_so_and_why() {
    let cx = context().cancelled("not needed").build();
    assert!(cx.is_cancelled());
    assert_eq!(cx.cancel_reason().as_deref(), Some("not needed"));
    cx.cancelled().await;

    let cx = context().build();
    let clone = cx.clone();
    let waits = tokio::spawn(async move { clone.cancelled().await });
    cx.token().cancel();
    waits.await.expect("it does not panic");
    assert!(cx.is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn a_context_is_told_to_end_at_its_deadline() {
    let cx = context().deadline(SECOND).build();
    assert_eq!(cx.time_left(), Some(SECOND));
    let begun = common::now();
    cx.cancelled().await;
    assert_eq!(begun.elapsed(), SECOND);
    assert_eq!(cx.time_left(), Some(Duration::ZERO));
}

#[test]
fn a_context_needs_no_runtime() {
    let cx = context().deadline(HOUR).build();
    assert!(cx.time_left() <= Some(HOUR) && cx.time_left() > Some(59 * 60 * SECOND));
}

/// A job with options of its own, whose result is what its attempt knows.
#[derive(Serialize, Deserialize)]
struct Tell;

impl Job for Tell {
    const KIND: &'static str = "tell";
    const QUEUE: &'static str = "told";
    type Output = (String, u32, Option<u64>);

    fn defaults(
        job: TaskHandler<Self, marionette::marker::ByJob>,
    ) -> TaskHandler<Self, marionette::marker::ByJob> {
        job.retries(8).timeout(30 * SECOND)
    }
}

async fn tell(_: Tell, cx: Context) -> Result<(String, u32, Option<u64>), TaskError> {
    let who = [Some(cx.name()), cx.kind(), cx.queue_name()].map(|name| name.unwrap_or("?"));
    let left = cx.time_left().map(|left| left.as_secs());
    Ok((who.join(" "), cx.attempts_left(), left))
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_performed_with_the_defaults_of_its_job() {
    let told = perform(&tell, Tell).await.expect("it succeeds");
    assert_eq!(told, ("tell tell told".into(), 8, Some(30)));
    let last = context()
        .attempt(3)
        .retries(2)
        .name("again")
        .deadline(SECOND);
    let told = last.perform(&tell, Tell).await.expect("it succeeds");
    assert_eq!(told, ("again tell told".into(), 0, Some(1)));
}

#[tokio::test]
async fn every_kind_of_handler_can_be_performed() {
    struct Mailer;
    impl JobHandler<SendMail> for Mailer {
        async fn handle(&self, mail: SendMail, _: Context) -> Result<usize, TaskError> {
            Ok(mail.to.len())
        }
    }
    let blocks = blocking(|mail: SendMail, _: Context| Ok(mail.to.len()));
    let stated = marionette::with(1, async |add: usize, mail: SendMail, _: Context| {
        Ok(mail.to.len() + add)
    });
    assert_eq!(perform(&Mailer, mail("ada")).await.expect("it succeeds"), 3);
    assert_eq!(perform(&blocks, mail("ada")).await.expect("it succeeds"), 3);
    assert_eq!(perform(&stated, mail("ada")).await.expect("it succeeds"), 4);
}

/// A job whose arguments and results do not come back.
struct Lossy;

#[derive(Debug)]
struct Lost;

impl Job for Lossy {
    const KIND: &'static str = "lossy";
    type Output = Lost;
}

impl Payload for Lossy {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(Vec::new())
    }

    fn decode(bytes: &[u8]) -> Result<Self, BoxError> {
        if bytes.is_empty() {
            Ok(Self)
        } else {
            Err("too long".into())
        }
    }
}

impl Payload for Lost {
    fn encode(&self) -> Result<Vec<u8>, BoxError> {
        Ok(Vec::new())
    }

    fn decode(_: &[u8]) -> Result<Self, BoxError> {
        Err("nothing is left".into())
    }
}

#[derive(Serialize, Deserialize)]
struct OneWay {
    #[serde(rename(serialize = "here", deserialize = "there"))]
    place: String,
}

impl Job for OneWay {
    const KIND: &'static str = "one_way";
    type Output = ();
}

#[tokio::test]
async fn what_does_not_come_back_from_its_encoding_is_found_in_a_test() {
    let handler = async |_: OneWay, _: Context| Ok(());
    let error = perform(&handler, OneWay { place: "x".into() }).await;
    let error = error.expect_err("it is read under another name");
    let expected = "a payload of kind `one_way` does not come back from its encoding";
    assert_eq!(error.to_string(), expected);

    let error = perform(&async |_: Lossy, _: Context| Ok(Lost), Lossy).await;
    let error = error.expect_err("the result is lost");
    let expected = "a result of kind `lossy` does not come back from its encoding";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_test_finds_the_jobs_that_were_queued_and_have_not_ended() {
    let store = MemoryStore::new();
    let tasks = TaskManager::builder()
        .store(store.clone())
        .handle(async |mail: SendMail, _: Context| match mail.to.as_str() {
            "nobody" => Err("no such mailbox".into()),
            to => Ok(to.len()),
        })
        .build()
        .expect("it is sound");
    assert_eq!(queued::<SendMail>(&store).await, []);
    let first = tasks.queue(mail("ada")).await.expect("it is accepted");
    tasks
        .queue(mail("nobody"))
        .retries(1)
        .await
        .expect("it is accepted");
    tasks
        .delay(HOUR, mail("eve"))
        .priority(9)
        .await
        .expect("it is accepted");
    tasks.queue(Tell).await.expect("it is accepted");
    let waits = [mail("ada"), mail("nobody"), mail("eve")];
    assert_eq!(queued::<SendMail>(&store).await, waits, "the oldest first");
    assert_eq!(queued::<SendMail>(tasks.erased().store()).await, waits);

    tasks.start();
    let id = first.id();
    first.await.expect("it succeeds");
    assert_eq!(
        queued::<SendMail>(&store).await,
        waits[1..],
        "one retries, one is for later"
    );
    drain(&tasks).await;
    assert_eq!(queued::<SendMail>(&store).await, []);
    assert_eq!(
        queued::<Tell>(&store).await.len(),
        1,
        "it has no handler here"
    );

    let details = store
        .job(id)
        .await
        .expect("it answers")
        .expect("it is kept");
    assert_eq!(
        details.arguments::<SendMail>().expect("they decode"),
        mail("ada")
    );
    assert_eq!(details.output::<SendMail>().expect("it decodes"), Some(3));
    let error = details
        .arguments::<Tell>()
        .map(drop)
        .expect_err("it is no `Tell`");
    assert_eq!(
        error.to_string(),
        "the job is of kind `send_mail`, not `tell`"
    );
}

#[tokio::test(start_paused = true)]
async fn a_test_finds_more_jobs_than_a_store_lists_at_once() {
    let store = MemoryStore::new();
    let tasks = TaskManager::builder().store(store.clone()).build();
    let tasks = tasks.expect("it is sound");
    let mails: Vec<_> = (0..2_500).map(|nth| mail(&nth.to_string())).collect();
    let handles = tasks.queue_many(mails.clone()).await;
    handles.expect("they are accepted");
    assert!(queued::<SendMail>(&store).await == mails);
}

#[tokio::test]
async fn a_context_has_the_way_in_of_the_manager_that_it_is_given() {
    let ask = async |_: SendMail, cx: Context| {
        cx.jobs().queue(Tell).await?;
        Ok(0)
    };
    let error = perform(&ask, mail("ada"))
        .await
        .expect_err("it has no manager");
    assert_eq!(
        error.to_string(),
        "the task manager is gone: its last clone was dropped"
    );

    let store = MemoryStore::new();
    let tasks = TaskManager::builder()
        .store(store.clone())
        .build()
        .expect("it is sound");
    let attempt = context().jobs(&tasks.jobs());
    attempt
        .clone()
        .perform(&ask, mail("ada"))
        .await
        .expect("it is accepted");
    assert_eq!(queued::<Tell>(&store).await.len(), 1);
    drop(tasks);
    attempt
        .perform(&ask, mail("ada"))
        .await
        .expect_err("the manager is gone");
}
