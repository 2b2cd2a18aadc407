//! The troubles of an instance that are no task's fault: a full disk, a store that does not answer,
//! no room for another process, no minder, a paused queue. They cost no task an attempt. Each is
//! told once, and again when it is over, so an instance that does nothing is not silent for longer
//! than a minute.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marionette::TaskId;

use crate::console::clock;

/// How long a trouble has to stay away until it is over: with room for three commands and not for
/// four, it comes and goes.
const CALM: Duration = Duration::from_secs(5);
/// A task that was put off is tried again sooner than this, unless somebody cancelled it.
const STALE: Duration = Duration::from_secs(20);

/// The trouble that keeps an instance from beginning the tasks that it has claimed, if there is
/// one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trouble(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    what: Option<Hindrance>,
    /// The tasks that could not begin, with the time of the last try.
    put_off: HashMap<TaskId, Instant>,
}

#[derive(Debug)]
struct Hindrance {
    why: String,
    since: Instant,
    last: Instant,
    is_over: bool,
}

impl Trouble {
    /// Notes that this task could not begin, and waits.
    pub(crate) fn puts_off(&self, task: TaskId, why: String) {
        let now = clock::tick();
        let mut state = self.state();
        state.put_off.insert(task, now);
        let since = match &state.what {
            Some(what) if !what.is_over => what.since,
            _ => now,
        };
        state.what = Some(Hindrance {
            why,
            since,
            last: now,
            is_over: false,
        });
    }

    /// Notes that this task has begun, so others can too.
    pub(crate) fn is_over_for(&self, task: TaskId) {
        let mut state = self.state();
        state.put_off.remove(&task);
        if let Some(what) = &mut state.what {
            what.is_over = true;
        }
    }

    /// The present trouble, and how long it has lasted.
    pub(crate) fn get(&self) -> Option<(String, Duration)> {
        let state = self.state();
        let what = state.what.as_ref()?;
        let lasts = !what.is_over && what.last.elapsed() < STALE;
        lasts.then(|| (what.why.clone(), what.since.elapsed()))
    }

    /// The present trouble, or one that was over only a moment ago.
    pub(crate) fn recent(&self) -> Option<String> {
        let state = self.state();
        let what = state.what.as_ref()?;
        let calm = if what.is_over { CALM } else { STALE };
        (what.last.elapsed() < calm).then(|| what.why.clone())
    }

    /// Whether tasks wait that could not begin.
    pub(crate) fn has_put_off(&self) -> bool {
        let mut state = self.state();
        state.put_off.retain(|_, last| last.elapsed() < STALE);
        !state.put_off.is_empty()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder of the lock can leave the data half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an instance gets nothing from its store, or cannot write to it, once that has lasted.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreTrouble(Arc<Mutex<Option<String>>>);

impl StoreTrouble {
    pub(crate) fn get(&self) -> Option<String> {
        self.what().clone()
    }

    pub(crate) fn is(&self, why: Option<String>) {
        *self.what() = why;
    }

    fn what(&self) -> MutexGuard<'_, Option<String>> {
        // No holder of the lock can leave the data half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
