//! The questions: which jobs are meant, and which part of a list.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::id::TaskId;
use crate::store::JobState;

/// Which jobs a change is for.
///
/// A store that meets a variant which it does not know answers that it is
/// [unsupported](crate::store::StoreErrorKind::Unsupported).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Which {
    /// The jobs with these ids.
    Ids(Vec<TaskId>),
    /// All jobs that match. A store changes them in steps, and none of them twice.
    Matching(Filter),
}

/// Which jobs match: all conditions that are set hold. The default matches all.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use marionette::inspect::Filter;
/// use marionette::store::JobState;
///
/// let hour = Duration::from_secs(60 * 60);
/// let lately_dead = Filter::new()
///     .state(JobState::Dead)
///     .queue("mails")
///     .accepted_from(SystemTime::now() - hour);
/// # assert_eq!(lately_dead.queues, ["mails"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Filter {
    /// In one of these states; empty for any state.
    pub states: Vec<JobState>,
    /// Of one of these kinds; empty for any kind.
    pub kinds: Vec<String>,
    /// In one of these queues; empty for any queue.
    pub queues: Vec<String>,
    /// Accepted at this time or later.
    pub accepted_from: Option<SystemTime>,
    /// Accepted before this time.
    pub accepted_before: Option<SystemTime>,
    /// With this text in the payload, in the name, or, if the job has ended, in the
    /// [reason](super::JobSummary::reason). Upper and lower case differ.
    pub text: Option<String>,
}

impl Filter {
    /// Matches all jobs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also matches jobs in this state. Default is any state.
    #[must_use]
    pub fn state(mut self, state: JobState) -> Self {
        self.states.push(state);
        self
    }

    /// Also matches jobs in these states.
    #[must_use]
    pub fn states(mut self, states: impl IntoIterator<Item = JobState>) -> Self {
        self.states.extend(states);
        self
    }

    /// Also matches jobs of this kind. Default is any kind.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kinds.push(kind.into());
        self
    }

    /// Also matches jobs of these kinds.
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.kinds.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Also matches jobs in this queue. Default is any queue.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queues.push(queue.into());
        self
    }

    /// Also matches jobs in these queues.
    #[must_use]
    pub fn queues(mut self, queues: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.queues.extend(queues.into_iter().map(Into::into));
        self
    }

    /// Matches only jobs that were accepted at this time or later. Default is any time.
    #[must_use]
    pub fn accepted_from(self, time: impl Into<Option<SystemTime>>) -> Self {
        let accepted_from = time.into();
        Self {
            accepted_from,
            ..self
        }
    }

    /// Matches only jobs that were accepted before this time. Default is any time.
    #[must_use]
    pub fn accepted_before(self, time: impl Into<Option<SystemTime>>) -> Self {
        let accepted_before = time.into();
        Self {
            accepted_before,
            ..self
        }
    }

    /// Matches only jobs with this text in the payload, in the name, or in the reason of their end.
    /// Default is any.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Self {
        let text = Some(text.into());
        Self { text, ..self }
    }
}

impl From<Filter> for Which {
    fn from(filter: Filter) -> Self {
        Self::Matching(filter)
    }
}

impl From<TaskId> for Which {
    fn from(id: TaskId) -> Self {
        Self::Ids(vec![id])
    }
}

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Page {
    /// The job after which the page begins; `None` for the first page.
    pub after: Option<TaskId>,
    /// The most jobs on the page: 1 to 1,000, and the nearer of the two for a number beyond.
    /// Default is 100.
    pub limit: usize,
}

impl Page {
    /// The first page, with up to `limit` jobs.
    #[must_use]
    pub fn first(limit: usize) -> Self {
        Self { after: None, limit }
    }

    /// The page that begins after this job, with up to `limit` jobs.
    #[must_use]
    pub fn after(job: TaskId, limit: usize) -> Self {
        let after = Some(job);
        Self { after, limit }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(100)
    }
}
