//! Panics of user code outside of an attempt: in what a task drops, in errors, backoffs, listeners.

mod common;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use common::{HOUR, SECOND, started, stubborn, works_on};
use marionette::{Backoff, Context, TaskError};
use tokio::time::{sleep, timeout};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer, SubscriberExt};

/// Panics when it is dropped, unless something panics already.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "the bomb went off");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_future_harms_nothing() {
    let tasks = started(1, 64);
    let task = async |_: Context| {
        let _bomb = Bomb;
        std::future::pending::<Result<(), TaskError>>().await
    };
    let aborted = tasks.queue(task).await.expect("it runs");
    sleep(SECOND).await;
    aborted.abort();
    assert!(aborted.await.expect_err("aborted").is_cancelled());
    works_on(&tasks).await;
    let slow = tasks.queue(task).timeout(SECOND).await.expect("it runs");
    assert!(slow.await.expect_err("too slow").is_timed_out());
    works_on(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_closure_harms_nothing() {
    let tasks = started(1, 64);
    for kept in [true, false] {
        let bomb = Bomb;
        let task = move |_: Context| {
            let _ = &bomb;
            async { Ok("done") }
        };
        let handle = tasks.queue(task).await.expect("it runs");
        if kept {
            assert_eq!(handle.await.expect("it is done"), "done");
        } else {
            drop(handle);
            tasks.idle().await;
        }
        works_on(&tasks).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_an_output_that_nobody_wants_harms_nothing() {
    let tasks = started(1, 64);
    drop(tasks.queue(async { Ok(Bomb) }).await.expect("it runs"));
    tasks.idle().await;
    works_on(&tasks).await;
    // A result that the handle takes is dropped by the caller.
    let handle = tasks.queue(async { Ok(Bomb) }).await.expect("it runs");
    tasks.idle().await;
    let dropped = catch_unwind(AssertUnwindSafe(|| drop(handle)));
    drop(dropped);
    works_on(&tasks).await;
}

/// An error that panics when it is dropped.
struct Grudge(Bomb);

impl fmt::Debug for Grudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Grudge")
    }
}

impl fmt::Display for Grudge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("held a grudge")
    }
}

impl std::error::Error for Grudge {}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_an_error_harms_nothing() {
    let tasks = started(1, 64);
    let fails = async |_: Context| Err::<(), _>(Grudge(Bomb).into());
    for retries in [0, 2, 300] {
        let task = tasks.queue(fails).retries(retries).backoff(Backoff::none());
        drop(task.await.expect("it runs"));
        tasks.idle().await;
        works_on(&tasks).await;
    }
    // Nobody gets the record of a task that succeeded in the end.
    for kept in [true, false] {
        let fails_once = async |cx: Context| match cx.attempt() {
            1 => Err(Grudge(Bomb).into()),
            _ => Ok(()),
        };
        let task = tasks.queue(fails_once).retries(1).backoff(Backoff::none());
        let handle = task.await.expect("it runs");
        if kept {
            handle.await.expect("it succeeds");
        } else {
            drop(handle);
            tasks.idle().await;
        }
        works_on(&tasks).await;
    }
}

/// An error whose text panics.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("words fail me");
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_text_of_an_error_harms_nothing() {
    let tasks = started(1, 64);
    let mut events = tasks.events();
    let fails = async |_: Context| Err::<(), _>(TaskError::from(Unspeakable));
    let task = tasks.queue(fails).retries(1).backoff(Backoff::none());
    let error = task.error(Unspeakable).await.expect("it runs").await;
    let error = error.expect_err("it fails twice");
    assert_eq!(error.attempts(), 2);
    assert!(error.is::<Unspeakable>());
    let text = error.to_string();
    assert!(
        text.starts_with("after 2 attempts: (this error has no text: writing it panicked: words"),
        "{text}"
    );
    works_on(&tasks).await;
    assert!(events.recv().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_backoff_harms_nothing() {
    let tasks = started(1, 64);
    let fails = async |_: Context| Err::<(), _>("it fails".into());
    let backoff = Backoff::from_fn(|_| panic!("no idea"));
    let task = tasks.queue(fails).retries(1).backoff(backoff);
    let handle = task.await.expect("it runs");
    let error = timeout(HOUR, handle).await.expect("it ends");
    assert_eq!(error.expect_err("it fails twice").attempts(), 2);
    works_on(&tasks).await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_drop_of_a_task_that_never_ran_harms_nothing() {
    let tasks = started(1, 64);
    let busy = tasks.queue(stubborn).await.expect("it runs");
    sleep(SECOND).await;
    let bomb = Bomb;
    let task = move |_: Context| {
        let _ = &bomb;
        async { Ok(()) }
    };
    let queued = tasks.queue(task).await.expect("there is room");
    // The panic reaches whoever drops the code, or nobody.
    let _ = catch_unwind(AssertUnwindSafe(|| queued.cancel("not needed")));
    let error = timeout(HOUR, queued).await.expect("it resolves");
    assert!(error.expect_err("cancelled").is_cancelled());
    busy.abort();
    tasks.idle().await;
    works_on(&tasks).await;
}

/// Panics when it hears of the event with this message.
struct Fragile(&'static str);

impl<S: Subscriber> Layer<S> for Fragile {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        assert!(!message.0.contains(self.0), "it cannot bear {:?}", self.0);
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_costs_no_worker() {
    let tasks = started(1, 64);
    for message in ["started", "done", "it will be retried", "task failed after"] {
        let subscriber = tracing_subscriber::registry().with(Fragile(message));
        let guard = tracing::subscriber::set_default(subscriber);
        let task = async |cx: Context| match cx.attempt() {
            1 => Err("it fails".into()),
            _ => Ok(()),
        };
        for retries in [0, 1] {
            let task = tasks.queue(task).retries(retries).backoff(Backoff::none());
            let handle = task.await.expect("it runs");
            let ended = timeout(HOUR, handle).await;
            let _ = ended.expect("it ends in one way or another");
        }
        drop(guard);
        works_on(&tasks).await;
        let stats = tasks.stats();
        assert_eq!((stats.workers, stats.running), (1, 0), "{message}");
    }
}
