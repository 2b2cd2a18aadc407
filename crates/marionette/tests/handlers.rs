//! Handlers: collected apart from a manager, shared, with state, and what a job knows of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use marionette::{
    Context, Handlers, Job, JobHandler, MemoryStore, TaskError, TaskManager, blocking, with,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct SendMail {
    to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = u32;
}

#[derive(Serialize, Deserialize)]
struct SendText(u32);

impl Job for SendText {
    const KIND: &'static str = "send_text";
    const QUEUE: &'static str = "texts";
    type Output = u32;
}

fn mail() -> SendMail {
    SendMail { to: "ada".into() }
}

/// A handler of two kinds, with a count that both share.
#[derive(Default)]
struct Post {
    sent: AtomicU32,
}

impl Post {
    fn send(&self) -> u32 {
        self.sent.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl JobHandler<SendMail> for Post {
    async fn handle(&self, _: SendMail, _: Context) -> Result<u32, TaskError> {
        Ok(self.send())
    }
}

impl JobHandler<SendText> for Post {
    async fn handle(&self, _: SendText, _: Context) -> Result<u32, TaskError> {
        Ok(10 * self.send())
    }
}

async fn send(post: Arc<Post>, mail: SendMail, cx: Context) -> Result<u32, TaskError> {
    assert_eq!((mail.to.as_str(), cx.attempt()), ("ada", 1));
    Ok(post.send())
}

#[tokio::test]
async fn one_handler_behind_an_arc_handles_two_kinds_with_one_parameter_each() {
    let post = Arc::new(Post::default());
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle::<SendMail>(Arc::clone(&post))
        .handle::<SendText>(Arc::clone(&post))
        .build()
        .expect("it is sound");
    tasks.start();
    let sent = tasks.queue(mail()).await.expect("it is accepted");
    assert_eq!(sent.await.expect("it succeeds"), 1);
    let sent = tasks.queue(SendText(1)).await.expect("it is accepted");
    assert_eq!(sent.await.expect("it succeeds"), 20);
    assert_eq!(post.sent.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn blocking_code_behind_an_arc_blocks_no_thread_of_the_runtime() {
    let runtime = std::thread::current().id();
    let apart = Arc::new(blocking(move |_: SendMail, _: Context| {
        Ok(u32::from(std::thread::current().id() != runtime))
    }));
    let tasks = TaskManager::builder()
        .handle(apart)
        .build()
        .expect("it is sound");
    tasks.start();
    let sent = tasks.queue(mail()).await.expect("it is accepted");
    assert_eq!(sent.await.expect("it succeeds"), 1);
}

#[tokio::test]
async fn an_async_function_with_state_is_a_task_and_a_handler() {
    async fn count(post: Arc<Post>, cx: Context) -> Result<u32, TaskError> {
        match cx.attempt() {
            1 => Err(format!("{} sent", post.send()).into()),
            _ => Ok(post.send()),
        }
    }
    let post = Arc::new(Post::default());
    let tasks = TaskManager::builder()
        .handle(with(Arc::clone(&post), send))
        .build()
        .expect("it is sound");
    tasks.start();
    let sent = tasks.queue(mail()).await.expect("it is accepted");
    assert_eq!(sent.await.expect("it succeeds"), 1);

    let counted = tasks
        .queue(with(Arc::clone(&post), count))
        .retries(1)
        .backoff(marionette::Backoff::none())
        .await
        .expect("it is accepted");
    assert_eq!(counted.await.expect("the second attempt succeeds"), 3);
    assert_eq!(Arc::strong_count(&post), 2, "the handler's and this one");
}

#[tokio::test]
async fn an_async_closure_with_state_is_a_task_and_a_handler() {
    let name = String::from("ada");
    let tasks = TaskManager::builder()
        .handle(with(
            name.clone(),
            async |name: String, mail: SendMail, _: Context| Ok(u32::from(name == mail.to)),
        ))
        .build()
        .expect("it is sound");
    tasks.start();
    let sent = tasks.queue(mail()).await.expect("it is accepted");
    assert_eq!(sent.await.expect("it succeeds"), 1);

    let mut calls = 0;
    let counts = with(name, move |name: String, _: Context| {
        calls += 1;
        async move {
            if calls < 3 {
                Err(name.into())
            } else {
                Ok(calls)
            }
        }
    });
    let counted = tasks
        .queue(counts)
        .retries(5)
        .backoff(marionette::Backoff::none());
    let counted = counted.await.expect("it is accepted");
    assert_eq!(counted.await.expect("the third attempt succeeds"), 3);
}

#[tokio::test]
async fn a_task_with_state_that_is_refused_comes_back_and_can_be_queued_again() {
    let tasks = TaskManager::builder().build().expect("it is sound");
    let greet = with("ada", async |name: &'static str, _: Context| Ok(name));
    let refused = tasks.queue(greet).await.expect_err("it does not run yet");
    tasks.start();
    let greeted = tasks.queue(refused.into_task()).await.expect("it runs");
    assert_eq!(greeted.await.expect("it succeeds"), "ada");
}

fn mails() -> Handlers {
    Handlers::new().handle(with(Arc::<Post>::default(), send))
}

#[tokio::test]
async fn handlers_of_two_modules_work_in_one_manager() {
    let texts = Handlers::new().handle(async |SendText(length): SendText, _: Context| Ok(length));
    let all = mails().merge(texts);
    assert!(all.kinds().eq(["send_mail", "send_text"]));
    for builder in [
        TaskManager::builder().handlers(all.clone()),
        TaskManager::builder()
            .handlers(mails())
            .handle::<SendText>(Post { sent: 4.into() }),
    ] {
        let tasks = builder
            .store(MemoryStore::new())
            .build()
            .expect("it is sound");
        tasks.start();
        let sent = tasks.queue(mail()).await.expect("it is accepted");
        assert_eq!(sent.await.expect("it succeeds") % 10, 1);
        let sent = tasks.queue(SendText(50)).await.expect("it is accepted");
        assert_eq!(sent.await.expect("it succeeds"), 50);
    }
}

#[test]
fn a_kind_with_two_handlers_is_named_at_build_with_both() {
    let own = TaskManager::builder().handle::<SendMail>(Post::default());
    for (builder, first) in [
        (
            TaskManager::builder().handlers(mails().merge(mails())),
            "With<",
        ),
        (
            TaskManager::builder().handlers(mails()).handlers(mails()),
            "With<",
        ),
        (own.handlers(mails()), "Post`"),
    ] {
        let error = builder.build().expect_err("a mail would be sent by two");
        let told = error.to_string();
        let (_, types) = told
            .split_once("jobs of kind `send_mail` have more than one handler: ")
            .expect("it says what is wrong");
        let (one, other) = types.split_once(", ").expect("it names both");
        assert!(
            one.contains(first) && other.contains("handlers::send"),
            "{told}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_knows_the_kind_the_queue_and_the_time_it_has() {
    async fn tell(_: SendText, cx: Context) -> Result<u32, TaskError> {
        let left = cx.time_left().ok_or("it has a timeout")?;
        tokio::time::sleep(Duration::from_secs(10)).await;
        let later = cx.time_left().ok_or("it has a timeout")?;
        assert_eq!((left.as_secs(), later.as_secs()), (60, 50));
        assert_eq!(cx.kind(), Some("send_text"));
        Ok(u32::try_from(
            cx.queue_name().ok_or("it is in a queue")?.len(),
        )?)
    }
    let builder = TaskManager::builder().handle(tell);
    let memory = builder.clone().build().expect("it is sound");
    memory.start();
    let minute = Duration::from_secs(60);
    let told = memory
        .queue(SendText(1))
        .timeout(minute)
        .await
        .expect("it is accepted");
    assert_eq!(told.await.expect("it succeeds"), 5, "`texts`");

    let stored = builder
        .store(MemoryStore::new())
        .build()
        .expect("it is sound");
    stored.start();
    let told = stored.queue(SendText(1)).timeout(minute).in_queue("others");
    let told = told.await.expect("it is accepted");
    assert_eq!(told.await.expect("it succeeds"), 6, "`others`");

    let closure =
        async |cx: Context| Ok(cx.kind().or(cx.queue_name()).is_some() || cx.time_left().is_some());
    let told = memory.queue(closure).await.expect("it is accepted");
    assert!(!told.await.expect("it succeeds"), "a closure is no job");
}
