//! How long a manager may rest. Where a test owns the clock no manager wakes in vain: everything
//! that can happen is known here, and ends the rests that it concerns.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::clock::is_the_systems;
use crate::id::TaskId;
use crate::memory_store::MemoryStore;
use crate::store::{Duty, Ended, InstanceId, Store, Wanted};

impl MemoryStore {
    pub(super) async fn rest_from(&self, duty: Duty) {
        // With the system's clock, the wall clock may be stepped and processes may die without
        // notice.
        let is_virtual = !is_the_systems();
        let timing = self.shared.timing;
        match duty {
            Duty::Claim(wanted) if is_virtual => self.until_claimable(&wanted).await,
            // The wait of this store has no errors.
            Duty::Claim(wanted) => drop(self.wait(wanted).await),
            Duty::Ask(jobs) if is_virtual => self.until_one_has_ended(&jobs).await,
            Duty::Ask(_) => sleep(timing.poll).await,
            Duty::Sweep => {
                sleep(timing.sweep).await;
                if is_virtual {
                    self.until_a_sweep_may_find_something().await;
                }
            }
            Duty::Beat(instance) if is_virtual => self.alive(instance).await,
            Duty::Beat(_) => sleep(timing.lease / 3).await,
        }
    }

    async fn until_claimable(&self, wanted: &Wanted) {
        // Listening begins before looking, so no news falls between the two.
        let news = self.shared.news.notified();
        let stepped = self.shared.wall.stepped();
        let soonest = self.soonest(wanted).unwrap_or(Duration::MAX);
        if !soonest.is_zero() {
            tokio::select! {
                biased;
                () = news => {}
                () = stepped => {}
                () = sleep(soonest), if soonest < Duration::MAX => {}
            }
        }
    }

    /// Waits until one of these jobs has ended, and a poll longer: so the manager asks at most once
    /// in a poll, however many jobs end.
    async fn until_one_has_ended(&self, jobs: &[TaskId]) {
        loop {
            let mut stirred = pin!(self.shared.stirred.notified());
            stirred.as_mut().enable();
            let has_ended = {
                let state = self.shared.state.lock();
                jobs.iter().any(|job| state.ended(*job) != Ended::NotYet)
            };
            if has_ended {
                return sleep(self.shared.timing.poll).await;
            }
            stirred.await;
        }
    }

    async fn until_a_sweep_may_find_something(&self) {
        loop {
            let stirred = self.shared.stirred.notified();
            let next = {
                let state = self.shared.state.lock();
                state.next_sweep(&self.shared.timing, self.now())
            };
            match next {
                Some(Duration::ZERO) => return,
                // After a notification and after a timeout, the loop looks again.
                Some(next) => drop(timeout(next, stirred).await),
                None => stirred.await,
            }
        }
    }

    /// Keeps an instance alive for as long as this future lives.
    async fn alive(&self, id: InstanceId) {
        let Some(_rest) = RestingInstance::begin(self, id) else {
            return sleep(self.shared.timing.lease / 3).await;
        };
        std::future::pending::<()>().await;
    }
}

/// An instance that rests, and counts as alive until this is dropped.
struct RestingInstance<'a> {
    store: &'a MemoryStore,
    id: InstanceId,
}

impl<'a> RestingInstance<'a> {
    /// `None` if the instance is not known.
    fn begin(store: &'a MemoryStore, id: InstanceId) -> Option<Self> {
        let mut state = store.shared.state.lock();
        state.instances.get_mut(&id)?.resting += 1;
        drop(state);
        Some(Self { store, id })
    }
}

impl Drop for RestingInstance<'_> {
    fn drop(&mut self) {
        let mut state = self.store.shared.state.lock();
        let now = self.store.now();
        if let Some(instance) = state.instances.get_mut(&self.id) {
            // It may have left meanwhile, and come back.
            instance.resting = instance.resting.saturating_sub(1);
            instance.seen = now;
        }
        drop(state);
        self.store.shared.stirred.notify_waiters();
    }
}
