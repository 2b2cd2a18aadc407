//! The questions: which jobs are meant, and which part of a list.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::id::TaskId;
use crate::store::inspect::{JobDetails, JobSummary};
use crate::store::{CALL_ROWS_MAX, JobState};

/// Which jobs a change is for.
///
/// A store that meets a variant which it does not know answers that it is
/// [unsupported](crate::store::StoreErrorKind::Unsupported).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Which {
    /// The jobs with these ids, at most [`CALL_ROWS_MAX`](crate::store::CALL_ROWS_MAX) in one call:
    /// a store may refuse more, and [`calls`](Self::calls) cuts them.
    Ids(Vec<TaskId>),
    /// All jobs that match. A store changes them in steps, and none of them twice.
    Matching(Filter),
}

impl Which {
    /// The same jobs for one call after the other, each of which a store takes: any number of ids
    /// is cut into parts, and a filter is one call.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::TaskId;
    /// use marionette::inspect::{By, Inspect, Which};
    /// use marionette::store::StoreError;
    ///
    /// async fn retry(store: &dyn Inspect, jobs: Vec<TaskId>) -> Result<u64, StoreError> {
    ///     let mut retried = 0;
    ///     for which in Which::Ids(jobs).calls() {
    ///         retried += store.retry(which, By::new("ada", "dashboard")).await?;
    ///     }
    ///     Ok(retried)
    /// }
    /// ```
    pub fn calls(self) -> impl Iterator<Item = Self> {
        let (ids, other) = match self {
            Self::Ids(ids) => (ids, None),
            other @ Self::Matching(_) => (Vec::new(), Some(other)),
        };
        let mut left = ids.into_iter();
        let parts = std::iter::from_fn(move || {
            let part: Vec<_> = left.by_ref().take(CALL_ROWS_MAX).collect();
            (!part.is_empty()).then_some(Self::Ids(part))
        });
        parts.chain(other)
    }
}

/// Which jobs match: all conditions that are set hold. The default matches all.
///
/// A kind or a queue may be any text here: one that cannot be a [`Name`](crate::store::Name) is
/// that of no job.
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
    /// Of one of these kinds; empty for any kind. What can be no name finds nothing.
    pub kinds: Vec<String>,
    /// In one of these queues; empty for any queue. What can be no name finds nothing.
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

/// For authors of stores: whether a job matches.
impl Filter {
    /// Whether the job matches, as it is shown now.
    ///
    /// A store that can tell a part of a job without reading all of it asks
    /// [`admits`](Self::admits) and [`finds`](Self::finds), which are the two halves of this.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use marionette::inspect::Filter;
    /// use marionette::store::{JobState, Name, NewJob, StoredJob};
    ///
    /// let now = SystemTime::now();
    /// let kind = Name::from_static("send_mail");
    /// let mail = NewJob::new(kind, br#"{"to":"ada@example.org"}"#.to_vec());
    /// let shown = StoredJob::new(mail, now).shown(now);
    /// assert!(Filter::new().kind("send_mail").text("ada@").matches(&shown));
    /// assert!(!Filter::new().state(JobState::Dead).matches(&shown));
    /// ```
    #[must_use]
    pub fn matches(&self, job: &JobDetails) -> bool {
        self.matches_in(job.summary.state, job)
    }

    /// Whether the job matches, in a state other than that of its summary.
    pub(crate) fn matches_in(&self, state: JobState, job: &JobDetails) -> bool {
        let summary = &job.summary;
        let reason = summary.reason.as_deref();
        let texts =
            (job.options.name.as_deref().into_iter()).chain(reason.filter(|_| state.is_end()));
        let JobSummary { kind, queue, .. } = summary;
        self.admits(state, kind, queue, summary.accepted) && self.finds(&job.payload, texts)
    }

    /// Whether all conditions hold but that of the text.
    #[must_use]
    pub fn admits(&self, state: JobState, kind: &str, queue: &str, accepted: SystemTime) -> bool {
        let has =
            |names: &[String], name: &str| names.is_empty() || names.iter().any(|it| it == name);
        (self.states.is_empty() || self.states.contains(&state))
            && has(&self.kinds, kind)
            && has(&self.queues, queue)
            && self.accepted_from.is_none_or(|from| from <= accepted)
            && self.accepted_before.is_none_or(|before| accepted < before)
    }

    /// Whether the text is in the payload or in one of the other texts: the name of the job, and,
    /// if it has ended, the reason. Any are right for a filter without a text.
    #[must_use]
    pub fn finds<'a>(&self, payload: &[u8], texts: impl IntoIterator<Item = &'a str>) -> bool {
        let Some(text) = &self.text else { return true };
        let is_in_payload = if let Ok(payload) = std::str::from_utf8(payload) {
            payload.contains(text)
        } else {
            let mut parts = payload.windows(text.len().max(1));
            text.is_empty() || parts.any(|part| part == text.as_bytes())
        };
        is_in_payload || texts.into_iter().any(|other| other.contains(text))
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

impl Which {
    /// For authors of stores: whether the change is for this job, as it is shown now.
    ///
    /// A store that can look jobs up by their ids, or has many of them, does not ask this of each.
    #[must_use]
    pub fn matches(&self, job: &JobDetails) -> bool {
        match self {
            Self::Ids(ids) => ids.contains(&job.summary.id),
            Self::Matching(filter) => filter.matches(job),
        }
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

    /// The most jobs on the page, within 1 and 1,000.
    #[must_use]
    pub fn size(self) -> usize {
        self.limit.clamp(1, 1_000)
    }
}

impl Default for Page {
    fn default() -> Self {
        Self::first(100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_ids_go_in_several_calls_and_none_is_lost() {
        let ids: Vec<_> = (0..=2 * CALL_ROWS_MAX).map(|_| TaskId::new()).collect();
        let calls: Vec<_> = Which::Ids(ids.clone()).calls().collect();
        let calls = calls.into_iter().map(|which| match which {
            Which::Ids(ids) => ids,
            Which::Matching(filter) => panic!("{filter:?} is no id"),
        });
        let calls: Vec<_> = calls.collect();
        let lengths: Vec<_> = calls.iter().map(Vec::len).collect();
        assert_eq!(lengths, [CALL_ROWS_MAX, CALL_ROWS_MAX, 1]);
        assert_eq!(calls.concat(), ids);
        assert_eq!(Which::Ids(Vec::new()).calls().count(), 0);
        let filter = Which::Matching(Filter::new().queue("mails"));
        assert_eq!(filter.clone().calls().collect::<Vec<_>>(), [filter]);
    }
}
