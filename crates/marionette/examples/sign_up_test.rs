//! How a service tests its jobs: what was queued, what a handler returns, and what all of it does
//! in the end. The clock is virtual here, so days take no time.

use std::time::Duration;

use marionette::error::TaskErrorKind;
use marionette::{Context, Job, Jobs, MemoryStore, QueueError, TaskError, TaskManager, testing};
use serde::{Deserialize, Serialize};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct SendMail {
    to: String,
    text: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = usize;
}

/// The code under test: a user signs up, and gets a mail now and one in a week.
async fn sign_up(jobs: &Jobs, user: &str) -> Result<(), QueueError<SendMail>> {
    let mail = |text: &str| SendMail {
        to: user.into(),
        text: text.into(),
    };
    jobs.queue(mail("welcome")).retries(3).await?;
    jobs.delay(7 * DAY, mail("do you like it?"))
        .retries(3)
        .await?;
    Ok(())
}

/// The handler under test.
async fn send(mail: SendMail, cx: Context) -> Result<usize, TaskError> {
    if !mail.to.contains('@') {
        return Err(TaskError::fatal(format!("`{}` is no address", mail.to)));
    }
    if cx.attempt() == 1 {
        return Err("the mail server is busy".into());
    }
    Ok(mail.text.len())
}

async fn two_mails_are_queued() {
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .build()
        .unwrap();
    sign_up(&tasks.jobs(), "ada@example.org").await.unwrap();
    let mails = testing::queued::<SendMail>(tasks.store()).await;
    let texts: Vec<_> = mails.iter().map(|mail| mail.text.as_str()).collect();
    assert_eq!(texts, ["welcome", "do you like it?"]);
}

async fn a_mail_without_an_address_is_given_up() {
    let mail = SendMail {
        to: "ada".into(),
        text: "welcome".into(),
    };
    let error = testing::perform(&send, mail).await.unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Fatal);
    assert_eq!(error.to_string(), "`ada` is no address");
}

async fn a_busy_server_is_asked_again() {
    let mail = || SendMail {
        to: "ada@example.org".into(),
        text: "welcome".into(),
    };
    let error = testing::perform(&send, mail()).await.unwrap_err();
    assert_eq!(error.kind(), TaskErrorKind::Retry);
    let second = testing::context().attempt(2).perform(&send, mail()).await;
    assert_eq!(second.unwrap(), 7);
}

async fn both_mails_are_sent_within_eight_days() {
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(send)
        .build()
        .unwrap();
    tasks.start();
    sign_up(&tasks.jobs(), "ada@example.org").await.unwrap();
    testing::drain(&tasks).await;
    assert_eq!((tasks.stats().done, tasks.stats().failed), (2, 0));
}

/// Each of these would be a `#[tokio::test(start_paused = true)]`.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    two_mails_are_queued().await;
    println!("two mails are queued: ok");
    a_mail_without_an_address_is_given_up().await;
    println!("a mail without an address is given up: ok");
    a_busy_server_is_asked_again().await;
    println!("a busy server is asked again: ok");
    both_mails_are_sent_within_eight_days().await;
    println!("both mails are sent within eight days: ok");
}
