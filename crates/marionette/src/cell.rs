//! One task in one allocation: what everybody may read, and the body that one holder at a time
//! runs.
//!
//! This is the only module with `unsafe` code. The reason is speed: a closure, its future and its
//! result share the allocation that the queue and the handle share, and no lock is taken to run it.
//!
//! # The invariant
//!
//! The body is touched by one holder at a time, and `state` says by whom:
//!
//! | phase | who may touch the body | how it is left |
//! | --- | --- | --- |
//! | `WAITING` | nobody | by a swap to `RUNNING` (claim) or `CLOSING` (cancel, drop) |
//! | `RUNNING` | the one [`Running`] | `release` to `WAITING`, `finish` to `OVER` |
//! | `CLOSING` | the caller that swapped it in | `OVER` |
//! | `OVER`, `HANDLE` set | the one [`Joined`] | for ever |
//! | `OVER`, `HANDLE` clear | who cleared it, or who brought `OVER` and found it clear | for ever |
//!
//! Each change that hands the body on is a release, each that takes it is an acquire, so what one
//! holder did to the body happens before what the next one does. loom checks the protocol (below),
//! miri the code.
#![allow(unsafe_code)]

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use once_cell::race::OnceBox;

use crate::body::{Body, Joinable, Offered};
use crate::clock::Tick;
use crate::context::Context;
use crate::error::Error;
use crate::extra::Extra;
use crate::id::{Identity, Serial, TaskId};
use crate::outcome::{Reason, TaskError};
use crate::sync::{AtomicU32, Ordering, UnsafeCell};

const PHASE: u32 = 0b11;
const WAITING: u32 = 0b00;
const RUNNING: u32 = 0b01;
const OVER: u32 = 0b10;
const CLOSING: u32 = 0b11;

/// A `Joined` exists.
const HANDLE: u32 = 0b0100;
/// Its waker lies in the extra part.
const JOIN_WAKER: u32 = 0b1000;
/// Somebody asked the running task to end; the reason lies in the extra part.
const CANCEL: u32 = 0b1_0000;
/// …and not to wait for it.
const ABORT: u32 = 0b10_0000;
/// The task has been started before.
const STARTED: u32 = 0b100_0000;

pub(crate) struct Cell<B: ?Sized> {
    state: AtomicU32,
    /// Its identity, in two fields: as one it would be padded.
    serial: Serial,
    created: Tick,
    extra: OnceBox<Extra>,
    body: UnsafeCell<B>,
}

// SAFETY: the body is reached by one holder at a time (see the module's invariant), which may be on
// another thread than the one before: `B: Send` is what that needs. The rest is `Sync` by itself.
unsafe impl<B: ?Sized + Send> Sync for Cell<B> {}

/// Where a task stands, as its handle tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Accepted and not started: in the queue, or waiting for its time.
    Waiting,
    /// An attempt runs.
    Running,
    /// An attempt failed (or snoozed) and the next one waits for its time.
    Retrying,
    /// It has ended; the result is there to be awaited.
    Finished,
}

impl<B> Cell<B> {
    pub(crate) fn new(body: B, identity: Identity, extra: Option<Box<Extra>>) -> Self {
        Self {
            state: AtomicU32::new(WAITING | HANDLE),
            serial: identity.serial,
            created: identity.created,
            extra: extra.map_or_else(OnceBox::new, OnceBox::with_value),
            body: UnsafeCell::new(body),
        }
    }
}

impl<B: ?Sized> Cell<B> {
    /// The id of the task, or of the job that it is.
    pub(crate) fn id(&self) -> TaskId {
        match self.extra().and_then(|extra| extra.leased.as_ref()) {
            Some(leased) => leased.lease().job,
            None => self.identity().id(),
        }
    }

    /// A job that goes away unsettled goes back to its store, without cost.
    fn release_job(&self) {
        if let Some(leased) = self.extra().and_then(|extra| extra.leased.as_ref()) {
            leased.release();
        }
    }

    pub(crate) fn identity(&self) -> Identity {
        Identity {
            serial: self.serial,
            created: self.created,
        }
    }

    /// What only some tasks have: options, failures, a token.
    pub(crate) fn extra(&self) -> Option<&Extra> {
        self.extra.get()
    }

    pub(crate) fn extra_or_new(&self) -> &Extra {
        self.extra.get_or_init(Box::default)
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.state.load(Ordering::Acquire);
        match state & PHASE {
            WAITING if state & STARTED == 0 => Status::Waiting,
            WAITING => Status::Retrying,
            RUNNING => Status::Running,
            _ => Status::Finished,
        }
    }

    /// Whether nobody needs to run this task any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed) & PHASE, OVER | CLOSING)
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.state.load(Ordering::Acquire) & CANCEL != 0
    }

    pub(crate) fn is_abort_requested(&self) -> bool {
        self.state.load(Ordering::Acquire) & ABORT != 0
    }

    /// Changes the state as `change` says, until it says `None`; returns the state before.
    fn update(&self, change: impl Fn(u32) -> Option<u32>) -> Result<u32, u32> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    fn enter(&self, phase: u32, flags: u32) -> bool {
        self.update(|state| (state & PHASE == WAITING).then_some(state | phase | flags))
            .is_ok()
    }
}

impl<B: Body + ?Sized> Cell<B> {
    /// Runs `f` on the body.
    ///
    /// # Safety
    ///
    /// The caller is the one holder that the module's invariant names.
    #[inline]
    unsafe fn body<R>(&self, f: impl FnOnce(Pin<&mut B>) -> R) -> R {
        self.body.with_mut(|body| {
            // SAFETY: the caller is the only holder, so the reference is unique while `f` runs. The
            // body never moves: it lies in a cell that is shared by `Arc`. (`withdraw` moves only
            // what was never pinned.)
            f(unsafe { Pin::new_unchecked(&mut *body) })
        })
    }

    /// Asks the task to end: a waiting one ends here and now, a running one is told.
    /// Returns whether it had any effect.
    pub(crate) fn cancel(&self, why: String, abort: bool) -> bool {
        if self.close(|cell| {
            let extra = cell.extra_or_new();
            extra.set_cancel_reason(why.clone());
            extra.final_error(Reason::Cancelled(why.clone()))
        }) {
            return true;
        }
        let extra = self.extra_or_new();
        extra.set_cancel_reason(why);
        let asked = if abort { CANCEL | ABORT } else { CANCEL };
        let told = self.update(|state| match state & PHASE {
            RUNNING | WAITING => Some(state | asked),
            _ => None,
        });
        let Ok(before) = told else { return false };
        extra.cancel_attempt();
        extra.wake_worker();
        // It may have gone back to waiting in between, and may wait for long.
        if before & PHASE == WAITING {
            self.close(|_| extra.final_error(extra.cancelled()));
        }
        true
    }

    /// Ends a task that waits, with this error. Returns whether it did wait.
    pub(crate) fn close(&self, end: impl FnOnce(&Self) -> Error) -> bool {
        if !self.enter(CLOSING, 0) {
            return false;
        }
        let end = end(self);
        // SAFETY: this call brought `CLOSING` about, so it is the one holder.
        unsafe { self.conclude(CLOSING, Some(end)) };
        true
    }

    /// Leaves the result in the body, and goes from this phase to `OVER`.
    ///
    /// # Safety
    ///
    /// The caller is the one holder, by this phase.
    unsafe fn conclude(&self, phase: u32, end: Option<Error>) {
        // The user's values are dropped here, and dropping may panic: that harms nobody.
        // SAFETY: the caller is the one holder.
        let _ = catch_unwind(AssertUnwindSafe(|| unsafe {
            self.body(|body| body.finish(end));
        }));
        let before = self.state.fetch_xor(phase ^ OVER, Ordering::AcqRel);
        if before & HANDLE == 0 {
            // SAFETY: there is no handle to take the result, so it stays with who brought `OVER`.
            unsafe { self.clear() };
        } else if before & JOIN_WAKER != 0 {
            self.extra_or_new().wake_joiner();
        }
    }

    /// Drops all that the user gave and got.
    ///
    /// # Safety
    ///
    /// The caller is the one holder.
    unsafe fn clear(&self) {
        // SAFETY: the caller is the one holder.
        let _ = catch_unwind(AssertUnwindSafe(|| unsafe {
            self.body(|body| body.clear());
        }));
    }
}

impl<S, T> Cell<dyn Offered<S, T>> {
    /// Takes the task back out, if it waits and was never begun.
    pub(crate) fn withdraw(&self) -> Option<S> {
        if !self.enter(CLOSING, 0) {
            return None;
        }
        // SAFETY: this call brought `CLOSING` about, so it is the one holder, for ever: the phase
        // is not left. As the body was not begun, no pinned reference to it ever existed.
        self.body.with_mut(|body| unsafe { (*body).withdraw() })
    }
}

/// An accepted task as it waits. Dropping it ends the task as abandoned.
pub(crate) struct Waiting(Option<Arc<Cell<dyn Body>>>);

impl Waiting {
    pub(crate) fn new(cell: Arc<Cell<dyn Body>>) -> Self {
        Self(Some(cell))
    }

    pub(crate) fn cell(&self) -> &Arc<Cell<dyn Body>> {
        self.0
            .as_ref()
            .expect("only `claim` and `drop` take it, and they end `self`")
    }

    /// Takes the right to run it, unless it is over already.
    pub(crate) fn claim(mut self) -> Result<Running, Over> {
        let cell = self.0.take().expect("nobody takes it before");
        if cell.enter(RUNNING, STARTED) {
            Ok(Running(Some(cell)))
        } else {
            Err(Over(cell))
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.release_job();
            cell.close(|cell| cell.extra_or_new().final_error(Reason::Abandoned));
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map(|cell| cell.id()).fmt(f)
    }
}

/// A task that was cancelled while it waited.
pub(crate) struct Over(pub(crate) Arc<Cell<dyn Body>>);

/// The right to run a task. Dropping it ends the task as abandoned.
pub(crate) struct Running(Option<Arc<Cell<dyn Body>>>);

impl Running {
    #[inline]
    pub(crate) fn cell(&self) -> &Arc<Cell<dyn Body>> {
        self.0
            .as_ref()
            .expect("only `release`, `finish` and `drop` take it, and they end `self`")
    }

    #[inline]
    fn body<R>(&mut self, f: impl FnOnce(Pin<&mut (dyn Body + 'static)>) -> R) -> R {
        // SAFETY: the phase is `RUNNING` and this is the one `Running`, borrowed exclusively.
        unsafe { self.cell().body(f) }
    }

    /// Makes the attempt's future.
    #[inline]
    pub(crate) fn begin(&mut self, context: Context) {
        self.body(|body| body.begin(context));
    }

    #[inline]
    pub(crate) fn poll(
        &mut self,
        context: &mut std::task::Context<'_>,
    ) -> Poll<Result<(), TaskError>> {
        self.body(|body| body.poll(context))
    }

    /// Drops the attempt's future.
    pub(crate) fn drop_attempt(&mut self) {
        self.body(|body| body.drop_attempt());
    }

    pub(crate) fn can_repeat(&mut self) -> bool {
        self.body(|body| body.can_repeat())
    }

    /// Goes back to waiting; where somebody asked for the end meanwhile, it stays running.
    pub(crate) fn release(mut self) -> Result<Waiting, Self> {
        let released = self
            .cell()
            .update(|state| (state & CANCEL == 0).then_some(state & !PHASE));
        match released {
            Ok(_) => Ok(Waiting(self.0.take())),
            Err(_) => Err(self),
        }
    }

    /// Ends the task: with the result that the body holds, or with this error.
    #[inline]
    pub(crate) fn finish(mut self, end: Option<Error>) {
        let cell = self.0.take().expect("nobody takes it before");
        // SAFETY: the phase is `RUNNING`, and this was the one `Running`.
        unsafe { cell.conclude(RUNNING, end) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(cell) = self.0.take() else { return };
        cell.release_job();
        let end = cell.extra_or_new().final_error(Reason::Abandoned);
        // SAFETY: the phase is `RUNNING`, and this was the one `Running`.
        unsafe { cell.conclude(RUNNING, Some(end)) };
    }
}

/// The handle's side of a cell: the one that may take the result.
pub(crate) struct Joined<T>(Arc<Cell<dyn Joinable<T>>>);

impl<T> Joined<T> {
    /// # Panics
    ///
    /// A cell has one handle, made with it; the caller makes no second.
    pub(crate) fn new(cell: Arc<Cell<dyn Joinable<T>>>) -> Self {
        Self(cell)
    }

    pub(crate) fn cell(&self) -> &Cell<dyn Joinable<T>> {
        &self.0
    }

    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Option<Result<T, Error>>> {
        if self.0.state.load(Ordering::Acquire) & PHASE != OVER {
            self.0.extra_or_new().set_joiner(waker);
            let before = self.0.state.fetch_or(JOIN_WAKER, Ordering::AcqRel);
            if before & PHASE != OVER {
                return Poll::Pending;
            }
        }
        // SAFETY: the phase is `OVER`, the flag `HANDLE` is set until this is dropped, and this is
        // the one `Joined`, borrowed exclusively.
        Poll::Ready(unsafe { self.0.body(|body| body.take()) })
    }
}

impl<T> Drop for Joined<T> {
    fn drop(&mut self) {
        let before = self.0.state.fetch_and(!HANDLE, Ordering::AcqRel);
        if before & PHASE == OVER {
            // SAFETY: the phase is `OVER` and the flag was set until now: the result was ours.
            unsafe { self.0.clear() };
        }
    }
}

#[cfg(all(test, not(marionette_loom)))]
mod tests {
    use std::task::Context as Poller;

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
        let cell = Arc::new(Cell::new(body, Identity::new(), None));
        let joined: Arc<Cell<dyn Joinable<String>>> = cell.clone();
        (Waiting::new(cell), Joined::new(joined))
    }

    fn run(waiting: Waiting) {
        let mut running = waiting.claim().ok().expect("it waits");
        let context = Context::new(running.cell().clone(), 1);
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
}
