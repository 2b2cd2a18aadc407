//! One job, for a store that keeps it in one piece, and all that becomes of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::store::inspect::{JobDetails, JobSummary, TimedAttempt};
use crate::store::{
    Attempted, Claimed, Due, EndKind, Ended, InstanceId, JobState, Lease, NewJob, Next,
    PastAttempt, PastOutcome, Renewal, Settled, Settlement, StoreError, clip_error, next_token,
};

/// How many attempts of a job are kept from the beginning: 5.
pub const FIRST_ATTEMPTS_KEPT: usize = 5;
/// How many attempts of a job are kept from the end: 20.
pub const LAST_ATTEMPTS_KEPT: usize = 20;
/// The number of crashes at which a job is quarantined.
const CRASHES_MAX: u32 = 3;
/// When a job is due whose time is beyond every calendar: the end of the year 9999, from 1970.
const FAR: Duration = Duration::from_secs(253_402_300_799);

/// A job as a store keeps it, and all that becomes of it, for authors of stores that keep each job
/// in one piece: in a map, or as a value under its id.
///
/// It has no clock and no lock, and knows no other job: the store passes its own time as `now`,
/// and chooses the jobs. What it decides is what the contract says of one job: which lease holds,
/// what follows from a settlement, how the job ends, and what is kept of its attempts.
///
/// # Examples
///
/// The life of a job whose first attempt fails:
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use marionette::store::{
///     Attempted, Due, InstanceId, JobState, Name, NewJob, Next, PastOutcome, Settled, Settlement,
///     StoreError, StoredJob,
/// };
///
/// # fn main() -> Result<(), StoreError> {
/// let now = SystemTime::now();
/// let mut job = StoredJob::new(NewJob::new(Name::from_static("send_mail"), b"{}".to_vec()), now);
/// assert_eq!(job.shown(now).summary.state, JobState::Ready);
///
/// let claimed = job.claim(InstanceId::new(), 0, now)?;
/// let failed = Attempted::new(PastOutcome::Failed, Duration::from_millis(7));
/// let next = Next::Retry(Due::After(Duration::from_secs(60)));
/// let settlement = Settlement::new(claimed.lease, next).attempt(failed);
/// assert_eq!(job.settle(settlement, now), Settled::Applied);
/// assert_eq!(job.shown(now).summary.state, JobState::Retrying);
///
/// assert!(job.cancel("the order was withdrawn", now));
/// assert_eq!(job.shown(now).summary.reason.as_deref(), Some("the order was withdrawn"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StoredJob {
    details: JobDetails,
    /// From when its limits in total count.
    first_due: SystemTime,
    /// Its latest claim, which holds while the job runs.
    lease: Option<Lease>,
    /// When that claim was made or renewed.
    renewed: SystemTime,
    /// Whether that claim was settled: then the same settlement comes again.
    is_settled: bool,
    /// Why somebody wants it cancelled while it runs; once it ended, why it did, if somebody said.
    said: Option<String>,
}

impl StoredJob {
    /// A job that is accepted now. The store [checks](NewJob::check) it first.
    #[must_use]
    pub fn new(job: NewJob, now: SystemTime) -> Self {
        let mut summary = JobSummary::new(job.id, job.kind, job.queue, JobState::Ready, now);
        summary.priority = job.priority;
        summary.due = time(job.due, now);
        Self {
            first_due: summary.due,
            details: JobDetails::new(summary, job.payload, job.options),
            lease: None,
            renewed: now,
            is_settled: false,
            said: None,
        }
    }

    /// The job in one line. A job that waits is [`Ready`](JobState::Ready) in it, whenever it is
    /// due: [`shown`](Self::shown) tells the states of waiting jobs apart.
    #[must_use]
    pub fn summary(&self) -> &JobSummary {
        &self.details.summary
    }

    /// The job in full, as a person sees it now.
    #[must_use]
    pub fn shown(&self, now: SystemTime) -> JobDetails {
        let mut details = self.details.clone();
        details.summary.state = self.state(self.summary().due <= now);
        details
    }

    /// The state that a person is shown, for a store that has other clocks: it says whether the job
    /// is due.
    pub(crate) fn state(&self, is_due: bool) -> JobState {
        match self.summary().state {
            JobState::Ready => JobState::waiting(is_due, self.summary().failed),
            other => other,
        }
    }

    /// The job in full, with the state that it has in the store.
    pub(crate) fn details(&self) -> &JobDetails {
        &self.details
    }

    /// The latest claim.
    #[cfg(feature = "test-util")]
    pub(crate) fn lease(&self) -> Option<Lease> {
        self.lease
    }

    /// Whether it runs and somebody wants it cancelled.
    #[cfg(feature = "test-util")]
    pub(crate) fn is_to_be_cancelled(&self) -> bool {
        self.runs() && self.said.is_some()
    }

    /// Whether it waits for its time or for an instance.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.summary().state == JobState::Ready
    }

    /// Whether an instance has it.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.summary().state == JobState::Running
    }

    /// Whether this job was inserted before: with the same kind, queue and payload.
    #[must_use]
    pub fn is_of(&self, job: &NewJob) -> bool {
        let JobSummary { kind, queue, .. } = self.summary();
        *kind == job.kind && *queue == job.queue && self.details.payload == job.payload
    }

    /// When its latest claim was made or renewed. A claim that was not renewed for the length of a
    /// lease [lapses](Self::lapse), unless its instance is dead.
    #[must_use]
    pub fn renewed(&self) -> SystemTime {
        self.renewed
    }

    /// When it is to be pruned: once it has been kept for this long after its end, done jobs for as
    /// long as their options say. `None` if it has not ended, or is kept for ever.
    #[must_use]
    pub fn expires(&self, done: Duration, failed: Duration) -> Option<SystemTime> {
        self.summary().ended?.checked_add(self.kept(done, failed))
    }

    /// How long it is kept after its end.
    pub(crate) fn kept(&self, done: Duration, failed: Duration) -> Duration {
        match self.summary().state {
            JobState::Done => self.details.options.keep_result.unwrap_or(done),
            _ => failed,
        }
    }

    /// Whether it is one of the done jobs of which the latest are kept: its options do not say how
    /// long it is kept.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.summary().state == JobState::Done && self.details.options.keep_result.is_none()
    }

    /// Gives it to an instance, with a new lease; `row` is [`Lease::row`]. The store has seen that
    /// the job waits and is due.
    ///
    /// # Errors
    ///
    /// [Broken](crate::store::StoreErrorKind::Broken) if there is no token left.
    pub fn claim(
        &mut self,
        instance: InstanceId,
        row: i64,
        now: SystemTime,
    ) -> Result<Claimed, StoreError> {
        let previous = self.lease.map(|lease| lease.token);
        let micros = passed(UNIX_EPOCH, now).as_micros();
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        let token = next_token(previous.unwrap_or(0), micros)
            .ok_or_else(|| StoreError::broken("there is no token left"))?;
        let summary = &mut self.details.summary;
        let lease = Lease::new(summary.id, instance, row, token);
        (self.lease, self.renewed, self.is_settled) = (Some(lease), now, false);
        (summary.started, summary.instance) = (Some(now), Some(instance));
        summary.state = JobState::Running;
        let (kind, queue) = (summary.kind.clone(), summary.queue.clone());
        let mut claimed = Claimed::new(lease, kind, queue, self.details.payload.clone());
        claimed.previous = previous;
        claimed.priority = summary.priority;
        claimed.options = self.details.options.clone();
        (claimed.failed, claimed.crashes) = (summary.failed, summary.crashes);
        (claimed.late, claimed.age) = (passed(summary.due, now), passed(self.first_due, now));
        let attempts = self.details.attempts.iter().cloned();
        let failures = attempts.filter(|attempt| attempt.outcome.is_failure());
        claimed.attempts = failures.map(PastAttempt::from).collect();
        Ok(claimed)
    }

    /// Renews a lease. The store has seen that the lease is one of the instance that renews it.
    pub fn renew(&mut self, lease: Lease, now: SystemTime) -> Renewal {
        if !self.is_held_by(lease) {
            return Renewal::Lost;
        }
        self.renewed = now;
        self.said.clone().map_or(Renewal::Kept, Renewal::Cancel)
    }

    /// Writes what became of a claim. The store [checks](Settlement::check) the settlement first.
    pub fn settle(&mut self, settlement: Settlement, now: SystemTime) -> Settled {
        let lease = settlement.lease;
        if !self.is_held_by(lease) {
            let is_repeated = self.is_settled && self.lease == Some(lease);
            return if is_repeated {
                Settled::Applied
            } else {
                Settled::Stale
            };
        }
        let end = settlement.end();
        if let Some(attempt) = settlement.attempt {
            self.record(attempt, now);
        }
        match settlement.next {
            Next::Done(result) => {
                self.details.result = Some(result);
                self.end(JobState::Done, end, None, now);
            }
            Next::Unkept(why) => {
                self.details.unkept = clipped(Some(why));
                self.end(JobState::Done, end, None, now);
            }
            Next::Bury => self.end(JobState::Dead, end, None, now),
            Next::Cancel { reason, .. } => self.end(JobState::Cancelled, end, Some(reason), now),
            Next::Retry(due) | Next::Snooze(due) => self.wait(time(due, now), now),
            Next::Release => self.wait(self.summary().due, now),
        }
        self.is_settled = true;
        Settled::Applied
    }

    /// Takes it from an instance that is dead. It waits again, or is quarantined the third time.
    pub fn crash(&mut self, now: SystemTime) {
        let started = self.summary().started.unwrap_or(now);
        self.crash_after(passed(started, self.renewed), now);
    }

    /// As [`crash`](Self::crash), with how long the instance is known to have lived with the job.
    pub(crate) fn crash_after(&mut self, ran: Duration, now: SystemTime) {
        self.record(Attempted::new(PastOutcome::Crashed, ran), now);
        let crashes = self.summary().crashes.saturating_add(1);
        self.details.summary.crashes = crashes;
        if crashes < CRASHES_MAX {
            return self.lapse(now);
        }
        let reason = format!("its instance died {crashes} times while it had it");
        let end = Some(EndKind::Quarantined);
        self.end(JobState::Quarantined, end, Some(reason), now);
    }

    /// Takes it from an instance that lives and no longer names its lease. It waits again.
    pub fn lapse(&mut self, now: SystemTime) {
        self.wait(self.summary().due, now);
    }

    /// Makes it ready at once, if it waits for its time or ended without success; says whether it
    /// changed.
    pub fn retry(&mut self, now: SystemTime) -> bool {
        self.retry_unless(self.summary().due <= now, now)
    }

    /// As [`retry`](Self::retry), for a store with other clocks: it says whether the job is due.
    pub(crate) fn retry_unless(&mut self, is_due: bool, now: SystemTime) -> bool {
        let summary = &mut self.details.summary;
        match summary.state {
            JobState::Ready if !is_due => {}
            JobState::Dead | JobState::Cancelled | JobState::Quarantined => {
                (summary.state, summary.end, summary.ended) = (JobState::Ready, None, None);
                (summary.failed, summary.crashes) = (0, 0);
                (summary.reason, self.said) = (None, None);
            }
            _ => return false,
        }
        (summary.due, self.first_due) = (now, now);
        true
    }

    /// Cancels it, if it waits, or notes that somebody wants that, if it runs and nobody has wanted
    /// it before; says whether it changed.
    pub fn cancel(&mut self, reason: &str, now: SystemTime) -> bool {
        let reason = Some(reason.to_owned());
        match self.summary().state {
            JobState::Ready => {
                self.end(JobState::Cancelled, Some(EndKind::Cancelled), reason, now);
            }
            JobState::Running if self.said.is_none() => self.said = clipped(reason),
            _ => return false,
        }
        true
    }

    /// Changes when it is due, if it waits; says whether it changed.
    pub fn reschedule(&mut self, due: SystemTime) -> bool {
        if self.waits() {
            (self.details.summary.due, self.first_due) = (due, due);
        }
        self.waits()
    }

    /// How it has ended, for a handle that awaits it.
    #[must_use]
    pub fn ended(&self) -> Ended {
        let JobDetails {
            result,
            unkept,
            attempts,
            ..
        } = &self.details;
        match (result, unkept, self.summary().end) {
            (Some(result), _, _) => Ended::Done(result.clone()),
            (None, Some(why), _) => Ended::Unkept(why.clone()),
            (None, None, Some(kind)) => Ended::Otherwise {
                state: self.summary().state,
                kind,
                reason: self.said.clone(),
                error: self.details.options.error.clone(),
                attempts: attempts.iter().cloned().map(PastAttempt::from).collect(),
            },
            (None, None, None) => Ended::NotYet,
        }
    }

    pub(crate) fn is_held_by(&self, lease: Lease) -> bool {
        self.runs() && self.lease == Some(lease)
    }

    /// Lets it wait again, unless somebody wants it cancelled.
    fn wait(&mut self, due: SystemTime, now: SystemTime) {
        if let Some(reason) = self.said.take() {
            let end = Some(EndKind::Cancelled);
            return self.end(JobState::Cancelled, end, Some(reason), now);
        }
        let summary = &mut self.details.summary;
        (summary.due, summary.state, summary.instance) = (due, JobState::Ready, None);
    }

    fn end(
        &mut self,
        state: JobState,
        end: Option<EndKind>,
        reason: Option<String>,
        now: SystemTime,
    ) {
        let summary = &mut self.details.summary;
        (summary.state, summary.end, summary.instance) = (state, end, None);
        summary.ended = Some(now);
        self.said = clipped(reason);
        summary.reason = self.said.clone().or(summary.reason.take());
    }

    /// Writes an attempt into the history, and counts it if it failed.
    fn record(&mut self, attempt: Attempted, now: SystemTime) {
        let summary = &mut self.details.summary;
        let number = summary.failed.saturating_add(1);
        let started = summary.started.unwrap_or(now);
        let mut timed = TimedAttempt::new(number, attempt.outcome, started, now);
        timed.ran = attempt.ran;
        timed.error = clipped(attempt.error);
        timed.instance = summary.instance;
        if timed.outcome.is_failure() {
            summary.failed = number;
            let error = timed.error.as_deref();
            summary.reason = error.map(|error| timed.outcome.describe(error).into_owned());
        }
        self.details.attempts.push(timed);
        if self.details.attempts.len() > FIRST_ATTEMPTS_KEPT + LAST_ATTEMPTS_KEPT {
            self.details.attempts.remove(FIRST_ATTEMPTS_KEPT);
        }
    }
}

fn clipped(text: Option<String>) -> Option<String> {
    text.map(|text| clip_error(text).into_owned())
}

/// The time that is meant, by the clock of the store.
fn time(due: Due, now: SystemTime) -> SystemTime {
    match due {
        Due::Now => now,
        Due::After(pause) => now.checked_add(pause).unwrap_or(UNIX_EPOCH + FAR),
        Due::At(time) => time,
    }
}

/// How long ago `since` was; zero if it is to come.
fn passed(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}
