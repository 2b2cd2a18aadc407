//! Waiting until the work of the queue is done: for a stop, and for `idle`.

use std::collections::VecDeque;
use std::task::{Context as Poller, Poll};

use crate::queue::wakes::Wakes;
use crate::queue::workers::{Doing, Slot};
use crate::queue::{Phase, Queue, Ready, State};

impl<T> Queue<T> {
    /// Takes out the waiting tasks that lie in no worker's batch.
    pub(crate) fn take_waiting(&self) -> VecDeque<Ready<T>> {
        self.change(|state, wakes| {
            let waiting = std::mem::take(&mut state.ready);
            state.tell_watchers(wakes);
            waiting
        })
    }

    /// Takes out all waiting tasks of a queue without workers.
    pub(crate) fn take_all(&self) -> VecDeque<Ready<T>> {
        std::mem::take(&mut self.state.lock().ready)
    }

    /// Waits until no task waits and no worker is busy but the excused ones, or until the queue is
    /// closed.
    pub(crate) fn poll_quiet(&self, poller: &mut Poller<'_>) -> Poll<()> {
        self.watch(poller, |state| {
            state.phase == Phase::Closed || state.is_quiet()
        })
    }

    /// As [`poll_quiet`](Self::poll_quiet), and workers whose tasks wait for the others do not
    /// count.
    pub(crate) fn poll_idle(&self, poller: &mut Poller<'_>) -> Poll<()> {
        self.watch(poller, |state| {
            state.phase == Phase::Closed || state.is_idle()
        })
    }

    /// Waits until no worker is busy but the excused ones.
    pub(crate) fn poll_still(&self, poller: &mut Poller<'_>) -> Poll<()> {
        self.watch(poller, |state| state.busy <= state.excused)
    }

    /// Waits until all workers that are not busy have left, or until the queue is open again.
    pub(crate) fn poll_left(&self, poller: &mut Poller<'_>) -> Poll<()> {
        self.watch(poller, |state| {
            state.phase != Phase::Closed
                || state
                    .slots
                    .iter()
                    .flatten()
                    .all(|slot| matches!(slot.doing, Doing::Busy))
        })
    }

    fn watch(
        &self,
        poller: &mut Poller<'_>,
        is_so: impl FnOnce(&mut State<T>) -> bool,
    ) -> Poll<()> {
        self.change(|state, _| {
            if is_so(state) {
                return Poll::Ready(());
            }
            if !state
                .watchers
                .iter()
                .any(|watcher| watcher.will_wake(poller.waker()))
            {
                state.watchers.push(poller.waker().clone());
            }
            Poll::Pending
        })
    }

    /// Excuses the worker whose task waits for the end of all others: nobody waits for that task
    /// until it has ended. Returns whether this is new.
    pub(crate) fn excuse(&self, index: usize) -> bool {
        self.change(|state, wakes| {
            let slot = state.slots[index].as_mut();
            let Some(slot) = slot.filter(|slot| !slot.excused) else {
                return false;
            };
            slot.excused = true;
            state.excused += 1;
            state.tell_watchers(wakes);
            true
        })
    }

    /// Notes whether the task of this worker waits until there is no other task.
    pub(crate) fn set_idles(&self, index: usize, idles: bool) {
        self.change(|state, wakes| {
            if let Some(slot) = state.slots[index].as_mut() {
                slot.idles = idles;
            }
            state.tell_watchers(wakes);
        });
    }
}

impl<T> Slot<T> {
    /// Whether the worker's task waits for the other tasks of this queue.
    pub(super) fn waits(&self) -> bool {
        self.excused || self.idles
    }
}

impl<T> State<T> {
    /// Whether no task waits and no worker is busy but the excused ones.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.is_empty() && self.busy <= self.excused
    }

    /// As `is_quiet`, and workers whose tasks wait for the others do not count.
    pub(super) fn is_idle(&mut self) -> bool {
        self.is_empty() && self.busy <= self.slots.iter().flatten().filter(|s| s.waits()).count()
    }

    fn is_empty(&mut self) -> bool {
        self.count_batches();
        self.ready.is_empty() && self.held == 0 && self.granted == 0
    }

    /// Wakes all watchers: what one of them waits for may have come about.
    pub(super) fn tell_watchers(&mut self, wakes: &mut Wakes) {
        self.watchers.drain(..).for_each(|waker| wakes.push(waker));
    }
}
