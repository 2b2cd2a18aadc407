//! A store that is too simple to be wrong: a list of jobs, searched from end to end, and a clock
//! that counts units.

use std::collections::BTreeSet;
use std::time::SystemTime;

use marionette::TaskId;
use marionette::inspect::Filter;
use marionette::store::{
    Attempted, EndKind, Inserted, InstanceId, JobState, NewJob, Next, PastOutcome, Renewal, Settled,
};

/// How long a lease takes, in units.
pub(crate) const LEASE: i64 = 10;

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) now: i64,
    pub(crate) jobs: Vec<Job>,
    pub(crate) instances: Vec<Instance>,
    pub(crate) paused: BTreeSet<String>,
    /// How many jobs there have ever been.
    serials: usize,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) id: InstanceId,
    pub(crate) seen: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Tells a job from an earlier one with the same id.
    pub(crate) serial: usize,
    pub(crate) new: NewJob,
    /// How long it is kept once it is done, if it has a time of its own.
    pub(crate) keep: Option<i64>,
    pub(crate) due: i64,
    pub(crate) first_due: i64,
    pub(crate) started: bool,
    pub(crate) failed: u32,
    pub(crate) crashes: u32,
    /// How often it was claimed.
    pub(crate) claims: usize,
    /// Which of its claims was settled last.
    pub(crate) settled: Option<usize>,
    pub(crate) attempts: Vec<Past>,
    pub(crate) phase: Phase,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Phase {
    Waiting,
    Running {
        instance: InstanceId,
        cancel: Option<String>,
    },
    Over {
        state: JobState,
        kind: Option<EndKind>,
        reason: Option<String>,
        result: Option<Vec<u8>>,
        at: i64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Past {
    pub(crate) number: u32,
    pub(crate) outcome: PastOutcome,
    pub(crate) error: Option<String>,
    pub(crate) instance: InstanceId,
}

impl Job {
    pub(crate) fn state(&self, now: i64) -> JobState {
        match &self.phase {
            Phase::Running { .. } => JobState::Running,
            Phase::Over { state, .. } => *state,
            Phase::Waiting => JobState::waiting(self.due <= now, self.failed),
        }
    }

    /// The instance that runs it.
    pub(crate) fn holder(&self) -> Option<InstanceId> {
        match self.phase {
            Phase::Running { instance, .. } => Some(instance),
            _ => None,
        }
    }

    pub(crate) fn reason(&self) -> Option<String> {
        if let Phase::Over {
            reason: Some(reason),
            ..
        } = &self.phase
        {
            return Some(reason.clone());
        }
        let mut latest_first = self.attempts.iter().rev();
        let last = latest_first.find(|past| past.outcome.is_failure());
        let last = last.filter(|_| self.failed > 0);
        last.and_then(|past| {
            let error = past.error.as_ref()?;
            Some(past.outcome.describe(error).into_owned())
        })
    }

    pub(crate) fn matches(&self, filter: &Filter, now: i64) -> bool {
        let is_over = matches!(self.phase, Phase::Over { .. });
        let reason = self.reason().filter(|_| is_over);
        let NewJob { kind, queue, .. } = &self.new;
        // The model knows no dates, and its filters have none.
        filter.admits(self.state(now), kind, queue, SystemTime::UNIX_EPOCH)
            && filter.finds(&self.new.payload, reason.as_deref())
    }

    fn be_done(&mut self, result: Vec<u8>, at: i64) {
        self.phase = Phase::Over {
            state: JobState::Done,
            kind: None,
            reason: None,
            result: Some(result),
            at,
        };
    }

    fn end(&mut self, state: JobState, kind: EndKind, reason: Option<String>, at: i64) {
        self.phase = Phase::Over {
            state,
            kind: Some(kind),
            reason,
            result: None,
            at,
        };
    }

    /// How it ended that is not done.
    pub(crate) fn kind(&self) -> Option<EndKind> {
        match self.phase {
            Phase::Over { kind, .. } => kind,
            _ => None,
        }
    }

    /// Lets it wait again, or ends it if it is to be cancelled.
    fn wait(&mut self, due: i64, now: i64) {
        if let Phase::Running {
            cancel: Some(reason),
            ..
        } = &self.phase
        {
            let reason = Some(reason.clone());
            self.end(JobState::Cancelled, EndKind::Cancelled, reason, now);
        } else {
            self.due = due;
            self.phase = Phase::Waiting;
        }
    }

    fn record(&mut self, outcome: PastOutcome, error: Option<String>) {
        let instance = self.holder();
        let instance = instance.expect("only a job that runs has an attempt");
        self.attempts.push(Past {
            number: self.failed + 1,
            outcome,
            error,
            instance,
        });
        self.failed += u32::from(outcome.is_failure());
    }
}

impl Model {
    pub(crate) fn insert(&mut self, new: NewJob, due: i64, keep: Option<i64>) -> Inserted {
        if let Some(known) = self.jobs.iter().find(|job| job.new.id == new.id) {
            let same = |job: &NewJob| (job.kind.clone(), job.queue.clone(), job.payload.clone());
            return if same(&known.new) == same(&new) {
                Inserted::Known
            } else {
                Inserted::Taken
            };
        }
        let waiting = self.jobs.iter().filter(|job| job.phase == Phase::Waiting);
        let waiting = waiting.filter(|job| job.new.queue == new.queue).count();
        if new.queue_limit.is_some_and(|limit| waiting as u64 >= limit) {
            return Inserted::Full;
        }
        self.serials += 1;
        self.jobs.push(Job {
            serial: self.serials,
            new,
            keep,
            due,
            first_due: due,
            started: false,
            failed: 0,
            crashes: 0,
            claims: 0,
            settled: None,
            attempts: Vec::new(),
            phase: Phase::Waiting,
        });
        Inserted::Accepted
    }

    /// The jobs that a claim must return, in one of the allowed orders.
    pub(crate) fn claimable(
        &self,
        kinds: &[&str],
        queues: &[&str],
        limit: usize,
        mut suspects: usize,
    ) -> Vec<&Job> {
        let ready = self
            .jobs
            .iter()
            .filter(|job| job.state(self.now) == JobState::Ready);
        let ready = ready.filter(|job| kinds.contains(&&*job.new.kind));
        let ready = ready.filter(|job| queues.is_empty() || queues.contains(&&*job.new.queue));
        let ready = ready.filter(|job| !self.paused.contains(&*job.new.queue));
        let mut ready: Vec<_> = ready.collect();
        ready.sort_by_key(|job| (std::cmp::Reverse(job.new.priority), job.due));
        ready.retain(|job| {
            let is_suspect = job.crashes > 0;
            let goes = !is_suspect || suspects > 0;
            suspects -= usize::from(is_suspect && goes);
            goes
        });
        ready.truncate(limit);
        ready
    }

    pub(crate) fn start(&mut self, serial: usize, instance: InstanceId) {
        let job = self.job_mut(serial).expect("it was claimable");
        job.claims += 1;
        job.started = true;
        job.phase = Phase::Running {
            instance,
            cancel: None,
        };
    }

    /// Whether the instance is known, and whether it is silent for too long.
    pub(crate) fn is_known(&self, instance: InstanceId) -> bool {
        self.instances.iter().any(|it| it.id == instance)
    }

    pub(crate) fn is_alive(&self, instance: InstanceId) -> bool {
        let mut instances = self.instances.iter();
        instances.any(|it| it.id == instance && self.now - it.seen < LEASE)
    }

    pub(crate) fn renew(&mut self, instance: InstanceId) {
        self.instances.retain(|it| it.id != instance);
        self.instances.push(Instance {
            id: instance,
            seen: self.now,
        });
    }

    /// The answer to a renewal of the `claim`-th claim of a job.
    pub(crate) fn renewal(&self, serial: usize, claim: usize) -> Renewal {
        let mut jobs = self.jobs.iter();
        let job = jobs.find(|job| job.serial == serial && job.claims == claim);
        match job.map(|job| &job.phase) {
            Some(Phase::Running { cancel: None, .. }) => Renewal::Kept,
            Some(Phase::Running {
                cancel: Some(reason),
                ..
            }) => Renewal::Cancel(reason.clone()),
            _ => Renewal::Lost,
        }
    }

    pub(crate) fn settle(
        &mut self,
        serial: usize,
        claim: usize,
        attempt: Option<&Attempted>,
        next: &Next,
        pause: i64,
    ) -> Settled {
        let now = self.now;
        let Some(job) = self.job_mut(serial) else {
            return Settled::Stale;
        };
        if job.settled == Some(claim) {
            return Settled::Applied;
        }
        if job.claims != claim || !matches!(job.phase, Phase::Running { .. }) {
            return Settled::Stale;
        }
        job.settled = Some(claim);
        if let Some(attempt) = attempt {
            job.record(attempt.outcome, attempt.error.clone());
        }
        match next.clone() {
            Next::Done(result) => job.be_done(result, now),
            Next::Bury => {
                let was_given_up =
                    attempt.is_some_and(|attempt| attempt.outcome == PastOutcome::GivenUp);
                let kind = if was_given_up {
                    EndKind::GivenUp
                } else {
                    EndKind::Failed
                };
                job.end(JobState::Dead, kind, None, now);
            }
            Next::Cancel { reason, kind } => {
                job.end(JobState::Cancelled, kind, Some(reason), now);
            }
            Next::Retry(_) | Next::Snooze(_) => job.wait(now + pause, now),
            _ => job.wait(job.due, now),
        }
        Settled::Applied
    }

    /// How many were released, quarantined and pruned.
    pub(crate) fn sweep(&mut self) -> (u64, u64, u64) {
        let now = self.now;
        let (mut released, mut quarantined) = (0, 0);
        let dead = self
            .instances
            .iter()
            .filter(|instance| now - instance.seen >= LEASE);
        let dead: Vec<InstanceId> = dead.map(|instance| instance.id).collect();
        self.instances
            .retain(|instance| !dead.contains(&instance.id));
        for job in &mut self.jobs {
            match job.phase {
                Phase::Running { instance, .. } if dead.contains(&instance) => {}
                _ => continue,
            }
            job.record(PastOutcome::Crashed, None);
            job.crashes += 1;
            if job.crashes == 3 {
                job.end(JobState::Quarantined, EndKind::Quarantined, None, now);
                quarantined += 1;
            } else {
                job.wait(job.due, now);
                released += u64::from(job.phase == Phase::Waiting);
            }
        }
        let before = self.jobs.len();
        self.jobs.retain(|job| match (&job.phase, job.keep) {
            (
                Phase::Over {
                    state: JobState::Done,
                    at,
                    ..
                },
                Some(keep),
            ) => now < at + keep,
            _ => true,
        });
        (released, quarantined, (before - self.jobs.len()) as u64)
    }

    pub(crate) fn retry(&mut self, chosen: &[usize]) -> u64 {
        let now = self.now;
        self.change(chosen, |job| {
            match job.state(now) {
                JobState::Scheduled | JobState::Retrying => {}
                JobState::Dead | JobState::Cancelled | JobState::Quarantined => {
                    job.failed = 0;
                    job.crashes = 0;
                    job.phase = Phase::Waiting;
                }
                _ => return false,
            }
            (job.due, job.first_due) = (now, now);
            true
        })
    }

    pub(crate) fn cancel(&mut self, chosen: &[usize], reason: &str) -> u64 {
        let now = self.now;
        self.change(chosen, |job| match &mut job.phase {
            Phase::Waiting => {
                let reason = Some(reason.to_owned());
                job.end(JobState::Cancelled, EndKind::Cancelled, reason, now);
                true
            }
            Phase::Running { cancel, .. } if cancel.is_none() => {
                *cancel = Some(reason.to_owned());
                true
            }
            _ => false,
        })
    }

    pub(crate) fn delete(&mut self, chosen: &[usize]) -> u64 {
        let before = self.jobs.len();
        self.jobs.retain(|job| {
            !chosen.contains(&job.serial) || matches!(job.phase, Phase::Running { .. })
        });
        (before - self.jobs.len()) as u64
    }

    pub(crate) fn reschedule(&mut self, chosen: &[usize], due: i64) -> u64 {
        self.change(chosen, |job| {
            let waits = job.phase == Phase::Waiting;
            if waits {
                (job.due, job.first_due) = (due, due);
            }
            waits
        })
    }

    fn change(&mut self, chosen: &[usize], change: impl FnMut(&mut Job) -> bool) -> u64 {
        let jobs = self
            .jobs
            .iter_mut()
            .filter(|job| chosen.contains(&job.serial));
        jobs.map(change).map(u64::from).sum()
    }

    pub(crate) fn matching(&self, filter: &Filter) -> Vec<&Job> {
        let jobs = self.jobs.iter().filter(|job| job.matches(filter, self.now));
        let mut jobs: Vec<_> = jobs.collect();
        jobs.sort_by_key(|job| std::cmp::Reverse(job.new.id));
        jobs
    }

    pub(crate) fn by_id(&self, id: TaskId) -> Option<&Job> {
        self.jobs.iter().find(|job| job.new.id == id)
    }

    /// How often a job was claimed; `None` if it is gone.
    pub(crate) fn claims(&self, serial: usize) -> Option<usize> {
        let mut jobs = self.jobs.iter();
        jobs.find(|job| job.serial == serial).map(|job| job.claims)
    }

    fn job_mut(&mut self, serial: usize) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.serial == serial)
    }
}
