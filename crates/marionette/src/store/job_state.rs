//! The states of a job.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The state of a job, in the words of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum JobState {
    /// It is due and waits for an instance.
    Ready,
    /// It has not failed, and waits for its time.
    Scheduled,
    /// An attempt failed, and the next one waits for its time.
    Retrying,
    /// An instance has it.
    Running,
    /// It has succeeded.
    Done,
    /// It has failed for good, and is kept for a person to look at.
    Dead,
    /// It was cancelled, or not started in time.
    Cancelled,
    /// Its instance died three times while it had it; kept for a person to look at.
    Quarantined,
}

impl JobState {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Scheduled,
        Self::Retrying,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Cancelled,
        Self::Quarantined,
    ];

    /// The state of a job that waits, which stores do not keep: it follows from whether the job is
    /// due, and from how many of its attempts have failed.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::JobState;
    ///
    /// let (due, now) = (1_700_000_060, 1_700_000_000);
    /// assert_eq!(JobState::waiting(due <= now, 0), JobState::Scheduled);
    /// assert_eq!(JobState::waiting(due <= now, 1), JobState::Retrying);
    /// assert_eq!(JobState::waiting(due <= due, 1), JobState::Ready);
    /// ```
    #[must_use]
    pub fn waiting(is_due: bool, failed: u32) -> Self {
        match failed {
            _ if is_due => Self::Ready,
            0 => Self::Scheduled,
            _ => Self::Retrying,
        }
    }

    /// The word for the state.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Scheduled => "scheduled",
            Self::Retrying => "retrying",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Quarantined => "quarantined",
        }
    }

    /// Whether the job has ended: nothing follows by itself.
    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Dead | Self::Cancelled | Self::Quarantined
        )
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
