//! How a store is connected.

use std::time::Duration;

use marionette::store::Timing;

use crate::clock::Clock;

/// How a [`PostgresStore`](crate::PostgresStore) is connected; made by
/// [`PostgresStore::options`](crate::PostgresStore::options).
///
/// The times have to be the same in all processes that share a store.
#[derive(Clone, Debug)]
#[must_use]
pub struct PostgresOptions {
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) schema: String,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) keep_done: Duration,
    pub(crate) keep_done_count: u64,
    pub(crate) keep_failed: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let mut timing = Timing::default();
        timing.lease = Duration::from_secs(15);
        timing.renew = Duration::from_secs(1);
        timing.sweep = Duration::from_secs(5);
        timing.poll = Duration::from_secs(1);
        let settings = Settings {
            schema: "marionette".to_owned(),
            clock: Clock::default(),
            timing,
            keep_done: 24 * HOUR,
            keep_done_count: 100_000,
            keep_failed: 30 * 24 * HOUR,
        };
        Self { settings }
    }
}

impl PostgresOptions {
    /// The schema that holds the tables of the store. Default is `marionette`.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.settings.schema = name.into();
        self
    }

    /// How long an instance may give no sign of life before it counts as dead. Default is 15 s.
    ///
    /// Instances give a sign of life every second, and at least three times in this time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.timing.lease = lease;
        self.settings.timing.renew = self.settings.timing.renew.min(lease / 3);
        self
    }

    /// How often an instance that has jobs gives a sign of life. Default is 1 s.
    pub fn renew(mut self, renew: Duration) -> Self {
        self.settings.timing.renew = renew;
        self
    }

    /// How often each process clears up. Default is 5 s.
    pub fn sweep(mut self, sweep: Duration) -> Self {
        self.settings.timing.sweep = sweep;
        self
    }

    /// How long a new job may go unnoticed. Default is 1 s.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.settings.timing.poll = poll;
        self
    }

    /// How long done jobs are kept that do not say it themselves. Default is a day.
    pub fn keep_done(mut self, time: Duration) -> Self {
        self.settings.keep_done = time;
        self
    }

    /// How many of the latest done jobs are kept that do not say for how long. Default is 100,000.
    ///
    /// While jobs end fast there may be some thousand more for a moment.
    pub fn keep_done_count(mut self, count: u64) -> Self {
        self.settings.keep_done_count = count;
        self
    }

    /// How long dead, cancelled and quarantined jobs are kept. Default is 30 days.
    pub fn keep_failed(mut self, time: Duration) -> Self {
        self.settings.keep_failed = time;
        self
    }

    /// The clocks of the store, for a test that moves them. Default is the server's clock, and the
    /// system's by which an instance is found dead.
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }
}
