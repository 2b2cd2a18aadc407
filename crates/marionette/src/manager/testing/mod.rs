//! Helpers for testing code that uses tasks, with the feature `test-util`.
//!
//! Everything runs on tokio's paused clock (`#[tokio::test(start_paused = true)]`): delays,
//! backoffs and timeouts pass at once and in their order, and the wall clock of schedules moves
//! along.

mod context;
mod queued;

use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::clock::Wall;
use crate::durable::Durable;
use crate::manager::TaskManager;
use crate::memory_store::MemoryOptions;
use crate::store::JobState;
use crate::store::inspect::{Filter, Page};

pub use context::{ContextBuilder, context, perform};
pub use queued::queued;

/// Runs all tasks of the manager, future tasks and retries included, until none is left.
///
/// On the paused clock, draining is deterministic and takes no time.
///
/// With a store, drains until the store holds no job that this manager could run, now or later.
/// Jobs of other kinds, jobs in queues that are paused or that the manager does not work on, and
/// jobs that another process runs are not waited for. A store that goes by real time, such as a
/// file, takes real time.
///
/// # Panics
///
/// Panics if the manager is not running, since the wait would never end, and if its store cannot be
/// asked.
///
/// # Cancel safety
///
/// Nothing is lost if the future is dropped.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::{Context, TaskManager, testing};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?;
/// tasks.start();
/// tasks.delay(Duration::from_secs(86_400), async |_: Context| Ok(())).await?;
/// testing::drain(&tasks).await;
/// assert_eq!(tasks.stats().done, 1);
/// # Ok(())
/// # }
/// ```
pub async fn drain<S: ?Sized>(tasks: &TaskManager<S>) {
    let mut pause_min = PAUSE_MIN;
    loop {
        assert!(
            tasks.is_running(),
            "a task manager that is not running cannot be drained"
        );
        tasks.idle().await;
        let next = match tasks.durable_part() {
            None => tasks.next_due(),
            Some(durable) => next_job(durable).await,
        };
        let Some(next) = next else { return };
        sleep(next.max(pause_min)).await;
        // The store may use another clock: a job that is due by ours may become due there only
        // later.
        pause_min = if next.is_zero() {
            (2 * pause_min).min(PAUSE_MAX)
        } else {
            PAUSE_MIN
        };
    }
}

/// The shortest pause: tokio's clock counts whole milliseconds, and a shorter pause would not
/// advance it.
const PAUSE_MIN: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How long it is until the next job that this manager could run is due.
async fn next_job(durable: &Durable) -> Option<Duration> {
    const ASKED: &str = "a store that is drained can be asked";

    let store = &durable.store;
    let wanted = durable.wanted();
    if wanted.kinds.is_empty() {
        return None;
    }
    let paused = store.paused_queues().await.expect(ASKED);
    let filter = Filter::new()
        .states([JobState::Ready, JobState::Scheduled, JobState::Retrying])
        .kinds(wanted.kinds.iter())
        .queues(wanted.queues.iter());
    let mut page = Page {
        limit: 1_000,
        ..Page::default()
    };
    let mut next: Option<SystemTime> = None;
    loop {
        let listed = store.list(filter.clone(), page).await.expect(ASKED);
        let jobs = listed.jobs.iter();
        let due = jobs
            .filter(|job| !paused.iter().any(|paused| paused.queue == job.queue))
            .map(|job| job.due);
        next = next.into_iter().chain(due).min();
        page.after = listed.next;
        if page.after.is_none() {
            let now = Wall::default().now();
            return next.map(|due| due.duration_since(now).unwrap_or_default());
        }
    }
}

/// A wall clock that a test can step, as an operator or NTP would.
/// [`TaskManagerBuilder::wall_clock`](crate::TaskManagerBuilder::wall_clock) takes it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::{TaskManager, testing::WallClock};
///
/// let wall = WallClock::new();
/// let tasks = TaskManager::builder().wall_clock(&wall).build()?;
/// wall.step_forward(Duration::from_secs(3600)); // somebody sets the clock
/// # Ok::<(), marionette::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WallClock(pub(crate) Wall);

impl WallClock {
    /// A clock that shows the system's time, and follows tokio's clock while that is paused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that shows `time` now, and follows tokio's clock alone from then on: while that
    /// clock is paused, every run sees the same times.
    #[must_use]
    pub fn starting_at(time: SystemTime) -> Self {
        Self(Wall::starting_at(time))
    }

    /// The time that the clock shows.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.0.now()
    }

    /// Steps the clock forward, by at most 292 years; a longer step counts as that.
    pub fn step_forward(&self, by: Duration) {
        self.0
            .step_by(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
    }

    /// Steps the clock back, by at most 292 years; a longer step counts as that.
    pub fn step_back(&self, by: Duration) {
        self.0
            .step_by(i64::try_from(by.as_nanos()).map_or(i64::MIN, |nanos| -nanos));
    }
}

impl MemoryOptions {
    /// The wall clock that the store follows, for tests that step it. Default is the system's.
    pub fn wall_clock(self, clock: &WallClock) -> Self {
        self.wall(clock.0.clone())
    }
}
