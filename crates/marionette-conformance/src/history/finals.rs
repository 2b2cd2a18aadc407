//! Where jobs stand in the store once all is over.

use std::collections::HashMap;

use marionette::TaskId;
use marionette::store::{JobState, PastOutcome, Store, StoreError};

use crate::history::Events;

/// Where jobs stand in the store once all is over.
#[derive(Clone, Debug, Default)]
pub struct Finals {
    pub(super) jobs: HashMap<TaskId, Final>,
}

/// Where one job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Final {
    pub(super) state: JobState,
    /// How many of its attempts succeeded, as far as the store keeps them.
    pub(super) done: usize,
}

impl Finals {
    /// Asks a store for all jobs that the history says were accepted.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn of(events: &Events, store: &dyn Store) -> Result<Self, StoreError> {
        let mut finals = Self::default();
        for id in events.accepted() {
            if let Some(details) = store.job(id).await? {
                let attempts = details.attempts.iter();
                let done = attempts.filter(|attempt| attempt.outcome == PastOutcome::Done);
                finals.set(id, details.summary.state, done.count());
            }
        }
        Ok(finals)
    }

    /// Says where a job stands, and how many of its attempts succeeded.
    pub fn set(&mut self, job: TaskId, state: JobState, done: usize) {
        self.jobs.insert(job, Final { state, done });
    }

    /// The number of jobs in a state.
    #[must_use]
    pub fn count(&self, state: JobState) -> usize {
        self.jobs
            .values()
            .filter(|last| last.state == state)
            .count()
    }
}
