//! What an onlooker sees who sees all processes at once.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use marionette::TaskId;
use marionette::store::WorkerId;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// What an onlooker sees: which leases hold, and which attempts go on although theirs does not.
#[derive(Debug, Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    /// Faults are over: attempts succeed at once, so that nothing but the engine takes time.
    healed: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct State {
    /// The newest claim of each job.
    newest: HashMap<TaskId, Claimed>,
    /// When each worker last gave a sign of life.
    alive: HashMap<WorkerId, Instant>,
    /// Which leases were used up by a settlement.
    settled: HashSet<(TaskId, i64)>,
    wrong: Vec<String>,
    /// When the store took a job from its worker, by the lease that lapsed.
    taken: HashMap<(TaskId, i64), Instant>,
    seen: Seen,
}

#[derive(Clone, Copy, Debug)]
struct Claimed {
    token: i64,
    worker: WorkerId,
    /// When the store last said that the lease holds.
    held: Instant,
}

/// What was seen in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many attempts began although their lease had lapsed before.
    pub late: u64,
    /// How many attempts went on after their job was taken from their worker, which lived.
    pub overlaps: u64,
    /// How long one of those went on at most.
    pub longest: Duration,
}

impl Board {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn heal(&self) {
        self.healed.send_replace(true);
    }

    pub(crate) fn is_healed(&self) -> bool {
        *self.healed.borrow()
    }

    /// Waits for so long, or until faults are over.
    pub(crate) async fn sleep(&self, time: Duration) {
        let mut healed = self.healed.subscribe();
        // Whichever it was.
        let _ = timeout(time, healed.wait_for(|healed| *healed)).await;
    }

    /// The store gives a job away, or says that a lease holds.
    pub(crate) fn holds(&self, job: TaskId, token: i64, worker: WorkerId) {
        let held = clock::now();
        let claimed = Claimed {
            token,
            worker,
            held,
        };
        self.with(|state| state.newest.insert(job, claimed));
    }

    /// The store hears of a worker.
    pub(crate) fn lives(&self, worker: WorkerId) {
        self.with(|state| state.alive.insert(worker, clock::now()));
    }

    /// The store takes a job from its worker, which it may only when the worker has given no sign
    /// of life for the length of a lease, or has not named this one.
    pub(crate) fn taken(&self, job: TaskId, lease: Duration) {
        self.with(|state| {
            let Some(claimed) = state.newest.get(&job) else {
                return;
            };
            state.taken.insert((job, claimed.token), clock::now());
            let silent = state.alive.get(&claimed.worker).map(Instant::elapsed);
            let unnamed = claimed.held.elapsed();
            if unnamed < lease && silent.is_some_and(|silent| silent < lease) {
                let what = format!("job {job} was taken {unnamed:?} after its lease was renewed");
                state.wrong.push(what);
            }
        });
    }

    /// A settlement was applied, which it may only while its lease holds; or it is repeated.
    pub(crate) fn settled(&self, job: TaskId, token: i64) {
        self.with(|state| {
            if !state.settled.insert((job, token)) {
                return;
            }
            let newest = state.newest.get(&job).map(|claimed| claimed.token);
            if newest != Some(token) || state.taken.contains_key(&(job, token)) {
                let what = format!("job {job} was settled with token {token}, which is stale");
                state.wrong.push(what);
            }
        });
    }

    /// What must not happen and was seen.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.with(|state| state.wrong.clone())
    }

    /// An attempt begins. Says whether its lease holds.
    pub(crate) fn begins(&self, job: TaskId, token: i64) -> bool {
        self.with(|state| {
            let holds = !state.taken.contains_key(&(job, token));
            state.seen.late += u64::from(!holds);
            holds
        })
    }

    /// An attempt in a process that lives is over.
    pub(crate) fn ends(&self, job: TaskId, token: i64) {
        self.with(|state| {
            if let Some(taken) = state.taken.get(&(job, token)) {
                state.seen.overlaps += 1;
                state.seen.longest = state.seen.longest.max(taken.elapsed());
            }
        });
    }

    pub(crate) fn seen(&self) -> Seen {
        self.with(|state| state.seen)
    }
}

/// The only place of this crate where time comes from.
pub(crate) mod clock {
    use tokio::time::Instant;

    #[allow(clippy::disallowed_methods)] // This is the simulation's own clock.
    pub(crate) fn now() -> Instant {
        Instant::now()
    }
}
