//! The store: its calls, and what managers ask of it. Each call is one closure on the tables, so
//! the rest of the store is plain code without futures.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{ACTIVITY_IDS_MAX, ActivityKind, By, LiveInstance, Which};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceInfo, JobState, Lease, NewJob, Renewal, Settled,
    Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::row::{DAY, Row, passed};
use crate::tables::Tables;

/// How long an instance may be silent.
pub(crate) const LEASE: Duration = Duration::from_secs(10);
/// How many jobs one sweep takes away, and how many it prunes.
const SWEEP_MAX: usize = 1_000;

/// The store, as each process has it: all of them share the data.
#[derive(Debug)]
pub(crate) struct ToyStore {
    pub(crate) data: Arc<Data>,
    pub(crate) keep_done: usize,
}

#[derive(Debug)]
pub(crate) struct Data {
    tables: Mutex<Tables>,
    /// Every wait looks again after every call that writes: that is wasteful, and forgets nothing.
    changed: Notify,
    began: (Instant, SystemTime),
}

impl ToyStore {
    /// Answers a question, once its future is polled.
    pub(crate) fn ask<'a, T: Send + 'a>(
        &'a self,
        question: impl FnOnce(&Tables, SystemTime) -> T + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move { Ok(question(&self.data.lock(), self.data.now())) })
    }

    /// Does one call that writes, once its future is polled: on a copy, which takes the place of
    /// the data if the call did not fail. So each call has all of its effect or none.
    pub(crate) fn call<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables, SystemTime) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let mut tables = self.data.lock();
            let mut copy = tables.clone();
            let answer = work(&mut copy, self.data.now())?;
            *tables = copy;
            self.data.changed.notify_waiters();
            Ok(answer)
        })
    }

    /// Makes one change of a person; `change` says of each job whether it changed it.
    pub(crate) fn change<'a>(
        &'a self,
        (kind, which, by): (ActivityKind, Which, By),
        reason: Option<String>,
        change: impl Fn(&mut Row, SystemTime) -> bool + Send + 'a,
    ) -> StoreFuture<'a, u64> {
        self.call(move |tables, now| {
            let mut ids: BTreeSet<TaskId> = match which {
                Which::Ids(ids) => ids.into_iter().collect(),
                Which::Matching(filter) => {
                    let matching = tables.jobs.values().filter(|row| row.is_in(&filter, now));
                    matching.map(|row| row.summary.id).collect()
                }
                _ => return Err(StoreError::unsupported("an unknown choice of jobs")),
            };
            ids.retain(|id| tables.jobs.get_mut(id).is_some_and(|row| change(row, now)));
            if kind == ActivityKind::Deleted {
                tables.jobs.retain(|id, _| !ids.contains(id));
            }
            let count = ids.len() as u64;
            if count > 0 {
                let (activity, changed) = tables.note(kind, by, now);
                activity.jobs = count;
                activity.ids = ids.iter().copied().take(ACTIVITY_IDS_MAX).collect();
                activity.reason = reason;
                *changed = ids;
            }
            Ok(count)
        })
    }
}

impl Store for ToyStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.call(|tables, now| {
            let jobs = jobs.into_iter();
            jobs.map(|job| tables.insert(job, now)).collect()
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.call(move |tables, now| {
            if !tables.instances.contains_key(&claim.instance) {
                return Err(StoreError::unavailable("this instance has to renew first"));
            }
            let rows = tables.jobs.values_mut();
            let mut due: Vec<_> = rows
                .filter(|row| row.summary.due <= now && row.is_for(&claim.wanted, &tables.paused))
                .collect();
            // Jobs that are due at the same time stay in the order of their ids.
            due.sort_by_key(|row| (Reverse(row.summary.priority), row.summary.due));
            let mut suspects = 0;
            due.retain(|row| {
                suspects += usize::from(row.summary.crashes > 0);
                row.summary.crashes == 0 || suspects <= claim.suspects
            });
            let chosen = due.into_iter().take(claim.limit);
            chosen.map(|row| row.claim(claim.instance, now)).collect()
        })
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.call(move |tables, now| {
            let new = LiveInstance::new(instance.clone(), now);
            let id = instance.id;
            let live = tables.instances.entry(id).or_insert(new);
            (live.info, live.seen) = (instance, now);
            let renew = |lease: Lease| match tables.jobs.get_mut(&lease.job) {
                Some(row) if row.runs_under(lease) && lease.instance == id => {
                    row.renewed = now;
                    row.said.clone().map_or(Renewal::Kept, Renewal::Cancel)
                }
                _ => Renewal::Lost,
            };
            Ok(leases.into_iter().map(renew).collect())
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.call(move |tables, now| {
            let settle = |settlement: Settlement| {
                settlement.check()?;
                let row = tables.jobs.get_mut(&settlement.lease.job);
                row.map_or(Ok(Settled::Stale), |row| row.settle(settlement, now))
            };
            let settled = settlements.into_iter().map(settle).collect();
            tables.prune(self.keep_done + 10_000, usize::MAX, |_| false);
            settled
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.call(|tables, now| {
            let silent = |since| passed(since, now) >= LEASE;
            tables.instances.retain(|_, live| !silent(live.seen));
            let mut swept = Swept::default();
            let mut taken = 0;
            for row in tables.jobs.values_mut() {
                let instance = row.summary.instance;
                let is_dead = instance.is_some_and(|id| !tables.instances.contains_key(&id));
                let is_lost = instance.is_some() && silent(row.renewed);
                if taken < SWEEP_MAX && (is_dead || is_lost) {
                    taken += 1;
                    row.take_away(is_dead, now);
                    swept.released += u64::from(row.waits());
                    swept.quarantined += u64::from(row.summary.state == JobState::Quarantined);
                }
            }
            let pruned = tables.prune(self.keep_done, SWEEP_MAX, |row| row.is_old(now));
            let changes = &mut tables.activity;
            changes.retain(|(change, _)| passed(change.at, now) < 30 * DAY);
            swept.pruned = pruned as u64;
            swept.more = taken.max(pruned) == SWEEP_MAX;
            Ok(swept)
        })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let mut poll = pin!(sleep(self.timing().poll));
            // The instance may have these already.
            let suspects = self.data.lock().suspects(&wanted, self.data.now());
            loop {
                let mut changed = pin!(self.data.changed.notified());
                // From here on it misses no change.
                changed.as_mut().enable();
                let pause = self.data.lock().pause(&wanted, &suspects, self.data.now());
                if pause.is_zero() {
                    return Ok(());
                }
                tokio::select! {
                    () = changed => {}
                    () = sleep(pause) => {}
                    () = &mut poll => return Ok(()),
                }
            }
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.ask(move |tables, _| {
            let ended = |id| tables.jobs.get(&id).map_or(Ended::Missing, Row::ended);
            jobs.into_iter().map(ended).collect()
        })
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn timing(&self) -> Timing {
        let mut timing = Timing::default();
        (timing.lease, timing.poll) = (LEASE, 2 * LEASE);
        timing
    }
}

impl Data {
    #[allow(clippy::disallowed_methods)] // Here the clock of the store begins.
    pub(crate) fn new() -> Self {
        Self {
            tables: Mutex::default(),
            changed: Notify::new(),
            began: (Instant::now(), SystemTime::now()),
        }
    }

    /// The store's clock. Nobody can set it, so it also tells which instances are dead.
    pub(crate) fn now(&self) -> SystemTime {
        self.began.1 + self.began.0.elapsed()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("no call panics")
    }
}
