//! The changes that people made, the latest last.

use std::collections::VecDeque;
use std::time::Duration;

use crate::clock::Tick;
use crate::id::TaskId;
use crate::memory_store::lanes::Clocks;
use crate::memory_store::tables::Tables;
use crate::store::inspect::{
    ACTIVITIES_MAX, ACTIVITY_IDS_MAX, Activity, ActivityFilter, ActivityKind, By, CHANGED_JOBS_MAX,
    PausedQueue,
};
use crate::store::{Name, clip_error};

/// The longest list of activities.
const LIMIT_MAX: usize = 1_000;

/// An activity with all the jobs that it changed, as far as they are kept.
#[derive(Debug)]
struct Kept {
    activity: Activity,
    jobs: Vec<TaskId>,
    at: Tick,
}

/// The activities that are kept.
#[derive(Debug, Default)]
pub(super) struct Activities {
    kept: VecDeque<Kept>,
    /// How many jobs they name together.
    jobs: usize,
    last: u64,
}

impl Activities {
    fn add(&mut self, mut activity: Activity, mut jobs: Vec<TaskId>, now: Clocks, keep: Duration) {
        self.last += 1;
        activity.number = self.last;
        activity.jobs = jobs.len() as u64;
        jobs.truncate(CHANGED_JOBS_MAX);
        self.jobs += jobs.len();
        let at = now.tick;
        self.kept.push_back(Kept { activity, jobs, at });
        while self.kept.len() > ACTIVITIES_MAX || self.jobs > CHANGED_JOBS_MAX {
            self.forget_first();
        }
        self.expire(now, keep);
    }

    fn expire(&mut self, now: Clocks, keep: Duration) {
        while (self.kept.front()).is_some_and(|oldest| now.tick.since(oldest.at) >= keep) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some(first) = self.kept.pop_front() {
            self.jobs -= first.jobs.len();
        }
    }

    fn list(&self, filter: &ActivityFilter) -> Vec<Activity> {
        let newest_first = self.kept.iter().rev();
        let matching = newest_first.filter(|kept| {
            let activity = &kept.activity;
            filter.before.is_none_or(|before| activity.number < before)
                && filter.job.is_none_or(|job| kept.jobs.contains(&job))
                && (filter.queue.as_ref())
                    .is_none_or(|asked| activity.queue.as_ref().is_some_and(|it| it == asked))
        });
        let shown = matching.map(|kept| {
            let mut activity = kept.activity.clone();
            activity.ids = kept.jobs.iter().copied().take(ACTIVITY_IDS_MAX).collect();
            activity
        });
        shown.take(filter.limit.clamp(1, LIMIT_MAX)).collect()
    }
}

impl Tables {
    /// Notes a change of these jobs, if there are any.
    pub(super) fn note(&mut self, kind: ActivityKind, by: By, jobs: Vec<TaskId>, now: Clocks) {
        self.note_for(kind, by, jobs, None, now);
    }

    /// Notes a change of these jobs for this reason.
    pub(super) fn note_for(
        &mut self,
        kind: ActivityKind,
        by: By,
        jobs: Vec<TaskId>,
        reason: Option<&str>,
        now: Clocks,
    ) {
        if jobs.is_empty() {
            return;
        }
        let mut activity = Activity::new(0, kind, by, now.wall);
        activity.reason = reason.map(|reason| clip_error(reason).into_owned());
        let keep = self.retention.failed;
        self.activities.add(activity, jobs, now, keep);
    }

    fn note_queue(&mut self, kind: ActivityKind, by: By, queue: Name, now: Clocks) {
        let mut activity = Activity::new(0, kind, by, now.wall);
        activity.queue = Some(queue);
        let keep = self.retention.failed;
        self.activities.add(activity, Vec::new(), now, keep);
    }

    pub(super) fn pause(&mut self, queue: Name, by: By, now: Clocks) {
        if self.paused.contains_key(&queue) {
            return;
        }
        let mut paused = PausedQueue::new(queue.clone(), now.wall);
        paused.by = Some(by.clone());
        self.paused.insert(queue.clone(), paused);
        self.note_queue(ActivityKind::Paused, by, queue, now);
    }

    pub(super) fn resume(&mut self, queue: Name, by: By, now: Clocks) {
        if self.paused.remove(&queue).is_some() {
            self.note_queue(ActivityKind::Resumed, by, queue, now);
        }
    }

    pub(super) fn activity(&mut self, filter: &ActivityFilter, now: Clocks) -> Vec<Activity> {
        self.activities.expire(now, self.retention.failed);
        self.activities.list(filter)
    }
}
