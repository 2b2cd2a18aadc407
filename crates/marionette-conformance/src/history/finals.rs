//! Where jobs stand in the store once all is over.

use std::collections::HashMap;

use marionette::TaskId;
use marionette::inspect::JobDetails;
use marionette::store::{JobState, PastOutcome, Store, StoreError};

use crate::history::Events;

/// Where jobs stand in the store once all is over.
#[derive(Clone, Debug, Default)]
pub struct Finals {
    pub(super) jobs: HashMap<TaskId, Final>,
}

/// Where one job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Final {
    pub(super) state: JobState,
    /// How many of its attempts succeeded, as far as the store keeps them.
    pub(super) done: usize,
    /// Why its attempts cannot have been made one after the other, if they cannot.
    pub(super) tangled: Option<String>,
}

impl Finals {
    /// Asks a store for all jobs that the history says were accepted.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn of(events: &Events, store: &dyn Store) -> Result<Self, StoreError> {
        Self::read(events, store, |_| None).await
    }

    /// As [`of`](Self::of), for a store whose clock was never stepped: then the attempts of each
    /// job must follow each other.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn of_one_clock(events: &Events, store: &dyn Store) -> Result<Self, StoreError> {
        Self::read(events, store, tangled).await
    }

    async fn read(
        events: &Events,
        store: &dyn Store,
        tangled: fn(&JobDetails) -> Option<String>,
    ) -> Result<Self, StoreError> {
        let mut finals = Self::default();
        for id in events.accepted() {
            if let Some(details) = store.job(id).await? {
                let attempts = details.attempts.iter();
                let done = attempts.filter(|attempt| attempt.outcome == PastOutcome::Done);
                let last = Final {
                    state: details.summary.state,
                    done: done.count(),
                    tangled: tangled(&details),
                };
                finals.jobs.insert(id, last);
            }
        }
        Ok(finals)
    }

    /// Says where a job stands, and how many of its attempts succeeded.
    pub fn set(&mut self, job: TaskId, state: JobState, done: usize) {
        let last = Final {
            state,
            done,
            tangled: None,
        };
        self.jobs.insert(job, last);
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

/// Why the attempts that a store keeps of a job cannot have been made one after the other, if they
/// cannot. The times are the store's own.
pub(super) fn tangled(details: &JobDetails) -> Option<String> {
    let attempts = &details.attempts;
    for pair in attempts.windows(2) {
        let (one, next) = (&pair[0], &pair[1]);
        if one.outcome == PastOutcome::Done {
            return Some(format!("an attempt after it was done: {attempts:?}"));
        }
        if next.started < one.ended || next.number < one.number {
            return Some(format!("attempts that overlap: {attempts:?}"));
        }
    }
    let last = attempts.last().map(|attempt| attempt.outcome);
    let is_done = details.summary.state == JobState::Done;
    (is_done != (last == Some(PastOutcome::Done)))
        .then(|| format!("{} after {attempts:?}", details.summary.state))
}
