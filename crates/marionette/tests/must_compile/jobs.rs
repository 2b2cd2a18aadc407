//! Jobs: whatever the handlers capture, from futures that must be `Send`.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use marionette::backoff::Constant;
use marionette::store::Store;
use marionette::{Context, Job, MemoryStore, TaskError, TaskManager, wrap};
use serde::{Deserialize, Serialize};

use crate::app::{Captured, Mailer};

#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "")]
struct SendMail<T = Plain> {
    to: String,
    /// Not stored: whoever queues the job may leave something in it.
    #[serde(skip)]
    #[allow(dead_code)] // It is there for its type.
    extra: Option<T>,
}

type Plain = ();

impl<T: Send + 'static> Job for SendMail<T> {
    const KIND: &'static str = "send_mail";
    type Output = u8;
}

fn mail<T>() -> SendMail<T> {
    SendMail {
        to: "ada@example.org".into(),
        extra: None,
    }
}

fn manager<T: Send + 'static>() -> TaskManager<MemoryStore> {
    let mailer: Arc<dyn Mailer> = Captured::make();
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(move |_: SendMail<T>, _: Context| {
            let mailer = Arc::clone(&mailer);
            async move { Ok(mailer.send_later().await) }
        })
        .build()
        .expect("it is valid");
    tasks.start();
    tasks
}

async fn each_way<T: Clone + Send + 'static, S: Store + ?Sized>(
    tasks: &TaskManager<S>,
) -> Result<u8, TaskError> {
    let ms = Duration::from_millis(1);
    tasks.queue(mail::<T>()).await?.await?;
    tasks.delay(ms, mail::<T>()).await?.await?;
    tasks
        .schedule(SystemTime::now(), mail::<T>())
        .await?
        .await?;
    tasks.queue(wrap(mail::<T>()).retries(3)).await?.await?;
    tasks.queue(mail::<T>()).try_now().await?.await?;
    let many = tasks.queue_many((0..10).map(|_| mail::<T>())).await?;
    let submit = tasks
        .queue(mail::<T>())
        .retries(3)
        .backoff(Constant::new(ms))
        .timeout(60_000 * ms)
        .give_up_after(60_000 * ms)
        .expires_after(60_000 * ms)
        .error("it was not sent")
        .name("mail")
        .priority(5)
        .in_queue("mail")
        .keep_result(60_000 * ms)
        .wait_at_most(60_000 * ms);
    tokio::task::yield_now().await;
    let handle = submit.await?;
    assert_eq!(many.len(), 10);
    Ok(handle.await?)
}

#[tokio::test]
async fn from_a_spawned_future() {
    let tasks = manager::<Plain>();
    let answer = tokio::spawn(async move { each_way::<Plain, _>(&tasks).await });
    assert_eq!(answer.await.expect("it does not panic").ok(), Some(250));
}

/// The type of the job has a `dyn` in it.
#[tokio::test]
async fn of_a_type_with_a_client_in_it() {
    type Client = Arc<dyn Mailer>;
    let tasks = manager::<Client>();
    let answer = tokio::spawn(async move {
        let handle = tasks.queue(mail::<Client>()).retries(3).await?;
        handle.await?;
        tasks.queue_many([mail::<Client>(), mail()]).await?;
        let wrapped = wrap(mail::<Client>()).retries(3);
        tokio::task::yield_now().await;
        let handle = tasks.delay(Duration::ZERO, wrapped).try_now().await?;
        Ok::<u8, TaskError>(handle.await?)
    });
    assert_eq!(answer.await.expect("it does not panic").ok(), Some(250));
}

/// A manager whose store was chosen when the service started.
#[tokio::test]
async fn with_a_store_behind_dyn() {
    let tasks: TaskManager<dyn Store> = manager::<Plain>().erased();
    let answer = tokio::spawn(async move { each_way::<Plain, _>(&tasks).await });
    assert_eq!(answer.await.expect("it does not panic").ok(), Some(250));
}

#[tokio::test]
async fn without_a_store() {
    let mailer: Arc<dyn Mailer> = Captured::make();
    let tasks = TaskManager::builder()
        .handle(move |_: SendMail, _: Context| {
            let mailer = Arc::clone(&mailer);
            async move { Ok(mailer.send()) }
        })
        .build()
        .expect("it is valid");
    tasks.start();
    let answer = tokio::spawn(async move {
        tasks.delay(Duration::ZERO, mail::<Plain>()).await?.await?;
        tasks.queue_many([mail::<Plain>(), mail()]).await?;
        let handle = tasks.exec(wrap(mail::<Plain>())).await;
        handle.await?;
        Ok::<u8, TaskError>(tasks.queue(mail::<Plain>()).retries(3).await?.await?)
    });
    assert_eq!(answer.await.expect("it does not panic").ok(), Some(250));
}

/// A handler that queues the next job.
#[tokio::test]
async fn from_the_handler_of_another_job() {
    #[derive(Serialize, Deserialize)]
    struct Welcome;

    impl Job for Welcome {
        const KIND: &'static str = "welcome";
        type Output = u8;
    }

    let mails: TaskManager<dyn Store> = manager::<Plain>().erased();
    let tasks = TaskManager::builder()
        .store(MemoryStore::new())
        .handle(move |_: Welcome, _: Context| {
            let mails = mails.clone();
            async move { each_way::<Plain, _>(&mails).await }
        })
        .build()
        .expect("it is valid");
    tasks.start();
    let answer = tasks.queue(Welcome).await.expect("it is stored").await;
    assert_eq!(answer.expect("it succeeds"), 250);
}

#[tokio::test]
async fn from_an_axum_handler() {
    async fn welcome(State(tasks): State<TaskManager<dyn Store>>) -> Result<Vec<u8>, String> {
        let answer = each_way::<Plain, _>(&tasks).await;
        answer
            .map(|code| vec![code])
            .map_err(|error| error.to_string())
    }

    let tasks = manager::<Plain>().erased();
    let _: Router = Router::new()
        .route("/welcome", post(welcome))
        .with_state(tasks.clone());
    let answer = welcome(State(tasks)).await;
    assert_eq!(answer, Ok(vec![250]));
}
