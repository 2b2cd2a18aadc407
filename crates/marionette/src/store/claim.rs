//! Claims: the instance that asks, the jobs that it gets, and the leases by which it keeps them.

use std::sync::Arc;
use std::time::Duration;

use crate::id::TaskId;
use crate::store::instance::InstanceId;
use crate::store::job::{JobOptions, Priority};
use crate::store::name::Name;
use crate::store::settle::PastAttempt;

/// The jobs that an instance can run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wanted {
    /// The kinds it has handlers for.
    pub kinds: Arc<[Name]>,
    /// The queues it works on; empty for all queues.
    pub queues: Arc<[Name]>,
}

impl Wanted {
    /// Jobs of these kinds, in any queue.
    #[must_use]
    pub fn new(kinds: impl IntoIterator<Item = Name>) -> Self {
        Self {
            kinds: kinds.into_iter().collect(),
            queues: Arc::default(),
        }
    }

    /// Only jobs in these queues; none stands for all. Default is all.
    #[must_use]
    pub fn queues(self, queues: impl IntoIterator<Item = Name>) -> Self {
        let queues = queues.into_iter().collect();
        Self { queues, ..self }
    }

    /// Whether a job of this kind in this queue is among them.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::store::{Name, Wanted};
    ///
    /// let mails = Wanted::new([Name::from_static("mail")]);
    /// assert!(mails.has("mail", "slow"));
    /// assert!(!mails.queues([Name::from_static("default")]).has("mail", "slow"));
    /// ```
    #[must_use]
    pub fn has(&self, kind: &str, queue: &str) -> bool {
        let is_one = |names: &[Name], name: &str| names.iter().any(|it| **it == *name);
        is_one(&self.kinds, kind) && (self.queues.is_empty() || is_one(&self.queues, queue))
    }
}

/// A request of an instance for jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The instance that asks. It has [renewed](crate::store::Store::renew) before.
    pub instance: InstanceId,
    /// The jobs that it can run.
    pub wanted: Wanted,
    /// The most jobs that it gets.
    pub limit: usize,
    /// The most suspects among them: jobs whose instance has died before.
    ///
    /// Jobs that ran when a process died are run one at a time, so that a job that kills its
    /// process does not drag others into the quarantine.
    pub suspects: usize,
}

impl Claim {
    /// Asks for up to `limit` of these jobs, of which one may be a suspect.
    #[must_use]
    pub fn new(instance: InstanceId, wanted: Wanted, limit: usize) -> Self {
        Self {
            instance,
            wanted,
            limit,
            suspects: 1,
        }
    }

    /// The most suspects among them. Default is 1.
    #[must_use]
    pub fn suspects(self, suspects: usize) -> Self {
        Self { suspects, ..self }
    }
}

/// One claim of one job by one instance: the fence between that instance and all that claim the job
/// later. Stores compare the whole lease: neither another token nor another instance will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// The job.
    pub job: TaskId,
    /// The instance that claimed it.
    pub instance: InstanceId,
    /// Where the store finds the job fastest; instances give it back unchanged.
    pub row: i64,
    /// Which claim of the job it is: the [`next_token`] at the time of the claim.
    pub token: i64,
}

impl Lease {
    /// For authors of stores.
    #[must_use]
    pub fn new(job: TaskId, instance: InstanceId, row: i64, token: i64) -> Self {
        Self {
            job,
            instance,
            row,
            token,
        }
    }
}

/// The token for a claim of a job, at this time of the store in microseconds since 1970: greater
/// than the token that is `stored`, and never one that was issued before. `None` if there is no
/// greater number.
///
/// One more than the stored token would not do: the store may have forgotten a claim that had it,
/// while the instance of that claim lives on. So the token is the time. If the clock has been
/// stepped back behind the stored token, it is that token and a random number up to 2³² more.
///
/// # Examples
///
/// ```
/// use marionette::store::next_token;
///
/// let (earlier, now) = (1_900_000_000_000_000, 1_900_000_001_000_000);
/// assert_eq!(next_token(earlier, now), Some(now));
/// assert!(next_token(now, earlier) > Some(now));
/// assert_eq!(next_token(i64::MAX, now), None);
/// ```
#[must_use]
pub fn next_token(stored: i64, micros: i64) -> Option<i64> {
    if stored < micros {
        return Some(micros);
    }
    let room = i64::MAX - stored;
    (room > 0).then(|| stored + fastrand::i64(1..=room.min(1 << 32)))
}

/// A claimed job, as its instance gets it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claimed {
    /// The lease, which every write about the job names.
    pub lease: Lease,
    /// The token of the claim before this one, as far as the store knows; `None` for the first.
    pub previous: Option<i64>,
    /// Its kind.
    pub kind: Name,
    /// Its queue.
    pub queue: Name,
    /// Its priority.
    pub priority: Priority,
    /// Its arguments.
    pub payload: Vec<u8>,
    /// Its options.
    pub options: JobOptions,
    /// How many attempts have failed.
    pub failed: u32,
    /// How often an instance died while it had the job. The job is a suspect if this is not zero.
    pub crashes: u32,
    /// How long it has been due.
    pub late: Duration,
    /// How long ago it was first due: its limits in total count from there. Retries and snoozes do
    /// not change it; a person who [retries](crate::store::inspect::Inspect::retry) or
    /// [reschedules](crate::store::inspect::Inspect::reschedule) the job does.
    pub age: Duration,
    /// The [failures](crate::store::PastOutcome::is_failure) among its attempts, as far as they are
    /// kept; the oldest first.
    pub attempts: Vec<PastAttempt>,
}

impl Claimed {
    /// For authors of stores: a job that was never tried, with the default options. A store assigns
    /// the other fields.
    #[must_use]
    pub fn new(lease: Lease, kind: Name, queue: Name, payload: Vec<u8>) -> Self {
        Self {
            lease,
            previous: None,
            kind,
            queue,
            priority: Priority::default(),
            payload,
            options: JobOptions::default(),
            failed: 0,
            crashes: 0,
            late: Duration::ZERO,
            age: Duration::ZERO,
            attempts: Vec::new(),
        }
    }
}

/// The answer to the renewal of one lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Renewal {
    /// The lease holds.
    Kept,
    /// The lease holds, and somebody wants the job cancelled, for this reason.
    Cancel(String),
    /// The lease is lost: the job has gone to another instance, has ended, or is gone.
    Lost,
}

/// Work that a manager does again and again, with a rest in between: see
/// [`Store::rest`](crate::store::Store::rest).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Duty {
    /// To claim jobs that it can run.
    Claim(Wanted),
    /// To ask how these jobs have ended.
    Ask(Vec<TaskId>),
    /// To sweep.
    Sweep,
    /// To give a sign of life for this instance, which has no jobs.
    Beat(InstanceId),
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_token_after_the_clock_was_stepped_back_is_no_number_that_a_lost_claim_had() {
        let (earlier, now) = (1_900_000_000_000_000, 1_900_000_001_000_000);
        // Each of these claims is lost, so each is made from the same stored token.
        let tokens: HashSet<_> = (0..100).map(|_| next_token(now, earlier)).collect();
        assert!(tokens.len() > 90, "{}", tokens.len());
        let room = |token: Option<i64>| (1..=1 << 32).contains(&(token.unwrap_or(0) - now));
        assert!(tokens.into_iter().all(room));
        assert_eq!(next_token(i64::MAX - 1, now), Some(i64::MAX));
    }
}
