//! What a person can ask of the store in this process and change in it.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::SystemTime;

use crate::id::TaskId;
use crate::memory_store::lanes::{Clocks, Moment};
use crate::memory_store::row::Row;
use crate::memory_store::tables::Tables;
use crate::store::Timing;
use crate::store::inspect::{
    ActivityKind, By, Count, Filter, JobDetails, Listed, LiveInstance, Page, Which,
};

impl Tables {
    pub(super) fn counts(&self, now: Clocks) -> Vec<Count> {
        let rows = self.rows.values();
        Count::all(rows.map(|row| (&row.lane.queue, &row.lane.kind, row.state(now))))
    }

    pub(super) fn list(&self, filter: &Filter, page: Page, now: Clocks) -> Listed {
        let behind = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = self.keys.range((Bound::Unbounded, behind)).rev();
        let rows = newest_first.map(|(_, key)| &self.rows[key]);
        let matching = rows.filter(|row| row.matches(filter, now));
        Listed::page(matching.map(|row| row.summary(now)), page)
    }

    pub(super) fn job(&self, id: TaskId, now: Clocks) -> Option<JobDetails> {
        self.keys.get(&id).map(|key| self.rows[key].details(now))
    }

    pub(super) fn retry(&mut self, which: &Which, by: By, now: Clocks) -> u64 {
        let retention = self.retention;
        let changed = self.each(which, now, |row| row.retry(retention, now));
        let jobs = changed.len() as u64;
        self.note(ActivityKind::Retried, by, changed, now);
        jobs
    }

    pub(super) fn cancel(&mut self, which: &Which, reason: &str, by: By, now: Clocks) -> u64 {
        let retention = self.retention;
        let changed = self.each(which, now, |row| row.cancel(reason, retention, now));
        let jobs = changed.len() as u64;
        self.note_for(ActivityKind::Cancelled, by, changed, Some(reason), now);
        jobs
    }

    pub(super) fn delete(&mut self, which: &Which, by: By, now: Clocks) -> u64 {
        let mut changed = Vec::new();
        for key in self.chosen(which, now) {
            let job = &self.rows[&key].job;
            if !job.runs() {
                changed.push(job.summary().id);
                self.remove(key);
            }
        }
        let jobs = changed.len() as u64;
        self.note(ActivityKind::Deleted, by, changed, now);
        jobs
    }

    pub(super) fn reschedule(
        &mut self,
        which: &Which,
        due: SystemTime,
        by: By,
        now: Clocks,
    ) -> u64 {
        let changed = self.each(which, now, |row| {
            let is_changed = row.job.reschedule(due);
            if is_changed {
                (row.due, row.first_due) = (Moment::Date(due), Moment::Date(due));
            }
            is_changed
        });
        let jobs = changed.len() as u64;
        self.note(ActivityKind::Rescheduled, by, changed, now);
        jobs
    }

    pub(super) fn instances(&self, timing: &Timing, now: Clocks) -> Vec<LiveInstance> {
        let instances = self.instances.values();
        let alive = instances.filter(|instance| !instance.is_dead(timing.lease, now));
        let live = alive.map(|instance| LiveInstance {
            info: instance.info.clone(),
            since: instance.since.wall,
            seen: instance.lived(now).wall,
            running: instance.jobs.len() as u64,
        });
        live.collect()
    }

    /// Makes a change once of each job that `which` names; returns those of which it said `true`.
    fn each(
        &mut self,
        which: &Which,
        now: Clocks,
        mut change: impl FnMut(&mut Row) -> bool,
    ) -> Vec<TaskId> {
        let chosen = self.chosen(which, now).into_iter();
        let changes = chosen.filter_map(|key| {
            let id = self.rows[&key].job.summary().id;
            self.change(key, &mut change)?.then_some(id)
        });
        changes.collect()
    }

    /// The keys of the jobs that `which` names, each once.
    fn chosen(&self, which: &Which, now: Clocks) -> BTreeSet<i64> {
        match which {
            Which::Ids(ids) => ids
                .iter()
                .filter_map(|id| self.keys.get(id).copied())
                .collect(),
            Which::Matching(filter) => {
                let rows = self.rows.iter();
                rows.filter(|(_, row)| row.matches(filter, now))
                    .map(|(key, _)| *key)
                    .collect()
            }
        }
    }
}
