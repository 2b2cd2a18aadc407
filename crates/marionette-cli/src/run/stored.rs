//! The stored tasks of a generation that goes on.

use std::collections::HashMap;
use std::time::SystemTime;

use anyhow::Result;
use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, Page};
use marionette::store::JobState;

use super::ledger::Ledger;
use super::plan::Plan;
use crate::store::explain;

/// How many jobs are listed in one call.
const PAGE: usize = 1_000;

/// The state of every job of a generation.
#[derive(Debug, Default)]
pub(super) struct StoredTasks(HashMap<TaskId, StoredTask>);

#[derive(Debug)]
struct StoredTask {
    state: JobState,
    accepted: SystemTime,
    was_removed: bool,
}

impl StoredTasks {
    pub(super) async fn read(store: &dyn Inspect, ledger: &Ledger) -> Result<Self> {
        let mut stored = HashMap::new();
        let filter = Filter::new().queue(ledger.queue());
        let mut page = Page::first(PAGE);
        loop {
            let listed = store.list(filter.clone(), page).await.map_err(explain)?;
            stored.extend(listed.jobs.into_iter().map(|job| {
                let was_removed = job.state == JobState::Cancelled && ledger.is_removed(job.id);
                let standing = StoredTask {
                    state: job.state,
                    accepted: job.accepted,
                    was_removed,
                };
                (job.id, standing)
            }));
            match listed.next {
                Some(next) => page.after = Some(next),
                None => return Ok(Self(stored)),
            }
        }
    }

    pub(super) fn has(&self, id: TaskId) -> bool {
        self.0.contains_key(&id)
    }

    /// How this job ended, if it has.
    pub(super) fn end(&self, id: TaskId) -> Option<JobState> {
        let standing = self.0.get(&id)?;
        standing.state.is_end().then_some(standing.state)
    }

    /// The ids of all tasks that the file still has, in the order in which they were accepted.
    pub(super) fn ids(&self) -> Vec<TaskId> {
        let mut kept: Vec<_> = self.0.iter().filter(|(_, job)| !job.was_removed).collect();
        kept.sort_by_key(|(id, job)| (job.accepted, **id));
        kept.into_iter().map(|(id, _)| *id).collect()
    }

    /// The tasks that have not ended and are not in the plan.
    pub(super) fn without(&self, plan: &Plan) -> Vec<TaskId> {
        let left = self
            .0
            .iter()
            .filter(|(id, standing)| !standing.state.is_end() && !plan.has(**id));
        left.map(|(id, _)| *id).collect()
    }

    /// The tasks that have ended and are to run all the same. Those are tasks that were cancelled
    /// because the file did not have them, and that it has again; and tasks in quarantine.
    /// Quarantine is for jobs that kill their instances, and a command, which is a process of its
    /// own, cannot. Somebody who killed the runner three times and starts it again wants the task
    /// to go on.
    pub(super) fn to_revive(&self, plan: &Plan) -> Vec<TaskId> {
        let revived = self.0.iter().filter(|(id, standing)| {
            let is_due = match standing.state {
                JobState::Cancelled => standing.was_removed,
                JobState::Quarantined => true,
                _ => false,
            };
            is_due && plan.has(**id)
        });
        revived.map(|(id, _)| *id).collect()
    }
}
