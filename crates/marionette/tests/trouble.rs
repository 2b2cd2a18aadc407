//! A manager says what keeps it from claiming jobs when it is asked, and logs it once, and once
//! more when it is over.

mod common;

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::SECOND;
use common::jobs::{Faulty, SendMail, builder, mail, unreachable};
use marionette::store::{Store, StoreError};
use marionette::{Context, TaskError, TaskManager};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn count(&self, text: &str) -> usize {
        let bytes = self.0.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&bytes).matches(text).count()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut all = self.0.lock().expect("nobody panics with it");
        all.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn started(store: &Faulty) -> TaskManager<Faulty> {
    let tasks = builder(store.clone()).build().expect("it is sound");
    tasks.start();
    tasks
}

#[tokio::test(start_paused = true)]
async fn an_error_that_keeps_a_manager_from_claiming_is_told_until_it_is_over() {
    let (log, _guard) = Log::begin();
    let store = Faulty::default();
    let tasks = started(&store);
    tasks.idle().await;
    assert_eq!(tasks.trouble(), None, "an idle manager has none");

    store.fail_claims(true);
    let sent = tasks.queue(mail("ada")).await.expect("it is accepted");
    sleep(20 * SECOND).await;
    let trouble = tasks.trouble().expect("it could not claim");
    assert_eq!(trouble.call, "claim");
    let error = trouble.error.expect("there was one");
    assert!(error.contains("the store does not answer"), "{error}");
    assert!(trouble.lasts >= store.timing().lease, "{:?}", trouble.lasts);
    assert!(log.count("the store failed; it is called again") >= 1);
    assert_eq!(log.count("the store answers again"), 0);

    store.fail_claims(false);
    sent.await.expect("it is done");
    assert_eq!(tasks.trouble(), None);
    assert_eq!(log.count("the store answers again"), 1);
    tasks.stop().await;
    assert_eq!(tasks.trouble(), None, "a stopped manager has none");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_does_not_answer_is_trouble_as_well() {
    let store = Faulty::default();
    let tasks = started(&store);
    tasks.idle().await;
    store.hang_claims(true);
    let sent = tasks.queue(mail("ada")).await.expect("it is accepted");
    sleep(20 * SECOND).await;
    let trouble = tasks.trouble().expect("it could not claim");
    assert_eq!((trouble.call, trouble.error), ("claim", None));
    assert!(trouble.lasts >= store.timing().lease, "{:?}", trouble.lasts);
    store.hang_claims(false);
    sent.await.expect("it is done");
    assert_eq!(tasks.trouble(), None);
}

#[tokio::test(start_paused = true)]
async fn what_fails_while_claims_succeed_is_trouble_too() {
    for call in ["settle", "renew", "sweep"] {
        let (log, _guard) = Log::begin();
        let store = Faulty::default();
        let tasks = started(&store);
        tasks.idle().await;
        store.fail_at(call, unreachable);
        let sent = tasks.queue(mail("ada")).await.expect("it is accepted");
        // Later on, a worker that does not renew cannot claim either.
        sleep(25 * SECOND).await;
        let trouble = tasks.trouble().expect("it has one");
        assert_eq!(trouble.call, call);
        let error = trouble.error.expect("there was one");
        assert!(error.contains("the store does not answer"), "{error}");
        assert!(trouble.lasts >= store.timing().lease, "{:?}", trouble.lasts);
        assert!(log.count("the store failed; it is called again") >= 1);
        store.fail_nowhere();
        assert_eq!(sent.await.expect("it is done"), 3);
        sleep(20 * SECOND).await;
        assert_eq!(tasks.trouble(), None, "{call}");
        assert!(log.count("the store answers again") >= 1, "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_that_the_store_refuses_is_trouble_until_it_is_taken_and_does_not_run_again() {
    let store = Faulty::default();
    let runs = Arc::new(AtomicUsize::new(0));
    let tasks = {
        let runs = Arc::clone(&runs);
        let builder = TaskManager::builder().store(store.clone());
        let builder = builder.handle(move |mail: SendMail, _: Context| {
            runs.fetch_add(1, Ordering::Relaxed);
            async move { Ok::<_, TaskError>(mail.to.len()) }
        });
        builder.build().expect("it is sound")
    };
    tasks.start();
    tasks.idle().await;
    store.fail_at("settle", || StoreError::refused("a trigger says no"));
    let sent = tasks.queue(mail("ada")).await.expect("it is accepted");
    sleep(100 * SECOND).await;
    let trouble = tasks.trouble().expect("it has one");
    assert_eq!(trouble.call, "settle");
    assert_eq!(trouble.error.as_deref(), Some("a trigger says no"));
    assert!(trouble.lasts >= store.timing().lease, "{:?}", trouble.lasts);
    store.fail_nowhere();
    assert_eq!(sent.await.expect("it is done"), 3);
    assert_eq!(tasks.trouble(), None);
    assert_eq!(runs.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn on_the_real_clock_the_time_of_a_trouble_is_real_time() {
    let store = Faulty::default();
    let tasks = started(&store);
    store.fail_claims(true);
    drop(tasks.queue(mail("ada")).await.expect("it is accepted"));
    while tasks
        .trouble()
        .is_none_or(|trouble| trouble.error.is_none())
    {
        sleep(Duration::from_millis(5)).await;
    }
    let before = tasks.trouble().expect("it goes on").lasts;
    sleep(Duration::from_millis(200)).await;
    let after = tasks.trouble().expect("it goes on").lasts;
    assert!(
        after >= before + Duration::from_millis(200),
        "{before:?}, {after:?}"
    );
}
