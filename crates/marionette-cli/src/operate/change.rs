//! A change of tasks, as an operator asks for it.

use std::time::SystemTime;

use anyhow::Result;
use marionette::inspect::{Inspect, Which};
use marionette::store::JobState;

use crate::store::{by, explain};

/// A change of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Retry,
    /// With this reason.
    Cancel(String),
    Delete,
    /// To this time.
    Reschedule(SystemTime),
}

impl Change {
    pub(super) fn verb(&self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel(_) => "cancel",
            Self::Delete => "delete",
            Self::Reschedule(_) => "reschedule",
        }
    }

    pub(super) fn done(&self) -> &'static str {
        match self {
            Self::Retry => "retried",
            Self::Cancel(_) => "cancelled",
            Self::Delete => "deleted",
            Self::Reschedule(_) => "rescheduled",
        }
    }

    /// Why the change makes no sense for a task in this state; `None` if it does.
    pub(super) fn refuses(&self, state: JobState) -> Option<&'static str> {
        match (self, state) {
            (Self::Retry, JobState::Ready) => Some("ready already: it waits for a worker"),
            (Self::Retry | Self::Delete, JobState::Running) => Some("it runs; cancel it first"),
            (Self::Retry, JobState::Done) => Some("it has succeeded"),
            (Self::Cancel(_), state) if state.is_end() => Some("it has ended"),
            (Self::Reschedule(_), JobState::Running) => Some("it runs"),
            (Self::Reschedule(_), state) if state.is_end() => {
                Some("it has ended; `marionette retry` runs it again")
            }
            _ => None,
        }
    }

    /// The states of the tasks that are changed if no condition names a state.
    pub(super) fn usual(&self) -> Vec<JobState> {
        let is_usual = |state: &JobState| match self {
            Self::Retry => matches!(state, JobState::Dead | JobState::Quarantined),
            Self::Cancel(_) => !state.is_end(),
            Self::Delete => state.is_end(),
            Self::Reschedule(_) => !state.is_end() && *state != JobState::Running,
        };
        JobState::ALL.into_iter().filter(is_usual).collect()
    }

    pub(super) async fn perform(&self, store: &dyn Inspect, which: Which) -> Result<u64> {
        let mut all = 0;
        for which in which.calls() {
            let changed = match self {
                Self::Retry => store.retry(which, by()).await,
                Self::Cancel(reason) => store.cancel(which, reason.clone(), by()).await,
                Self::Delete => store.delete(which, by()).await,
                Self::Reschedule(due) => store.reschedule(which, *due, by()).await,
            };
            all += changed.map_err(explain)?;
        }
        Ok(all)
    }
}
