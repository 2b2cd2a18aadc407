//! What ties a task that runs to the job that it is: its lease, its result, and where it says what
//! became of it.

#![deny(unsafe_code)]

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::outcome::{Failure, FailureKind, Panic, Reason};
use crate::store::{Attempted, Lease, Next, PastAttempt, PastOutcome, Settlement};
use crate::sync::Mutex;

/// A claimed job in the hands of this process.
pub(crate) struct LeasedJob {
    lease: Lease,
    outbox: Arc<Outbox>,
    /// Its instance has died before, and it is not settled yet.
    is_suspect: AtomicBool,
    /// The end that follows if its attempt succeeded.
    success: Mutex<Option<Next>>,
    /// The lease no longer holds: nothing may be written.
    is_lost: AtomicBool,
    /// It is no longer in the hands of the workers.
    is_out: AtomicBool,
}

impl LeasedJob {
    pub(crate) fn new(lease: Lease, is_suspect: bool, outbox: Arc<Outbox>) -> Self {
        outbox.in_hand.fetch_add(1, Ordering::Relaxed);
        if is_suspect {
            outbox.suspects.fetch_add(1, Ordering::Relaxed);
        }
        Self {
            lease,
            outbox,
            is_suspect: AtomicBool::new(is_suspect),
            success: Mutex::default(),
            is_lost: AtomicBool::new(false),
            is_out: AtomicBool::new(false),
        }
    }

    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }

    /// Keeps the end of a job whose attempt succeeded, until it is settled.
    pub(crate) fn keep_success(&self, success: Next) {
        *self.success.lock() = Some(success);
    }

    /// From now on nothing is written about this job.
    pub(crate) fn lose(&self) {
        // Pairs with the load in `settle`; what was settled before is fenced off by its lease.
        self.is_lost.store(true, Ordering::Release);
    }

    /// Takes the end that `keep_success` stored.
    pub(crate) fn take_success(&self) -> Next {
        let success = self.success.lock().take();
        success.unwrap_or_else(|| Next::Done(Vec::new()))
    }

    /// Returns the job to the store at no cost.
    pub(crate) fn release(&self) {
        self.settle(None, Next::Release);
    }

    /// Whether it has left the hands of the workers.
    pub(crate) fn is_out(&self) -> bool {
        self.is_out.load(Ordering::Acquire)
    }

    /// Puts what became of the job into the outbox. Only the first call counts.
    pub(crate) fn settle(&self, attempt: Option<Attempted>, next: Next) {
        if self.is_out.swap(true, Ordering::AcqRel) {
            return;
        }
        if !self.is_lost.load(Ordering::Acquire) {
            self.outbox.push(Settlement {
                lease: self.lease,
                attempt,
                next,
            });
        }
        self.outbox.let_go();
    }

    /// Called when the store has taken what became of the job, or the lease is lost. A suspect
    /// makes room for the next one only now: until then a death of this process is held against it.
    pub(crate) fn close(&self) {
        if self.is_suspect.swap(false, Ordering::AcqRel) {
            self.outbox.suspects.fetch_sub(1, Ordering::AcqRel);
            self.outbox.room.notify_one();
        }
    }
}

/// If the runtime drops a task unsettled, its place is freed and its lease lapses.
impl Drop for LeasedJob {
    fn drop(&mut self) {
        if !*self.is_out.get_mut() {
            self.outbox.let_go();
        }
        self.close();
    }
}

impl fmt::Debug for LeasedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeasedJob").field(&self.lease).finish()
    }
}

/// What became of jobs, on its way to the store; and how many jobs the workers have in hand.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    settlements: Mutex<Vec<Settlement>>,
    /// Wakes the settler, which brings them to the store.
    pub(crate) filled: Notify,
    in_hand: AtomicUsize,
    /// How many of the jobs in hand wait until there is no other one.
    idlers: AtomicUsize,
    suspects: AtomicUsize,
    /// With this many in hand or fewer, the claimer wants more.
    low: AtomicUsize,
    /// Wakes the claimer.
    pub(crate) room: Notify,
    /// How many have left the hands of the workers in all.
    gone: AtomicUsize,
    /// Settlements that the store has not taken yet.
    unwritten: AtomicUsize,
    /// Wakes whoever waits for `in_hand` or `unwritten` to become zero.
    settled: Notify,
}

impl Outbox {
    fn push(&self, settlement: Settlement) {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        let mut settlements = self.settlements.lock();
        let was_empty = settlements.is_empty();
        settlements.push(settlement);
        drop(settlements);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Takes all settlements that wait to be brought to the store.
    pub(crate) fn take(&self) -> Vec<Settlement> {
        std::mem::take(&mut *self.settlements.lock())
    }

    fn let_go(&self) {
        self.gone.fetch_add(1, Ordering::Relaxed);
        let left = self.in_hand.fetch_sub(1, Ordering::AcqRel) - 1;
        if left <= self.low.load(Ordering::Relaxed) {
            self.room.notify_one();
        }
        if left <= self.idlers.load(Ordering::Acquire) {
            self.settled.notify_waiters();
        }
    }

    /// `count` settlements need not be brought to the store any more.
    pub(crate) fn were_written(&self, count: usize) {
        if self.unwritten.fetch_sub(count, Ordering::AcqRel) == count {
            self.settled.notify_waiters();
        }
    }

    /// Waits until the store has taken all that became of jobs.
    pub(crate) async fn all_is_written(&self) {
        self.becomes(|| self.unwritten.load(Ordering::Acquire) == 0)
            .await;
    }

    /// Waits until the workers have no job in hand, apart from those that wait for that.
    pub(crate) async fn all_is_gone(&self) {
        self.becomes(|| !self.has_work()).await;
    }

    /// Whether the workers have a job in hand that does not wait for the others.
    pub(crate) fn has_work(&self) -> bool {
        self.in_hand() > self.idlers.load(Ordering::Acquire)
    }

    /// A job waits for the others until this is dropped.
    pub(crate) fn idler(&self) -> impl Drop + use<'_> {
        self.idlers.fetch_add(1, Ordering::AcqRel);
        self.settled.notify_waiters();
        OutboxIdler(self)
    }

    async fn becomes(&self, is_so: impl Fn() -> bool) {
        loop {
            let mut settled = pin!(self.settled.notified());
            // In line before the count is read: a change in between wakes us.
            settled.as_mut().enable();
            if is_so() {
                return;
            }
            settled.await;
        }
    }

    /// How many jobs the workers have, those that wait in this process included.
    pub(crate) fn in_hand(&self) -> usize {
        self.in_hand.load(Ordering::Acquire)
    }

    /// How many suspects are claimed and not settled.
    pub(crate) fn suspects(&self) -> usize {
        self.suspects.load(Ordering::Acquire)
    }

    pub(crate) fn gone(&self) -> usize {
        self.gone.load(Ordering::Relaxed)
    }

    /// Asks for a wake-up through `room` once no more than this many are in hand.
    pub(crate) fn wake_at(&self, low: usize) {
        self.low.store(low, Ordering::Relaxed);
    }
}

struct OutboxIdler<'a>(&'a Outbox);

impl Drop for OutboxIdler<'_> {
    fn drop(&mut self) {
        self.0.idlers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The failure of a stored attempt, as it was.
pub(crate) fn failure(past: &PastAttempt) -> Failure {
    let text = past.error.clone().unwrap_or_default();
    let reason = match past.outcome {
        PastOutcome::Panicked => Reason::Panicked(Box::new(Panic {
            message: text,
            location: None,
        })),
        PastOutcome::TimedOut | PastOutcome::GivenUp => Reason::stored(FailureKind::TimedOut, text),
        PastOutcome::Cancelled => Reason::Cancelled(text.into()),
        _ => Reason::Failed(text.into()),
    };
    Failure::new(reason, past.ran)
}
