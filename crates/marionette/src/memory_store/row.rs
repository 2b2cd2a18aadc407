//! One job as the store in this process keeps it: what becomes of it is decided by [`StoredJob`],
//! and its moments, of which this store has two clocks, are here.

use crate::clock::Tick;
use crate::memory_store::Retention;
use crate::memory_store::lanes::{Clocks, LaneName, Moment};
use crate::store::inspect::{Filter, JobDetails, JobSummary};
use crate::store::{Due, JobState, NewJob, StoredJob};

#[derive(Debug)]
pub(super) struct Row {
    pub(super) job: StoredJob,
    /// Where it waits when it does.
    pub(super) lane: LaneName,
    /// When it is due, or was due when it was claimed.
    pub(super) due: Moment,
    /// When it was first due: its limits in total count from there.
    pub(super) first_due: Moment,
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
    pub(super) claimed: Tick,
    /// When its instance last named its lease.
    pub(super) renewed: Tick,
    /// The job before the claim: a claim that is forgotten brings it back.
    #[cfg(feature = "test-util")]
    pub(super) before: Box<StoredJob>,
}

/// The place of a job, with both moments, among the jobs that will be pruned.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) ended: Tick,
    pub(super) expires: Tick,
}

impl Row {
    pub(super) fn new(job: NewJob, now: Clocks) -> Self {
        let due = Moment::new(job.due, now);
        let lane = LaneName {
            queue: job.queue.clone(),
            kind: job.kind.clone(),
            priority: job.priority,
            suspect: false,
        };
        Self {
            job: StoredJob::new(job, now.wall),
            lane,
            due,
            first_due: due,
            phase: RowState::Waiting,
        }
    }

    pub(super) fn state(&self, now: Clocks) -> JobState {
        self.job.state(self.due.late(now).is_some())
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

    pub(super) fn summary(&self, now: Clocks) -> JobSummary {
        let mut summary = self.job.summary().clone();
        summary.state = self.state(now);
        summary
    }

    pub(super) fn details(&self, now: Clocks) -> JobDetails {
        let mut details = self.job.details().clone();
        details.summary.state = self.state(now);
        details
    }

    pub(super) fn matches(&self, filter: &Filter, now: Clocks) -> bool {
        filter.matches_in(self.state(now), self.job.details())
    }

    /// Follows its job, of which something became: it waits until it is due, or has ended.
    pub(super) fn follow(&mut self, due: Moment, retention: Retention, now: Clocks) {
        self.lane.suspect = self.job.summary().crashes > 0;
        if self.job.waits() {
            self.due = due;
            self.phase = RowState::Waiting;
        } else if !self.job.runs() {
            let keep = self.job.kept(retention.done, retention.failed);
            self.phase = RowState::Over(Ending {
                ended: now.tick,
                expires: now.tick.saturating_add(keep),
            });
        }
    }

    pub(super) fn retry(&mut self, retention: Retention, now: Clocks) -> bool {
        let is_due = self.due.late(now).is_some();
        let is_changed = self.job.retry_unless(is_due, now.wall);
        if is_changed {
            self.first_due = Moment::new(Due::Now, now);
            self.follow(self.first_due, retention, now);
        }
        is_changed
    }

    pub(super) fn cancel(&mut self, reason: &str, retention: Retention, now: Clocks) -> bool {
        let is_changed = self.job.cancel(reason, now.wall);
        if is_changed {
            self.follow(self.due, retention, now);
        }
        is_changed
    }
}
