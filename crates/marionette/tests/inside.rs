//! A task uses its own manager, from its worker and from the thread that it blocks.

mod common;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use common::jobs::{SendMail, mail};
use common::{quick, started};
use marionette::{
    Context, JoinHandle, MemoryStore, TaskError, TaskManager, TaskState, blocking, wrap,
};
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use tokio::time::timeout;

/// Whatever takes longer hangs, on the slowest machine too.
const HANG: Duration = Duration::from_secs(20);

async fn in_time<T>(handle: JoinHandle<T>, what: &str) -> T {
    let ended = timeout(HANG, handle).await;
    let ended = ended.unwrap_or_else(|_| panic!("{what} waits for ever"));
    ended.unwrap_or_else(|error| panic!("{what}: {error:?}"))
}

/// What a task may await of its own manager; `true` if that ended as it should.
#[derive(Clone, Copy, Debug)]
enum Verb {
    Stop,
    StopWithin,
    StopTwice,
    Idle,
}

const VERBS: [Verb; 4] = [Verb::Stop, Verb::StopWithin, Verb::StopTwice, Verb::Idle];

async fn does(tasks: TaskManager<impl ?Sized>, verb: Verb) -> bool {
    match verb {
        Verb::Stop => tasks.stop().await.is_complete(),
        Verb::StopWithin => tasks.stop_within(HANG).await.is_complete(),
        Verb::StopTwice => {
            tasks.stop().await.is_complete() && tasks.stop().await.abandoned.is_empty()
        }
        Verb::Idle => {
            tasks.idle().await;
            tasks.is_running()
        }
    }
}

/// Queues the task in each way in which a task can wait, with others behind it.
async fn from_every_place(workers: usize, verb: Verb) {
    for place in ["await", "block_in_place", "blocking", "drop", "child"] {
        let what = format!("{verb:?} by {place}, {workers} workers");
        let tasks = started(workers, 64);
        let (inner, runtime) = (tasks.clone(), Handle::current());
        let waits: Pin<Box<dyn Future<Output = Result<bool, TaskError>> + Send>> = match place {
            "await" => Box::pin(async move { Ok(does(inner, verb).await) }),
            "block_in_place" => {
                Box::pin(async move { Ok(block_in_place(|| runtime.block_on(does(inner, verb)))) })
            }
            "drop" => {
                let wait = move || {
                    block_in_place(|| assert!(runtime.block_on(does(inner, verb)), "in a drop"));
                };
                let guard = Guard(Some(Box::new(wait)));
                Box::pin(async move {
                    drop(guard);
                    Ok(true)
                })
            }
            _ => {
                let again = inner.clone();
                let child = wrap(async move { Ok(does(inner, verb).await) });
                Box::pin(async move { Ok(again.exec(child).await.await?) })
            }
        };
        let queued = if place == "blocking" {
            let (inner, runtime) = (tasks.clone(), Handle::current());
            let code = move |_: Context| Ok(runtime.block_on(does(inner.clone(), verb)));
            tasks.queue(blocking(code)).try_now().ok()
        } else {
            tasks.queue(waits).try_now().ok()
        };
        let queued = queued.expect("it runs");
        let others = match verb {
            // A task that waits for others keeps a worker; a single worker would leave none for
            // them.
            Verb::Idle if workers == 1 => 0,
            _ => 8,
        };
        let behind = (0..others).map(|_| tasks.queue(quick).try_now());
        // The others may come too late.
        let behind: Vec<_> = behind.flatten().collect();
        assert!(in_time(queued, &what).await, "{what}");
        for behind in behind {
            in_time(behind, &format!("a task behind {what}")).await;
        }
        // The manager goes on, with the workers that it had.
        tasks.start();
        in_time(tasks.queue(quick).await.expect("it runs"), &what).await;
        let blocks = tasks.queue(blocking(|_: Context| Ok(()))).await;
        in_time(blocks.expect("it runs"), &what).await;
        timeout(HANG, tasks.idle()).await.expect("nothing is left");
        assert_eq!(tasks.stats().workers, workers, "{what}");
        timeout(HANG, tasks.stop()).await.expect("it stops");
    }
}

struct Guard(Option<Box<dyn FnOnce() + Send>>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(|wait| wait());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_may_wait_for_its_own_manager_wherever_it_runs() {
    for verb in VERBS {
        for workers in [1, 2] {
            from_every_place(workers, verb).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn all_tasks_of_a_manager_may_stop_it_at_once() {
    let tasks = started(2, 64);
    let runtime = Handle::current();
    let mut handles = Vec::new();
    for _ in 0..8 {
        let (inner, runtime) = (tasks.clone(), runtime.clone());
        let code = move |_: Context| Ok(runtime.block_on(inner.stop()).interrupted.len());
        handles.push(tasks.queue(blocking(code)).await.expect("it runs"));
        let inner = tasks.clone();
        let stop = async move { Ok(inner.stop().await.interrupted.len()) };
        // The first task may have stopped the manager already.
        handles.extend(tasks.queue(stop).try_now().ok());
        if !tasks.is_running() {
            break;
        }
    }
    for handle in handles {
        assert_eq!(in_time(handle, "one of many stops").await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_job_may_stop_its_own_manager() {
    for blocks in [false, true] {
        let store = MemoryStore::default();
        let runtime = Handle::current();
        let own = Arc::new(std::sync::OnceLock::<TaskManager<MemoryStore>>::new());
        let inner = Arc::clone(&own);
        let stopped = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&stopped);
        let handler = move |job: SendMail, _: Context| {
            let (tasks, runtime) = (inner.get().cloned(), runtime.clone());
            let count = Arc::clone(&count);
            async move {
                let Some(tasks) = tasks.filter(|_| job.to == "stop") else {
                    return Ok(job.to.len());
                };
                tasks.idle().await;
                if blocks {
                    block_in_place(|| runtime.block_on(tasks.stop()));
                } else {
                    tasks.stop().await;
                }
                count.fetch_add(1, Ordering::Relaxed);
                Ok(1)
            }
        };
        let builder = TaskManager::builder().store(store).handle(handler);
        let tasks = builder.build().expect("it is sound");
        own.set(tasks.clone()).expect("once");
        tasks.start();
        let other = tasks.queue(mail("ada")).await.expect("it is stored");
        let stops = tasks.queue(mail("stop")).await.expect("it is stored");
        assert_eq!(
            timeout(HANG, stops).await.expect("no hang").expect("done"),
            1
        );
        assert_eq!(
            timeout(HANG, other).await.expect("no hang").expect("done"),
            3
        );
        assert_eq!(stopped.load(Ordering::Relaxed), 1);
        assert!(!tasks.is_running());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_may_change_pause_and_drop_its_own_manager() {
    let tasks = started(1, 64);
    let inner = tasks.clone();
    let code = move |_: Context| {
        inner.set_workers(3)?;
        inner.pause();
        let refused = inner.queue(quick).try_now();
        inner.resume();
        Ok(refused.is_ok())
    };
    let handle = tasks.queue(blocking(code)).await.expect("it runs");
    assert!(in_time(handle, "a change from a thread").await);
    let inner = tasks.clone();
    let (send, receive) = std::sync::mpsc::channel();
    let mut own = Some((inner, receive));
    let last = move |_: Context| {
        let (inner, receive) = own.take().ok_or("it runs once")?;
        receive.recv()?;
        drop(inner);
        Ok(())
    };
    let handle = tasks.queue(blocking(last)).await.expect("it runs");
    drop(tasks);
    send.send(()).expect("it waits");
    // It has none, or is abandoned when it has.
    if let Err(error) = timeout(HANG, handle).await.expect("it resolves") {
        assert!(error.is_abandoned(), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_was_given_up_is_not_the_task_of_its_worker() {
    let tasks = started(1, 64);
    let (inner, runtime) = (tasks.clone(), Handle::current());
    let (begun, mut has_begun) = tokio::sync::mpsc::unbounded_channel();
    let (ready, is_ready) = std::sync::mpsc::channel::<()>();
    let mut once = Some((inner, is_ready));
    let code = move |_: Context| {
        let (inner, is_ready) = once.take().ok_or("it runs once")?;
        begun.send(())?;
        is_ready.recv()?;
        // Its attempt is over, and another task has the worker: the stop waits for that one.
        Ok(runtime.block_on(inner.stop()).done)
    };
    let given_up = tasks.queue(blocking(code)).await.expect("it runs");
    has_begun.recv().await.expect("it begins");
    assert!(given_up.abort());
    given_up.await.expect_err("aborted");
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let other = async move {
        ends.await?;
        Ok("done")
    };
    let other = tasks.queue(other).await.expect("it runs");
    while other.state() != TaskState::Running {
        tokio::task::yield_now().await;
    }
    ready.send(()).expect("it waits");
    while tasks.is_running() {
        tokio::task::yield_now().await;
    }
    let stopped = timeout(Duration::from_millis(50), tasks.stop()).await;
    assert!(stopped.is_err(), "the other task runs");
    end.send(()).expect("it waits");
    assert_eq!(in_time(other, "the other task").await, "done");
    timeout(HANG, tasks.stop()).await.expect("it stops");
}
