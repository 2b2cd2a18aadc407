//! The claimed jobs that this process has not settled yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::cell::Shared;
use crate::cell::body::Body;
use crate::cell::leased_job::LeasedJob;
use crate::clock::Tick;
use crate::durable::unwritten::Unwritten;
use crate::id::TaskId;
use crate::store::{Attempted, Claimed, Lease, Next, Settlement};
use crate::sync::Mutex;

/// The claimed jobs that this process has not settled yet, each under its newest lease.
#[derive(Default)]
pub(crate) struct Held {
    jobs: Mutex<HashMap<TaskId, HeldJob>>,
    /// The last sign of life that the store has taken. No lease counts as known to hold at a later
    /// time than this, however new it is.
    alive: Mutex<Tick>,
    /// Successes whose leases lapsed before the store could take them.
    unwritten: Mutex<Unwritten>,
    /// Notified when the first job is held again.
    pub(crate) begun: Notify,
}

struct HeldJob {
    leased: Arc<LeasedJob>,
    /// The cell that runs; `None` for a job that only needs to be settled.
    cell: Option<Shared<dyn Body>>,
    /// The settlement that the store could not take yet.
    outcome: Option<Settlement>,
    /// When its lease was last known to hold, by this process's clock: the start of the call that
    /// said so.
    known: Tick,
}

impl Held {
    /// Adds a claimed job, which runs as `cell`, or only needs to be settled.
    pub(crate) fn insert(
        &self,
        leased: &Arc<LeasedJob>,
        cell: Option<Shared<dyn Body>>,
        known: Tick,
    ) {
        let job = HeldJob {
            cell,
            outcome: None,
            known: known.min(*self.alive.lock()),
            leased: Arc::clone(leased),
        };
        let mut jobs = self.jobs.lock();
        jobs.insert(leased.lease().job, job);
        let is_first = jobs.len() == 1;
        drop(jobs);
        if is_first {
            self.begun.notify_one();
        }
    }

    pub(crate) fn remove<'a>(&self, leases: impl Iterator<Item = &'a Lease>) {
        let removed: Vec<_> = {
            let mut jobs = self.jobs.lock();
            leases.filter_map(|lease| take(&mut jobs, lease)).collect()
        };
        // Dropping a job runs the user's code, so it happens outside of the lock.
        for job in removed {
            job.leased.close();
        }
    }

    /// Removes all jobs, as if their leases were lost.
    pub(crate) fn clear(&self) {
        let held = std::mem::take(&mut *self.jobs.lock());
        for job in held.values() {
            job.leased.lose();
            job.leased.close();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.lock().len()
    }

    pub(crate) fn leases(&self) -> Vec<Lease> {
        in_order(self.jobs.lock().values().map(HeldJob::lease).collect())
    }

    /// Whether a worker still has the job, so that it has no settlement yet.
    pub(crate) fn is_in_hand(&self, lease: &Lease) -> bool {
        let mut jobs = self.jobs.lock();
        find(&mut jobs, lease).is_some_and(|job| !job.leased.is_out())
    }

    /// Whether the job of this lease is held.
    pub(crate) fn has(&self, lease: &Lease) -> bool {
        find(&mut self.jobs.lock(), lease).is_some()
    }

    /// Notes that the store took a sign of life of this instance at this time.
    pub(crate) fn lives(&self, at: Tick) {
        let mut alive = self.alive.lock();
        *alive = at.max(*alive);
    }

    /// Notes that these leases held at this time.
    pub(crate) fn known(&self, leases: &[Lease], at: Tick) {
        self.lives(at);
        let mut jobs = self.jobs.lock();
        for lease in leases {
            if let Some(job) = find(&mut jobs, lease) {
                job.known = at;
            }
        }
    }

    /// The latest time at which all held leases were known to hold; `None` if no job is held.
    pub(crate) fn known_since(&self) -> Option<Tick> {
        self.jobs.lock().values().map(|job| job.known).min()
    }

    /// The leases that were last known to hold before this time.
    pub(crate) fn unknown_since(&self, at: Tick) -> Vec<Lease> {
        let jobs = self.jobs.lock();
        let old = jobs.values().filter(|job| job.known < at);
        in_order(old.map(HeldJob::lease).collect())
    }

    /// Asks the job of this lease to end.
    pub(crate) fn cancel(&self, lease: &Lease, why: &str) {
        // A cancellation runs wakers, so it happens outside of the lock.
        let cell = {
            let mut jobs = self.jobs.lock();
            find(&mut jobs, lease).and_then(|job| job.cell.clone())
        };
        if let Some(cell) = cell {
            cell.cancel(why.to_owned(), false);
        }
    }

    /// Remembers settlements that the store could not take yet. Successes among them are kept if
    /// their leases lapse.
    pub(crate) fn could_not_write(&self, settlements: &[Settlement]) {
        let mut jobs = self.jobs.lock();
        for settlement in settlements {
            if let Some(job) = find(&mut jobs, &settlement.lease)
                && job.outcome.is_none()
            {
                job.outcome = Some(settlement.clone());
            }
        }
    }

    /// Gives up the older lease of a job that is claimed again while it is held: the store would
    /// not have given the job away if that lease held. Returns whether a worker still had the job.
    ///
    /// A store that lost its last writes forgets claims; and a job that waits again may come back
    /// before its settlement is answered.
    pub(crate) fn supersede(&self, job: TaskId) -> bool {
        let older = self.jobs.lock().get(&job).map(HeldJob::lease);
        let Some(older) = older else {
            return false;
        };
        let is_in_hand = self.is_in_hand(&older);
        self.lose(&older);
        is_in_hand
    }

    /// The success of a claimed job under its previous lease, which lapsed here, if it still
    /// counts.
    pub(crate) fn known_of(
        &self,
        claimed: &Claimed,
        now: Tick,
    ) -> Option<(Option<Attempted>, Next)> {
        self.unwritten.lock().of(claimed, now)
    }

    /// Gives up a lease that no longer holds: its job is asked to end, and writes nothing any more.
    /// A success that the store could not take is kept.
    pub(crate) fn lose(&self, lease: &Lease) {
        let Some(job) = take(&mut self.jobs.lock(), lease) else {
            return;
        };
        job.leased.lose();
        job.leased.close();
        if let Some(cell) = job.cell {
            cell.cancel("its lease was lost".to_owned(), false);
        }
        if let Some(outcome) = job.outcome {
            self.unwritten.lock().keep(outcome, Tick::now());
        }
    }
}

impl HeldJob {
    fn lease(&self) -> Lease {
        self.leased.lease()
    }
}

/// The job that is held under this lease.
fn find<'a>(jobs: &'a mut HashMap<TaskId, HeldJob>, lease: &Lease) -> Option<&'a mut HeldJob> {
    jobs.get_mut(&lease.job).filter(|job| job.lease() == *lease)
}

fn take(jobs: &mut HashMap<TaskId, HeldJob>, lease: &Lease) -> Option<HeldJob> {
    find(jobs, lease)?;
    jobs.remove(&lease.job)
}

/// Sorts leases, so that every run with the same jobs treats them in the same order.
fn in_order(mut leases: Vec<Lease>) -> Vec<Lease> {
    leases.sort_unstable_by_key(|lease| (lease.row, lease.token));
    leases
}
