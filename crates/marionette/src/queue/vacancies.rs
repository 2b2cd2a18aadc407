//! Places in a full queue that tasks have which were cancelled: they are given back at once.

use std::collections::VecDeque;
use std::sync::OnceLock;

use crate::clock::Tick;
use crate::queue::{Queue, Ready, Refused, State};
use crate::vacancy;

/// In a queue with more tasks than this, a few must be cancelled before all are looked at.
const MANY: usize = 16 * 1024;

/// How many tasks are looked at for each producer who is refused, on average.
const LOOKED_AT: usize = 64;

/// Which tasks need no place any more, and who is told of them.
pub(crate) struct Vacancies<T> {
    found: OnceLock<Found<T>>,
}

struct Found<T> {
    is_over: fn(&T) -> bool,
    tell: Box<dyn Fn(Vec<T>) + Send + Sync>,
}

impl<T> Default for Vacancies<T> {
    fn default() -> Self {
        Self {
            found: OnceLock::new(),
        }
    }
}

impl<T> Vacancies<T> {
    /// From now on those that are over give their places back, and this is told of them.
    pub(crate) fn watch(&self, is_over: fn(&T) -> bool, tell: Box<dyn Fn(Vec<T>) + Send + Sync>) {
        // The first one stays: there is no other.
        let _ = self.found.set(Found { is_over, tell });
    }

    /// Takes out those that are over, if any may have come about: for a producer who is refused.
    /// They are dropped, and told of, once the lock is released.
    pub(super) fn take(&self, state: &mut State<T>) -> Vec<T> {
        state.refusals = state.refusals.saturating_add(1);
        if may_have_ended_in_silence(state) {
            return self.take_all(state);
        }
        self.take_cancelled(state)
    }

    /// The same, if any were cancelled since it was last looked: a refused producer has looked.
    pub(super) fn take_cancelled(&self, state: &mut State<T>) -> Vec<T> {
        let news = vacancy::count().wrapping_sub(state.cancelled);
        if news > 0 && news >= state.ready.len() / MANY {
            return self.take_all(state);
        }
        Vec::new()
    }

    fn take_all(&self, state: &mut State<T>) -> Vec<T> {
        let mut over = Vec::new();
        let Some(Found { is_over, .. }) = self.found.get() else {
            return over;
        };
        state.cancelled = vacancy::count();
        state.refusals = 0;
        extract(&mut state.ready, *is_over, &mut over);
        for slot in state.slots.iter().flatten() {
            extract(&mut slot.batch.lock(), *is_over, &mut over);
        }
        state.count_batches();
        over
    }

    pub(super) fn tell(&self, over: Vec<T>) {
        if let Some(Found { tell, .. }) = self.found.get()
            && !over.is_empty()
        {
            tell(over);
        }
    }
}

/// Whether it is time to look for tasks that ended with their parents, of which nobody hears. The
/// first who is refused looks, and then so few that each pays for some tasks only.
fn may_have_ended_in_silence<T>(state: &State<T>) -> bool {
    vacancy::had_parents() && state.refusals >= state.ready.len() / LOOKED_AT
}

fn extract<T>(tasks: &mut VecDeque<Ready<T>>, is_over: fn(&T) -> bool, over: &mut Vec<T>) {
    if !tasks.iter().any(|ready| is_over(&ready.task)) {
        return;
    }
    for _ in 0..tasks.len() {
        if let Some(ready) = tasks.pop_front() {
            if is_over(&ready.task) {
                over.push(ready.task);
            } else {
                tasks.push_back(ready);
            }
        }
    }
}

impl<T> Queue<T> {
    /// Accepts the task if there is room now, also in the place of one that is over.
    #[inline]
    pub(crate) fn try_push(&self, task: T, at: Tick) -> Result<(), (Refused, T)> {
        match self.try_push_here(task, at) {
            Ok(()) => Ok(()),
            Err((Refused::Full, task)) if self.find_vacancies() => self.try_push_here(task, at),
            Err(refused) => Err(refused),
        }
    }

    /// Whether places in a full queue have become free by cancellations.
    #[cold]
    pub(crate) fn find_vacancies(&self) -> bool {
        let over = self.change(|state, wakes| {
            let over = self.vacancies.take(state);
            state.grant(wakes);
            over
        });
        let found = !over.is_empty();
        self.vacancies.tell(over);
        found
    }

    /// A task was cancelled while it waited, perhaps here: who waits for its place gets it.
    pub(crate) fn look_for_room(&self) {
        let mut over = Vec::new();
        self.change(|state, wakes| {
            if state.has_waiting_producers() {
                over = self.vacancies.take(state);
                state.grant(wakes);
            }
        });
        self.vacancies.tell(over);
    }
}
