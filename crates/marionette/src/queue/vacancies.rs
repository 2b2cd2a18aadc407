//! The places of cancelled tasks in a full queue, which are given back at once.

use std::collections::VecDeque;
use std::sync::OnceLock;

use crate::clock::Tick;
use crate::queue::{Queue, Ready, Refused, State};
use crate::vacancy;

/// A queue with more tasks than this is searched only after more than one cancellation.
const MANY: usize = 16 * 1024;

/// How many tasks are looked at for each refused producer, on average.
const LOOKED_AT: usize = 64;

/// How to find tasks that need no place any more, and whom to tell of them.
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
    /// From now on, tasks for which `is_over` holds give their places back, and `tell` gets them.
    pub(crate) fn watch(&self, is_over: fn(&T) -> bool, tell: Box<dyn Fn(Vec<T>) + Send + Sync>) {
        // A queue is watched once; the first call counts.
        let _ = self.found.set(Found { is_over, tell });
    }

    /// Takes out the tasks that are over, if there may be any, for a refused producer. The caller
    /// tells of them and drops them once the lock is released.
    pub(super) fn take(&self, state: &mut State<T>) -> Vec<T> {
        state.refusals = state.refusals.saturating_add(1);
        if may_have_ended_in_silence(state) {
            return self.take_all(state);
        }
        self.take_cancelled(state)
    }

    /// Takes out the tasks that are over, if any were cancelled since the last search: the refused
    /// producer made that one.
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

/// Whether to search for tasks that ended with their parents, which nobody is told of. The first
/// refused producer searches, and after that so rarely that a refusal costs a look at [`LOOKED_AT`]
/// tasks on average.
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
    /// Accepts the task if there is room now, or if a task that is over gives its place back.
    #[inline]
    pub(crate) fn try_push(&self, task: T, at: Tick) -> Result<(), (Refused, T)> {
        match self.try_push_here(task, at) {
            Ok(()) => Ok(()),
            Err((Refused::Full, task)) if self.find_vacancies() => self.try_push_here(task, at),
            Err(refused) => Err(refused),
        }
    }

    /// Gives back the places of cancelled tasks. Returns whether there were any.
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

    /// A task was cancelled while it waited, perhaps here: a waiting producer gets its place.
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
