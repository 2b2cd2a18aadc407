//! Settlements as the scripts take them.

use std::collections::HashSet;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{
    Attempted, CALL_ROWS_MAX, Due, InstanceId, Lease, Next, PastOutcome, Settled, Settlement,
    StoreError, clip_error,
};

use crate::batch::Load;
use crate::codec::{self, When};
use crate::scripts::Call;

/// The result that takes no room: what a job without an output returns.
const NOTHING: &[u8] = b"null";

/// A settlement that was checked.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) lease: Lease,
    /// What follows, by its letter, and its argument.
    how: &'static str,
    value: Vec<u8>,
    /// Whether the job has one failed attempt more.
    is_failure: bool,
    /// The attempt: its outcome, its nanoseconds, and a mark and its error if it has one; empty for
    /// none.
    attempt: Vec<u8>,
}

impl Verdict {
    pub(crate) fn of(settlement: Settlement) -> Result<Self, StoreError> {
        let lease = settlement.lease;
        let unknown = || {
            let id = lease.job;
            StoreError::unsupported(format!("job {id}: this store does not know what it became"))
        };
        let end = settlement.end().map(codec::end_letter);
        let end = end.map(|letter| letter.ok_or_else(unknown)).transpose()?;
        let (how, value) = match settlement.next {
            Next::Done(result) => ("d", stored(&result)),
            Next::Unkept(reason) => ("d", [b"u", clip_error(reason).as_bytes()].concat()),
            Next::Retry(due) | Next::Snooze(due) => later(due).ok_or_else(unknown)?,
            Next::Release => ("r", Vec::new()),
            Next::Bury => ("b", end.into_iter().collect()),
            Next::Cancel { reason, .. } => {
                let mut value: Vec<u8> = end.into_iter().collect();
                value.extend(clip_error(reason).as_bytes());
                ("c", value)
            }
            _ => return Err(unknown()),
        };
        let is_failure = |attempt: &Attempted| attempt.outcome.is_failure();
        let is_failure = settlement.attempt.as_ref().is_some_and(is_failure);
        let attempt = match settlement.attempt {
            Some(attempt) => told(attempt).ok_or_else(unknown)?,
            None => Vec::new(),
        };
        Ok(Self {
            lease,
            how,
            value,
            is_failure,
            attempt,
        })
    }

    /// A claimed job cannot be read, for this reason.
    pub(crate) fn quarantined(lease: Lease, what: &str) -> Self {
        let reason = format!("it cannot be read: {what}");
        Self {
            lease,
            how: "q",
            value: clip_error(reason).as_bytes().to_vec(),
            is_failure: false,
            attempt: Vec::new(),
        }
    }

    /// Whether the script for successes takes it: the job is done, by an attempt that tells nothing
    /// else or by none.
    pub(crate) fn is_success(&self) -> bool {
        let is_done = self.attempt.first() == codec::outcome_letter(PastOutcome::Done).as_ref();
        let is_bare = is_done && self.attempt.len() == HEAD;
        self.how == "d" && (self.attempt.is_empty() || is_bare)
    }

    /// What the successes of a run have in common: their token, the row that says how long they are
    /// kept, and whether they tell of an attempt.
    pub(crate) fn run(&self) -> (i64, i64, bool) {
        (self.lease.token, self.lease.row, !self.attempt.is_empty())
    }

    /// The nanoseconds of the attempt of a success, and its result.
    pub(crate) fn end(&self) -> Vec<u8> {
        let nanos = self.attempt.get(1..HEAD).unwrap_or(&[0; 8]);
        [nanos, &self.value].concat()
    }

    /// For how many microseconds the job is kept, or nothing.
    pub(crate) fn kept(&self) -> String {
        let kept = codec::kept(self.lease.row);
        kept.map_or_else(String::new, |micros| micros.to_string())
    }

    /// Writes all but its instance as arguments of the script for any settlement.
    pub(crate) fn write(&self, call: &mut Call) {
        call.arg(self.lease.job.uuid().as_bytes())
            .arg(&self.lease.token.to_be_bytes())
            .arg(self.how)
            .arg(&self.value[..])
            .arg(self.kept())
            .arg(u8::from(self.is_failure))
            .arg(&self.attempt[..]);
    }
}

/// Verdicts of one caller, of which no two are about the same job.
#[derive(Clone, Debug)]
pub(crate) struct Verdicts {
    pub(crate) all: Vec<Verdict>,
    /// The instance whose successes they are, if they are nothing else.
    pub(crate) done_of: Option<InstanceId>,
}

impl Verdicts {
    /// Checks settlements; refuses all of them if one cannot be stored, or if they are more than a
    /// call may have.
    pub(crate) fn rows(settlements: Vec<Settlement>) -> Result<Vec<Verdict>, StoreError> {
        let count = settlements.len();
        if count > CALL_ROWS_MAX {
            return Err(StoreError::refused(format!(
                "a call has {count} settlements, the limit is {CALL_ROWS_MAX}"
            )));
        }
        for settlement in &settlements {
            settlement.check()?;
        }
        settlements.into_iter().map(Verdict::of).collect()
    }

    /// All of them together, unless one job comes twice: then they are given back.
    pub(crate) fn of_different_jobs(all: Vec<Verdict>) -> Result<Self, Vec<Verdict>> {
        let mut jobs = HashSet::with_capacity(all.len());
        if all.iter().all(|verdict| jobs.insert(verdict.lease.job)) {
            return Ok(Self::new(all));
        }
        Err(all)
    }

    pub(crate) fn new(all: Vec<Verdict>) -> Self {
        let one = all.first().map(|verdict| verdict.lease.instance);
        let is_done =
            |verdict: &Verdict| verdict.is_success() && Some(verdict.lease.instance) == one;
        let done_of = one.filter(|_| all.iter().all(is_done));
        Self { all, done_of }
    }
}

impl Load for Verdicts {
    type Answer = Vec<Settled>;

    fn size(&self) -> (usize, usize) {
        let bytes = self.all.iter();
        let bytes = bytes.map(|verdict| verdict.value.len() + verdict.attempt.len());
        (self.all.len(), bytes.sum())
    }

    fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.all.iter().map(|verdict| verdict.lease.job)
    }

    fn goes_with(&self, other: &Self) -> bool {
        self.done_of == other.done_of
    }
}

/// How long the outcome and the nanoseconds of an attempt are.
const HEAD: usize = 9;

/// A result as it is stored: marked, unless it is nothing.
fn stored(result: &[u8]) -> Vec<u8> {
    if result == NOTHING {
        return Vec::new();
    }
    [b"r", result].concat()
}

fn later(due: Due) -> Option<(&'static str, Vec<u8>)> {
    let when = When::of(due)?;
    Some((when.how, when.text().into_bytes()))
}

/// An attempt; `None` for an outcome that is newer than this library.
fn told(attempt: Attempted) -> Option<Vec<u8>> {
    let letter = codec::outcome_letter(attempt.outcome)?;
    let mut told = vec![letter];
    told.extend(nanos(attempt.ran).to_be_bytes());
    // An empty error is not none.
    if let Some(error) = attempt.error.map(clip_error) {
        told.push(b'e');
        told.extend(error.as_bytes());
    }
    Some(told)
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}
