//! The claim of jobs: who asks, which jobs it gets, and how it keeps them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::id::TaskId;
use crate::store::job::{JobOptions, Priority};
use crate::store::settle::PastAttempt;

/// One manager from a start to its stop: made anew at each start, never a name that can be used
/// again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(pub Uuid);

impl InstanceId {
    /// A new one.
    #[must_use]
    pub fn new() -> Self {
        Self(TaskId::new().uuid())
    }
}

impl Default for InstanceId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An instance as it introduces itself; only the id decides anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Which one.
    pub id: InstanceId,
    /// The name of its manager.
    pub server: Arc<str>,
    /// The process.
    pub process: u32,
    /// How many jobs it runs at once.
    pub workers: usize,
}

/// Which jobs somebody can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The kinds it has handlers for.
    pub kinds: Arc<[String]>,
    /// The queues it works on; none named means all.
    pub queues: Arc<[String]>,
}

/// An instance asks for jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The instance that asks. It has [renewed](crate::store::Store::renew) before.
    pub instance: InstanceId,
    /// What it can run.
    pub wanted: Wanted,
    /// How many at most.
    pub limit: usize,
    /// How many of those may be suspects at most: jobs whose instance has died before.
    ///
    /// What ran when a process died is run one at a time, so that a job that kills its process
    /// does not drag others into the quarantine.
    pub suspects: usize,
}

/// One claim of one job: the fence between this instance and all that claim the job later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: TaskId,
    /// By what the store finds the job fastest; it comes back unchanged.
    pub key: i64,
    /// Grows with every claim of the job.
    pub token: i64,
}

/// A job that an instance has got.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The right to write about it.
    pub lease: Lease,
    /// Its kind.
    pub kind: Arc<str>,
    /// Its queue.
    pub queue: Arc<str>,
    /// Its priority.
    pub priority: Priority,
    /// Its arguments.
    pub payload: Vec<u8>,
    /// What it asked for.
    pub options: JobOptions,
    /// How many attempts have failed.
    pub failed: u32,
    /// How often an instance died while it had the job: a suspect if not zero.
    pub crashes: u32,
    /// How long it has been due.
    pub late: Duration,
    /// How long ago it was first due; limits in total count from there. Retries and snoozes do not
    /// change it; a person who [retries](crate::store::inspect::Inspect::retry) or
    /// [reschedules](crate::store::inspect::Inspect::reschedule) it does.
    pub age: Duration,
    /// The [failures](crate::store::PastOutcome::is_failure) among its attempts, as far as they are
    /// kept; the oldest first.
    pub attempts: Vec<PastAttempt>,
}

/// What became of a lease that an instance wanted to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It holds.
    Kept,
    /// It holds, and somebody wants the job cancelled, for this reason.
    Cancel(String),
    /// The job has gone to somebody else, has ended, or is gone.
    Lost,
}

/// What a manager does again and again, and rests from in between: see
/// [`Store::rest`](crate::store::Store::rest).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duty {
    /// To claim jobs of these.
    Claim(Wanted),
    /// To ask how these jobs have ended.
    Ask(Vec<TaskId>),
    /// To sweep.
    Sweep,
    /// To give a sign of life for this instance, which has no jobs.
    Beat(InstanceId),
}
