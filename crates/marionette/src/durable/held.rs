//! The claimed jobs that this process has not settled yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::cell::Shared;
use crate::cell::body::Body;
use crate::cell::leased_job::LeasedJob;
use crate::clock::Tick;
use crate::durable::unwritten::Unwritten;
use crate::store::{Attempted, Claimed, Lease, Next, Settlement};
use crate::sync::Mutex;

/// The claimed jobs that this process has not settled yet, by their leases.
#[derive(Default)]
pub(crate) struct Held {
    jobs: Mutex<HashMap<Lease, HeldJob>>,
    /// The last sign of life that the store has taken: no lease holds for longer than from there,
    /// however new it is.
    alive: Mutex<Tick>,
    /// What became of jobs whose leases lapsed before the store could be told.
    unwritten: Mutex<Unwritten>,
    /// Something is held again.
    pub(crate) begun: Notify,
}

struct HeldJob {
    leased: Arc<LeasedJob>,
    /// What runs; nothing does if it is only to be settled.
    cell: Option<Shared<dyn Body>>,
    /// What the store is to be told and could not be told yet.
    outcome: Option<Settlement>,
    /// When its lease was known to hold, by our own clock: the begin of the call that said so.
    known: Tick,
}

impl Held {
    /// A job is claimed, and runs as this cell, or is only to be settled.
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
        jobs.insert(leased.lease(), job);
        let is_first = jobs.len() == 1;
        drop(jobs);
        if is_first {
            self.begun.notify_one();
        }
    }

    pub(crate) fn remove<'a>(&self, leases: impl Iterator<Item = &'a Lease>) {
        let removed: Vec<_> = {
            let mut jobs = self.jobs.lock();
            leases.filter_map(|lease| jobs.remove(lease)).collect()
        };
        // What a job holds is the user's, and is dropped outside of the lock.
        for job in removed {
            job.leased.close();
        }
    }

    /// Lets go of all, as if their leases were lost.
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
        in_order(self.jobs.lock().keys().copied().collect())
    }

    /// Whether a worker still has it, so that it was not settled yet.
    pub(crate) fn is_in_hand(&self, lease: &Lease) -> bool {
        let jobs = self.jobs.lock();
        jobs.get(lease).is_some_and(|job| !job.leased.is_out())
    }

    /// Whether it is held.
    pub(crate) fn has(&self, lease: &Lease) -> bool {
        self.jobs.lock().contains_key(lease)
    }

    /// The store knew at this time that we live.
    pub(crate) fn lives(&self, at: Tick) {
        let mut alive = self.alive.lock();
        *alive = at.max(*alive);
    }

    /// These leases held at this time.
    pub(crate) fn known(&self, leases: &[Lease], at: Tick) {
        self.lives(at);
        let mut jobs = self.jobs.lock();
        for lease in leases {
            if let Some(job) = jobs.get_mut(lease) {
                job.known = at;
            }
        }
    }

    /// Since when something has been heard of all of them.
    pub(crate) fn known_since(&self) -> Option<Tick> {
        self.jobs.lock().values().map(|job| job.known).min()
    }

    /// The leases of which nothing has been heard since this time.
    pub(crate) fn unknown_since(&self, at: Tick) -> Vec<Lease> {
        let jobs = self.jobs.lock();
        let old = jobs.iter().filter(|(_, job)| job.known < at);
        in_order(old.map(|(lease, _)| *lease).collect())
    }

    /// Asks a job to end.
    pub(crate) fn cancel(&self, lease: &Lease, why: &str) {
        // A cancellation runs wakers, and no lock is held for those.
        let cell = {
            let jobs = self.jobs.lock();
            jobs.get(lease).and_then(|job| job.cell.clone())
        };
        if let Some(cell) = cell {
            cell.cancel(why.to_owned(), false);
        }
    }

    /// The store could not be told these yet: should their leases lapse, they are kept.
    pub(crate) fn could_not_write(&self, settlements: &[Settlement]) {
        let mut jobs = self.jobs.lock();
        for settlement in settlements {
            if let Some(job) = jobs.get_mut(&settlement.lease)
                && job.outcome.is_none()
            {
                job.outcome = Some(settlement.clone());
            }
        }
    }

    /// What became of a job before its last lease lapsed here, if that still counts.
    pub(crate) fn known_of(
        &self,
        claimed: &Claimed,
        now: Tick,
    ) -> Option<(Option<Attempted>, Next)> {
        self.unwritten.lock().of(claimed, now)
    }

    /// A lease no longer holds: its job is asked to end, and writes nothing any more. Its success
    /// is kept, if the store could not be told.
    pub(crate) fn lose(&self, lease: &Lease) {
        let Some(job) = self.jobs.lock().remove(lease) else {
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

/// The same order in every run with the same jobs: what is asked of them, and when, follows it.
fn in_order(mut leases: Vec<Lease>) -> Vec<Lease> {
    leases.sort_unstable_by_key(|lease| (lease.key, lease.token));
    leases
}
