//! Settlements: what became of claimed jobs, and the history that is kept of it.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::store::claim::Lease;
use crate::store::end::EndKind;
use crate::store::error::StoreError;
use crate::store::inspect::TimedAttempt;
use crate::store::instance::InstanceId;
use crate::store::job::Due;
use crate::store::job_state::JobState;
use crate::store::limits::PAYLOAD_BYTES_MAX;

/// What became of a claimed job.
///
/// Only the outcome of the attempt ([`PastOutcome::is_failure`]) decides whether the job has one
/// failed attempt more, not the verdict in `next`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Settlement {
    /// The lease under which the job was claimed.
    pub lease: Lease,
    /// The attempt that was made, if one was; it becomes part of the job's history.
    pub attempt: Option<Attempted>,
    /// What follows.
    pub next: Next,
}

impl Settlement {
    /// Without an attempt.
    #[must_use]
    pub fn new(lease: Lease, next: Next) -> Self {
        Self {
            lease,
            attempt: None,
            next,
        }
    }

    /// The attempt that was made. Default is none.
    #[must_use]
    pub fn attempt(self, attempt: impl Into<Option<Attempted>>) -> Self {
        let attempt = attempt.into();
        Self { attempt, ..self }
    }
}

/// An attempt, as its instance reports it. Its end is the time at which the store gets the report.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Attempted {
    /// How long it ran.
    pub ran: Duration,
    /// How it ended.
    pub outcome: PastOutcome,
    /// Its error with its sources, without the outcome: for a panic what it said and where. At most
    /// [`ERROR_BYTES_MAX`](crate::store::ERROR_BYTES_MAX); a store
    /// [cuts](crate::store::clip_error) what is longer.
    pub error: Option<String>,
}

impl Attempted {
    /// An attempt that ended like this after `ran`, without an error.
    #[must_use]
    pub fn new(outcome: PastOutcome, ran: Duration) -> Self {
        Self {
            ran,
            outcome,
            error: None,
        }
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(self, outcome: PastOutcome) -> Self {
        Self { outcome, ..self }
    }

    /// Its error with its sources. Default is none.
    #[must_use]
    pub fn error(self, error: impl Into<Option<String>>) -> Self {
        let error = error.into();
        Self { error, ..self }
    }
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

    /// The error of an attempt that ended so, in one text for people: that of a panic or a
    /// cancellation begins with the outcome, and the others speak for themselves.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::PastOutcome;
    ///
    /// let told = PastOutcome::Panicked.describe("no such index at src/main.rs:7");
    /// assert_eq!(told, "panicked: no such index at src/main.rs:7");
    /// assert_eq!(PastOutcome::Failed.describe("no such host"), "no such host");
    /// ```
    #[must_use]
    pub fn describe(self, error: &str) -> Cow<'_, str> {
        match self {
            Self::Panicked => format!("panicked: {error}").into(),
            Self::Cancelled => format!("cancelled: {error}").into(),
            Self::Done
            | Self::Failed
            | Self::TimedOut
            | Self::GivenUp
            | Self::Snoozed
            | Self::Interrupted
            | Self::Crashed => error.into(),
        }
    }
}

/// What follows for a job that was settled.
///
/// A store that meets a variant which it does not know answers that it is
/// [unsupported](crate::store::StoreErrorKind::Unsupported).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// It is done; this is its result.
    Done(Vec<u8>),
    /// It is done as by [`Done`](Self::Done), but its result cannot be kept, for this reason: it
    /// does not encode, or is too large.
    Unkept(String),
    /// Its attempt failed, and it is due again then, by the store's clock.
    Retry(Due),
    /// It is due again then, by the store's clock; no attempt was used.
    Snooze(Due),
    /// It is due as it was before it was claimed, and so has its place again; no attempt was used.
    Release,
    /// It has failed for good, and is kept.
    Bury,
    /// It ends in the state [`Cancelled`](JobState::Cancelled).
    Cancel {
        /// Why, as people read it: a sentence of its own.
        reason: String,
        /// How it ended.
        kind: EndKind,
    },
}

impl Next {
    /// How many bytes its result, or its reason, takes in a call; 0 if it has neither.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::Next;
    ///
    /// assert_eq!(Next::Done(b"250 accepted".to_vec()).bytes(), 12);
    /// assert_eq!(Next::Release.bytes(), 0);
    /// ```
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Done(result) => result.len(),
            Self::Unkept(reason) | Self::Cancel { reason, .. } => reason.len(),
            Self::Retry(_) | Self::Snooze(_) | Self::Bury | Self::Release => 0,
        }
    }
}

impl Settlement {
    /// Checks all that every store checks of a settlement before it writes it: the size of a
    /// result.
    ///
    /// # Errors
    ///
    /// [Refused](crate::store::StoreErrorKind::Refused), with the job and what is wrong.
    pub fn check(&self) -> Result<(), StoreError> {
        match &self.next {
            Next::Done(result) if result.len() > PAYLOAD_BYTES_MAX => {
                let (id, bytes) = (self.lease.job, result.len());
                Err(StoreError::refused(format!(
                    "job {id}: its result has {bytes} bytes, the limit is {PAYLOAD_BYTES_MAX}"
                )))
            }
            _ => Ok(()),
        }
    }

    /// How the job ends by this settlement; `None` if it is done or goes on.
    ///
    /// All stores take the kind of an end from here.
    #[must_use]
    pub fn end(&self) -> Option<EndKind> {
        match &self.next {
            Next::Cancel { kind, .. } => Some(*kind),
            Next::Bury => {
                let outcome = self.attempt.as_ref().map(|attempt| attempt.outcome);
                Some(match outcome {
                    Some(PastOutcome::GivenUp) => EndKind::GivenUp,
                    _ => EndKind::Failed,
                })
            }
            Next::Done(_) | Next::Unkept(_) | Next::Retry(_) | Next::Snooze(_) | Next::Release => {
                None
            }
        }
    }
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settled {
    /// It is written.
    Applied,
    /// The lease no longer held: it has no effect.
    Stale,
}

/// An attempt as it is kept. A store keeps at least the first 5 and the last 20 attempts of a job.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PastAttempt {
    /// Which attempt it was, from 1: one more than had failed before it.
    pub number: u32,
    /// How long it ran.
    pub ran: Duration,
    /// How it ended.
    pub outcome: PastOutcome,
    /// Its error with its sources, without the outcome.
    pub error: Option<String>,
    /// The instance that made it, if that is known.
    pub instance: Option<InstanceId>,
}

impl PastAttempt {
    /// For authors of stores: an attempt without an error, by an instance that is not known. A
    /// store assigns the other fields.
    #[must_use]
    pub fn new(number: u32, outcome: PastOutcome, ran: Duration) -> Self {
        Self {
            number,
            ran,
            outcome,
            error: None,
            instance: None,
        }
    }
}

impl From<TimedAttempt> for PastAttempt {
    fn from(attempt: TimedAttempt) -> Self {
        Self {
            number: attempt.number,
            ran: attempt.ran,
            outcome: attempt.outcome,
            error: attempt.error,
            instance: attempt.instance,
        }
    }
}

/// How a job has ended, for a handle that awaits it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// It has not ended.
    NotYet,
    /// It succeeded, with this result.
    Done(Vec<u8>),
    /// It succeeded, and its result could not be kept, for this reason.
    Unkept(String),
    /// It ended without success.
    Otherwise {
        /// Dead, cancelled or quarantined.
        state: JobState,
        /// How it ended.
        kind: EndKind,
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
    /// Jobs that were taken from dead instances, or whose leases lapsed, and that wait again.
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
