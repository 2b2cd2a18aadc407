//! What a person can ask of the store in this process and change in it.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::SystemTime;

use crate::id::TaskId;
use crate::memory_store::lanes::{Clocks, Moment};
use crate::memory_store::row::RowState;
use crate::memory_store::tables::Tables;
use crate::memory_store::transitions::End;
use crate::store::inspect::{
    ActivityKind, By, Count, Filter, JobDetails, Listed, LiveInstance, Page, Which,
};
use crate::store::{Due, EndKind, JobState, Timing, clip_error};

impl Tables {
    pub(super) fn counts(&self, now: Clocks) -> Vec<Count> {
        let rows = self.rows.values();
        Count::all(rows.map(|row| (&row.queue, &row.kind, row.state(now))))
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
        let changed = self.each(which, now, |state, key| {
            let row = &state.rows[&key];
            match row.state(now) {
                JobState::Scheduled | JobState::Retrying => {
                    state.reschedule_one(key, Moment::new(Due::Now, now));
                    true
                }
                JobState::Dead | JobState::Cancelled | JobState::Quarantined => {
                    state.begin_anew(key, Moment::new(Due::Now, now));
                    true
                }
                JobState::Ready | JobState::Running | JobState::Done => false,
            }
        });
        let jobs = changed.len() as u64;
        self.note(ActivityKind::Retried, by, changed, now);
        jobs
    }

    pub(super) fn cancel(&mut self, which: &Which, reason: &str, by: By, now: Clocks) -> u64 {
        let changed = self.each(which, now, |state, key| {
            let Some(row) = state.rows.get_mut(&key) else {
                return false;
            };
            match &mut row.phase {
                RowState::Waiting => {
                    let end = End::For(EndKind::Cancelled, reason.to_owned());
                    state.end(key, JobState::Cancelled, end, now);
                    true
                }
                RowState::Running(running) if running.cancel.is_none() => {
                    running.cancel = Some(clip_error(reason).into_owned());
                    true
                }
                RowState::Running(_) | RowState::Over(_) => false,
            }
        });
        let jobs = changed.len() as u64;
        self.note_for(ActivityKind::Cancelled, by, changed, Some(reason), now);
        jobs
    }

    pub(super) fn delete(&mut self, which: &Which, by: By, now: Clocks) -> u64 {
        let changed = self.each(which, now, |state, key| {
            let runs = matches!(state.rows[&key].phase, RowState::Running(_));
            if !runs {
                state.remove(key);
            }
            !runs
        });
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
        let changed = self.each(which, now, |state, key| {
            let waits = matches!(state.rows[&key].phase, RowState::Waiting);
            if waits {
                state.reschedule_one(key, Moment::Date(due));
            }
            waits
        });
        let jobs = changed.len() as u64;
        self.note(ActivityKind::Rescheduled, by, changed, now);
        jobs
    }

    fn reschedule_one(&mut self, key: i64, due: Moment) {
        self.change(key, |row| {
            row.due = due;
            row.first_due = due;
        });
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

    /// Runs `change` once for each job that `which` names; returns those for which it said `true`.
    fn each(
        &mut self,
        which: &Which,
        now: Clocks,
        mut change: impl FnMut(&mut Self, i64) -> bool,
    ) -> Vec<TaskId> {
        let keys: BTreeSet<i64> = match which {
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
        };
        let changes = keys.into_iter().filter_map(|key| {
            let id = self.rows[&key].id;
            change(self, key).then_some(id)
        });
        changes.collect()
    }
}
