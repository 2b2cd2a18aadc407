//! Settlements: what became of claimed jobs, and the history that is kept of it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::claim::{InstanceId, Lease};
use crate::store::job::JobState;

/// What became of a claimed job.
///
/// Only the outcome of the attempt ([`PastOutcome::is_failure`]) decides whether the job has one
/// failed attempt more, not the verdict in `next`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The lease under which the job was claimed.
    pub lease: Lease,
    /// The attempt that was made, if one was; it becomes part of the job's history.
    pub attempt: Option<Attempted>,
    /// What follows.
    pub next: Next,
}

/// An attempt, as its instance reports it. Its end is the time at which the store gets the report.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempted {
    /// How long it ran.
    pub ran: Duration,
    /// How it ended.
    pub outcome: PastOutcome,
    /// Its error with its sources, at most [`ERROR_BYTES_MAX`](crate::store::ERROR_BYTES_MAX).
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PastOutcome {
    /// It succeeded.
    Done,
    /// It returned an error.
    Failed,
    /// It panicked.
    Panicked,
    /// It ran out of its own time.
    TimedOut,
    /// It ran when the time that its job may take in total was over.
    GivenUp,
    /// It was cancelled.
    Cancelled,
    /// It asked to be run again: no failure.
    Snoozed,
    /// Its manager stopped: no failure.
    Interrupted,
    /// Its instance died.
    Crashed,
}

impl PastOutcome {
    /// Whether it counts as one of the job's failed attempts.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed | Self::Panicked | Self::TimedOut | Self::GivenUp
        )
    }
}

/// What follows for a job that was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It is done; this is its result.
    Done(Vec<u8>),
    /// Its attempt failed, and it is due again after this pause.
    Retry(Duration),
    /// It is due again after this pause; no attempt was used.
    Snooze(Duration),
    /// It is due as it was before it was claimed, and so has its place again; no attempt was used.
    Release,
    /// It has failed for good, and is kept.
    Bury,
    /// It ends as cancelled, for this reason.
    Cancel(String),
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is written.
    Applied,
    /// The lease no longer held: it has no effect.
    Stale,
}

/// An attempt as it is kept. A store keeps at least the first 5 and the last 20 attempts of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct PastAttempt {
    /// Which attempt it was, from 1: one more than had failed before it.
    pub number: u32,
    /// How long it ran.
    pub ran: Duration,
    /// How it ended.
    pub outcome: PastOutcome,
    /// Its error with its sources.
    pub error: Option<String>,
    /// The instance that made it, if that is known.
    pub instance: Option<InstanceId>,
}

/// How a job has ended, for a handle that awaits it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// It has not ended.
    NotYet,
    /// It succeeded, with this result.
    Done(Vec<u8>),
    /// It ended without success.
    Otherwise {
        /// Dead, cancelled or quarantined.
        state: JobState,
        /// Why, unless its last attempt is the reason.
        reason: Option<String>,
        /// The error that its options named.
        error: Option<String>,
        /// Its attempts, as far as they are kept: all, not only those that failed.
        attempts: Vec<PastAttempt>,
    },
    /// The store does not know it: it was pruned or deleted, or never was there.
    Missing,
}

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Swept {
    /// Jobs that were taken from dead instances and wait again.
    pub released: u64,
    /// Jobs that were quarantined.
    pub quarantined: u64,
    /// Jobs that were pruned.
    pub pruned: u64,
    /// Whether there is more to do at once.
    pub more: bool,
    /// Something about the store that somebody should see to, in words, for as long as it lasts. A
    /// manager warns of it once, when it begins.
    pub warning: Option<String>,
}
