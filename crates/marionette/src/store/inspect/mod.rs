//! What a person can ask of a store and change in it: the trait [`Inspect`] and its data.

mod filter;
mod answer;
mod activity;

use std::any::Any;
use std::fmt;
use std::time::{Duration, SystemTime};

use crate::id::TaskId;
use crate::store::{Name, StoreError, StoreFuture, Wanted};

pub use activity::{
    ACTIVITIES_MAX, ACTIVITY_IDS_MAX, Activity, ActivityFilter, ActivityKind, By, CHANGED_JOBS_MAX,
    PausedQueue,
};
pub use answer::{Count, JobDetails, JobSummary, Listed, LiveInstance, TimedAttempt, Unreadable};
pub use filter::{Filter, Page, Which};

/// What a person can ask of a store and change in it.
///
/// Every change names the jobs that it is for, and answers how many it changed. A job in a state
/// for which the change makes no sense is left as it is. Every change also says who makes it, and
/// through what: the store keeps that for a while, as [activity](Self::activity).
///
/// # Examples
///
/// Retries all jobs of a queue that failed for good, once the cause is mended:
///
/// ```
/// # use marionette::store::StoreError;
/// use marionette::inspect::{By, Filter, Inspect, Page, Which};
/// use marionette::store::JobState;
///
/// # async fn again(store: &dyn Inspect) -> Result<(), StoreError> {
///
/// let dead = Filter::new().state(JobState::Dead).queue("mails");
/// for job in store.list(dead.clone(), Page::default()).await?.jobs {
///     println!("{} {}: {:?}", job.kind, job.id, job.reason);
/// }
/// let retried = store.retry(Which::Matching(dead), By::new("ada", "dashboard")).await?;
/// println!("{retried} jobs begin anew");
/// # Ok(())
/// # }
/// ```
pub trait Inspect: Any + fmt::Debug + Send + Sync {
    /// Counts the jobs by queue, kind and state.
    fn counts(&self) -> StoreFuture<'_, Vec<Count>>;

    /// Lists the jobs that match, newest first (by their ids), page by page. A page goes on after a
    /// job even if that job is gone by then.
    ///
    /// A page may have fewer jobs than were asked for although more follow: [`Listed::next`] alone
    /// says whether it is the last.
    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed>;

    /// Shows one job in full; `None` if the store does not know it.
    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>>;

    /// Makes jobs ready at once: those that wait for their time, and those that ended as dead,
    /// cancelled or quarantined. The latter begin anew, with no failed attempt and no crash, and
    /// keep their history. The limits in total of both count from now. A job that is ready already
    /// is left as it is.
    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64>;

    /// Cancels jobs. A job that waits ends at once. A job that runs hears of it through its
    /// instance's next [`renew`](crate::store::Store::renew), and does not run again: it ends as
    /// cancelled, unless it succeeds or fails for good first. The first reason stays, and is
    /// [cut](crate::store::clip_error) if it is too long; another call does not change the job.
    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64>;

    /// Deletes jobs with their history, except jobs that run.
    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64>;

    /// Changes when waiting jobs are due; their limits in total count from there.
    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64>;

    /// Pauses a queue: no instance claims from it until it is resumed. Jobs that run go on, and new
    /// jobs are accepted. A queue that is paused already stays as it is, with the name of the
    /// person who paused it.
    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()>;

    /// Resumes a paused queue.
    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()>;

    /// Lists the queues that are paused, by name, each with the person who paused it.
    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>>;

    /// Lists the changes that people made, the latest first.
    ///
    /// A store keeps the [latest](ACTIVITIES_MAX), for as long as it keeps dead jobs, and with them
    /// which jobs were changed.
    ///
    /// # Errors
    ///
    /// [Unsupported](crate::store::StoreErrorKind::Unsupported) by a store that keeps no activity,
    /// which is the default.
    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        let _ = filter;
        Box::pin(async { Err(StoreError::unsupported("this store keeps no activity")) })
    }

    /// Lists the instances that count as alive: those that gave a sign of life within the length of
    /// a lease. An instance that has been silent for longer is not listed, also if no sweep has
    /// found it yet.
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
