//! The state of every task of a run, as far as this process has seen it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use marionette::TaskId;
use marionette::event::{Event, EventKind};
use marionette::inspect::Count;
use marionette::store::{JobState, Name};
use tokio::sync::Notify;

use super::plan::Plan;
use super::stored::StoredTasks;
use crate::console::clock;

/// The tasks of a run and their states.
#[derive(Debug)]
pub(super) struct Progress {
    /// The tasks of this run. Its instance may also run some of an earlier generation.
    ids: HashSet<TaskId>,
    standing: Mutex<Counted>,
    /// Wakes the caller that waits until all tasks have ended.
    over: Notify,
}

#[derive(Debug, Default)]
struct Counted {
    ends: HashMap<TaskId, JobState>,
    running: HashMap<TaskId, RunningTask>,
    tally: Tally,
}

/// The number of tasks by the way in which they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) cancelled: usize,
}

impl Tally {
    pub(super) fn ended(self) -> usize {
        self.done + self.failed + self.cancelled
    }

    fn of(&mut self, end: JobState) -> &mut usize {
        match end {
            JobState::Done => &mut self.done,
            JobState::Cancelled => &mut self.cancelled,
            _ => &mut self.failed,
        }
    }
}

/// A task that is running.
#[derive(Clone, Debug)]
pub(super) struct RunningTask {
    pub(super) name: String,
    pub(super) attempt: u32,
    pub(super) since: Instant,
}

impl Progress {
    pub(super) fn new(plan: &Plan, stored: &StoredTasks) -> Self {
        let mut standing = Counted::default();
        for id in plan.ids() {
            if let Some(end) = stored.end(id) {
                standing.ended(id, end);
            }
        }
        Self {
            ids: plan.ids().collect(),
            standing: Mutex::new(standing),
            over: Notify::new(),
        }
    }

    pub(super) fn total(&self) -> usize {
        self.ids.len()
    }

    /// How many tasks have ended.
    pub(super) fn ended(&self) -> usize {
        self.tally().ended()
    }

    pub(super) fn tally(&self) -> Tally {
        self.standing().tally
    }

    /// The tasks that are running, the longest first.
    pub(super) fn running(&self) -> Vec<RunningTask> {
        let mut running: Vec<_> = self.standing().running.values().cloned().collect();
        running.sort_by_key(|running| running.since);
        running
    }

    /// Takes in one event.
    pub(super) fn hear(&self, event: &Event) {
        let mut standing = self.standing();
        let end = match &event.kind {
            EventKind::Started { attempt, .. } => {
                let running = RunningTask {
                    name: event.name.to_string(),
                    attempt: *attempt,
                    since: clock::tick(),
                };
                standing.begun(event.id, running);
                return;
            }
            EventKind::Done { .. } => JobState::Done,
            EventKind::Failed(_) => JobState::Dead,
            EventKind::Ended(_) | EventKind::Cancelled => JobState::Cancelled,
            _ => {
                standing.running.remove(&event.id);
                return;
            }
        };
        if !self.ids.contains(&event.id) {
            standing.running.remove(&event.id);
            return;
        }
        standing.ended(event.id, end);
        if standing.tally.ended() >= self.total() {
            self.over.notify_waiters();
        }
    }

    /// Waits until all tasks have ended, as far as this process sees it.
    pub(super) async fn all_has_ended(&self) {
        let over = self.over.notified();
        if self.ended() < self.total() {
            over.await;
        }
    }

    /// Takes in the counts of the store, which include what other processes did. The first queue
    /// belongs to this run. Returns whether nothing is left in either queue.
    pub(super) fn correct(&self, counts: &[Count], queues: &[Name; 2]) -> bool {
        let here = || counts.iter().filter(|count| count.queue == queues[0]);
        let of = |states: &[JobState]| {
            let jobs = here().filter(|count| states.contains(&count.state));
            usize::try_from(jobs.map(|count| count.jobs).sum::<u64>()).unwrap_or(usize::MAX)
        };
        let tally = &mut self.standing().tally;
        tally.done = tally.done.max(of(&[JobState::Done]));
        tally.failed = tally
            .failed
            .max(of(&[JobState::Dead, JobState::Quarantined]));
        tally.cancelled = tally.cancelled.max(of(&[JobState::Cancelled]));
        let mut left = counts.iter().filter(|count| queues.contains(&count.queue));
        left.all(|count| count.state.is_end() || count.jobs == 0)
    }

    /// Whether nothing runs here although the store has a job that is due or running.
    pub(super) fn is_stuck(&self, counts: &[Count], queues: &[Name; 2]) -> bool {
        let is_due = |count: &Count| {
            queues.contains(&count.queue)
                && count.jobs > 0
                && matches!(count.state, JobState::Ready | JobState::Running)
        };
        self.standing().running.is_empty() && counts.iter().any(is_due)
    }

    fn standing(&self) -> MutexGuard<'_, Counted> {
        // No holder of the lock can leave the data half changed.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    /// A task that ended before may begin again: somebody has retried it.
    fn begun(&mut self, id: TaskId, running: RunningTask) {
        self.running.insert(id, running);
        if let Some(end) = self.ends.remove(&id) {
            let before = self.tally.of(end);
            *before = before.saturating_sub(1);
        }
    }

    fn ended(&mut self, id: TaskId, end: JobState) {
        self.running.remove(&id);
        if self.ends.insert(id, end).is_none() {
            *self.tally.of(end) += 1;
        }
    }
}
