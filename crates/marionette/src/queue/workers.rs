//! The workers' side of the queue: claim, park, give back, leave.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Waker};

use crate::queue::pace::Pace;
use crate::queue::wakes::Wakes;
use crate::queue::{Batch, NOTHING, ORDERS, Phase, Queue, ROOM, Ready, State};
use crate::sync::Ordering;

/// How many tasks a worker takes at once. One lock serves them all; they are counted as waiting,
/// can be stolen, and go back when the worker's task has to wait.
const BATCH_MAX: usize = 16;

/// How many woken workers may be on their way at once. One is not enough: it may have been woken on
/// a thread that is blocked. More only chase each other: each wakes the next if there is work.
const WOKEN_MAX: usize = 2;

/// A source of tasks that a worker moves into the queue when it locks the state.
pub(crate) trait DueSource<T> {
    /// Whether there is a task to bring.
    fn is_there(&self) -> bool;
    /// Appends at most `room` tasks to `ready`. The state's lock is held.
    fn bring(&mut self, room: usize, ready: &mut VecDeque<Ready<T>>);
}

/// Nothing.
impl<T> DueSource<T> for () {
    fn is_there(&self) -> bool {
        false
    }

    fn bring(&mut self, _: usize, _: &mut VecDeque<Ready<T>>) {}
}

/// A worker's place in the queue. The worker leaves when its place is dropped.
pub(crate) struct Seat<T> {
    queue: Arc<Queue<T>>,
    index: usize,
    batch: Batch<T>,
    /// The pace that this worker wrote into the state last.
    pace: Pace,
    /// The worker has parked, and a producer is about to bring a task.
    hands_over: bool,
    has_left: bool,
}

pub(super) struct Slot<T> {
    pub(super) batch: Batch<T>,
    /// What the state counts for this batch.
    pub(super) held: usize,
    pub(super) doing: Doing,
    pub(super) excused: bool,
    /// The worker's task waits for the other tasks of this queue, which need not wait for that
    /// task.
    pub(super) idles: bool,
    /// The opening of the queue in which the worker joined.
    opening: u64,
}

pub(super) enum Doing {
    /// Between two tasks, or not polled yet.
    Free,
    Parked(Waker),
    /// Parked, and woken since.
    Woken,
    Busy,
}

impl<T> Queue<T> {
    /// Opens the queue for this many workers. Returns how many workers are missing.
    pub(crate) fn open(&self, wanted: usize) -> usize {
        self.change(|state, wakes| {
            if state.phase == Phase::Closed {
                // A worker that is still here belongs to the previous run and will leave.
                state.opening += 1;
                state.live = 0;
            }
            state.phase = Phase::Open;
            state.set_wanted(wanted, wakes)
        })
    }

    /// Changes how many workers there should be. Surplus workers leave once their present task is
    /// done. Returns how many workers are missing.
    pub(crate) fn set_wanted(&self, wanted: usize) -> usize {
        self.change(|state, wakes| state.set_wanted(wanted, wakes))
    }

    pub(crate) fn join(self: &Arc<Self>) -> Seat<T> {
        let batch = Batch::default();
        let index = self.change(|state, wakes| {
            let (batch, opening) = (Arc::clone(&batch), state.opening);
            let slot = Slot {
                batch,
                held: 0,
                doing: Doing::Free,
                excused: false,
                idles: false,
                opening,
            };
            state.live += 1;
            let vacant = state.slots.iter().position(Option::is_none);
            let index = vacant.unwrap_or_else(|| {
                state.slots.push(None);
                state.slots.len() - 1
            });
            state.slots[index] = Some(slot);
            state.grant(wakes);
            index
        });
        Seat {
            queue: Arc::clone(self),
            index,
            batch,
            pace: Pace::Unknown,
            hands_over: false,
            has_left: false,
        }
    }

    /// Workers take nothing more until `resume`; what runs goes on.
    pub(crate) fn pause(&self) {
        self.change(|state, _| {
            self.attention.store(ORDERS, Ordering::Relaxed);
            state.paused = true;
            // A start that is not counted here comes later, and sees the flag.
            state.count_batches();
        });
    }

    pub(crate) fn resume(&self) {
        self.change(|state, wakes| {
            state.paused = false;
            state.wake_all(wakes);
            state.grant(wakes);
        });
    }

    /// Lets all workers leave. Tasks that they have not started stay in the queue.
    pub(crate) fn close(&self) {
        self.change(|state, wakes| {
            self.attention.store(ORDERS, Ordering::Relaxed);
            state.phase = Phase::Closed;
            state.dismiss_producers(wakes);
            state.empty_batches();
            state.wake_all(wakes);
            state.tell_watchers(wakes);
        });
    }

    /// How many workers have not left, and how many of those are busy.
    pub(crate) fn crew(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.live, state.busy)
    }
}

impl<T> Seat<T> {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Whether it was time to leave.
    pub(crate) fn has_left(&self) -> bool {
        self.has_left
    }

    /// Waits for a task to run; `None` when it is time to leave.
    ///
    /// At a quick pace, producers wait for room until the worker's batch is done: one wake-up
    /// serves many tasks.
    #[inline]
    pub(crate) fn poll_claim(
        &mut self,
        poller: &mut Poller<'_>,
        pace: Pace,
        supply: &mut impl DueSource<T>,
    ) -> Poll<Option<Ready<T>>> {
        let next = self.batch.lock().pop_front();
        if next.is_some() && self.goes_on(pace) {
            return Poll::Ready(next);
        }
        self.pace = pace;
        let index = self.index;
        let (claimed, hands_over) = self.queue.change(|state, wakes| {
            if let Some(next) = next {
                self.batch.lock().push_front(next);
            }
            state.pace = pace;
            let claimed = state.claim(index, &self.batch, poller, wakes, supply);
            (claimed, state.granted > 0 && pace == Pace::Quick)
        });
        self.hands_over = hands_over;
        self.has_left = matches!(claimed, Poll::Ready(None));
        claimed
    }

    /// Whether the worker has parked at a quick pace, and a producer is about to bring a task.
    pub(crate) fn hands_over(&self) -> bool {
        self.hands_over
    }

    /// Whether the next task of the batch may be started without the state's lock.
    fn goes_on(&self, pace: Pace) -> bool {
        // Read after the batch's lock: see the second invariant.
        let attention = || self.queue.attention.load(Ordering::Relaxed);
        match (self.pace, pace) {
            (_, Pace::Quick) => attention() <= ROOM,
            (Pace::Unknown, Pace::Unknown) => attention() == NOTHING,
            // The worker has taken a whole batch for itself, and workers that could help are
            // asleep.
            (Pace::Quick, Pace::Unknown) => false,
        }
    }

    /// Returns the rest of the batch to the queue, because the running task has to wait.
    pub(crate) fn give_back(&self) {
        let has_more = !self.batch.lock().is_empty();
        if has_more || self.queue.attention.load(Ordering::Relaxed) != NOTHING {
            self.queue.change(|state, wakes| {
                state.pace = Pace::Unknown;
                state.give_back(self.index, &self.batch);
                state.grant(wakes);
                if !state.ready.is_empty() {
                    state.wake_worker(wakes);
                }
            });
        }
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        if !self.has_left {
            self.queue.change(|state, wakes| {
                state.leave(self.index, &self.batch, wakes);
                // The worker was dropped at work, with its runtime. With the last worker the run is
                // over, and waiting tasks stay for the next start.
                if state.live == 0 && state.phase != Phase::Closed {
                    state.phase = Phase::Closed;
                    state.dismiss_producers(wakes);
                }
            });
        }
    }
}

impl<T> State<T> {
    fn set_wanted(&mut self, wanted: usize, wakes: &mut Wakes) -> usize {
        self.wanted = wanted;
        if self.live > wanted {
            self.wake_all(wakes);
        }
        self.grant(wakes);
        wanted.saturating_sub(self.live)
    }

    fn slot(&mut self, index: usize) -> &mut Slot<T> {
        self.slots[index]
            .as_mut()
            .expect("a seat has its slot until it leaves")
    }

    fn claim(
        &mut self,
        index: usize,
        batch: &Batch<T>,
        poller: &mut Poller<'_>,
        wakes: &mut Wakes,
        supply: &mut impl DueSource<T>,
    ) -> Poll<Option<Ready<T>>> {
        self.settle(index, batch);
        let belongs = self.slot(index).opening == self.opening;
        if !belongs || self.phase == Phase::Closed || self.live > self.wanted {
            self.leave(index, batch, wakes);
            return Poll::Ready(None);
        }
        if self.paused {
            self.give_back(index, batch);
            self.park(index, poller.waker().clone(), wakes);
            return Poll::Pending;
        }
        let next = self.take_next(index, batch);
        let next = next.or_else(|| {
            self.bring(supply, wakes);
            self.take_next(index, batch)
        });
        let Some(next) = next else {
            self.park(index, poller.waker().clone(), wakes);
            return Poll::Pending;
        };
        self.slot(index).doing = Doing::Busy;
        self.busy += 1;
        self.bring(supply, wakes);
        let leaves_some = !self.ready.is_empty() || self.held > 0;
        if leaves_some && self.pace == Pace::Unknown {
            self.wake_worker(wakes);
        }
        Poll::Ready(Some(next))
    }

    /// Grants room to producers, and fills the rest from `supply`.
    fn bring(&mut self, supply: &mut impl DueSource<T>, wakes: &mut Wakes) {
        self.grant(wakes);
        if supply.is_there() {
            let room = self.due_room();
            self.due_next &= room == 0;
            supply.bring(room, &mut self.ready);
        }
    }

    /// Updates the counts for a worker that has finished what it was doing.
    fn settle(&mut self, index: usize, batch: &Batch<T>) {
        self.recount(index, batch.lock().len());
        let slot = self.slot(index);
        slot.idles = false;
        let excused = std::mem::take(&mut slot.excused);
        let was = std::mem::replace(&mut slot.doing, Doing::Free);
        self.excused -= usize::from(excused);
        match was {
            Doing::Free => {}
            Doing::Parked(_) => self.parked.retain(|&parked| parked != index),
            Doing::Woken => self.woken -= 1,
            Doing::Busy => self.busy -= 1,
        }
    }

    fn recount(&mut self, index: usize, held: usize) {
        let before = std::mem::replace(&mut self.slot(index).held, held);
        self.held = self.held + held - before;
    }

    /// The next task: from the worker's own batch, else from the queue (with a new batch), else
    /// stolen.
    fn take_next(&mut self, index: usize, batch: &Batch<T>) -> Option<Ready<T>> {
        let mut mine = batch.lock();
        if mine.is_empty() {
            let sharers = match self.pace {
                Pace::Quick => 1,
                Pace::Unknown => self.live.max(1),
            };
            let share = (self.ready.len() / sharers).clamp(1, BATCH_MAX);
            // Often there is only one task, and a `drain` costs more than moving it.
            for _ in 0..share {
                let Some(ready) = self.ready.pop_front() else {
                    break;
                };
                mine.push_back(ready);
            }
        }
        let next = mine.pop_front();
        let held = mine.len();
        drop(mine);
        self.recount(index, held);
        next.or_else(|| self.steal())
    }

    fn steal(&mut self) -> Option<Ready<T>> {
        if self.held == 0 {
            return None;
        }
        let (index, stolen, left) = self.slots.iter().enumerate().find_map(|(index, slot)| {
            let mut batch = slot.as_ref()?.batch.lock();
            let stolen = batch.pop_front()?;
            Some((index, stolen, batch.len()))
        })?;
        self.recount(index, left);
        Some(stolen)
    }

    /// Returns the unstarted tasks of this worker to the front of the queue.
    fn give_back(&mut self, index: usize, batch: &Batch<T>) {
        let mut batch = batch.lock();
        while let Some(last) = batch.pop_back() {
            self.ready.push_front(last);
        }
        drop(batch);
        self.recount(index, 0);
    }

    /// Returns the unstarted tasks of all workers to the front of the queue.
    fn empty_batches(&mut self) {
        for slot in self.slots.iter_mut().flatten() {
            let mut batch = slot.batch.lock();
            while let Some(last) = batch.pop_back() {
                self.ready.push_front(last);
            }
            slot.held = 0;
        }
        self.held = 0;
    }

    fn park(&mut self, index: usize, waker: Waker, wakes: &mut Wakes) {
        self.slot(index).doing = Doing::Parked(waker);
        self.parked.push(index);
        self.grant(wakes);
        self.tell_watchers(wakes);
    }

    fn leave(&mut self, index: usize, batch: &Batch<T>, wakes: &mut Wakes) {
        self.give_back(index, batch);
        self.settle(index, batch);
        let left = self.slots[index].take();
        if left.is_some_and(|slot| slot.opening == self.opening) {
            self.live -= 1;
        }
        if !self.ready.is_empty() {
            self.wake_worker(wakes);
        }
        self.grant(wakes);
        self.tell_watchers(wakes);
    }

    /// Wakes one parked worker, unless enough are on their way.
    pub(super) fn wake_worker(&mut self, wakes: &mut Wakes) {
        let max = match self.pace {
            Pace::Quick => 1,
            Pace::Unknown => WOKEN_MAX,
        };
        if self.woken < max && !self.paused {
            self.wake_one(wakes);
        }
    }

    fn wake_one(&mut self, wakes: &mut Wakes) {
        let Some(index) = self.parked.pop() else {
            return;
        };
        self.woken += 1;
        if let Doing::Parked(waker) = std::mem::replace(&mut self.slot(index).doing, Doing::Woken) {
            wakes.push(waker);
        }
    }

    fn wake_all(&mut self, wakes: &mut Wakes) {
        while !self.parked.is_empty() {
            self.wake_one(wakes);
        }
    }
}
