//! What a person can ask of the store in this process and change in it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
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

/// The longest page.
const PAGE_MAX: usize = 1_000;

impl Tables {
    pub(super) fn counts(&self, now: Clocks) -> Vec<Count> {
        let mut counts = BTreeMap::<_, u64>::new();
        for row in self.rows.values() {
            *counts
                .entry((&row.queue, &row.kind, row.state(now)))
                .or_default() += 1;
        }
        let counts = counts.into_iter();
        let count = |((queue, kind, state), jobs): ((&Arc<str>, &Arc<str>, JobState), u64)| {
            Count::new(queue.to_string(), kind.to_string(), state, jobs)
        };
        counts.map(count).collect()
    }

    pub(super) fn list(&self, filter: &Filter, page: Page, now: Clocks) -> Listed {
        let behind = page.after.map_or(Bound::Unbounded, Bound::Excluded);
        let newest_first = self.keys.range((Bound::Unbounded, behind)).rev();
        let rows = newest_first.map(|(_, key)| &self.rows[key]);
        let mut matching = rows.filter(|row| row.matches(filter, now));
        let limit = page.limit.clamp(1, PAGE_MAX);
        let jobs: Vec<_> = matching
            .by_ref()
            .take(limit)
            .map(|row| row.summary(now))
            .collect();
        let more = matching.next().is_some();
        let last = jobs.last().map(|job| job.id);
        Listed {
            next: last.filter(|_| more),
            jobs,
            unreadable: Vec::new(),
        }
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
