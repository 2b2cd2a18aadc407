//! The two sides of a cell, one after the other; `loom_tests` has them at once.

use std::fmt;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};

use super::*;
use crate::cell::body::{Repeat, Source};
use crate::task::Own;

/// A cell of a task that results in a text, and its two sides.
fn cell() -> (Waiting, Joined<String>) {
    let make = |call: &mut Own<fn() -> String>, _| {
        let text = call.0();
        async move { Ok(text) }
    };
    let body = Repeat::new(Own((|| "done".to_owned()) as fn() -> String), make);
    let (waiting, offered) = Waiting::offered(body, Identity::new(), None);
    (waiting, Joined::new(offered))
}

fn run(waiting: Waiting) {
    let mut running = waiting.claim().ok().expect("it waits");
    let context = running.context(1, 0);
    let polled = running.start(context, &mut Poller::from_waker(Waker::noop()));
    assert!(matches!(polled, Poll::Ready(Ok(()))));
    running.finish(None);
}

fn result(joined: &mut Joined<String>) -> Option<Result<String, Error>> {
    match joined.poll(Waker::noop()) {
        Poll::Ready(result) => result,
        Poll::Pending => None,
    }
}

#[test]
fn a_result_is_taken_once() {
    let (waiting, mut joined) = cell();
    assert!(result(&mut joined).is_none());
    run(waiting);
    assert_eq!(
        result(&mut joined)
            .expect("it is over")
            .expect("it succeeded"),
        "done"
    );
    assert!(result(&mut joined).is_none());
}

#[test]
fn a_result_without_a_handle_is_dropped() {
    let (waiting, joined) = cell();
    drop(joined);
    run(waiting);
}

#[test]
fn a_handle_that_is_dropped_takes_the_result_along() {
    let (waiting, joined) = cell();
    run(waiting);
    drop(joined);
}

#[test]
fn a_task_that_is_dropped_while_it_waits_or_runs_is_abandoned() {
    let (waiting, mut joined) = cell();
    drop(waiting);
    assert!(
        result(&mut joined)
            .expect("it is over")
            .expect_err("it did not run")
            .is_abandoned()
    );

    let (waiting, mut joined) = cell();
    drop(waiting.claim());
    assert!(
        result(&mut joined)
            .expect("it is over")
            .expect_err("it did not end")
            .is_abandoned()
    );
}

#[test]
fn a_cancelled_task_is_not_claimed() {
    let (waiting, mut joined) = cell();
    assert!(joined.cell().cancel("no need".into(), false));
    assert!(!joined.cell().cancel("no need".into(), false));
    assert!(waiting.claim().is_err());
    assert!(
        result(&mut joined)
            .expect("it is over")
            .expect_err("it did not run")
            .is_cancelled()
    );
}

/// What was counted for an attempt that is never made is lost to valgrind if it is not given back.
#[test]
fn a_task_that_is_started_and_not_begun_leaves_nothing() {
    let (waiting, joined) = cell();
    let mut running = waiting.claim().ok().expect("it waits");
    running.finish(None);
    drop(joined);

    let (waiting, joined) = cell();
    drop(joined);
    let mut running = waiting.claim().ok().expect("it waits");
    running.finish(None);

    let (waiting, mut joined) = cell();
    let mut running = waiting.claim().ok().expect("it waits");
    let waiting = running.release().expect("nobody wants it to end");
    run(waiting);
    assert!(result(&mut joined).is_some());
}

/// An error of the user's that lives as long as its cell.
#[derive(Debug)]
struct Witness(#[allow(dead_code)] Arc<()>);

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a witness")
    }
}

impl std::error::Error for Witness {}

/// A started task without a handle, and what is alone once its cell is freed.
fn started() -> (Running, Arc<()>) {
    let alive = Arc::new(());
    let mut details = Box::<Details>::default();
    details.set_user(Witness(Arc::clone(&alive)).into());
    let make = |(): &mut (), _| async { Ok(()) };
    let body = Repeat::new((), make);
    let waiting = Waiting::alone(body, Identity::new(), Some(details));
    (waiting.claim().ok().expect("it waits"), alive)
}

impl Source for () {
    type Task = ();

    fn into_task(self) -> Option<()> {
        Some(())
    }
}

fn is_freed(alive: &Arc<()>) -> bool {
    Arc::strong_count(alive) == 1
}

#[test]
fn a_cell_lives_as_long_as_a_context_of_it() {
    let (mut running, alive) = started();
    let first = running.context(1, 0);
    let second = running.context(2, 0);
    running.finish(None);
    drop(first);
    assert!(!is_freed(&alive));
    assert_eq!(second.attempt(), 2);
    drop(second);
    assert!(is_freed(&alive));
}
