//! Models of the cell: loom runs each through every interleaving that matters, and checks that the
//! body is touched by one holder at a time. A lost wake-up is a deadlock, which loom reports.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Poller, Poll, Waker};

use loom::future::block_on;
use loom::thread;

use crate::cell::body::Body;
use crate::cell::context::Context;
use crate::cell::join::JoinHandle;
use crate::cell::{Cell, Running, TaskState, Waiting};
use crate::clock::Tick;
use crate::outcome::TaskError;
use crate::task::IntoTask;
use crate::task::draft::Offer;

/// Runs the model through all interleavings with at most three preemptions, or as many as the
/// environment says. The model gets the count of living tokens, and must leave none.
fn check(name: &str, model: impl Fn(&Progress) + Sync + Send + 'static) {
    check_within(3, name, model);
}

/// As [`check`], with at most this many preemptions.
fn check_within(preemptions: usize, name: &str, model: impl Fn(&Progress) + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    let asked = builder.preemption_bound.unwrap_or(preemptions);
    builder.preemption_bound = Some(asked.min(preemptions));
    let executions = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let live = Progress::default();
        model(&live);
        assert_eq!(live.count(), 0, "something has leaked");
    });
    println!("{name}: {} executions", executions.load(Ordering::Relaxed));
}

#[derive(Clone, Default)]
struct Progress(Arc<AtomicUsize>);

impl Progress {
    fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::Relaxed);
        Token(self.clone())
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A value of the user's. Dropped twice, it would bring the count below zero.
struct Token(Progress);

impl Drop for Token {
    fn drop(&mut self) {
        assert!(
            self.0.0.fetch_sub(1, Ordering::Relaxed) > 0,
            "dropped twice"
        );
    }
}

fn accept<M, H>(task: H) -> (Waiting, JoinHandle<H::Output>)
where
    H: IntoTask<M>,
    H::Source: 'static,
    H::Output: 'static,
{
    let (offer, waiting) = Offer::new::<M, H>(task.into_draft(), Tick::now());
    (waiting, offer.into_handle())
}

/// A task that holds a token, as its attempt does, and returns another.
fn succeeds(live: &Progress) -> (Waiting, JoinHandle<Token>) {
    let (held, live) = (live.token(), live.clone());
    accept(move |_: Context| {
        let (_, mine, live) = (&held, live.token(), live.clone());
        async move {
            let _mine = mine;
            Ok(live.token())
        }
    })
}

/// As the task above, but the first attempt fails.
fn fails_once(live: &Progress) -> (Waiting, JoinHandle<Token>) {
    let (held, live) = (live.token(), live.clone());
    accept(move |cx: Context| {
        let (_, mine, live) = (&held, live.token(), live.clone());
        async move {
            let _mine = mine;
            match cx.attempt() {
                1 => Err(TaskError::from("the first attempt fails")),
                _ => Ok(live.token()),
            }
        }
    })
}

/// A task that waits for ever.
fn waits(live: &Progress) -> (Waiting, JoinHandle<Token>) {
    let (held, live) = (live.token(), live.clone());
    accept(move |_: Context| {
        let (_, mine) = (&held, live.token());
        async move {
            let _mine = mine;
            pending::<Result<Token, TaskError>>().await
        }
    })
}

fn begin(running: &mut Running, attempt: u32) -> Poll<Result<(), TaskError>> {
    let context = running.context(attempt, 0);
    running.start(context, &mut Poller::from_waker(Waker::noop()))
}

/// Runs the task to its success, unless it is over.
fn run(waiting: Waiting) -> bool {
    let Ok(mut running) = waiting.claim() else {
        return false;
    };
    assert!(matches!(begin(&mut running, 1), Poll::Ready(Ok(()))));
    running.finish(None);
    true
}

/// As a worker does: an attempt that waits is told of a cancellation.
fn wait_for_the_end(mut running: Running) {
    assert!(begin(&mut running, 1).is_pending());
    let cell = running.cell().clone();
    let details = cell.details_or_new();
    block_on(poll_fn(|poller| {
        details.set_worker(poller.waker());
        if cell.is_cancel_requested() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    running.drop_attempt();
    running.finish(Some(details.final_error(details.cancelled())));
}

fn cancel(cell: &Cell<dyn Body>) -> bool {
    cell.cancel("not needed".into(), false)
}

#[test]
fn a_result_wakes_the_handle() {
    check("finish, await", |live| {
        let (waiting, handle) = succeeds(live);
        let worker = thread::spawn(move || run(waiting));
        assert!(block_on(handle).is_ok());
        assert!(worker.join().unwrap());
    });
}

#[test]
fn a_result_wakes_the_last_waker_of_the_handle() {
    check("finish, await anew", |live| {
        let (waiting, mut handle) = succeeds(live);
        let worker = thread::spawn(move || run(waiting));
        let first = Pin::new(&mut handle).poll(&mut Poller::from_waker(Waker::noop()));
        match first {
            Poll::Ready(result) => assert!(result.is_ok()),
            Poll::Pending => assert!(block_on(handle).is_ok()),
        }
        assert!(worker.join().unwrap());
    });
}

#[test]
fn a_result_without_a_handle_is_dropped_at_once() {
    check("finish, drop", |live| {
        let (waiting, handle) = succeeds(live);
        let cell = waiting.cell().clone();
        let worker = thread::spawn(move || run(waiting));
        drop(handle);
        assert!(worker.join().unwrap());
        // The cell still lives, and holds nothing of the user's.
        assert_eq!(live.count(), 0);
        assert_eq!(cell.task_state(), TaskState::Finished);
    });
}

#[test]
fn a_task_is_run_or_cancelled() {
    check("claim, cancel", |live| {
        let (waiting, handle) = succeeds(live);
        let worker = thread::spawn(move || run(waiting));
        let cancelled = handle.cancel("not needed");
        match block_on(handle) {
            Ok(_) => assert!(worker.join().unwrap()),
            Err(error) => {
                assert!(cancelled && error.is_cancelled());
                assert!(!worker.join().unwrap());
            }
        }
    });
}

#[test]
fn of_run_cancel_and_await_each_sees_one_end() {
    // Two of the three threads wait and wake, so a third preemption takes minutes.
    check_within(2, "claim, cancel, await", |live| {
        let (waiting, handle) = succeeds(live);
        let cell = waiting.cell().clone();
        let worker = thread::spawn(move || run(waiting));
        let canceller = thread::spawn(move || cancel(&cell));
        let result = block_on(handle);
        let (ran, cancelled) = (worker.join().unwrap(), canceller.join().unwrap());
        match result {
            Ok(_) => assert!(ran),
            Err(error) => assert!(error.is_cancelled() && cancelled && !ran),
        }
    });
}

#[test]
fn run_cancel_and_drop_leave_nothing() {
    check("claim, cancel, drop", |live| {
        let (waiting, handle) = succeeds(live);
        let cell = waiting.cell().clone();
        let worker = thread::spawn(move || run(waiting));
        let canceller = {
            let cell = cell.clone();
            thread::spawn(move || cancel(&cell))
        };
        drop(handle);
        worker.join().unwrap();
        canceller.join().unwrap();
        assert_eq!(live.count(), 0);
    });
}

#[test]
fn of_two_that_cancel_one_ends_the_task() {
    check("cancel, cancel", |live| {
        let (waiting, handle) = succeeds(live);
        let cell = waiting.cell().clone();
        let canceller = thread::spawn(move || cancel(&cell));
        let mine = handle.cancel("not needed");
        assert!(block_on(handle).is_err_and(|error| error.is_cancelled()));
        assert!(mine ^ canceller.join().unwrap());
        assert!(waiting.claim().is_err());
    });
}

#[test]
fn a_waiting_task_that_is_dropped_is_abandoned_or_cancelled() {
    check("drop, cancel", |live| {
        let (waiting, handle) = succeeds(live);
        let dropper = thread::spawn(move || drop(waiting));
        let cancelled = handle.cancel("not needed");
        let error = block_on(handle).err().expect("it never ran");
        assert_eq!(error.is_cancelled(), cancelled);
        assert_eq!(error.is_abandoned(), !cancelled);
        dropper.join().unwrap();
    });
}

#[test]
fn a_running_task_that_is_dropped_wakes_the_handle() {
    check("drop a running one", |live| {
        let (waiting, handle) = waits(live);
        let dropper = thread::spawn(move || {
            let mut running = waiting.claim().ok().expect("nobody cancels it");
            assert!(begin(&mut running, 1).is_pending());
            drop(running);
        });
        assert!(block_on(handle).is_err_and(|error| error.is_abandoned()));
        dropper.join().unwrap();
    });
}

#[test]
fn a_task_that_goes_back_to_waiting_hears_of_its_cancellation() {
    check("release, cancel", |live| {
        let (waiting, handle) = fails_once(live);
        let mut running = waiting.claim().ok().expect("nobody cancels it yet");
        let worker = thread::spawn(move || {
            assert!(matches!(begin(&mut running, 1), Poll::Ready(Err(_))));
            running.drop_attempt();
            match running.release() {
                // It waits for very long.
                Some(waiting) => Some(waiting),
                None => {
                    let details = running.cell().details_or_new();
                    let error = details.final_error(details.cancelled());
                    running.finish(Some(error));
                    None
                }
            }
        });
        assert!(handle.cancel("not needed"), "it never ends by itself");
        assert!(block_on(handle).is_err_and(|error| error.is_cancelled()));
        if let Some(waiting) = worker.join().unwrap() {
            assert!(waiting.claim().is_err());
        }
    });
}

#[test]
fn a_task_that_is_tried_again_runs_or_is_cancelled() {
    check("release, claim, cancel", |live| {
        let (waiting, handle) = fails_once(live);
        let mut running = waiting.claim().ok().expect("nobody cancels it yet");
        assert!(matches!(begin(&mut running, 1), Poll::Ready(Err(_))));
        let worker = thread::spawn(move || {
            let cell = running.cell().clone();
            let details = cell.details_or_new();
            let again = running.release().map(Waiting::claim);
            match again {
                None => running.finish(Some(details.final_error(details.cancelled()))),
                Some(Err(_)) => {}
                Some(Ok(mut running)) if running.cell().is_cancel_requested() => {
                    running.finish(Some(details.final_error(details.cancelled())));
                }
                Some(Ok(mut running)) => {
                    assert!(matches!(begin(&mut running, 2), Poll::Ready(Ok(()))));
                    running.finish(None);
                    return true;
                }
            }
            false
        });
        let cancelled = handle.cancel("not needed");
        let result = block_on(handle);
        let ran = worker.join().unwrap();
        match result {
            Ok(_) => assert!(ran),
            Err(error) => assert!(error.is_cancelled() && cancelled && !ran),
        }
    });
}

#[test]
fn an_attempt_that_waits_hears_of_its_cancellation() {
    check("wait, cancel", |live| {
        let (waiting, handle) = waits(live);
        let worker = thread::spawn(move || waiting.claim().map(wait_for_the_end).is_ok());
        assert!(handle.cancel("not needed"), "it never ends by itself");
        assert!(block_on(handle).is_err_and(|error| error.is_cancelled()));
        worker.join().unwrap();
    });
}

#[test]
fn a_token_hears_of_a_cancellation_before_and_after_it_is_made() {
    check("token, cancel", |live| {
        let (waiting, handle) = succeeds(live);
        let mut running = waiting.claim().ok().expect("nobody cancels it yet");
        let context = running.context(1, 0);
        let asks = thread::spawn(move || context.token());
        assert!(handle.cancel("not needed"));
        assert!(asks.join().unwrap().is_cancelled());
        assert!(matches!(begin(&mut running, 1), Poll::Ready(Ok(()))));
        running.finish(None);
        assert!(block_on(handle).is_ok());
    });
}

#[test]
fn a_handle_that_goes_while_its_task_runs_leaves_nothing() {
    check("claim and finish, drop the handle", |live| {
        let (waiting, handle) = succeeds(live);
        let worker = thread::spawn(move || run(waiting));
        drop(handle);
        assert!(worker.join().unwrap());
    });
}

#[test]
fn a_context_that_goes_on_another_thread_leaves_nothing() {
    check("finish, drop the handle, drop the context", |live| {
        let (waiting, handle) = succeeds(live);
        let mut running = waiting.claim().ok().expect("nobody cancels it");
        let context = running.context(1, 0);
        let keeper = thread::spawn(move || drop(context));
        let worker = thread::spawn(move || {
            assert!(matches!(begin(&mut running, 1), Poll::Ready(Ok(()))));
            running.finish(None);
        });
        drop(handle);
        keeper.join().unwrap();
        worker.join().unwrap();
    });
}
