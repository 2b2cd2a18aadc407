//! One job as the store in this process keeps it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use crate::clock::Tick;
use crate::id::TaskId;
use crate::memory_store::lanes::{Clocks, LaneName, Moment};
use crate::store::inspect::{Filter, JobDetails, JobSummary, TimedAttempt};
use crate::store::{
    Attempted, EndKind, Ended, FIRST_ATTEMPTS_KEPT, InstanceId, JobOptions, JobState,
    LAST_ATTEMPTS_KEPT, Lease, Name, NewJob, PastAttempt, Priority, clip_error,
};

#[derive(Debug)]
pub(super) struct Row {
    pub(super) id: TaskId,
    pub(super) kind: Name,
    pub(super) queue: Name,
    pub(super) priority: Priority,
    pub(super) payload: Vec<u8>,
    pub(super) options: JobOptions,
    pub(super) accepted: SystemTime,
    /// When it is due, or was due when it was claimed.
    pub(super) due: Moment,
    /// When it was first due: its limits in total count from there.
    pub(super) first_due: Moment,
    pub(super) started: Option<SystemTime>,
    pub(super) failed: u32,
    pub(super) crashes: u32,
    /// The token of the last claim.
    pub(super) token: Option<i64>,
    /// The last lease that was settled, by which a repeated settlement is known.
    pub(super) settled: Option<Lease>,
    pub(super) attempts: Vec<TimedAttempt>,
    pub(super) phase: RowState,
}

#[derive(Debug)]
pub(super) enum RowState {
    /// It is in its lane.
    Waiting,
    /// It is among the jobs of its instance.
    Running(Holding),
    /// It is among the jobs that will be pruned.
    Over(Ending),
}

#[derive(Debug)]
pub(super) struct Holding {
    pub(super) instance: InstanceId,
    pub(super) claimed: Tick,
    /// When its instance last named its lease.
    pub(super) renewed: Tick,
    /// Why somebody wants it cancelled.
    pub(super) cancel: Option<String>,
    /// The token of the claim before, and when that was made: a claim that is forgotten brings them
    /// back.
    #[cfg(feature = "test-util")]
    pub(super) before: (Option<i64>, Option<SystemTime>),
}

#[derive(Debug)]
pub(super) struct Ending {
    pub(super) state: JobState,
    /// How it ended, unless it is done.
    pub(super) kind: Option<EndKind>,
    pub(super) at: SystemTime,
    pub(super) reason: Option<String>,
    /// Its result, or why that is not kept.
    pub(super) result: Option<Result<Vec<u8>, String>>,
    /// Its place, with `expires`, among the jobs that will be pruned.
    pub(super) ended: Tick,
    pub(super) expires: Tick,
}

impl Row {
    /// Whether this row came from such a job: its kind, queue and payload are the same.
    pub(super) fn is_of(&self, job: &NewJob) -> bool {
        self.kind == job.kind && self.queue == job.queue && self.payload == job.payload
    }

    pub(super) fn new(job: NewJob, now: Clocks) -> Self {
        let due = Moment::new(job.due, now);
        Self {
            id: job.id,
            kind: job.kind,
            queue: job.queue,
            priority: job.priority,
            payload: job.payload,
            options: job.options,
            accepted: now.wall,
            due,
            first_due: due,
            started: None,
            failed: 0,
            crashes: 0,
            token: None,
            settled: None,
            attempts: Vec::new(),
            phase: RowState::Waiting,
        }
    }

    pub(super) fn lane(&self) -> LaneName {
        LaneName {
            queue: self.queue.clone(),
            kind: self.kind.clone(),
            priority: self.priority,
            suspect: self.crashes > 0,
        }
    }

    pub(super) fn state(&self, now: Clocks) -> JobState {
        match &self.phase {
            RowState::Over(over) => over.state,
            RowState::Running(_) => JobState::Running,
            RowState::Waiting => JobState::waiting(self.due.late(now).is_some(), self.failed),
        }
    }

    pub(super) fn running(&mut self) -> Option<&mut Holding> {
        match &mut self.phase {
            RowState::Running(running) => Some(running),
            RowState::Waiting | RowState::Over(_) => None,
        }
    }

    /// When its lease was last renewed, if it runs.
    pub(super) fn renewed(&self) -> Option<Tick> {
        match &self.phase {
            RowState::Running(running) => Some(running.renewed),
            RowState::Waiting | RowState::Over(_) => None,
        }
    }

    /// Writes the attempt into the history, and counts it if it failed.
    pub(super) fn record(&mut self, attempt: Attempted, now: Clocks) {
        let instance = self.running().map(|running| running.instance);
        self.attempts.push(TimedAttempt {
            number: self.failed.saturating_add(1),
            started: self.started.unwrap_or(now.wall),
            ended: now.wall,
            ran: attempt.ran,
            outcome: attempt.outcome,
            error: attempt.error.map(|error| clip_error(error).into_owned()),
            instance,
        });
        if attempt.outcome.is_failure() {
            self.failed = self.failed.saturating_add(1);
        }
        if self.attempts.len() > FIRST_ATTEMPTS_KEPT + LAST_ATTEMPTS_KEPT {
            self.attempts.remove(FIRST_ATTEMPTS_KEPT);
        }
    }

    /// The failed attempts, for the instance that runs the job next.
    pub(super) fn failures(&self) -> Vec<PastAttempt> {
        let failures = self.attempts.iter().filter(|it| it.outcome.is_failure());
        failures.cloned().map(PastAttempt::from).collect()
    }

    pub(super) fn ended(&self) -> Ended {
        let RowState::Over(over) = &self.phase else {
            return Ended::NotYet;
        };
        match over.state {
            JobState::Done => match &over.result {
                Some(Err(why)) => Ended::Unkept(why.clone()),
                Some(Ok(result)) => Ended::Done(result.clone()),
                None => Ended::Done(Vec::new()),
            },
            state => Ended::Otherwise {
                state,
                kind: over.kind.unwrap_or(EndKind::Failed),
                reason: over.reason.clone(),
                error: self.options.error.clone(),
                attempts: self
                    .attempts
                    .iter()
                    .cloned()
                    .map(PastAttempt::from)
                    .collect(),
            },
        }
    }

    /// Why it ended, or else the error of its last failed attempt since it began (anew).
    fn reason(&self) -> Option<Cow<'_, str>> {
        if let RowState::Over(Ending {
            reason: Some(reason),
            ..
        }) = &self.phase
        {
            return Some(reason.into());
        }
        if self.failed == 0 {
            return None;
        }
        let mut latest_first = self.attempts.iter().rev();
        let failure = latest_first.find(|attempt| attempt.outcome.is_failure())?;
        let error = failure.error.as_deref()?;
        Some(failure.outcome.describe(error))
    }

    pub(super) fn summary(&self, now: Clocks) -> JobSummary {
        let (instance, over) = match &self.phase {
            RowState::Waiting => (None, None),
            RowState::Running(running) => (Some(running.instance), None),
            RowState::Over(over) => (None, Some(over)),
        };
        JobSummary {
            id: self.id,
            kind: self.kind.clone(),
            queue: self.queue.clone(),
            priority: self.priority,
            state: self.state(now),
            accepted: self.accepted,
            due: self.due.shown(),
            started: self.started,
            ended: over.map(|over| over.at),
            failed: self.failed,
            crashes: self.crashes,
            instance,
            end: over.and_then(|over| over.kind),
            reason: self.reason().map(Cow::into_owned),
        }
    }

    pub(super) fn details(&self, now: Clocks) -> JobDetails {
        let result = match &self.phase {
            RowState::Over(over) => over.result.clone(),
            RowState::Waiting | RowState::Running(_) => None,
        };
        let (result, unkept) = match result {
            Some(Ok(result)) => (Some(result), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        JobDetails {
            summary: self.summary(now),
            payload: self.payload.clone(),
            options: self.options.clone(),
            result,
            unkept,
            attempts: self.attempts.clone(),
        }
    }

    pub(super) fn matches(&self, filter: &Filter, now: Clocks) -> bool {
        let is_over = matches!(self.phase, RowState::Over(_));
        let reason = self.reason().filter(|_| is_over);
        let texts = self.options.name.as_deref().into_iter();
        filter.admits(self.state(now), &self.kind, &self.queue, self.accepted)
            && filter.finds(&self.payload, texts.chain(reason.as_deref()))
    }

    /// How long ago it was first due.
    pub(super) fn age(&self, now: Clocks) -> Duration {
        self.first_due.late(now).unwrap_or_default()
    }
}
