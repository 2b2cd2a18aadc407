//! One task in one allocation: what everybody may read, and the body that one holder at a time
//! runs.
//!
//! All `unsafe` code is here, but for the read of a register in `clock/recent/cycles.rs`. The
//! reason is speed: a closure, its future and its result share the allocation that the queue and
//! the handle share, no lock is taken to run it, and its state and its references are one word.
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
//! | `OVER`, `HANDLE` clear | whoever cleared it, or brought `OVER` and found it clear | for ever |
//!
//! Each change that hands the body on is a release, each that takes it is an acquire, so what one
//! holder did to the body happens before what the next one does. loom checks the protocol
//! (`loom_tests.rs`), Miri and valgrind the code.
//!
//! # The references
//!
//! The bits of `state` above the flags count the references ([`Shared`]); the last one frees the
//! cell. A new cell counts one for each of its sides. If the side that waits or runs has the only
//! reference, and the handle is gone, nobody else can reach the cell: then its state changes
//! without a locked instruction.

#![allow(unsafe_code)]

mod state;
mod shared;
mod sides;
pub(crate) mod body;
pub(crate) mod details;
mod packed;
pub(crate) mod options;
pub(crate) mod context;
pub(crate) mod join;
pub(crate) mod leased_job;
pub(crate) mod task_ref;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;

use once_cell::race::OnceBox;

use self::state::{
    ABORT, CANCEL, CLOSING, HANDLE, JOIN_WAKER, OVER, PHASE, RUNNING, STARTED, WAITING,
};
use crate::cell::body::{Body, Offered};
use crate::cell::details::Details;
use crate::clock::Tick;
use crate::id::{Identity, Serial, TaskId};
use crate::outcome::error::Error;
use crate::outcome::{PARENT_CANCELLED, Reason};
use crate::sync::{AtomicUsize, Ordering, UnsafeCell};
use crate::vacancy;

pub(crate) use self::shared::Shared;
pub(crate) use self::sides::{Joined, Running, Waiting};

pub(crate) struct Cell<B: ?Sized> {
    state: AtomicUsize,
    /// The task's identity, in two fields: one struct of both would be padded.
    serial: Serial,
    created: Tick,
    details: OnceBox<Details>,
    /// Lets the models find a cell that nobody frees.
    #[cfg(marionette_loom)]
    _track: loom::alloc::Track<()>,
    body: UnsafeCell<B>,
}

// SAFETY: the body is reached by one holder at a time (see the module's invariant), which may be on
// another thread than the one before: `B: Send` is what that needs. The rest is `Sync` by itself.
unsafe impl<B: ?Sized + Send> Sync for Cell<B> {}

/// Where a task stands, as its handle tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskState {
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
    fn new(state: usize, body: B, identity: Identity, details: Option<Box<Details>>) -> Self {
        Self {
            state: AtomicUsize::new(WAITING | state),
            serial: identity.serial,
            created: identity.created,
            details: details.map_or_else(OnceBox::new, OnceBox::with_value),
            #[cfg(marionette_loom)]
            _track: loom::alloc::Track::new(()),
            body: UnsafeCell::new(body),
        }
    }
}

impl<B: ?Sized> Cell<B> {
    /// The id of the task, or of the job that it is.
    pub(crate) fn id(&self) -> TaskId {
        match self.details().and_then(|details| details.options.leased()) {
            Some(leased) => leased.lease().job,
            None => self.identity().id(),
        }
    }

    /// Returns the job that this task is, if it is one and unsettled, to its store at no cost.
    fn release_job(&self) {
        if let Some(leased) = self.details().and_then(|details| details.options.leased()) {
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
    pub(crate) fn details(&self) -> Option<&Details> {
        self.details.get()
    }

    pub(crate) fn details_or_new(&self) -> &Details {
        self.details.get_or_init(Box::default)
    }

    pub(crate) fn task_state(&self) -> TaskState {
        let state = self.state.load(Ordering::Acquire);
        match state & PHASE {
            WAITING if state & STARTED == 0 => TaskState::Waiting,
            WAITING => TaskState::Retrying,
            RUNNING => TaskState::Running,
            _ => TaskState::Finished,
        }
    }

    /// Whether nobody needs to run this task any more.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state.load(Ordering::Relaxed) & PHASE, OVER | CLOSING)
    }

    /// Whether the parent was cancelled: a task that does not run ends with its parent.
    pub(crate) fn is_parent_cancelled(&self) -> bool {
        self.details()
            .is_some_and(|details| details.options.is_parent_cancelled())
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        self.state.load(Ordering::Acquire) & CANCEL != 0
    }

    pub(crate) fn is_abort_requested(&self) -> bool {
        self.state.load(Ordering::Acquire) & ABORT != 0
    }

    /// Changes the state as `change` says, unless it says `None`; returns the state before.
    fn update(&self, change: impl Fn(usize) -> Option<usize>) -> Result<usize, usize> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, change)
    }

    /// Goes from `WAITING` to this phase, with these flags; returns the state before. `None` in any
    /// other phase.
    fn enter(&self, phase: usize, flags: usize) -> Option<usize> {
        self.update(|state| (state & PHASE == WAITING).then_some(state | phase | flags))
            .ok()
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
            // body never moves: it lies in a cell on the heap, which is reached through pointers
            // alone. (`withdraw` moves only what was never pinned.)
            f(unsafe { Pin::new_unchecked(&mut *body) })
        })
    }

    /// Asks the task to end: a waiting one ends here and now, a running one is told.
    /// Returns whether it had any effect.
    pub(crate) fn cancel(&self, why: String, abort: bool) -> bool {
        if self.close(|cell| {
            let details = cell.details_or_new();
            details.set_cancel_reason(why.clone());
            details.final_error(Reason::Cancelled(why.as_str().into()))
        }) {
            vacancy::arose();
            return true;
        }
        let details = self.details_or_new();
        details.set_cancel_reason(why);
        let asked = if abort { CANCEL | ABORT } else { CANCEL };
        let told = self.update(|state| match state & PHASE {
            RUNNING | WAITING => Some(state | asked),
            _ => None,
        });
        let Ok(before) = told else { return false };
        details.cancel_attempt();
        details.wake_worker();
        // The task may have gone back to waiting in between, perhaps for long.
        if before & PHASE == WAITING {
            self.close(|_| details.final_error(details.cancelled()));
        }
        true
    }

    /// Ends a task that waits and whose parent was cancelled. Returns whether it did.
    pub(crate) fn end_with_parent(&self) -> bool {
        self.is_parent_cancelled()
            && self.close(|cell| {
                let reason = Reason::Cancelled(PARENT_CANCELLED.into());
                cell.details_or_new().final_error(reason)
            })
    }

    /// Ends a task that waits, with this error. Returns whether it did wait.
    pub(crate) fn close(&self, end: impl FnOnce(&Self) -> Error) -> bool {
        if self.enter(CLOSING, 0).is_none() {
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
    unsafe fn conclude(&self, phase: usize, end: Option<Error>) {
        // The user's values are dropped here, and dropping may panic: that harms nobody.
        // SAFETY: the caller is the one holder.
        let _ = catch_unwind(AssertUnwindSafe(|| unsafe {
            self.body(|body| body.finish(end));
        }));
        // An addition that wraps is a subtraction.
        let change = OVER.wrapping_sub(phase);
        let before = self.state.fetch_add(change, Ordering::AcqRel);
        if before & HANDLE == 0 {
            // SAFETY: there is no handle to take the result, so it stays with this call, which
            // brought `OVER`.
            unsafe { self.clear() };
        } else if before & JOIN_WAKER != 0 {
            self.details_or_new().wake_joiner();
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
    /// Takes the task back out, if it waits and no attempt was ever begun.
    pub(crate) fn withdraw(&self) -> Option<S> {
        self.enter(CLOSING, 0)?;
        // SAFETY: this call brought `CLOSING` about, so it is the one holder, for ever: the phase
        // is not left. As the body was not begun, no pinned reference to it ever existed.
        self.body.with_mut(|body| unsafe { (*body).withdraw() })
    }
}

#[cfg(all(test, marionette_loom))]
mod loom_tests;
#[cfg(all(test, not(marionette_loom)))]
mod tests;
