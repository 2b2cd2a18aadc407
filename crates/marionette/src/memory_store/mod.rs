//! The store in this process: a [`Store`] without a file or a server, for tests and for
//! development, and the reference for all other stores. It has one mutex, simple orders, and no
//! await under the lock.

mod tables;
mod row;
mod lanes;
mod transitions;
mod rest;
mod inspect;
mod activity;
mod sweep;
#[cfg(feature = "test-util")]
mod forgetting;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use crate::clock::{Tick, Wall};
use crate::id::TaskId;
use crate::memory_store::lanes::{Clocks, WantedLanes};
use crate::memory_store::tables::Tables;
use crate::store::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use crate::store::{
    Claim, Claimed, Duty, Ended, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Renewal,
    Settled, Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use crate::sync::Mutex;

/// A store of jobs that lives in this process: its jobs end with the process.
///
/// It is for tests, and for working on a service that will keep its jobs in a file or on a server:
/// it does all that those stores do, and follows tokio's clock, so that a paused test owns its
/// time. In such a test no manager wakes while nothing is due, so days pass at once. Clones are the
/// same store, so several managers can share one.
///
/// A service that wants nothing to survive the process needs no store: a
/// [`TaskManager`](crate::TaskManager) runs closures, and those are faster.
///
/// # Examples
///
/// One manager queues and another one runs, as two processes would on a file or a server:
///
/// ```
/// use marionette::{Context, Job, MemoryStore, TaskManager};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Greet(String);
///
/// impl Job for Greet {
///     const KIND: &'static str = "greet";
///     type Output = String;
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryStore::new();
/// let front = TaskManager::builder().store(store.clone()).build()?;
/// let back = TaskManager::builder()
///     .store(store)
///     .handle(async |greet: Greet, _: Context| Ok(format!("hello, {}", greet.0)))
///     .build()?;
/// back.start();
///
/// let greeted = front.queue(Greet("Ada".into())).await?;
/// assert_eq!(greeted.await?, "hello, Ada");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Inner>,
}

struct Inner {
    timing: Timing,
    wall: Wall,
    state: Mutex<Tables>,
    /// Notified when a job may have become one that can be claimed.
    news: Notify,
    /// Notified when anything happens to a job or an instance.
    stirred: Notify,
    /// How many nanoseconds its monotonic clock is ahead of the clock of this process.
    #[cfg(feature = "test-util")]
    ahead: std::sync::atomic::AtomicU64,
}

/// The settings of a [`MemoryStore`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct MemoryOptions {
    timing: Timing,
    retention: Retention,
    wall: Wall,
}

/// How long jobs that have ended are kept, and how many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    done: Duration,
    done_count: u64,
    failed: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            done: DAY,
            done_count: 10_000,
            failed: 30 * DAY,
        }
    }
}

impl MemoryStore {
    /// A new, empty store with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::options().build()
    }

    /// The settings, to be changed.
    pub fn options() -> MemoryOptions {
        MemoryOptions::default()
    }

    /// Runs `work` under the lock, when the future is first polled.
    fn alone<'a, T: 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables, Clocks) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let answer = {
                let mut state = self.shared.state.lock();
                // The clocks are read under the lock, so a later call never comes with an earlier
                // time.
                let now = self.now();
                work(&mut state, now)
            };
            self.shared.stirred.notify_waiters();
            answer
        })
    }

    /// Runs `work` like [`alone`](Self::alone), for changes that may make a job claimable: notifies
    /// `news` after the unlock.
    fn with_news<'a, T: Send + 'a>(
        &'a self,
        work: impl FnOnce(&mut Tables, Clocks) -> Result<T, StoreError> + Send + 'a,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let answer = self.alone(work).await;
            self.shared.news.notify_waiters();
            answer
        })
    }

    fn now(&self) -> Clocks {
        let (tick, wall, _) = self.shared.wall.show();
        Clocks {
            tick: self.tick(tick),
            wall,
        }
    }

    #[cfg(not(feature = "test-util"))]
    #[allow(clippy::unused_self)] // The twin below has something to add.
    fn tick(&self, tick: Tick) -> Tick {
        tick
    }

    #[cfg(feature = "test-util")]
    fn tick(&self, tick: Tick) -> Tick {
        // No other memory depends on this counter, so it needs no order.
        let nanos = self.shared.ahead.load(std::sync::atomic::Ordering::Relaxed);
        tick.saturating_add(Duration::from_nanos(nanos))
    }

    /// Puts the store's monotonic clock ahead of its managers' clocks by `time`, as if the managers
    /// had been suspended for so long and the store had not. The wall clock of the store is stepped
    /// separately.
    #[cfg(feature = "test-util")]
    pub fn outlive(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let ahead = &self.shared.ahead;
        ahead.fetch_add(nanos, std::sync::atomic::Ordering::Relaxed);
        self.shared.news.notify_waiters();
        self.shared.stirred.notify_waiters();
    }

    /// How long until a wanted job is due, if one waits.
    fn soonest(&self, wanted: &Wanted) -> Option<Duration> {
        let state = self.shared.state.lock();
        let wish = WantedLanes::new(wanted, &state.paused, &state.lanes);
        state.lanes.soonest(&wish, self.now())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = self.shared.state.lock().rows.len();
        let store = &mut f.debug_struct("MemoryStore");
        store.field("jobs", &jobs).finish_non_exhaustive()
    }
}

impl MemoryOptions {
    /// After how long without a sign of life an instance counts as dead. Default is 15 s.
    ///
    /// Instances give at least three signs of life in this time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.timing.lease = lease;
        self.timing.renew = self.timing.renew.min(lease / 3);
        self
    }

    /// How often an instance gives a sign of life. Default is 1 s.
    pub fn renew(mut self, renew: Duration) -> Self {
        self.timing.renew = renew;
        self
    }

    /// How often each manager takes the jobs of dead instances from them. Default is 5 s.
    pub fn sweep(mut self, sweep: Duration) -> Self {
        self.timing.sweep = sweep;
        self
    }

    /// The longest wait for work. Default is 1 s.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.timing.poll = poll;
        self
    }

    /// How long done jobs are kept, unless their own options say it. Default is a day.
    pub fn keep_done(mut self, time: Duration) -> Self {
        self.retention.done = time;
        self
    }

    /// How many done jobs are kept whose options do not say how long: the latest. Default is
    /// 10,000.
    pub fn keep_done_count(mut self, count: u64) -> Self {
        self.retention.done_count = count;
        self
    }

    /// How long dead, cancelled and quarantined jobs are kept. Default is 30 days.
    pub fn keep_failed(mut self, time: Duration) -> Self {
        self.retention.failed = time;
        self
    }

    /// The wall clock that the store follows; [`testing`](crate::manager::testing) passes its own.
    #[cfg(feature = "test-util")]
    pub(crate) fn wall(mut self, wall: Wall) -> Self {
        self.wall = wall;
        self
    }

    /// A new, empty store with these settings.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore {
            shared: Arc::new(Inner {
                timing: self.timing,
                wall: self.wall,
                state: Mutex::new(Tables::new(self.retention)),
                news: Notify::new(),
                stirred: Notify::new(),
                #[cfg(feature = "test-util")]
                ahead: std::sync::atomic::AtomicU64::new(0),
            }),
        }
    }
}

impl Store for MemoryStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.with_news(move |state, now| state.insert(jobs, now))
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.alone(move |state, now| state.claim(&claim, now))
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.alone(move |state, now| Ok(state.renew(instance, &leases, now)))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.with_news(move |state, now| state.settle(settlements, now))
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.with_news(move |state, now| Ok(state.sweep(&self.shared.timing, now)))
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        self.alone(move |state, _| {
            state.leave(instance);
            Ok(())
        })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            // Listening begins before looking, so no news falls between the two.
            let news = self.shared.news.notified();
            let poll = self.shared.timing.poll;
            let pause = self
                .soonest(&wanted)
                .map_or(poll, |soonest| soonest.min(poll));
            if !pause.is_zero() {
                // After news and after a timeout, the caller looks for itself.
                let _ = tokio::time::timeout(pause, news).await;
            }
            Ok(())
        })
    }

    fn rest(&self, duty: Duty) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            self.rest_from(duty).await;
            Ok(())
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.alone(move |state, _| Ok(jobs.into_iter().map(|id| state.ended(id)).collect()))
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn timing(&self) -> Timing {
        self.shared.timing
    }
}

impl Inspect for MemoryStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.alone(|state, now| Ok(state.counts(now)))
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.alone(move |state, now| Ok(state.list(&filter, page, now)))
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.alone(move |state, now| Ok(state.job(id, now)))
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.with_news(move |state, now| Ok(state.retry(&which, by, now)))
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.alone(move |state, now| Ok(state.cancel(&which, &reason, by, now)))
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.alone(move |state, now| Ok(state.delete(&which, by, now)))
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.with_news(move |state, now| Ok(state.reschedule(&which, due, by, now)))
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.alone(move |state, now| {
            state.pause(queue, by, now);
            Ok(())
        })
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.with_news(move |state, now| {
            state.resume(queue, by, now);
            Ok(())
        })
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.alone(|state, _| Ok(state.paused.values().cloned().collect()))
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.alone(move |state, now| Ok(state.activity(&filter, now)))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.alone(|state, now| Ok(state.instances(&self.shared.timing, now)))
    }

    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        self.alone(move |state, now| {
            let wish = WantedLanes::new(&wanted, &state.paused, &state.lanes);
            Ok(state.lanes.unclaimed(&wish, now, overdue))
        })
    }
}

#[cfg(all(test, feature = "test-util"))]
mod tests;
