//! The two sides of a cell, one after the other; `loom_tests` has them at once.

use std::task::{Context as Poller, Poll, Waker};

use super::*;
use crate::body::Repeat;
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
    let context = running.context(1);
    running.begin(context);
    let polled = running.poll(&mut Poller::from_waker(Waker::noop()));
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
    let running = waiting.claim().ok().expect("it waits");
    running.finish(None);
    drop(joined);

    let (waiting, joined) = cell();
    drop(joined);
    let running = waiting.claim().ok().expect("it waits");
    running.finish(None);

    let (waiting, mut joined) = cell();
    let running = waiting.claim().ok().expect("it waits");
    let waiting = running.release().ok().expect("nobody wants it to end");
    run(waiting);
    assert!(result(&mut joined).is_some());
}
