//! The settings of a store.

#[cfg(feature = "tls")]
use std::path::PathBuf;
use std::time::Duration;

use marionette::store::Timing;

use crate::clock::Clock;
use crate::durability::Durability;

/// How a [`RedisStore`](crate::RedisStore) is connected; made by
/// [`RedisStore::options`](crate::RedisStore::options).
///
/// The times have to be the same in all processes that share a store.
#[derive(Clone, Debug)]
#[must_use]
pub struct RedisOptions {
    pub(crate) settings: Settings,
    /// The name of the store, if somebody gave it one here.
    pub(crate) name: Option<String>,
    /// What is waited for, if somebody said it here.
    pub(crate) durability: Option<Durability>,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) clock: Clock,
    pub(crate) timing: Timing,
    pub(crate) keep_done: Duration,
    pub(crate) keep_done_count: u64,
    pub(crate) keep_failed: Duration,
    pub(crate) durability: Durability,
    #[cfg(feature = "tls")]
    pub(crate) ca_file: Option<PathBuf>,
    /// The file of the certificate, and that of its key.
    #[cfg(feature = "tls")]
    pub(crate) client_certificate: Option<(PathBuf, PathBuf)>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        const HOUR: Duration = Duration::from_secs(60 * 60);
        let mut timing = Timing::default();
        timing.lease = Duration::from_secs(15);
        timing.renew = Duration::from_secs(1);
        timing.sweep = Duration::from_secs(5);
        timing.poll = Duration::from_secs(1);
        let settings = Settings {
            name: "marionette".to_owned(),
            clock: Clock::default(),
            timing,
            keep_done: 24 * HOUR,
            keep_done_count: 100_000,
            keep_failed: 30 * 24 * HOUR,
            durability: Durability::Server,
            #[cfg(feature = "tls")]
            ca_file: None,
            #[cfg(feature = "tls")]
            client_certificate: None,
        };
        Self {
            settings,
            name: None,
            durability: None,
        }
    }
}

impl RedisOptions {
    /// The name of the store, which its keys begin with. Default is `marionette`. It has the
    /// characters that a [`Name`](marionette::store::Name) has.
    ///
    /// Stores of different names on one server have nothing in common. An address may name the
    /// store too, `redis://host?name=shop`; if both do and differ, it is not connected.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
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

    /// How long a job may go unnoticed if the message about it is lost. Default is 1 s.
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

    /// When a change counts as made: for jobs that are accepted, attempts that end, and changes by
    /// people. Default is [`Durability::Server`].
    ///
    /// Claims and signs of life never wait: a claim that the server loses is worth nothing, and its
    /// job runs again.
    ///
    /// Processes that share a store may differ in this. An address may say it too: behind its `?`
    /// stands `durability=` and `server`, `synced` or `replicated:2`. If both do and differ, it is
    /// not connected.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), marionette::store::StoreError> {
    /// use marionette_redis::{Durability, RedisStore};
    ///
    /// let options = RedisStore::options().durability(Durability::Synced);
    /// let store = options.connect("redis://queue.example.org").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = Some(durability);
        self
    }

    /// The clocks of the store, for a test that moves them. Default is the server's clock, and the
    /// system's by which an instance is found dead.
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }

    /// The file (PEM) of the authorities that may have signed the server's certificate, for
    /// `rediss://`. Default are those that the machine trusts.
    ///
    /// The file is read for each new connection.
    #[cfg(feature = "tls")]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings.ca_file = Some(file.into());
        self
    }

    /// The files (PEM) of the certificate that a server asks its clients for, and of its private
    /// key, for `rediss://`. Default is none.
    ///
    /// The files are read for each new connection, so they can be renewed while the store is used.
    #[cfg(feature = "tls")]
    pub fn client_certificate(
        mut self,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.settings.client_certificate = Some((certificate.into(), key.into()));
        self
    }
}
