//! The claimed jobs that this process has not settled yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::body::Body;
use crate::cell::Shared;
use crate::clock::Tick;
use crate::leased::Leased;
use crate::store::Lease;
use crate::sync::Mutex;

/// The claimed jobs that this process has not settled yet, by their leases.
#[derive(Default)]
pub(crate) struct Held {
    jobs: Mutex<HashMap<Lease, Job>>,
    /// The last sign of life that the store has taken: no lease holds for longer than from there,
    /// however new it is.
    alive: Mutex<Tick>,
    /// Something is held again.
    pub(crate) begun: Notify,
}

struct Job {
    leased: Arc<Leased>,
    cell: Shared<dyn Body>,
    /// When its lease was known to hold, by our own clock: the begin of the call that said so.
    known: Tick,
}

impl Held {
    pub(crate) fn insert(&self, leased: &Arc<Leased>, cell: Shared<dyn Body>, known: Tick) {
        let job = Job {
            cell,
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
            jobs.get(lease).map(|job| job.cell.clone())
        };
        if let Some(cell) = cell {
            cell.cancel(why.to_owned(), false);
        }
    }

    /// A lease no longer holds: its job is asked to end, and writes nothing any more.
    pub(crate) fn lose(&self, lease: &Lease) {
        let lost = self.jobs.lock().remove(lease);
        if let Some(job) = lost {
            job.leased.lose();
            job.leased.close();
            job.cell.cancel("its lease was lost".to_owned(), false);
        }
    }
}

/// The same order in every run with the same jobs: what is asked of them, and when, follows it.
fn in_order(mut leases: Vec<Lease>) -> Vec<Lease> {
    leases.sort_unstable_by_key(|lease| (lease.key, lease.token));
    leases
}
