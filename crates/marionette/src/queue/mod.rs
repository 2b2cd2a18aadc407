//! The bounded queue: producers wait for room, workers for tasks (their side is in `workers.rs`).
//!
//! # Locks
//!
//! One lock guards [`State`]; each worker's batch has one of its own, so that a worker starts the
//! next task of its batch without the first. Order: state, then a batch. No waker is called and no
//! user code runs under either: wake-ups are collected in [`Wakes`] and happen after the unlock.
//!
//! # Invariants
//!
//! 1. *Room.* A task is accepted while fewer than `size + free` tasks wait, where `free` counts the
//!    workers without a task. So exactly `size` wait once all workers are busy, and a size of zero
//!    hands over to a free worker.
//! 2. *No lost room.* Whenever a producer waits, there is no room, or whoever will grant it is on
//!    the way: a worker that starts a task or becomes free, or a producer that was granted room and
//!    passes the rest on. At a quick [`Pace`] one producer at a time has a grant, and leaves the
//!    rest to a woken worker. A worker starts tasks of its batch without the state's lock, so a
//!    producer raises `attention` before it counts the batches: a start that it did not count comes
//!    after that, sees the flag, and grants (at a quick pace, once its batch is done).
//! 3. *No lost task.* Whenever a task waits in the queue or a batch and a worker is parked, a
//!    worker is on its way: a push wakes one, and a worker that takes a task and leaves others
//!    wakes the next. A worker at a quick [`Pace`] does so when its task has to wait or took long.
//! 4. *Order.* A grant belongs to the producer that has waited longest, and no producer overtakes
//!    it; but at a quick pace up to [`FOLLOWING_MAX`] tasks may follow its own before the next
//!    waiting producer has its turn. While due tasks wait for room too, they and the producers take
//!    turns.

mod state;
pub(crate) mod workers;
mod calm;
pub(crate) mod vacancies;
pub(crate) mod pace;
pub(crate) mod wakes;
#[cfg(all(test, marionette_loom))]
mod loom_tests;
#[cfg(all(test, marionette_loom))]
mod pace_loom_tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use crate::clock::Tick;
use crate::queue::pace::Pace;
use crate::queue::state::State;
use crate::queue::vacancies::Vacancies;
use crate::queue::wakes::Wakes;
use crate::sync::{AtomicU32, Mutex, MutexGuard, Ordering};

/// How many due tasks may wait beyond the queue's size while no producer waits: their time has
/// come, but they cannot flood the queue. While a producer waits, due tasks and producers get room
/// by turns.
const DUE_MARGIN: usize = 64;

/// How many more tasks may come in after that of a producer that had waited, before the next
/// waiting producer has its turn. Only at a quick pace, where a turn costs more than that many
/// tasks.
const FOLLOWING_MAX: usize = 64;

/// A task in the queue, and since when it is ready to run.
#[derive(Debug)]
pub(crate) struct Ready<T> {
    pub(crate) at: Tick,
    pub(crate) task: T,
}

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    /// Why workers must take the state's lock before they start a task of their batch.
    /// Written under the state's lock; its readers are ordered by the lock of a batch.
    attention: AtomicU32,
    pub(crate) vacancies: Vacancies<T>,
}

/// Nobody needs the workers to take the state's lock.
const NOTHING: u32 = 0;
/// A producer or the due tasks wait for room.
const ROOM: u32 = 1;
/// The queue is paused or closed, or there are too many workers.
const ORDERS: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Workers have left or are leaving.
    Closed,
    Open,
    /// Nothing comes in; the workers finish what is there.
    Draining,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Why a task was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    Stopped,
}

impl<T> Queue<T> {
    pub(crate) fn new(size: usize) -> Self {
        Self {
            state: Mutex::new(State::new(size)),
            attention: AtomicU32::new(NOTHING),
            vacancies: Vacancies::default(),
        }
    }

    /// Runs `change` under the state's lock, and makes the wake-ups that it collected after the
    /// unlock.
    fn change<R>(&self, change: impl FnOnce(&mut State<T>, &mut Wakes) -> R) -> R {
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        let result = change(&mut state, &mut wakes);
        self.note_attention(&state);
        drop(state);
        wakes.wake();
        result
    }

    fn note_attention(&self, state: &MutexGuard<'_, State<T>>) {
        self.attention.store(state.attention(), Ordering::Relaxed);
    }

    /// Accepts the task if there is room now, without a search for cancelled tasks. Workers have
    /// nothing new to attend to then.
    fn try_push_here(&self, task: T, at: Tick) -> Result<(), (Refused, T)> {
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        if state.phase != Phase::Open {
            return Err((Refused::Stopped, task));
        }
        if !state.has_room_for_new() {
            return Err((Refused::Full, task));
        }
        state.push(Ready { at, task }, &mut wakes);
        drop(state);
        wakes.wake();
        Ok(())
    }

    /// Accepts as many of these tasks as there is room for now.
    pub(crate) fn push_some(&self, tasks: &mut VecDeque<T>, at: Tick) -> Result<(), Refused> {
        self.change(|state, wakes| {
            if state.phase != Phase::Open {
                return Err(Refused::Stopped);
            }
            while !tasks.is_empty() && state.has_room_for_new() {
                let Some(task) = tasks.pop_front() else { break };
                state.push(Ready { at, task }, wakes);
            }
            Ok(())
        })
    }

    /// Accepts the task as soon as there is room. A ticket keeps the producer's place between
    /// polls; whoever stops polling gives it back with [`forget`](Self::forget).
    pub(crate) fn poll_push(
        &self,
        task: &mut Option<T>,
        at: Tick,
        ticket: &mut Option<Ticket>,
        poller: &mut Poller<'_>,
    ) -> Poll<Result<(), Refused>> {
        let mut wakes = Wakes::default();
        let mut state = self.state.lock();
        let polled = state.poll_room(ticket, poller, || {
            // Before the batches are counted: see the second invariant.
            self.attention.fetch_max(ROOM, Ordering::Relaxed);
        });
        if let Poll::Ready(Ok(())) = polled
            && let Some(task) = task.take()
        {
            state.push(Ready { at, task }, &mut wakes);
            if state.pace != Pace::Quick || state.woken == 0 {
                state.grant(&mut wakes);
            }
        }
        let mut over = Vec::new();
        if polled.is_pending() {
            // A task may have been cancelled since this producer was refused: nobody else would
            // look for it now.
            over = self.vacancies.take_cancelled(&mut state);
            if !over.is_empty() {
                state.grant(&mut wakes);
            }
        }
        self.note_attention(&state);
        drop(state);
        wakes.wake();
        self.vacancies.tell(over);
        polled
    }

    /// Gives up a place among the waiting producers.
    pub(crate) fn forget(&self, ticket: Ticket) {
        self.change(|state, wakes| {
            if let Some(place) = state.place_of(ticket) {
                state.producers.remove(place);
                state.granted -= usize::from(place < state.granted);
                state.grant(wakes);
            }
        });
    }

    /// Waits for room for due tasks, and returns for how many. Room that was granted to producers
    /// does not count as taken.
    pub(crate) fn poll_due_room(&self, poller: &mut Poller<'_>) -> Poll<usize> {
        self.change(|state, _| {
            if state.due_room() == 0 {
                // Before the batches are counted: see the second invariant.
                self.attention.fetch_max(ROOM, Ordering::Relaxed);
            }
            let room = state.due_room();
            if room > 0 {
                state.due = None;
                state.due_next = false;
                return Poll::Ready(room);
            }
            state.due = Some(poller.waker().clone());
            Poll::Pending
        })
    }

    /// Gives up the wait of the due tasks for room, or room that they did not need: producers may
    /// have it.
    pub(crate) fn forget_due(&self) {
        self.change(|state, wakes| {
            state.due = None;
            state.due_next = false;
            state.grant(wakes);
        });
    }

    /// Appends due tasks, which were accepted long ago.
    pub(crate) fn push_due(&self, tasks: &mut Vec<Ready<T>>) {
        self.change(|state, wakes| {
            for ready in tasks.drain(..) {
                state.push(ready, wakes);
            }
        });
    }

    /// Puts a task that goes on at the end: it was accepted long ago.
    pub(crate) fn push_accepted(&self, task: T, at: Tick) {
        self.change(|state, wakes| state.push(Ready { at, task }, wakes));
    }

    /// Refuses new tasks from now on, and tells the waiting producers.
    pub(crate) fn drain(&self) {
        self.change(|state, wakes| {
            if state.phase == Phase::Open {
                state.phase = Phase::Draining;
            }
            state.dismiss_producers(wakes);
            state.tell_watchers(wakes);
        });
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state.lock().phase
    }

    /// How many tasks wait.
    pub(crate) fn len(&self) -> usize {
        let mut state = self.state.lock();
        state.count_batches();
        state.ready.len() + state.held
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.state.lock().paused
    }
}

/// A batch of tasks that a worker has taken and not started: others may steal from it.
type Batch<T> = Arc<Mutex<VecDeque<Ready<T>>>>;
