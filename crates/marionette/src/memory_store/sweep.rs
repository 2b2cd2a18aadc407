//! The sweep: takes jobs from dead instances, ends leases that are not renewed, and prunes jobs
//! that have been kept for long enough.

use std::time::Duration;

use crate::memory_store::lanes::Clocks;
use crate::memory_store::row::RowState;
use crate::memory_store::tables::Tables;
use crate::store::{InstanceId, JobState, Swept, Timing};

/// One sweep takes at most this many jobs from instances, and prunes at most this many.
const STEP: usize = 1_000;

impl Tables {
    pub(super) fn sweep(&mut self, timing: &Timing, now: Clocks) -> Swept {
        let mut swept = Swept::default();
        self.rescue(timing, now, &mut swept);
        self.free(timing, now, &mut swept);
        self.prune_in_sweep(now, &mut swept);
        swept
    }

    /// How long until a sweep may find something, if nothing else happens first.
    pub(super) fn next_sweep(&self, timing: &Timing, now: Clocks) -> Option<Duration> {
        if self.beyond() > 0 {
            return Some(Duration::ZERO);
        }
        let instances = self.instances.values();
        let signs = instances.flat_map(|instance| {
            let dies = (instance.resting == 0).then_some(instance.seen.tick);
            let lapses = instance
                .jobs
                .iter()
                .filter_map(|key| self.rows[key].renewed());
            dies.into_iter().chain(lapses)
        });
        let ends = signs.map(|sign| sign.saturating_add(timing.lease));
        let expires = self.expiring.first().map(|&(tick, _)| tick);
        let next = ends.chain(expires).min()?;
        Some(next.since(now.tick))
    }

    /// Takes jobs from dead instances.
    fn rescue(&mut self, timing: &Timing, now: Clocks, swept: &mut Swept) {
        let instances = self.instances.iter();
        let dead = instances.filter(|(_, instance)| instance.is_dead(timing.lease, now));
        let dead: Vec<InstanceId> = dead.map(|(id, _)| *id).collect();
        let mut left = STEP;
        for id in dead {
            let instance = &self.instances[&id];
            let seen = instance.seen;
            let keys: Vec<i64> = instance.jobs.iter().copied().take(left).collect();
            let all = keys.len() == instance.jobs.len() && left > 0;
            // Forgetting an instance counts as a job.
            left = left.saturating_sub(keys.len() + 1);
            for key in keys {
                self.crash(key, seen, now, swept);
            }
            if all {
                self.instances.remove(&id);
            } else {
                swept.more = true;
            }
        }
    }

    fn crash(&mut self, key: i64, seen: Clocks, now: Clocks, swept: &mut Swept) {
        let retention = self.retention;
        self.change(key, |row| {
            let claimed = row.running().map_or(seen.tick, |running| running.claimed);
            row.job.crash_after(seen.tick.since(claimed), now.wall);
            row.follow(row.due, retention, now);
        });
        let job = &self.rows[&key].job;
        swept.released += u64::from(job.waits());
        swept.quarantined += u64::from(job.summary().state == JobState::Quarantined);
    }

    /// Gives back jobs that a live instance has not named for the length of a lease: their claim
    /// was lost on its way to the instance, and no worker runs them.
    fn free(&mut self, timing: &Timing, now: Clocks, swept: &mut Swept) {
        // Only a sign of life that came a lease later shows that the instance lived and did not
        // name the job.
        let lapsed = self.instances.values().flat_map(|instance| {
            let lapsed = |key: &&i64| match &self.rows[key].phase {
                RowState::Running(running) => {
                    instance.seen.tick.since(running.renewed) >= timing.lease
                }
                RowState::Waiting | RowState::Over(_) => false,
            };
            instance.jobs.iter().filter(lapsed)
        });
        let lapsed: Vec<i64> = lapsed.copied().take(STEP).collect();
        swept.more |= lapsed.len() == STEP;
        for key in lapsed {
            self.give_back(key, now);
            swept.released += u64::from(self.rows[&key].job.waits());
        }
    }

    /// Prunes as many jobs as a sweep may.
    fn prune_in_sweep(&mut self, now: Clocks, swept: &mut Swept) {
        let pruned = self.prune(now, STEP);
        self.is_behind = pruned == STEP;
        swept.more |= self.is_behind;
        swept.pruned += pruned as u64;
    }

    /// Prunes twice as many jobs as were `settled`, if more are to be pruned than a sweep may. So
    /// jobs that are to be pruned do not pile up, however fast jobs end.
    pub(super) fn prune_after(&mut self, settled: usize, now: Clocks) {
        if self.is_behind || self.beyond() > STEP {
            let limit = 2 * settled;
            self.is_behind &= self.prune(now, limit) == limit;
        }
    }

    /// Prunes up to `limit` jobs that were kept for long enough, or are beyond the number that is
    /// kept; returns how many.
    fn prune(&mut self, now: Clocks, limit: usize) -> usize {
        let expired = self.expiring.range(..=(now.tick, i64::MAX));
        let expired: Vec<i64> = expired.map(|&(_, key)| key).take(limit).collect();
        for key in &expired {
            self.remove(*key);
        }
        let left = self.beyond().min(limit - expired.len());
        let beyond: Vec<i64> = self.done.iter().map(|&(_, key)| key).take(left).collect();
        for key in &beyond {
            self.remove(*key);
        }
        expired.len() + beyond.len()
    }

    /// How many done jobs there are beyond the number that is kept.
    fn beyond(&self) -> usize {
        let kept = usize::try_from(self.retention.done_count).unwrap_or(usize::MAX);
        self.done.len().saturating_sub(kept)
    }
}
