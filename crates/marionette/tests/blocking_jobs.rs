//! Code that blocks its thread as the handler of a job, with a store and without one.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc as threads};
use std::time::Duration;

use common::HOUR;
use marionette::store::Store;
use marionette::{
    Context, FailureKind, Job, MemoryStore, TaskError, TaskId, TaskManager, TaskManagerBuilder,
    blocking,
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;

const MS: Duration = Duration::from_millis(1);

#[derive(Serialize, Deserialize)]
struct Thumbnail {
    width: u32,
}

impl Job for Thumbnail {
    const KIND: &'static str = "thumbnail";
    type Output = u32;
}

fn thumbnail(width: u32) -> Thumbnail {
    Thumbnail { width }
}

fn stored(builder: TaskManagerBuilder) -> TaskManager<MemoryStore> {
    let tasks = builder.store(MemoryStore::new()).build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    tasks
}

/// Blocks its thread, which does not belong to the runtime.
#[allow(clippy::disallowed_methods)]
fn blocks() {
    std::thread::sleep(MS);
}

/// Sends the id of its task, and is stuck until the other side sends or is dropped.
#[allow(clippy::type_complexity)] // The code, its sign of life, and what releases it.
fn stuck() -> (
    impl Fn(Thumbnail, Context) -> Result<u32, TaskError> + Send + Sync + 'static,
    mpsc::UnboundedReceiver<TaskId>,
    threads::Sender<()>,
) {
    let (begun, begins) = mpsc::unbounded_channel();
    let (release, released) = threads::channel();
    let released = Mutex::new(released);
    let code = move |image: Thumbnail, cx: Context| {
        let _ = begun.send(cx.id());
        let released = released.lock().unwrap_or_else(|error| error.into_inner());
        let _ = released.recv();
        Ok(image.width)
    };
    (code, begins, release)
}

#[tokio::test]
async fn it_runs_on_threads_apart_and_as_many_as_there_are_workers() {
    let home = std::thread::current().id();
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = Arc::clone(&most);
    let code = move |image: Thumbnail, _: Context| {
        peak.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        blocks();
        at_once.fetch_sub(1, Ordering::SeqCst);
        assert_ne!(std::thread::current().id(), home, "it is another thread");
        Ok(image.width / 2)
    };
    let tasks = stored(TaskManager::builder().workers(2).handle(blocking(code)));
    let handles = tasks.queue_many((0..20).map(thumbnail)).await;
    for (width, handle) in (0..).zip(handles.expect("they are stored")) {
        assert_eq!(handle.await.expect("it succeeds"), width / 2);
    }
    assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn it_needs_no_store() {
    let half = |image: Thumbnail, _: Context| Ok(image.width / 2);
    let tasks = TaskManager::builder().handle(blocking(half)).build();
    let tasks = tasks.expect("it is sound");
    tasks.start();
    let handle = tasks.queue(thumbnail(640)).await.expect("it runs");
    assert_eq!(handle.await.expect("it succeeds"), 320);
}

#[tokio::test]
async fn its_timeout_asks_first() {
    let obeys = |image: Thumbnail, cx: Context| {
        while !cx.is_cancelled() {
            blocks();
        }
        Ok(image.width)
    };
    let tasks = stored(TaskManager::builder().grace(HOUR).handle(blocking(obeys)));
    // By then its thread has to begin and to ask once.
    let handle = tasks.queue(thumbnail(7)).timeout(1000 * MS).await;
    let width = timeout(HOUR, handle.expect("it is stored")).await;
    assert_eq!(
        width.expect("it ends").expect("it counts within the grace"),
        7
    );
}

/// The job has ended, its worker is free, and the stop tells of the thread.
async fn the_thread_goes_on<S: Store>(tasks: TaskManager<S>, id: TaskId) {
    let report = timeout(HOUR, tasks.stop()).await.expect("it does not wait");
    let abandoned: Vec<_> = report.abandoned.iter().map(|task| task.id).collect();
    assert_eq!(abandoned, [id], "{report}");
    assert_eq!(report.abandoned[0].name, "thumbnail");
    assert!(!report.is_complete());
}

#[tokio::test]
async fn a_thread_that_goes_on_after_a_timeout_is_abandoned_in_the_report() {
    let (code, mut begins, release) = stuck();
    let tasks = stored(TaskManager::builder().handle(blocking(code)));
    let handle = tasks.queue(thumbnail(7)).timeout(20 * MS).await;
    let handle = handle.expect("it is stored");
    let id = handle.id();
    assert_eq!(begins.recv().await, Some(id));
    let error = timeout(HOUR, handle).await.expect("it ends");
    assert!(error.expect_err("it is too slow").is_timed_out());
    the_thread_goes_on(tasks, id).await;
    drop(release);
}

#[tokio::test]
async fn a_thread_that_has_come_back_is_not_abandoned() {
    let (code, mut begins, release) = stuck();
    let tasks = stored(TaskManager::builder().handle(blocking(code)));
    let handle = tasks.queue(thumbnail(7)).timeout(20 * MS).await;
    begins.recv().await.expect("it begins");
    let _ = handle
        .expect("it is stored")
        .await
        .expect_err("it is too slow");
    drop(release);
    // The next job takes the place of the same thread or of another: in the end all have come back.
    let next = tasks.queue(thumbnail(8)).await.expect("it is stored");
    assert_eq!(next.await.expect("nothing holds it up"), 8);
    let report = tasks.stop().await;
    assert!(report.abandoned.is_empty(), "{report}");
}

#[tokio::test]
async fn its_threads_stay_bounded_when_they_are_stuck() {
    let (code, mut begins, release) = stuck();
    let tasks = stored(TaskManager::builder().workers(1).handle(blocking(code)));
    let first = tasks.queue(thumbnail(1)).timeout(20 * MS).await;
    let first = first.expect("it is stored");
    assert_eq!(begins.recv().await, Some(first.id()));
    let _ = first.await.expect_err("it is too slow");
    let second = tasks.queue(thumbnail(2)).await.expect("it is stored");
    let begun = timeout(50 * MS, begins.recv()).await;
    assert!(begun.is_err(), "the first has the one thread");
    drop(release);
    assert_eq!(begins.recv().await, Some(second.id()));
    assert_eq!(second.await.expect("it succeeds"), 2);
}

#[tokio::test]
async fn its_panic_is_a_failure_and_harms_no_other() {
    let code = |image: Thumbnail, _: Context| {
        assert!(image.width > 0, "an empty image");
        Ok(image.width)
    };
    let tasks = stored(TaskManager::builder().workers(1).handle(blocking(code)));
    let handle = tasks.queue(thumbnail(0)).await.expect("it is stored");
    let error = handle.await.expect_err("it panics");
    let failure = error.failures().next().expect("there is one");
    assert_eq!(failure.kind(), FailureKind::Panicked);
    assert!(failure.to_string().contains("an empty image"), "{failure}");
    let handle = tasks.queue(thumbnail(3)).await.expect("it is stored");
    assert_eq!(handle.await.expect("it succeeds"), 3);
}

/// As with jobs.
#[tokio::test]
async fn a_blocking_task_whose_thread_goes_on_is_abandoned_in_the_report() {
    let tasks = common::started(1, 64);
    let (code, mut begins, release) = stuck();
    let code = blocking(move |cx: Context| code(thumbnail(1), cx));
    let queued = tasks.queue(code).timeout(20 * MS).name("thumbnail");
    let handle = queued.await.expect("it runs");
    let id = handle.id();
    assert_eq!(begins.recv().await, Some(id));
    assert!(handle.await.expect_err("it is too slow").is_timed_out());
    let report = timeout(HOUR, tasks.stop()).await.expect("it does not wait");
    let abandoned = report.abandoned.iter().map(|task| (task.id, &*task.name));
    assert_eq!(abandoned.collect::<Vec<_>>(), [(id, "thumbnail")]);
    drop(release);
}
