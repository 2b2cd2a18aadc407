//! The view of an onlooker who sees all processes at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::store::{Due, InstanceId, Lease, Next};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::clock::{self, StoreClock};
use crate::story::{Line, Story, What};

/// The view of an onlooker: when jobs are due, which leases hold, and which attempts go on although
/// their lease has lapsed.
#[derive(Debug)]
pub(crate) struct Board {
    clock: StoreClock,
    state: Mutex<State>,
    /// Faults are over: attempts succeed at once, so that nothing but the engine takes time.
    is_healed: AtomicBool,
    /// Wakes in the order of arrival, which a watch channel does not.
    healed: Notify,
}

#[derive(Debug)]
struct State {
    dues: HashMap<TaskId, When>,
    /// The newest claim of each job.
    newest: HashMap<TaskId, Claimed>,
    /// The claims that were neither settled nor taken back.
    running: BTreeMap<TaskId, Lease>,
    /// When each instance last gave a sign of life.
    alive: HashMap<InstanceId, Instant>,
    /// The tokens that each job was given away with.
    issued: HashSet<(TaskId, i64)>,
    /// Which leases were used up by a settlement.
    settled: HashSet<(TaskId, i64)>,
    wrong: Vec<String>,
    /// When the store took a job from its instance, by the lease that lapsed.
    taken: HashMap<(TaskId, i64), Instant>,
    seen: Seen,
    story: Story,
}

/// When a job is due, by the clocks of the store.
#[derive(Clone, Copy, Debug)]
enum When {
    Instant(Instant),
    Date(SystemTime),
}

#[derive(Clone, Copy, Debug)]
struct Claimed {
    lease: Lease,
    instance: InstanceId,
    /// When the store last said that the lease holds.
    held: Instant,
}

/// What was seen in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many attempts began although their lease had lapsed before.
    pub late: u64,
    /// How many attempts went on after their job was taken from their instance, which lived.
    pub overlaps: u64,
    /// How long one of those went on at most.
    pub longest: Duration,
    /// How many claims there were of jobs that had waited for a date.
    pub dates: u64,
}

impl Board {
    pub(crate) fn new(clock: StoreClock) -> Self {
        let state = State {
            dues: HashMap::new(),
            newest: HashMap::new(),
            running: BTreeMap::new(),
            alive: HashMap::new(),
            issued: HashSet::new(),
            settled: HashSet::new(),
            wrong: Vec::new(),
            taken: HashMap::new(),
            seen: Seen::default(),
            story: Story::new(),
        };
        Self {
            clock,
            state: Mutex::new(state),
            is_healed: AtomicBool::new(false),
            healed: Notify::new(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn heal(&self) {
        self.is_healed.store(true, Ordering::Relaxed);
        self.healed.notify_waiters();
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::Relaxed)
    }

    /// Waits for this time, or until faults are over.
    pub(crate) async fn sleep(&self, time: Duration) {
        let healed = self.healed.notified();
        if !self.is_healed() {
            // Either is fine.
            let _ = timeout(time, healed).await;
        }
    }

    /// The store's monotonic clock goes on alone.
    pub(crate) fn outlive(&self, time: Duration) {
        self.clock.outlive(time);
    }

    fn when(&self, due: Due) -> When {
        match due {
            Due::After(pause) => When::Instant(self.clock.instant() + pause),
            Due::At(date) => When::Date(date),
            _ => When::Instant(self.clock.instant()),
        }
    }

    /// The store has accepted a job, or knew it already.
    pub(crate) fn accepted(&self, job: TaskId, due: Due) {
        let when = self.when(due);
        self.with(|state| {
            if let Entry::Vacant(due) = state.dues.entry(job) {
                due.insert(when);
                state.writes(job, What::Accepts);
            }
        });
    }

    /// Somebody has changed when a job is due.
    pub(crate) fn is_due(&self, job: TaskId, due: Due) {
        let when = self.when(due);
        self.with(|state| state.dues.insert(job, when));
    }

    /// The date that a job waits for, if that is still to come.
    pub(crate) fn waits_for(&self, job: TaskId) -> Option<SystemTime> {
        self.date(job).filter(|date| self.clock.wall.now() < *date)
    }

    /// When the date of a job had come, if it waited for one.
    pub(crate) fn came(&self, job: TaskId) -> Option<Instant> {
        let since = self.clock.wall.now().duration_since(self.date(job)?).ok()?;
        clock::now().checked_sub(since)
    }

    fn date(&self, job: TaskId) -> Option<SystemTime> {
        self.with(|state| match state.dues.get(&job)? {
            When::Date(date) => Some(*date),
            When::Instant(_) => None,
        })
    }

    /// The store gives a job away, which it may not before its time.
    pub(crate) fn claimed(&self, lease: Lease, instance: InstanceId) {
        let (instant, wall) = (self.clock.instant(), self.clock.wall.now());
        self.with(|state| {
            let Lease { job, token, .. } = lease;
            let early = match state.dues.get(&job) {
                Some(When::Instant(due)) => due.saturating_duration_since(instant),
                Some(When::Date(due)) => {
                    state.seen.dates += 1;
                    due.duration_since(wall).unwrap_or_default()
                }
                None => Duration::MAX,
            };
            if !early.is_zero() {
                let what = format!("job {job} was claimed {early:?} before its time");
                state.wrong.push(what);
            }
            if !state.issued.insert((job, token)) {
                let what = format!("job {job} was given away twice with token {token}");
                state.wrong.push(what);
            }
            state.running.insert(job, lease);
            state.holds(lease, instance, instant);
            let (job, instance) = (state.story.job(job), state.story.instance(instance));
            state.story.write(What::Claims(job, token, instance));
        });
    }

    /// The store says that a lease holds.
    pub(crate) fn renewed(&self, lease: Lease, instance: InstanceId) {
        let instant = self.clock.instant();
        self.with(|state| {
            state.holds(lease, instance, instant);
            state.writes(lease.job, |job| What::Renews(job, lease.token));
        });
    }

    /// The store hears of an instance.
    pub(crate) fn lives(&self, instance: InstanceId) {
        let instant = self.clock.instant();
        self.with(|state| {
            state.alive.insert(instance, instant);
            let instance = state.story.instance(instance);
            state.story.write(What::Lives(instance));
        });
    }

    /// The leases that an instance has as far as the store knows.
    pub(crate) fn held_by(&self, instance: InstanceId) -> Vec<Lease> {
        self.with(|state| {
            let running = state.running.values().copied();
            let is_its = |lease: &Lease| state.newest[&lease.job].instance == instance;
            running.filter(is_its).collect()
        })
    }

    /// The jobs that are claimed, and neither settled nor taken back.
    pub(crate) fn running(&self) -> Vec<TaskId> {
        self.with(|state| state.running.keys().copied().collect())
    }

    /// The store takes a job from its instance, which it may only when the instance has given no
    /// sign of life for the length of a lease, or has not named this one.
    pub(crate) fn taken(&self, job: TaskId, lease: Duration) {
        let instant = self.clock.instant();
        self.with(|state| {
            state.running.remove(&job);
            let Some(claimed) = state.newest.get(&job).copied() else {
                return;
            };
            let token = claimed.lease.token;
            state.taken.insert((job, token), clock::now());
            let alive = state.alive.get(&claimed.instance);
            let silent = alive.map(|alive| instant.duration_since(*alive));
            let unnamed = instant.duration_since(claimed.held);
            if unnamed < lease && silent.is_some_and(|silent| silent < lease) {
                let what = format!("job {job} was taken {unnamed:?} after its lease was renewed");
                state.wrong.push(what);
            }
            state.writes(job, |job| What::Loses(job, token));
        });
    }

    /// The store has forgotten a claim: whatever is done under it is worth nothing.
    pub(crate) fn forgotten(&self, lease: Lease) {
        self.with(|state| {
            let Lease { job, token, .. } = lease;
            state.running.remove(&job);
            state.taken.insert((job, token), clock::now());
            state.writes(job, |job| What::Forgets(job, token));
        });
    }

    /// An attempt begins in a process where an older one of the same job goes on, and was not told
    /// to end.
    pub(crate) fn runs_beside(&self, job: TaskId, older: i64, newer: i64) {
        let what = format!(
            "job {job} began with token {newer} beside its attempt with token {older}, which was \
             not told to end"
        );
        self.with(|state| state.wrong.push(what));
    }

    /// A settlement was applied, which it may only while its lease holds; or it is repeated.
    pub(crate) fn settled(&self, lease: Lease, next: &Next) {
        let again = match next {
            Next::Retry(due) | Next::Snooze(due) => Some(self.when(*due)),
            _ => None,
        };
        self.with(|state| {
            let Lease { job, token, .. } = lease;
            if !state.settled.insert((job, token)) {
                return;
            }
            state.running.remove(&job);
            state.dues.extend(again.map(|when| (job, when)));
            let newest = state.newest.get(&job).map(|claimed| claimed.lease);
            if newest != Some(lease) || state.taken.contains_key(&(job, token)) {
                let what = format!("job {job} was settled with token {token}, which is stale");
                state.wrong.push(what);
            }
            state.writes(job, |job| What::Settles(job, token));
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
            state.writes(job, |job| What::Begins(job, token));
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
            state.writes(job, |job| What::Ends(job, token));
        });
    }

    pub(crate) fn seen(&self) -> Seen {
        self.with(|state| state.seen)
    }

    pub(crate) fn story(&self) -> Vec<Line> {
        self.with(|state| state.story.lines().to_vec())
    }
}

impl State {
    fn holds(&mut self, lease: Lease, instance: InstanceId, held: Instant) {
        let claimed = Claimed {
            lease,
            instance,
            held,
        };
        self.newest.insert(lease.job, claimed);
    }

    fn writes(&mut self, job: TaskId, what: impl FnOnce(usize) -> What) {
        let job = self.story.job(job);
        self.story.write(what(job));
    }
}
