//! The sides of a cell: the one that waits, the one that runs, and the handle's. A cell has at most
//! one of each, and the phase says what each may touch.

use std::fmt;
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::cell::Cell;
use crate::cell::body::{Body, Joinable, Offered};
use crate::cell::context::Context;
use crate::cell::details::Details;
use crate::cell::shared::{Shared, alone, pair};
use crate::cell::state::{
    CANCEL, HANDLE, JOIN_WAKER, OVER, PHASE, RUNNING, STARTED, WAITING, is_alone,
};
use crate::id::Identity;
use crate::outcome::error::Error;
use crate::outcome::{Reason, TaskError};
use crate::sync::Ordering;

/// An accepted task as it waits. Dropping it ends the task as abandoned.
pub(crate) struct Waiting(Option<Shared<dyn Body>>);

impl Waiting {
    /// A task that nobody awaits.
    pub(crate) fn alone<B: Body + 'static>(
        body: B,
        identity: Identity,
        details: Option<Box<Details>>,
    ) -> Self {
        Self(Some(alone(body, identity, details)))
    }

    /// A task, and what becomes its handle once it is accepted.
    #[inline]
    pub(crate) fn offered<B, S, T>(
        body: B,
        identity: Identity,
        details: Option<Box<Details>>,
    ) -> (Self, Shared<dyn Offered<S, T>>)
    where
        B: Offered<S, T> + 'static,
    {
        let (waiting, offered) = pair(body, identity, details);
        (Self(Some(waiting)), offered)
    }

    pub(crate) fn cell(&self) -> &Shared<dyn Body> {
        self.0
            .as_ref()
            .expect("only `claim` and `drop` take it, and they end `self`")
    }

    /// Ends the task as abandoned, unless it is over, and calls `tell` before the handle hears of
    /// it.
    pub(crate) fn abandon(self, tell: impl FnOnce(&Cell<dyn Body>, &Error)) {
        self.cell().close(|cell| {
            let error = cell.details_or_new().final_error(Reason::Abandoned);
            tell(cell, &error);
            error
        });
    }

    /// Takes the right to run the task, unless it is over already.
    #[inline]
    pub(crate) fn claim(mut self) -> Result<Running, Over> {
        let cell = self.0.take().expect("nobody takes it before");
        let state = cell.state.load(Ordering::Acquire);
        if state & PHASE == WAITING && is_alone(state) {
            // Nobody else can reach the cell, so nobody can cancel the task.
            let running = state | RUNNING | STARTED;
            cell.state.store(running, Ordering::Relaxed);
            return Ok(Running(Some(cell)));
        }
        match cell.enter(RUNNING, STARTED) {
            Some(_) => Ok(Running(Some(cell))),
            None => Err(Over(cell)),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(cell) = self.0.take() {
            cell.release_job();
            cell.close(|cell| cell.details_or_new().final_error(Reason::Abandoned));
        }
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map(|cell| cell.id()).fmt(f)
    }
}

/// A task that was cancelled while it waited.
pub(crate) struct Over(Shared<dyn Body>);

impl Over {
    pub(crate) fn cell(&self) -> &Cell<dyn Body> {
        &self.0
    }
}

/// The right to run a task, until it is given up. Dropping it ends the task as abandoned.
pub(crate) struct Running(Option<Shared<dyn Body>>);

impl Running {
    #[inline]
    pub(crate) fn cell(&self) -> &Shared<dyn Body> {
        self.0.as_ref().expect(GIVEN_UP)
    }

    /// What the attempt of this number, in this manager, knows of itself.
    #[inline]
    pub(crate) fn context(&self, attempt: u32, manager: u32) -> Context {
        Context::new(self.cell().clone(), attempt, manager)
    }

    #[inline]
    fn body<R>(&mut self, f: impl FnOnce(Pin<&mut (dyn Body + 'static)>) -> R) -> R {
        // SAFETY: the phase is `RUNNING` and this is the one `Running`, borrowed exclusively.
        unsafe { self.cell().body(f) }
    }

    /// Makes the attempt's future, and polls it for the first time.
    #[inline]
    pub(crate) fn start(
        &mut self,
        attempt: Context,
        poller: &mut std::task::Context<'_>,
    ) -> Poll<Result<(), TaskError>> {
        self.body(|body| body.start(attempt, poller))
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

    /// Goes back to waiting. If somebody asked the task to end meanwhile, it stays running and this
    /// returns `None`.
    pub(crate) fn release(&mut self) -> Option<Waiting> {
        self.cell()
            .update(|state| (state & CANCEL == 0).then_some(state & !PHASE))
            .ok()?;
        Some(Waiting(self.0.take()))
    }

    /// Ends the task: with the result that the body holds, or with this error.
    #[inline]
    pub(crate) fn finish(&mut self, end: Option<Error>) {
        let cell = self.0.take().expect(GIVEN_UP);
        if end.is_none() && is_alone(cell.state.load(Ordering::Acquire)) {
            // Nobody will ask for the result, and all that the user gave and got is dropped with
            // the cell. Most tasks end here.
            // SAFETY: there are no other references, and nobody can make one.
            unsafe { Shared::free(cell.into_raw()) };
        } else {
            // SAFETY: the phase is `RUNNING`, and this was the one `Running`.
            unsafe { cell.conclude(RUNNING, end) };
        }
    }

    /// Ends the task as abandoned, and calls `tell` before the handle hears of it.
    pub(crate) fn abandon(&mut self, tell: impl FnOnce(&Cell<dyn Body>, &Error)) {
        let error = self.cell().details_or_new().final_error(Reason::Abandoned);
        tell(self.cell(), &error);
        self.finish(Some(error));
    }

    /// Whether the right was given up: the task has ended, or waits again.
    #[inline]
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_none()
    }
}

const GIVEN_UP: &str = "a task is not touched after `release` or `finish`";

impl Drop for Running {
    fn drop(&mut self) {
        let Some(cell) = self.0.take() else { return };
        cell.release_job();
        let end = cell.details_or_new().final_error(Reason::Abandoned);
        // SAFETY: the phase is `RUNNING`, and this was the one `Running`.
        unsafe { cell.conclude(RUNNING, Some(end)) };
    }
}

/// The handle's side of a cell: the one that may take the result.
pub(crate) struct Joined<T>(Option<Shared<dyn Joinable<T>>>);

impl<T> Joined<T> {
    /// The side of the handle, of what was offered with the side that waits.
    pub(crate) fn new<S>(offered: Shared<dyn Offered<S, T>>) -> Self {
        Self(Some(offered.into_joinable()))
    }

    pub(crate) fn cell(&self) -> &Cell<dyn Joinable<T>> {
        self.0.as_ref().expect("only `drop` takes it")
    }

    /// A reference of its own to the cell, for whoever asks and cancels while another one awaits.
    pub(crate) fn share(&self) -> Shared<dyn Joinable<T>> {
        self.0.clone().expect("only `drop` takes it")
    }

    pub(crate) fn poll(&mut self, waker: &Waker) -> Poll<Option<Result<T, Error>>> {
        let cell = self.cell();
        if cell.state.load(Ordering::Acquire) & PHASE != OVER {
            cell.details_or_new().set_joiner(waker);
            let before = cell.state.fetch_or(JOIN_WAKER, Ordering::AcqRel);
            if before & PHASE != OVER {
                return Poll::Pending;
            }
        }
        // SAFETY: the phase is `OVER`, the flag `HANDLE` is set until this is dropped, and this is
        // the one `Joined`, borrowed exclusively.
        Poll::Ready(unsafe { cell.body(|body| body.take()) })
    }
}

impl<T> Drop for Joined<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(cell) = self.0.take() else { return };
        if let Err(cell) = cell.give_up_handle() {
            // SAFETY: the phase is `OVER`, and the flag is still set: the result is ours.
            unsafe { cell.clear() };
            cell.state.fetch_and(!HANDLE, Ordering::AcqRel);
        }
    }
}
