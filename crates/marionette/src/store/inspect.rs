//! What a person can ask of a store and change in it: the trait [`Inspect`] and its data.

use std::any::Any;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::id::TaskId;
use crate::store::{
    EndKind, InstanceId, InstanceInfo, JobOptions, JobState, PastOutcome, Priority, StoreFuture,
    Wanted,
};

/// What a person can ask of a store and change in it.
///
/// Every change names the jobs that it is for, and answers how many it changed. A job in a state
/// for which the change makes no sense is left as it is.
///
/// # Examples
///
/// Retries all jobs of a queue that failed for good, once the cause is mended:
///
/// ```
/// # use marionette::store::StoreError;
/// use marionette::inspect::{Filter, Inspect, Page, Which};
/// use marionette::store::JobState;
///
/// # async fn again(store: &dyn Inspect) -> Result<(), StoreError> {
///
/// let dead = Filter {
///     states: vec![JobState::Dead],
///     queues: vec!["mails".into()],
///     ..Filter::default()
/// };
/// for job in store.list(dead.clone(), Page::default()).await?.jobs {
///     println!("{} {}: {:?}", job.kind, job.id, job.reason);
/// }
/// let retried = store.retry(Which::Matching(dead)).await?;
/// println!("{retried} jobs begin anew");
/// # Ok(())
/// # }
/// ```
pub trait Inspect: Any + fmt::Debug + Send + Sync {
    /// Counts the jobs by queue, kind and state.
    fn counts(&self) -> StoreFuture<'_, Vec<Count>>;

    /// Lists the jobs that match, newest first (by their ids), page by page. A page goes on after a
    /// job even if that job is gone by then.
    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed>;

    /// Shows one job in full; `None` if the store does not know it.
    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>>;

    /// Makes jobs ready at once: those that wait for their time, and those that ended as dead,
    /// cancelled or quarantined. The latter begin anew, with no failed attempt and no crash, and
    /// keep their history. The limits in total of both count from now.
    fn retry(&self, which: Which) -> StoreFuture<'_, u64>;

    /// Cancels jobs. A job that waits ends at once. A job that runs hears of it through its
    /// instance's next [`renew`](crate::store::Store::renew), and does not run again: it ends as
    /// cancelled, unless it succeeds or fails for good first. The first reason stays, and is
    /// [cut](crate::store::clip_error) if it is too long.
    fn cancel(&self, which: Which, reason: String) -> StoreFuture<'_, u64>;

    /// Deletes jobs with their history, except jobs that run.
    fn delete(&self, which: Which) -> StoreFuture<'_, u64>;

    /// Changes when waiting jobs are due; their limits in total count from there.
    fn reschedule(&self, which: Which, due: SystemTime) -> StoreFuture<'_, u64>;

    /// Pauses a queue: no instance claims from it until it is resumed. Jobs that run go on, and new
    /// jobs are accepted.
    fn pause_queue(&self, queue: String) -> StoreFuture<'_, ()>;

    /// Resumes a paused queue.
    fn resume_queue(&self, queue: String) -> StoreFuture<'_, ()>;

    /// Lists the queues that are paused.
    fn paused_queues(&self) -> StoreFuture<'_, Vec<String>>;

    /// Lists the instances that count as alive.
    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>>;

    /// Counts jobs of kinds that are not in `wanted` and that have been due for longer than
    /// `overdue`, in wanted queues that are not paused. They are counted by queue and kind, up to
    /// [`UNCLAIMED_MAX`] or a few more.
    ///
    /// A manager asks rarely, and warns once of each kind. Default is none.
    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        let _ = (wanted, overdue);
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// The number up to which [`Inspect::unclaimed`] counts the jobs of one queue and kind: 1,000.
pub const UNCLAIMED_MAX: u32 = 1_000;

/// How many jobs of one queue and kind are in one state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Count {
    /// The queue.
    pub queue: String,
    /// The kind.
    pub kind: String,
    /// The state.
    pub state: JobState,
    /// How many jobs.
    pub jobs: u64,
}

impl Count {
    /// For authors of stores.
    #[must_use]
    pub fn new(queue: String, kind: String, state: JobState, jobs: u64) -> Self {
        Self {
            queue,
            kind,
            state,
            jobs,
        }
    }
}

/// Which jobs a change is for.
///
/// A store that meets a variant which it does not know answers that it is
/// [unsupported](crate::store::StoreErrorKind::Unsupported).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// The jobs with these ids.
    Ids(Vec<TaskId>),
    /// All jobs that match. A store changes them in steps, and none of them twice.
    Matching(Filter),
}

/// Which jobs match: all conditions that are set hold. The default matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// [reason](JobSummary::reason). Upper and lower case differ.
    pub text: Option<String>,
}

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The job after which the page begins; `None` for the first page.
    pub after: Option<TaskId>,
    /// The most jobs on the page: 1 to 1,000, and the nearer of the two for a number beyond.
    /// Default is 100.
    pub limit: usize,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            after: None,
            limit: 100,
        }
    }
}

/// A page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// The jobs.
    pub jobs: Vec<JobSummary>,
    /// The job after which the next page begins; `None` if this is the last.
    pub next: Option<TaskId>,
    /// Jobs that were met on the way and cannot be read, so that it is not known whether they
    /// match. A store may leave some out where there are many. The others are listed all the same.
    pub unreadable: Vec<Unreadable>,
}

/// A job that a store has and cannot read: something else has written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unreadable {
    /// Its row in the store, for whoever looks there with other tools.
    pub row: i64,
    /// Its id, if at least that can be read. [`Inspect::delete`] takes it.
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

/// A job in one line.
#[derive(Clone, Debug, PartialEq)]
pub struct JobSummary {
    /// Its id.
    pub id: TaskId,
    /// Its kind.
    pub kind: String,
    /// Its queue.
    pub queue: String,
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
    /// Why it ended, if somebody said; else the error of its last failed attempt since it began
    /// (anew), as [`PastOutcome::describe`] tells it. A text for people: [`end`](Self::end) is for
    /// programs.
    pub reason: Option<String>,
}

/// A job in full.
#[derive(Clone, Debug, PartialEq)]
pub struct JobDetails {
    /// The job in one line.
    pub summary: JobSummary,
    /// Its arguments.
    pub payload: Vec<u8>,
    /// Its options.
    pub options: JobOptions,
    /// Its result, if it is done.
    pub result: Option<Vec<u8>>,
    /// Every attempt that is kept, the oldest first; snoozed, interrupted and crashed ones too.
    pub attempts: Vec<TimedAttempt>,
}

/// An attempt with its times.
#[derive(Clone, Debug, PartialEq)]
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

/// An instance that counts as alive.
#[derive(Clone, Debug, PartialEq)]
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
