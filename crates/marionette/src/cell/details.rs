//! What only some tasks have, made when it is first needed: options, failures, a token, wakers.

#![deny(unsafe_code)]

use std::mem;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Waker;
use std::time::Duration;

use once_cell::race::OnceBox;
use tokio_util::sync::CancellationToken;

use crate::cell::options::Options;
use crate::cell::packed::AtomicTick;
use crate::clock::Tick;
use crate::outcome::error::{BoxError, Error};
use crate::outcome::panic::catch;
use crate::outcome::{Failure, Reason};
use crate::sync::Mutex;

/// The options, which do not change once the task is accepted, and all that changes later. The
/// locks are leaves: nothing else is locked and no user code runs while one is held.
///
/// A task that succeeds at once takes no lock here: the words outside the locks are written by
/// whoever may touch the body, and handing that right on orders the writes.
#[derive(Default)]
pub(crate) struct Details {
    pub(crate) options: Options,
    /// How many attempts have failed.
    failed: AtomicU32,
    /// Whether the present attempt has left the waker of its worker, which the next one must not
    /// find.
    left: AtomicBool,
    /// When the task was first due, from which limits in total are counted; missing before that.
    due: AtomicTick,
    /// When the present attempt has to end.
    deadline: AtomicTick,
    live: Mutex<Progress>,
    /// Made when an attempt asks for its token, or somebody wants it to end.
    contact: OnceBox<Mutex<Cancellation>>,
}

#[derive(Default)]
struct Progress {
    faults: ErrorSoFar,
    /// The waker of whoever awaits the result.
    joiner: Option<Waker>,
    /// The waker of the worker that runs the present attempt, while the attempt waits.
    worker: Option<Waker>,
}

/// The user's error, which goes into the record once there is one.
enum ErrorSoFar {
    User(BoxError),
    Record(Option<Error>),
}

impl Default for ErrorSoFar {
    fn default() -> Self {
        Self::Record(None)
    }
}

impl ErrorSoFar {
    fn into_record(self) -> Error {
        match self {
            Self::User(user) => Error::new(user),
            Self::Record(record) => record.unwrap_or_else(Error::empty),
        }
    }

    /// The record, which is made for the first failure.
    #[inline]
    fn record(&mut self) -> &mut Error {
        if !matches!(self, Self::Record(Some(_))) {
            *self = Self::Record(Some(mem::take(self).into_record()));
        }
        match self {
            Self::Record(Some(record)) => record,
            _ => unreachable!("it was made above"),
        }
    }
}

/// How an attempt is told to end.
#[derive(Default)]
struct Cancellation {
    /// The number of an attempt, and its token.
    token: Option<(u32, CancellationToken)>,
    cancel_reason: Option<Box<str>>,
}

impl Details {
    fn new(options: Options, faults: ErrorSoFar) -> Self {
        Self {
            options,
            live: Mutex::new(Progress {
                faults,
                joiner: None,
                worker: None,
            }),
            ..Self::default()
        }
    }

    /// The details of a job as its store knows it: with the failures so far, and the time since
    /// which it has been due.
    pub(crate) fn of_job(
        options: Options,
        user: Option<BoxError>,
        record: Option<Error>,
        due: Tick,
    ) -> Self {
        let failed = record.as_ref().map_or(0, Error::attempts);
        let faults = match (record, user) {
            (Some(record), user) => ErrorSoFar::Record(Some(record.with_user(user))),
            (None, Some(user)) => ErrorSoFar::User(user),
            (None, None) => ErrorSoFar::default(),
        };
        let details = Self::new(options, faults);
        details.failed.store(failed, Ordering::Relaxed);
        details.due.set(Some(due));
        details
    }

    /// A copy as it was before acceptance, for a task that was refused.
    pub(crate) fn salvage(&self) -> Self {
        let faults = mem::take(&mut self.live.lock().faults);
        Self::new(self.options.clone(), faults)
    }

    pub(crate) fn set_user(&mut self, error: BoxError) {
        self.live.get_mut().faults = ErrorSoFar::User(error);
    }

    /// How many attempts have failed.
    pub(crate) fn failed(&self) -> u32 {
        self.failed.load(Ordering::Relaxed)
    }

    /// When a task that became ready at `ready` was first due, and how many attempts have failed.
    pub(crate) fn standing(&self, ready: Tick) -> (Tick, u32) {
        (self.due.get_or_set(ready), self.failed())
    }

    /// Prepares for an attempt of a task that became ready at `ready`. `decide` is told how often
    /// the task has failed and when it was first due, and returns the deadline.
    pub(crate) fn begin<R>(
        &self,
        ready: Tick,
        decide: impl FnOnce(u32, Tick) -> (Option<Tick>, R),
    ) -> R {
        let (due, failed) = self.standing(ready);
        let (deadline, decided) = decide(failed, due);
        self.deadline.set(deadline);
        if self.left.load(Ordering::Relaxed) {
            self.left.store(false, Ordering::Relaxed);
            self.live.lock().worker = None;
        }
        if let Some(contact) = self.contact.get() {
            contact.lock().token = None;
        }
        decided
    }

    pub(crate) fn deadline(&self) -> Option<Tick> {
        self.deadline.get()
    }

    /// Keeps the failure of an attempt.
    pub(crate) fn push(&self, failure: Failure) {
        self.failed.store(self.failed() + 1, Ordering::Relaxed);
        let omitted = self.live.lock().faults.record().push(failure);
        if omitted.is_some() {
            // It is the user's, and dropping it may panic: that harms nobody.
            let _ = catch(|| drop(omitted));
        }
    }

    /// The whole record of a task that ends by its last attempt, which ran for `nanos`.
    pub(crate) fn last_error(&self, reason: Reason, nanos: u64) -> Error {
        self.push(Failure::of_attempt(reason, nanos));
        self.take_error()
    }

    /// The whole record of a task that ends for another reason than its last attempt.
    pub(crate) fn final_error(&self, reason: Reason) -> Error {
        let mut error = self.take_error();
        error.end(Failure::new(reason, Duration::ZERO));
        error
    }

    /// Takes out the whole record.
    pub(crate) fn take_error(&self) -> Error {
        let faults = mem::take(&mut self.live.lock().faults);
        let mut error = faults.into_record();
        if let Some(due) = self.due.get() {
            error.set_since(due);
        }
        error
    }

    /// The token of this attempt. An attempt that has ended finds its token cancelled.
    pub(crate) fn token(
        &self,
        attempt: u32,
        is_cancelled: impl FnOnce() -> bool,
    ) -> CancellationToken {
        let mut contact = self.contact().lock();
        match &contact.token {
            Some((current, token)) if *current == attempt => return token.clone(),
            Some((current, _)) if *current > attempt => return cancelled_token(),
            _ => {}
        }
        let token = self.options.child_token();
        // Read under the lock: whoever cancels sets the flag first and then comes for the token.
        if is_cancelled() {
            token.cancel();
        }
        contact.token = Some((attempt, token.clone()));
        token
    }

    /// Readers create it too: a canceller sets its flag and then looks here; an attempt that stores
    /// its token later sees the flag. Only this lock orders the two.
    fn contact(&self) -> &Mutex<Cancellation> {
        self.contact.get_or_init(Box::default)
    }

    /// Cancels the token of the present attempt. Returns whether somebody has it.
    pub(crate) fn cancel_attempt(&self) -> bool {
        let contact = self.contact().lock();
        let token = contact.token.as_ref().map(|(_, token)| token.clone());
        drop(contact);
        token.inspect(CancellationToken::cancel).is_some()
    }

    /// Keeps the reason of a cancellation, unless there is one already.
    pub(crate) fn set_cancel_reason(&self, why: String) {
        let mut contact = self.contact().lock();
        contact.cancel_reason.get_or_insert_with(|| why.into());
    }

    pub(crate) fn cancel_reason(&self) -> Option<String> {
        let contact = self.contact.get()?.lock();
        contact.cancel_reason.as_deref().map(str::to_owned)
    }

    /// The cancellation that was asked for, as a reason to end.
    pub(crate) fn cancelled(&self) -> Reason {
        Reason::Cancelled(self.cancel_reason().unwrap_or_default().into())
    }

    pub(crate) fn set_joiner(&self, waker: &Waker) {
        set(&mut self.live.lock().joiner, waker);
    }

    pub(crate) fn wake_joiner(&self) {
        let joiner = self.live.lock().joiner.take();
        joiner.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn set_worker(&self, waker: &Waker) {
        set(&mut self.live.lock().worker, waker);
        self.left.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wake_worker(&self) {
        let worker = self.live.lock().worker.take();
        worker.into_iter().for_each(Waker::wake);
    }
}

fn set(place: &mut Option<Waker>, waker: &Waker) {
    match place {
        Some(place) => place.clone_from(waker),
        None => *place = Some(waker.clone()),
    }
}

fn cancelled_token() -> CancellationToken {
    let token = CancellationToken::new();
    token.cancel();
    token
}

#[cfg(all(test, target_pointer_width = "64", not(marionette_loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_a_task_has_besides_its_body_is_one_small_block() {
        assert!(size_of::<Details>() <= 136, "{}", size_of::<Details>());
    }
}
