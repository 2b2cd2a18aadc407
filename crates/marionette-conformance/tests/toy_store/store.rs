//! The store: a map behind a mutex. Each call is one closure on the tables, so that the rest is
//! plain code without futures, and what becomes of one job is the business of [`StoredJob`].

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{
    By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page, PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceId, InstanceInfo, JobState, Lease, Name, NewJob,
    Renewal, Settled, Settlement, Store, StoreError, StoreFuture, StoredJob, Swept, Timing,
};
use tokio::time::Instant;

/// How long an instance may be silent.
const LEASE: Duration = Duration::from_secs(10);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The data: what a store in a server would have as tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    jobs: BTreeMap<TaskId, StoredJob>,
    /// The places of the jobs in the order in which they came.
    places: BTreeMap<TaskId, u64>,
    last_place: u64,
    instances: BTreeMap<InstanceId, LiveInstance>,
    paused: BTreeMap<Name, PausedQueue>,
}

/// The store, as each process has it: clones share the tables.
#[derive(Clone, Debug)]
pub(crate) struct ToyStore {
    pub(crate) tables: Arc<Mutex<Tables>>,
    /// How many done jobs are kept.
    pub(crate) keep_done: usize,
    began: (Instant, SystemTime),
}

impl ToyStore {
    #[allow(clippy::disallowed_methods)] // Here the clock of the store begins.
    pub(crate) fn new() -> Self {
        Self {
            tables: Arc::default(),
            keep_done: 10_000,
            began: (Instant::now(), SystemTime::now()),
        }
    }

    /// Does one call, once its future is polled: on a copy, which takes the place of the tables if
    /// the call did not fail. So each call has all of its effect or none.
    fn call<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables, SystemTime) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let mut tables = self.tables.lock().expect("no call panics");
            // Nobody can set this clock, so it also tells which instances are dead.
            let now = self.began.1 + self.began.0.elapsed();
            let mut copy = tables.clone();
            let answer = work(&mut copy, now)?;
            *tables = copy;
            Ok(answer)
        })
    }

    /// Makes one change of a person; `change` says of each job whether it changed it.
    fn change<'a>(
        &'a self,
        which: Which,
        change: impl Fn(&mut StoredJob, SystemTime) -> bool + Send + 'a,
    ) -> StoreFuture<'a, u64> {
        self.call(move |tables, now| {
            let jobs = tables.jobs.values_mut();
            let chosen = jobs.filter(|job| which.matches(&job.shown(now)));
            Ok(chosen.map(|job| u64::from(change(job, now))).sum())
        })
    }
}

impl Tables {
    fn insert(&mut self, job: NewJob, now: SystemTime) -> Result<Inserted, StoreError> {
        job.check()?;
        let in_queue = |other: &&StoredJob| other.waits() && other.summary().queue == job.queue;
        let is_full = |limit| self.jobs.values().filter(in_queue).count() as u64 >= limit;
        Ok(match self.jobs.get(&job.id) {
            Some(known) if known.is_of(&job) => Inserted::Known,
            Some(_) => Inserted::Taken,
            None if job.queue_limit.is_some_and(is_full) => Inserted::Full,
            None => {
                self.last_place += 1;
                self.places.insert(job.id, self.last_place);
                self.jobs.insert(job.id, StoredJob::new(job, now));
                Inserted::Accepted
            }
        })
    }

    /// Forgets the done jobs that ended first, beyond those that are kept.
    fn prune_done(&mut self, kept: usize) {
        let done = self.jobs.values().filter(|job| job.is_counted());
        let mut done: Vec<_> = done
            .map(|job| (job.summary().ended, job.summary().id))
            .collect();
        done.sort_unstable();
        for (_, id) in done.into_iter().rev().skip(kept) {
            self.jobs.remove(&id);
        }
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
            let mut due: Vec<_> = tables.jobs.values_mut().collect();
            due.retain(|stored| {
                let job = stored.summary();
                let is_paused = tables.paused.contains_key(&*job.queue);
                let is_due = stored.waits() && job.due <= now && !is_paused;
                is_due && claim.wanted.has(&job.kind, &job.queue)
            });
            due.sort_by_key(|job| {
                let job = job.summary();
                (Reverse(job.priority), job.due, tables.places[&job.id])
            });
            let mut suspects = 0;
            due.retain(|job| {
                let is_suspect = job.summary().crashes > 0;
                suspects += usize::from(is_suspect);
                !is_suspect || suspects <= claim.suspects
            });
            let chosen = due.into_iter().take(claim.limit);
            chosen
                .map(|job| job.claim(claim.instance, 0, now))
                .collect()
        })
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.call(move |tables, now| {
            let id = instance.id;
            let new = LiveInstance::new(instance.clone(), now);
            let live = tables.instances.entry(id).or_insert(new);
            (live.info, live.seen) = (instance, now);
            let renew = |lease: Lease| match tables.jobs.get_mut(&lease.job) {
                Some(job) if lease.instance == id => job.renew(lease, now),
                _ => Renewal::Lost,
            };
            Ok(leases.into_iter().map(renew).collect())
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.call(move |tables, now| {
            let settle = |settlement: Settlement| {
                settlement.check()?;
                let job = tables.jobs.get_mut(&settlement.lease.job);
                Ok(job.map_or(Settled::Stale, |job| job.settle(settlement, now)))
            };
            let settled = settlements.into_iter().map(settle).collect();
            tables.prune_done(self.keep_done);
            settled
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.call(|tables, now| {
            let is_silent = |since| {
                now.duration_since(since)
                    .is_ok_and(|silent| silent >= LEASE)
            };
            tables.instances.retain(|_, live| !is_silent(live.seen));
            let mut swept = Swept::default();
            for job in tables.jobs.values_mut().filter(|job| job.runs()) {
                let mut instances = tables.instances.keys();
                if !instances.any(|id| job.summary().instance == Some(*id)) {
                    job.crash(now);
                } else if is_silent(job.renewed()) {
                    job.lapse(now);
                }
                swept.released += u64::from(job.waits());
                swept.quarantined += u64::from(job.summary().state == JobState::Quarantined);
            }
            let before = tables.jobs.len();
            let is_kept = |job: &StoredJob| job.expires(DAY, 30 * DAY).is_none_or(|end| end > now);
            tables.jobs.retain(|_, job| is_kept(job));
            tables.prune_done(self.keep_done);
            let jobs = &tables.jobs;
            tables.places.retain(|id, _| jobs.contains_key(id));
            swept.pruned = (before - tables.jobs.len()) as u64;
            Ok(swept)
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.call(move |tables, _| {
            let ended = |id| {
                tables
                    .jobs
                    .get(&id)
                    .map_or(Ended::Missing, StoredJob::ended)
            };
            Ok(jobs.into_iter().map(ended).collect())
        })
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn timing(&self) -> Timing {
        let mut timing = Timing::default();
        timing.lease = LEASE;
        timing
    }
}

impl Inspect for ToyStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.call(|tables, now| {
            let jobs = tables.jobs.values().map(|job| job.shown(now).summary);
            let jobs: Vec<_> = jobs.collect();
            let places = jobs.iter().map(|job| (&job.queue, &job.kind, job.state));
            Ok(Count::all(places))
        })
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.call(move |tables, now| {
            let jobs = tables.jobs.values().rev().map(|job| job.shown(now));
            let matching = jobs.filter(|job| filter.matches(job));
            Ok(Listed::page(matching.map(|job| job.summary), page))
        })
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.call(move |tables, now| Ok(tables.jobs.get(&id).map(|job| job.shown(now))))
    }

    fn retry(&self, which: Which, _: By) -> StoreFuture<'_, u64> {
        self.change(which, StoredJob::retry)
    }

    fn cancel(&self, which: Which, reason: String, _: By) -> StoreFuture<'_, u64> {
        self.change(which, move |job, now| job.cancel(&reason, now))
    }

    fn delete(&self, which: Which, _: By) -> StoreFuture<'_, u64> {
        self.call(move |tables, now| {
            let before = tables.jobs.len();
            let jobs = &mut tables.jobs;
            jobs.retain(|_, job| job.runs() || !which.matches(&job.shown(now)));
            Ok((before - jobs.len()) as u64)
        })
    }

    fn reschedule(&self, which: Which, due: SystemTime, _: By) -> StoreFuture<'_, u64> {
        self.change(which, move |job, _| job.reschedule(due))
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.call(move |tables, now| {
            let mut paused = PausedQueue::new(queue.clone(), now);
            paused.by = Some(by);
            tables.paused.entry(queue).or_insert(paused);
            Ok(())
        })
    }

    fn resume_queue(&self, queue: Name, _: By) -> StoreFuture<'_, ()> {
        self.call(move |tables, _| {
            tables.paused.remove(&queue);
            Ok(())
        })
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.call(|tables, _| Ok(tables.paused.values().cloned().collect()))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.call(|tables, now| {
            let mut live: Vec<_> = tables.instances.values().cloned().collect();
            live.retain(|live| now < live.seen + LEASE);
            for live in &mut live {
                let instances = tables.jobs.values().map(|job| job.summary().instance);
                live.running = instances.filter(|id| *id == Some(live.info.id)).count() as u64;
            }
            Ok(live)
        })
    }
}
