//! The data: what a store in a server would have as tables.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{
    ACTIVITIES_MAX, Activity, ActivityKind, By, Count, JobSummary, LiveInstance, PausedQueue,
};
use marionette::store::{Inserted, InstanceId, JobState, NewJob, StoreError, Wanted};

use crate::row::{DAY, Row, passed};

#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) jobs: BTreeMap<TaskId, Row>,
    pub(crate) instances: BTreeMap<InstanceId, LiveInstance>,
    pub(crate) paused: BTreeMap<String, PausedQueue>,
    /// The changes by people, each with all jobs that it changed; the oldest first.
    pub(crate) activity: VecDeque<(Activity, BTreeSet<TaskId>)>,
    activities: u64,
}

impl Tables {
    pub(crate) fn insert(&mut self, job: NewJob, now: SystemTime) -> Result<Inserted, StoreError> {
        job.check()?;
        let in_queue = |row: &&Row| row.waits() && row.summary.queue == job.queue;
        let waiting = || self.jobs.values().filter(in_queue).count() as u64;
        Ok(match self.jobs.get(&job.id) {
            Some(known) if known.is_same(&job) => Inserted::Known,
            Some(_) => Inserted::Taken,
            None if job.queue_limit.is_some_and(|limit| waiting() >= limit) => Inserted::Full,
            None => {
                self.jobs.insert(job.id, Row::new(job, now)?);
                Inserted::Accepted
            }
        })
    }

    /// The jobs that wait for an instance that wants these.
    fn waiting_for(&self, wanted: &Wanted) -> impl Iterator<Item = &JobSummary> {
        let rows = self.jobs.values();
        let waiting = rows.filter(move |row| row.is_for(wanted, &self.paused));
        waiting.map(|row| &row.summary)
    }

    /// The suspects that are due.
    pub(crate) fn suspects(&self, wanted: &Wanted, now: SystemTime) -> BTreeSet<TaskId> {
        let waiting = self.waiting_for(wanted);
        let suspects = waiting.filter(|job| job.crashes > 0 && job.due <= now);
        suspects.map(|job| job.id).collect()
    }

    /// How long it is until a job is due that is none of these suspects.
    pub(crate) fn pause(
        &self,
        wanted: &Wanted,
        suspects: &BTreeSet<TaskId>,
        now: SystemTime,
    ) -> Duration {
        let waiting = self.waiting_for(wanted);
        let others = waiting.filter(|job| !suspects.contains(&job.id));
        let due = others.map(|job| job.due).min();
        due.map_or(DAY, |due| passed(now, due))
    }

    /// Forgets up to `most` jobs that are old, or done and beyond the number that is kept.
    pub(crate) fn prune(
        &mut self,
        keep: usize,
        most: usize,
        is_old: impl Fn(&Row) -> bool,
    ) -> usize {
        let jobs = self.jobs.values().map(|row| &row.summary);
        let done = jobs.filter(|job| job.state == JobState::Done);
        let mut done: Vec<_> = done.map(|job| (job.ended, job.id)).collect();
        done.sort_unstable();
        done.truncate(done.len().saturating_sub(keep));
        let old = self.jobs.values().filter(|row| is_old(row));
        let old = old.map(|row| row.summary.id);
        let beyond = done.into_iter().map(|(_, id)| id);
        let gone: BTreeSet<_> = old.chain(beyond).take(most).collect();
        self.jobs.retain(|id, _| !gone.contains(id));
        gone.len()
    }

    /// Notes that a person made a change, and gives what is still to be told of it.
    pub(crate) fn note(
        &mut self,
        kind: ActivityKind,
        by: By,
        now: SystemTime,
    ) -> &mut (Activity, BTreeSet<TaskId>) {
        self.activities += 1;
        if self.activity.len() == ACTIVITIES_MAX {
            self.activity.pop_front();
        }
        let activity = Activity::new(self.activities, kind, by, now);
        self.activity.push_back((activity, BTreeSet::new()));
        self.activity.back_mut().expect("one was added")
    }
}

pub(crate) fn count<'a>(rows: impl Iterator<Item = &'a Row>, now: SystemTime) -> Vec<Count> {
    let mut counts = BTreeMap::new();
    for job in rows.map(|row| row.shown(now)) {
        *counts.entry((job.queue, job.kind, job.state)).or_default() += 1;
    }
    let count = |((queue, kind, state), jobs)| Count::new(queue, kind, state, jobs);
    counts.into_iter().map(count).collect()
}
