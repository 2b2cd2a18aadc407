//! The answers: jobs in one line and in full, counts, and the instances that live.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::id::TaskId;
use crate::store::inspect::Page;
use crate::store::{
    EndKind, InstanceId, InstanceInfo, JobOptions, JobState, Name, PastOutcome, Priority,
};

/// A job in one line.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobSummary {
    /// Its id.
    pub id: TaskId,
    /// Its kind.
    pub kind: Name,
    /// Its queue.
    pub queue: Name,
    /// Its priority.
    pub priority: Priority,
    /// Its state.
    pub state: JobState,
    /// When it was accepted.
    pub accepted: SystemTime,
    /// When it is or was due.
    pub due: SystemTime,
    /// When its last attempt was started, if one was.
    pub started: Option<SystemTime>,
    /// When it ended, if it has.
    pub ended: Option<SystemTime>,
    /// How many attempts have failed.
    pub failed: u32,
    /// How often an instance died while it had the job.
    pub crashes: u32,
    /// The instance that has it, if one has.
    pub instance: Option<InstanceId>,
    /// How it ended, unless it is done or has not ended.
    pub end: Option<EndKind>,
    /// Why it ended, if somebody said, and for a quarantined job what the store says; else the
    /// error of its last failed attempt since it began (anew), as [`PastOutcome::describe`] tells
    /// it. A text for people: [`end`](Self::end) is for programs.
    pub reason: Option<String>,
}

impl JobSummary {
    /// For authors of stores: a job that was never claimed, with the default priority. A store
    /// assigns the other fields.
    #[must_use]
    pub fn new(id: TaskId, kind: Name, queue: Name, state: JobState, accepted: SystemTime) -> Self {
        Self {
            id,
            kind,
            queue,
            priority: Priority::default(),
            state,
            accepted,
            due: accepted,
            started: None,
            ended: None,
            failed: 0,
            crashes: 0,
            instance: None,
            end: None,
            reason: None,
        }
    }
}

/// A job in full.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct JobDetails {
    /// The job in one line.
    pub summary: JobSummary,
    /// Its arguments.
    pub payload: Vec<u8>,
    /// Its options.
    pub options: JobOptions,
    /// Its result, if it is done and its result was kept.
    pub result: Option<Vec<u8>>,
    /// Why its result could not be kept, if it is done without one.
    pub unkept: Option<String>,
    /// Every attempt that is kept, the oldest first; snoozed, interrupted and crashed ones too.
    pub attempts: Vec<TimedAttempt>,
}

impl JobDetails {
    /// For authors of stores: a job without a result and without attempts. A store assigns the
    /// other fields.
    #[must_use]
    pub fn new(summary: JobSummary, payload: Vec<u8>, options: JobOptions) -> Self {
        Self {
            summary,
            payload,
            options,
            result: None,
            unkept: None,
            attempts: Vec::new(),
        }
    }
}

/// An attempt with its times.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TimedAttempt {
    /// Which attempt it was, from 1. A snoozed, interrupted or crashed attempt has the number of
    /// the one that follows it.
    pub number: u32,
    /// When it was claimed.
    pub started: SystemTime,
    /// When the store heard of its end.
    pub ended: SystemTime,
    /// How long it ran, as its instance reports it.
    pub ran: Duration,
    /// How it ended.
    pub outcome: PastOutcome,
    /// Its error with its sources, without the outcome.
    pub error: Option<String>,
    /// The instance that made it, if that is known.
    pub instance: Option<InstanceId>,
}

impl TimedAttempt {
    /// For authors of stores: an attempt without an error, by an instance that is not known, that
    /// ran from `started` to `ended`. A store assigns the other fields.
    #[must_use]
    pub fn new(number: u32, outcome: PastOutcome, started: SystemTime, ended: SystemTime) -> Self {
        Self {
            number,
            started,
            ended,
            ran: ended.duration_since(started).unwrap_or_default(),
            outcome,
            error: None,
            instance: None,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// The job after which the next page begins; `None` if this is the last.
    pub next: Option<TaskId>,
    /// Jobs that were met on the way and cannot be read, so that it is not known whether they
    /// match. A store may leave some out where there are many. The others are listed all the same.
    pub unreadable: Vec<Unreadable>,
}

impl Listed {
    /// For authors of stores: a page of these jobs, and the job after which the next one begins.
    #[must_use]
    pub fn new(jobs: Vec<JobSummary>, next: Option<TaskId>) -> Self {
        Self {
            jobs,
            next,
            unreadable: Vec::new(),
        }
    }
}

impl Listed {
    /// For authors of stores: the page of these jobs, which match and come newest first.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use marionette::TaskId;
    /// use marionette::inspect::{JobSummary, Listed, Page};
    /// use marionette::store::{JobState, Name};
    ///
    /// const MAIL: Name = Name::from_static("mail");
    ///
    /// let job = |id| JobSummary::new(id, MAIL, MAIL, JobState::Ready, SystemTime::now());
    /// let (old, new) = (TaskId::new(), TaskId::new());
    /// let listed = Listed::page([job(new), job(old)], Page::first(1));
    /// assert_eq!((listed.jobs[0].id, listed.next), (new, Some(new)));
    /// let listed = Listed::page([job(new), job(old)], Page::after(new, 1));
    /// assert_eq!((listed.jobs[0].id, listed.next), (old, None));
    /// ```
    #[must_use]
    pub fn page(jobs: impl IntoIterator<Item = JobSummary>, page: Page) -> Self {
        let is_after = |job: &JobSummary| page.after.is_none_or(|after| job.id < after);
        let mut rest = jobs.into_iter().filter(is_after);
        let jobs: Vec<_> = rest.by_ref().take(page.size()).collect();
        let last = jobs.last().map(|job| job.id);
        Self::new(jobs, last.filter(|_| rest.next().is_some()))
    }
}

/// A job that a store has and cannot read: something else has written to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unreadable {
    /// Its row in the store, for whoever looks there with other tools.
    pub row: i64,
    /// Its id, if at least that can be read. [Deleting](super::Inspect::delete) takes it.
    pub id: Option<TaskId>,
    /// What is wrong with it.
    pub what: String,
}

impl Unreadable {
    /// For authors of stores.
    #[must_use]
    pub fn new(row: i64, id: Option<TaskId>, what: String) -> Self {
        Self { row, id, what }
    }
}

/// How many jobs of one queue and kind are in one state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub struct Count {
    /// The queue.
    pub queue: Name,
    /// The kind.
    pub kind: Name,
    /// The state.
    pub state: JobState,
    /// How many jobs.
    pub jobs: u64,
}

impl Count {
    /// For authors of stores.
    #[must_use]
    pub fn new(queue: Name, kind: Name, state: JobState, jobs: u64) -> Self {
        Self {
            queue,
            kind,
            state,
            jobs,
        }
    }
}

impl Count {
    /// For authors of stores: counts jobs by their queue, kind and state, in this order.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::inspect::Count;
    /// use marionette::store::{JobState, Name};
    ///
    /// let (queue, kind) = (Name::from_static("mails"), Name::from_static("welcome"));
    /// let mail = (&queue, &kind, JobState::Ready);
    /// let counts = Count::all([mail, mail]);
    /// assert_eq!((counts.len(), counts[0].jobs), (1, 2));
    /// ```
    #[must_use]
    pub fn all<'a>(jobs: impl IntoIterator<Item = (&'a Name, &'a Name, JobState)>) -> Vec<Self> {
        let mut counts = BTreeMap::new();
        for job in jobs {
            *counts.entry(job).or_default() += 1;
        }
        let count = |((queue, kind, state), jobs): ((&Name, &Name, _), _)| {
            Self::new(queue.clone(), kind.clone(), state, jobs)
        };
        counts.into_iter().map(count).collect()
    }
}

/// An instance that counts as alive.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LiveInstance {
    /// As it introduced itself.
    pub info: InstanceInfo,
    /// When it was first seen.
    pub since: SystemTime,
    /// When it last gave a sign of life.
    pub seen: SystemTime,
    /// How many jobs it has.
    pub running: u64,
}

impl LiveInstance {
    /// For authors of stores: an instance without jobs, which was just seen for the first time. A
    /// store assigns the other fields.
    #[must_use]
    pub fn new(info: InstanceInfo, since: SystemTime) -> Self {
        Self {
            info,
            since,
            seen: since,
            running: 0,
        }
    }
}
