//! The settings of a manager beyond its size.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Wall;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::manager::TaskManager;
use crate::memory::Memory;
use crate::memory::scheduler::Precision;

/// Builds a [`TaskManager`]: made by [`TaskManager::builder`].
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::TaskManager;
///
/// let tasks = TaskManager::builder()
///     .workers(16)
///     .queue_size(1_000)
///     .server_name("mailer")
///     .grace(Duration::from_secs(10))
///     .build()?;
/// # Ok::<(), marionette::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct Builder {
    config: Config,
    grace: Duration,
    precision: Precision,
    wall: Wall,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            config: Config::default(),
            grace: Duration::from_secs(5),
            precision: Precision::default(),
            wall: Wall::default(),
        }
    }
}

impl Builder {
    /// All of this config. Default is [`Config::default`], which also stands for one that
    /// [is zero](Config::is_zero).
    pub fn config(self, config: Config) -> Self {
        Self {
            config: config.or_default(),
            ..self
        }
    }

    /// The number of workers. Default is 4.
    pub fn workers(mut self, workers: usize) -> Self {
        self.config.workers = workers;
        self
    }

    /// How many tasks wait for a worker before `queue` waits too. Default is 64; zero hands each
    /// task over to a free worker.
    pub fn queue_size(mut self, queue_size: usize) -> Self {
        self.config.queue_size = queue_size;
        self
    }

    /// The name in every span and event. Default is "marionette".
    pub fn server_name(mut self, server_name: impl Into<String>) -> Self {
        self.config.server_name = server_name.into();
        self
    }

    /// How long an attempt may still run once it was asked to end: by its timeout, a cancellation,
    /// or a stop that cannot wait. Then its future is dropped. Default is 5 s.
    pub fn grace(self, grace: Duration) -> Self {
        Self { grace, ..self }
    }

    /// Keeps the time of future tasks to within microseconds, with a thread of its own, where
    /// otherwise it is the runtime's timer with whole milliseconds. Default is no.
    ///
    /// The thread goes by real time: not for tests on a paused clock.
    pub fn precise(mut self) -> Self {
        self.precision = Precision::Microseconds;
        self
    }

    /// The wall clock by which schedules go, for tests that step it. Default is the system's.
    #[cfg(feature = "test-util")]
    pub fn wall_clock(self, clock: &crate::testing::WallClock) -> Self {
        Self {
            wall: clock.0.clone(),
            ..self
        }
    }

    /// Checks the settings and makes the manager, which is not running yet.
    ///
    /// # Errors
    ///
    /// As [`Config::validate`]: one message that names everything that is wrong.
    pub fn build(self) -> Result<TaskManager, ConfigError> {
        self.config.validate()?;
        let engine = Engine::new(self.config, self.grace, self.wall, self.precision);
        Ok(TaskManager::from_parts(
            Arc::new(engine),
            None,
            Arc::new(Memory),
        ))
    }
}
