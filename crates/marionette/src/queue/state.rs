//! The state of a queue, under its one lock: tasks, batches, and the line of producers for room.

use std::collections::VecDeque;
use std::task::{Context as Poller, Poll, Waker};

use crate::queue::pace::Pace;
use crate::queue::wakes::Wakes;
use crate::queue::workers::Slot;
use crate::queue::{
    DUE_MARGIN, FOLLOWING_MAX, NOTHING, ORDERS, Phase, ROOM, Ready, Refused, Ticket,
};

pub(super) struct State<T> {
    pub(super) phase: Phase,
    pub(super) paused: bool,
    pub(super) ready: VecDeque<Ready<T>>,
    pub(super) size: usize,
    /// At least the number of tasks in the batches: starts are subtracted when a worker comes by.
    pub(super) held: usize,
    pub(super) slots: Vec<Option<Slot<T>>>,
    /// Indices of the parked workers; the last to park is the first to be woken.
    pub(super) parked: Vec<usize>,
    pub(super) woken: usize,
    /// The pace of the worker that locked the state last.
    pub(super) pace: Pace,
    pub(super) busy: usize,
    /// Busy workers whose own task waits for the queue to become quiet.
    pub(super) excused: usize,
    /// Which opening this is; workers of an earlier one leave.
    pub(super) opening: u64,
    pub(super) live: usize,
    pub(super) wanted: usize,
    /// In order of arrival; the first `granted` of them have room reserved.
    pub(super) producers: VecDeque<Producer>,
    pub(super) granted: usize,
    /// How many more tasks may come in before the next waiting producer has its turn, at a quick
    /// pace.
    pub(super) following: usize,
    pub(super) next_ticket: u64,
    pub(super) due: Option<Waker>,
    /// Whether the due tasks have the next turn, where producers and due tasks both wait for room.
    pub(super) due_next: bool,
    pub(super) watchers: Vec<Waker>,
    /// The process's count of cancelled tasks when this queue was last searched for them.
    pub(super) cancelled: usize,
    /// How many producers found the queue full since that search; `usize::MAX` before the first
    /// search.
    pub(super) refusals: usize,
}

pub(super) struct Producer {
    ticket: Ticket,
    waker: Waker,
}

impl<T> State<T> {
    pub(super) fn new(size: usize) -> Self {
        Self {
            phase: Phase::Closed,
            paused: false,
            ready: VecDeque::new(),
            size,
            held: 0,
            slots: Vec::new(),
            parked: Vec::new(),
            woken: 0,
            pace: Pace::Unknown,
            busy: 0,
            excused: 0,
            opening: 0,
            live: 0,
            wanted: 0,
            producers: VecDeque::new(),
            granted: 0,
            following: 0,
            next_ticket: 0,
            due: None,
            due_next: false,
            watchers: Vec::new(),
            cancelled: 0,
            refusals: usize::MAX,
        }
    }

    pub(super) fn attention(&self) -> u32 {
        if self.paused || self.phase == Phase::Closed || self.live > self.wanted {
            ORDERS
        } else if self.has_waiting_producers() || self.due.is_some() {
            ROOM
        } else {
            NOTHING
        }
    }

    /// How many tasks may wait: the first invariant.
    pub(super) fn limit(&self) -> usize {
        let free = if self.paused {
            0
        } else {
            self.live.min(self.wanted).saturating_sub(self.busy)
        };
        self.size.saturating_add(free)
    }

    pub(super) fn has_waiting_producers(&self) -> bool {
        self.producers.len() > self.granted
    }

    pub(super) fn has_room(&mut self) -> bool {
        if self.ready.len() + self.held + self.granted < self.limit() {
            return true;
        }
        if self.held == 0 {
            return false;
        }
        self.count_batches();
        self.ready.len() + self.held + self.granted < self.limit()
    }

    /// Whether there is room for a task whose producer has not waited.
    pub(super) fn has_room_for_new(&mut self) -> bool {
        if !self.has_waiting_producers() {
            return self.has_room();
        }
        let may_follow = self.pace == Pace::Quick && self.following > 0 && self.due.is_none();
        if may_follow && self.has_room() {
            self.following -= 1;
            return true;
        }
        false
    }

    /// How many more due tasks may wait; while producers wait too, one at each turn of the due
    /// tasks.
    pub(super) fn due_room(&mut self) -> usize {
        let (margin, most) = match (self.has_waiting_producers(), self.due_next) {
            (false, _) => (DUE_MARGIN, DUE_MARGIN),
            (true, true) => (0, 1),
            (true, false) => return 0,
        };
        let limit = self.limit() + margin;
        if self.ready.len() + self.held >= limit {
            self.count_batches();
        }
        let room = limit.saturating_sub(self.ready.len() + self.held);
        room.min(most)
    }

    pub(super) fn poll_room(
        &mut self,
        ticket: &mut Option<Ticket>,
        poller: &mut Poller<'_>,
        raise_attention: impl FnOnce(),
    ) -> Poll<Result<(), Refused>> {
        let Some(mine) = *ticket else {
            if self.phase != Phase::Open {
                return Poll::Ready(Err(Refused::Stopped));
            }
            if !self.has_room_for_new() {
                raise_attention();
                self.count_batches();
                if !self.has_room_for_new() {
                    *ticket = Some(self.enlist(poller.waker().clone()));
                    return Poll::Pending;
                }
            }
            return Poll::Ready(Ok(()));
        };
        match self.place_of(mine) {
            // Dismissed by a stop.
            None => {
                *ticket = None;
                Poll::Ready(Err(Refused::Stopped))
            }
            Some(place) if place < self.granted => {
                self.producers.remove(place);
                self.granted -= 1;
                self.following = FOLLOWING_MAX;
                *ticket = None;
                Poll::Ready(Ok(()))
            }
            Some(place) => {
                self.producers[place].waker.clone_from(poller.waker());
                Poll::Pending
            }
        }
    }

    pub(super) fn enlist(&mut self, waker: Waker) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.producers.push_back(Producer { ticket, waker });
        ticket
    }

    pub(super) fn place_of(&self, ticket: Ticket) -> Option<usize> {
        self.producers
            .binary_search_by_key(&ticket, |producer| producer.ticket)
            .ok()
    }

    pub(super) fn push(&mut self, ready: Ready<T>, wakes: &mut Wakes) {
        self.ready.push_back(ready);
        self.wake_worker(wakes);
    }

    /// Grants the present room to the producers that have waited longest.
    pub(super) fn grant(&mut self, wakes: &mut Wakes) {
        while self.has_waiting_producers()
            && !(self.due_next && self.due.is_some())
            && !(self.pace == Pace::Quick && self.granted > 0)
            && self.has_room()
        {
            self.due_next = true;
            wakes.push(self.producers[self.granted].waker.clone());
            self.granted += 1;
        }
        if self.due.is_some() && self.due_room() > 0 {
            self.due
                .take()
                .into_iter()
                .for_each(|waker| wakes.push(waker));
        }
    }

    pub(super) fn dismiss_producers(&mut self, wakes: &mut Wakes) {
        self.granted = 0;
        self.producers
            .drain(..)
            .for_each(|producer| wakes.push(producer.waker));
        self.grant(wakes);
    }

    /// Counts exactly what is in the batches.
    pub(super) fn count_batches(&mut self) {
        if self.held > 0 {
            self.held = 0;
            for slot in self.slots.iter_mut().flatten() {
                slot.held = slot.batch.lock().len();
                self.held += slot.held;
            }
        }
    }
}
