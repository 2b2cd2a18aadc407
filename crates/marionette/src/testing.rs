//! For tests of code that uses tasks, with the feature `test-util`.
//!
//! Everything runs on tokio's paused clock (`#[tokio::test(start_paused = true)]`): delays,
//! backoffs and timeouts pass at once and in their order, and the wall clock of schedules goes
//! along.

use std::time::Duration;

use tokio::time::sleep;

use crate::clock::Wall;
use crate::manager::TaskManager;
use crate::memory::store::MemoryStoreBuilder;

/// Runs all that the manager has, future tasks and retries included, until nothing is left.
///
/// On the paused clock this is deterministic and takes no time.
///
/// # Panics
///
/// Panics if the manager is not running: it would wait for ever.
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
pub async fn drain(tasks: &TaskManager) {
    loop {
        assert!(
            tasks.is_running(),
            "a task manager that is not running cannot be drained"
        );
        tasks.idle().await;
        let Some(next) = tasks.next_due() else { return };
        // tokio's clock goes in whole milliseconds; less would not let it advance.
        sleep(next.max(Duration::from_millis(1))).await;
    }
}

/// A wall clock that a test can step, as an operator or NTP would: given to
/// [`Builder::wall_clock`](crate::Builder::wall_clock).
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
    /// A clock that shows the system's time, and goes with tokio's clock where that is paused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A clock that shows this time now, and from then on goes with tokio's clock alone: where
    /// that one is paused, it shows the same in every run.
    #[must_use]
    pub fn starting_at(time: std::time::SystemTime) -> Self {
        Self(Wall::starting_at(time))
    }

    /// What it shows.
    #[must_use]
    pub fn now(&self) -> std::time::SystemTime {
        self.0.now()
    }

    /// Steps it forward. Steps of more than 292 years count as that.
    pub fn step_forward(&self, by: Duration) {
        self.0
            .step_by(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX));
    }

    /// Steps it back. Steps of more than 292 years count as that.
    pub fn step_back(&self, by: Duration) {
        self.0
            .step_by(i64::try_from(by.as_nanos()).map_or(i64::MIN, |nanos| -nanos));
    }
}

impl MemoryStoreBuilder {
    /// The wall clock by which the store goes, for tests that step it. Default is the system's.
    pub fn wall_clock(self, clock: &WallClock) -> Self {
        self.wall(clock.0.clone())
    }
}
