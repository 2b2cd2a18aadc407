//! The tables of the store in this process, and the calls that managers make all day: insert,
//! claim, renew, settle. Every change of a job's phase goes through `transitions.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Tick;
use crate::id::TaskId;
use crate::memory_store::Retention;
use crate::memory_store::activity::Activities;
use crate::memory_store::lanes::{Clocks, Lanes, Moment, WantedLanes};
use crate::memory_store::row::Row;
use crate::store::inspect::PausedQueue;
use crate::store::{
    Claim, Claimed, Ended, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Next, Renewal,
    Settled, Settlement, StoreError,
};

#[derive(Debug, Default)]
pub(super) struct Tables {
    pub(super) retention: Retention,
    /// The jobs, by the key that leases name. A key is never used again.
    pub(super) rows: BTreeMap<i64, Row>,
    pub(super) keys: BTreeMap<TaskId, i64>,
    pub(super) lanes: Lanes,
    pub(super) instances: BTreeMap<InstanceId, Instance>,
    pub(super) paused: BTreeMap<Name, PausedQueue>,
    pub(super) activities: Activities,
    /// Jobs that have ended, by when they are pruned.
    pub(super) expiring: BTreeSet<(Tick, i64)>,
    /// Done jobs whose options do not say how long to keep them, by when they ended.
    pub(super) done: BTreeSet<(Tick, i64)>,
    /// Whether the last pruning left jobs that are to be forgotten.
    pub(super) is_behind: bool,
    last_key: i64,
}

#[derive(Debug)]
pub(super) struct Instance {
    pub(super) info: InstanceInfo,
    pub(super) since: Clocks,
    pub(super) seen: Clocks,
    /// How many rests until its next sign of life are going on. It lives while one is.
    pub(super) resting: usize,
    /// The keys of its jobs.
    pub(super) jobs: BTreeSet<i64>,
}

impl Instance {
    /// When it was last known to live.
    pub(super) fn lived(&self, now: Clocks) -> Clocks {
        if self.resting > 0 { now } else { self.seen }
    }

    pub(super) fn is_dead(&self, lease: Duration, now: Clocks) -> bool {
        now.tick.since(self.lived(now).tick) >= lease
    }
}

impl Tables {
    pub(super) fn new(retention: Retention) -> Self {
        Self {
            retention,
            ..Self::default()
        }
    }

    pub(super) fn insert(
        &mut self,
        jobs: Vec<NewJob>,
        now: Clocks,
    ) -> Result<Vec<Inserted>, StoreError> {
        // All or nothing: a refusal is found before anything is written.
        for job in &jobs {
            job.check()?;
        }
        Ok(jobs
            .into_iter()
            .map(|job| self.insert_one(job, now))
            .collect())
    }

    fn insert_one(&mut self, job: NewJob, now: Clocks) -> Inserted {
        if let Some(key) = self.keys.get(&job.id) {
            return if self.rows[key].job.is_of(&job) {
                Inserted::Known
            } else {
                Inserted::Taken
            };
        }
        if let Some(limit) = job.queue_limit {
            let waiting = self.lanes.waiting(&job.queue) as u64;
            if waiting >= limit {
                return Inserted::Full;
            }
        }
        self.last_key += 1;
        let key = self.last_key;
        self.keys.insert(job.id, key);
        self.rows.insert(key, Row::new(job, now));
        self.put_in(key);
        Inserted::Accepted
    }

    pub(super) fn claim(&mut self, claim: &Claim, now: Clocks) -> Result<Vec<Claimed>, StoreError> {
        if !self.instances.contains_key(&claim.instance) {
            // Only a known instance can be found dead, so jobs of an unknown one would be lost.
            let instance = claim.instance;
            let what = format!("the instance {instance} is not known here: it has to renew first");
            return Err(StoreError::unavailable(what));
        }
        let wish = WantedLanes::new(&claim.wanted, &self.paused, &self.lanes);
        let mut suspects = claim.suspects;
        let mut keys = Vec::new();
        for candidate in self.lanes.candidates(&wish, now, claim.limit) {
            if keys.len() == claim.limit {
                break;
            }
            if candidate.suspect {
                if suspects == 0 {
                    continue;
                }
                suspects -= 1;
            }
            keys.push(candidate.key);
        }
        Ok(keys
            .into_iter()
            .filter_map(|key| self.start(key, claim.instance, now))
            .collect())
    }

    pub(super) fn renew(
        &mut self,
        info: InstanceInfo,
        leases: &[Lease],
        now: Clocks,
    ) -> Vec<Renewal> {
        let id = info.id;
        let instance = self.instances.entry(id).or_insert_with(|| Instance {
            info: info.clone(),
            since: now,
            seen: now,
            resting: 0,
            jobs: BTreeSet::new(),
        });
        instance.info = info;
        instance.seen = now;
        leases
            .iter()
            .map(|lease| self.renew_one(*lease, id, now))
            .collect()
    }

    /// Forgets an instance that has no job.
    pub(super) fn leave(&mut self, id: InstanceId) {
        if self.instances.get(&id).is_some_and(|it| it.jobs.is_empty()) {
            self.instances.remove(&id);
        }
    }

    fn renew_one(&mut self, lease: Lease, instance: InstanceId, now: Clocks) -> Renewal {
        let row = self.rows.get_mut(&lease.row);
        let Some(row) = row.filter(|_| lease.instance == instance) else {
            return Renewal::Lost;
        };
        let renewal = row.job.renew(lease, now.wall);
        if renewal != Renewal::Lost
            && let Some(running) = row.running()
        {
            running.renewed = now.tick;
        }
        renewal
    }

    pub(super) fn settle(
        &mut self,
        settlements: Vec<Settlement>,
        now: Clocks,
    ) -> Result<Vec<Settled>, StoreError> {
        for settlement in &settlements {
            settlement.check()?;
        }
        let settled: Vec<Settled> = settlements
            .into_iter()
            .map(|settlement| self.settle_one(settlement, now))
            .collect();
        self.prune_after(settled.len(), now);
        Ok(settled)
    }

    fn settle_one(&mut self, settlement: Settlement, now: Clocks) -> Settled {
        let key = settlement.lease.row;
        let Some(row) = self.rows.get_mut(&key) else {
            return Settled::Stale;
        };
        if !row.job.is_held_by(settlement.lease) {
            // It changes nothing, but may be known.
            return row.job.settle(settlement, now.wall);
        }
        let due = match settlement.next {
            Next::Retry(due) | Next::Snooze(due) => Moment::new(due, now),
            _ => row.due,
        };
        let retention = self.retention;
        let settled = self.change(key, |row| {
            let settled = row.job.settle(settlement, now.wall);
            row.follow(due, retention, now);
            settled
        });
        settled.unwrap_or(Settled::Stale)
    }

    pub(super) fn ended(&self, id: TaskId) -> Ended {
        match self.keys.get(&id) {
            Some(key) => self.rows[key].job.ended(),
            None => Ended::Missing,
        }
    }
}
