//! One job, and all that can become of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marionette::inspect::{Filter, JobSummary, PausedQueue, TimedAttempt};
use marionette::store::{
    Claimed, Due, EndKind, Ended, InstanceId, JobOptions, JobState, Lease, NewJob, Next,
    PastAttempt, PastOutcome, Settled, Settlement, StoreError, Wanted, clip_error, next_token,
};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A job.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// As a person sees it, but *ready* stands for every job that waits.
    pub(crate) summary: JobSummary,
    pub(crate) payload: Vec<u8>,
    pub(crate) options: JobOptions,
    pub(crate) result: Option<Vec<u8>>,
    pub(crate) attempts: Vec<TimedAttempt>,
    /// From when its limits in total count.
    pub(crate) first_due: SystemTime,
    /// Its latest claim, which holds while the job runs.
    lease: Option<Lease>,
    /// When that claim was made or renewed.
    pub(crate) renewed: SystemTime,
    /// Whether that claim was settled: then the same settlement comes again.
    settled: bool,
    /// Why somebody wants it cancelled while it runs; once it ended, why it did, if somebody said.
    pub(crate) said: Option<String>,
}

impl Row {
    pub(crate) fn new(job: NewJob, now: SystemTime) -> Result<Self, StoreError> {
        let due = time(job.due, now)?;
        let mut summary = JobSummary::new(job.id, job.kind, job.queue, JobState::Ready, now);
        (summary.priority, summary.due) = (job.priority, due);
        Ok(Self {
            summary,
            payload: job.payload,
            options: job.options,
            result: None,
            attempts: Vec::new(),
            first_due: due,
            lease: None,
            renewed: now,
            settled: false,
            said: None,
        })
    }

    pub(crate) fn waits(&self) -> bool {
        self.summary.state == JobState::Ready
    }

    /// Whether this job was inserted before, with the same kind, queue and arguments.
    pub(crate) fn is_same(&self, job: &NewJob) -> bool {
        let Self {
            summary, payload, ..
        } = self;
        summary.kind == job.kind && summary.queue == job.queue && *payload == job.payload
    }

    pub(crate) fn runs_under(&self, lease: Lease) -> bool {
        self.summary.state == JobState::Running && self.lease == Some(lease)
    }

    pub(crate) fn is_for(&self, wanted: &Wanted, paused: &BTreeMap<String, PausedQueue>) -> bool {
        wanted.kinds.contains(&self.summary.kind) && self.is_in_queue_of(wanted, paused)
    }

    /// Whether it waits in a wanted queue that is not paused.
    pub(crate) fn is_in_queue_of(
        &self,
        wanted: &Wanted,
        paused: &BTreeMap<String, PausedQueue>,
    ) -> bool {
        let queue = &self.summary.queue;
        let is_wanted = wanted.queues.is_empty() || wanted.queues.contains(queue);
        self.waits() && is_wanted && !paused.contains_key(queue)
    }

    pub(crate) fn is_old(&self, now: SystemTime) -> bool {
        let keep = match self.summary.state {
            JobState::Done => self.options.keep_result.unwrap_or(DAY),
            _ => 30 * DAY,
        };
        self.summary
            .ended
            .is_some_and(|ended| passed(ended, now) >= keep)
    }

    /// What a person sees of it now.
    pub(crate) fn shown(&self, now: SystemTime) -> JobSummary {
        let mut summary = self.summary.clone();
        if self.waits() && summary.due > now {
            let has_failed = summary.failed > 0;
            summary.state = if has_failed {
                JobState::Retrying
            } else {
                JobState::Scheduled
            };
        }
        summary
    }

    pub(crate) fn is_in(&self, filter: &Filter, now: SystemTime) -> bool {
        let JobSummary {
            kind,
            queue,
            state,
            accepted,
            reason,
            ..
        } = &self.shown(now);
        let reason = reason.iter().filter(|_| state.is_end());
        let has = |text: &String| {
            let mut parts = self.payload.windows(text.len().max(1));
            text.is_empty()
                || parts.any(|part| part == text.as_bytes())
                || self
                    .options
                    .name
                    .iter()
                    .chain(reason)
                    .any(|other| other.contains(text))
        };
        (filter.states.is_empty() || filter.states.contains(state))
            && (filter.kinds.is_empty() || filter.kinds.contains(kind))
            && (filter.queues.is_empty() || filter.queues.contains(queue))
            && filter.accepted_from.is_none_or(|from| from <= *accepted)
            && filter
                .accepted_before
                .is_none_or(|before| *accepted < before)
            && filter.text.as_ref().is_none_or(has)
    }

    pub(crate) fn claim(
        &mut self,
        instance: InstanceId,
        now: SystemTime,
    ) -> Result<Claimed, StoreError> {
        let previous = self.lease.map(|lease| lease.token);
        let micros = i64::try_from(passed(UNIX_EPOCH, now).as_micros()).unwrap_or(i64::MAX);
        let token = next_token(previous.unwrap_or(0), micros)
            .ok_or_else(|| StoreError::broken("there is no token left"))?;
        let lease = Lease::new(self.summary.id, instance, 0, token);
        (self.lease, self.renewed, self.settled) = (Some(lease), now, false);
        (self.summary.started, self.summary.instance) = (Some(now), Some(instance));
        self.summary.state = JobState::Running;
        let (kind, queue) = (&*self.summary.kind, &*self.summary.queue);
        let mut claimed = Claimed::new(lease, kind, queue, self.payload.clone());
        claimed.previous = previous;
        claimed.priority = self.summary.priority;
        claimed.options = self.options.clone();
        (claimed.failed, claimed.crashes) = (self.summary.failed, self.summary.crashes);
        claimed.late = passed(self.summary.due, now);
        claimed.age = passed(self.first_due, now);
        let failures = self
            .attempts
            .iter()
            .filter(|past| past.outcome.is_failure());
        claimed.attempts = failures.map(past).collect();
        Ok(claimed)
    }

    pub(crate) fn settle(
        &mut self,
        settlement: Settlement,
        now: SystemTime,
    ) -> Result<Settled, StoreError> {
        if !self.runs_under(settlement.lease) {
            let is_known = self.settled && self.lease == Some(settlement.lease);
            return Ok(if is_known {
                Settled::Applied
            } else {
                Settled::Stale
            });
        }
        let end = settlement.end();
        if let Some(attempt) = settlement.attempt {
            self.note(attempt.outcome, Some(attempt.ran), attempt.error, now);
        }
        match settlement.next {
            Next::Done(result) => {
                self.result = Some(result);
                self.end(JobState::Done, end, None, now);
            }
            Next::Bury => self.end(JobState::Dead, end, None, now),
            Next::Cancel { reason, .. } => self.end(JobState::Cancelled, end, Some(reason), now),
            Next::Retry(due) | Next::Snooze(due) => self.wait(time(due, now)?, now),
            Next::Release => self.wait(self.summary.due, now),
            _ => return Err(StoreError::unsupported("an unknown settlement")),
        }
        self.settled = true;
        Ok(Settled::Applied)
    }

    /// Adds an attempt to the history, of which the first 5 and the last 20 are kept.
    fn note(
        &mut self,
        outcome: PastOutcome,
        ran: Option<Duration>,
        error: Option<String>,
        now: SystemTime,
    ) {
        let summary = &mut self.summary;
        let started = summary.started.unwrap_or(now);
        let mut attempt = TimedAttempt::new(summary.failed + 1, outcome, started, now);
        attempt.ran = ran.unwrap_or(attempt.ran);
        attempt.error = error.map(|error| clip_error(error).into_owned());
        attempt.instance = summary.instance;
        if outcome.is_failure() {
            summary.failed += 1;
            let error = attempt.error.as_deref();
            summary.reason = error.map(|error| outcome.describe(error).into_owned());
        }
        self.attempts.push(attempt);
        if self.attempts.len() > 25 {
            self.attempts.remove(5);
        }
    }

    /// Lets it wait again, unless somebody wants it cancelled.
    fn wait(&mut self, due: SystemTime, now: SystemTime) {
        if let Some(reason) = self.said.take() {
            let cancelled = Some(EndKind::Cancelled);
            self.end(JobState::Cancelled, cancelled, Some(reason), now);
        } else {
            self.summary.due = due;
            (self.summary.state, self.summary.instance) = (JobState::Ready, None);
        }
    }

    fn end(
        &mut self,
        state: JobState,
        end: Option<EndKind>,
        said: Option<String>,
        now: SystemTime,
    ) {
        let summary = &mut self.summary;
        (summary.state, summary.end, summary.instance) = (state, end, None);
        summary.ended = Some(now);
        self.said = said.map(|said| clip_error(said).into_owned());
        summary.reason = self.said.clone().or(summary.reason.take());
    }

    /// Takes it from an instance that is dead, or that did not name its lease for too long.
    pub(crate) fn take_away(&mut self, is_dead: bool, now: SystemTime) {
        if is_dead {
            self.note(PastOutcome::Crashed, None, None, now);
            self.summary.crashes += 1;
        }
        if is_dead && self.summary.crashes >= 3 {
            let why = "three instances died while they had it".to_owned();
            let end = Some(EndKind::Quarantined);
            self.end(JobState::Quarantined, end, Some(why), now);
        } else {
            self.wait(self.summary.due, now);
        }
    }

    pub(crate) fn retry(&mut self, now: SystemTime) -> bool {
        let summary = &mut self.summary;
        match summary.state {
            JobState::Ready if summary.due > now => {}
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

    pub(crate) fn cancel(&mut self, reason: &str, now: SystemTime) -> bool {
        let (end, said) = (Some(EndKind::Cancelled), Some(reason.to_owned()));
        match self.summary.state {
            JobState::Ready => self.end(JobState::Cancelled, end, said, now),
            JobState::Running if self.said.is_none() => self.said = said,
            _ => return false,
        }
        true
    }

    pub(crate) fn ended(&self) -> Ended {
        match (&self.result, self.summary.end) {
            (Some(result), _) => Ended::Done(result.clone()),
            (None, Some(kind)) => Ended::Otherwise {
                state: self.summary.state,
                kind,
                reason: self.said.clone(),
                error: self.options.error.clone(),
                attempts: self.attempts.iter().map(past).collect(),
            },
            (None, None) => Ended::NotYet,
        }
    }
}

/// The time that is meant, by the store's clock.
fn time(due: Due, now: SystemTime) -> Result<SystemTime, StoreError> {
    match due {
        Due::Now => Ok(now),
        // What is too far away for a time is due in a thousand years.
        Due::After(pause) => Ok(now.checked_add(pause).unwrap_or(now + 365_000 * DAY)),
        Due::At(time) => Ok(time),
        _ => Err(StoreError::unsupported("an unknown time")),
    }
}

/// How long ago `since` was; zero if it is to come.
pub(crate) fn passed(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

fn past(attempt: &TimedAttempt) -> PastAttempt {
    let mut past = PastAttempt::new(attempt.number, attempt.outcome, attempt.ran);
    (past.error, past.instance) = (attempt.error.clone(), attempt.instance);
    past
}
