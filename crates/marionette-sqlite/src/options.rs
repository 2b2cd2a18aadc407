//! The settings of a store.

use std::time::Duration;

use marionette::store::Timing;

use crate::clock::Clock;

/// When a call that inserts, settles or changes jobs returns `Ok`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// Once it is committed and synced to the disk: it survives a loss of power.
    #[default]
    Full,
    /// Once it is committed: it survives the end of every process, and the last moments may be lost
    /// when the power fails or the system does. The file is never damaged by that.
    Normal,
}

impl Synchronous {
    pub(crate) fn is_full(self) -> bool {
        self == Self::Full
    }
}

/// Whether a file is refused in which somebody has added something to the store's tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Additions {
    #[default]
    Refused,
    Trusted,
}

/// How a [`SqliteStore`](crate::SqliteStore) is opened; made by
/// [`SqliteStore::options`](crate::SqliteStore::options).
///
/// The times have to be the same in all processes that share a file.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette_sqlite::{SqliteStore, Synchronous};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("tasks.db");
/// let store = SqliteStore::options()
///     .synchronous(Synchronous::Normal)
///     .keep_done(Duration::from_secs(60 * 60))
///     .open(path)
///     .await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SqliteOptions {
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) clock: Clock,
    pub(crate) synchronous: Synchronous,
    pub(crate) timing: Timing,
    pub(crate) keep_done: Duration,
    pub(crate) keep_done_count: u64,
    pub(crate) keep_failed: Duration,
    pub(crate) bytes_max: Option<u64>,
    pub(crate) busy: Duration,
    pub(crate) check_owner: bool,
    pub(crate) additions: Additions,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let mut timing = Timing::default();
        timing.lease = Duration::from_secs(15);
        timing.renew = Duration::from_secs(1);
        timing.sweep = Duration::from_millis(500);
        timing.poll = Duration::from_millis(100);
        let settings = Settings {
            clock: Clock::default(),
            synchronous: Synchronous::default(),
            timing,
            keep_done: DAY,
            keep_done_count: 1_000_000,
            keep_failed: 30 * DAY,
            bytes_max: None,
            busy: Duration::from_secs(5),
            check_owner: false,
            additions: Additions::default(),
        };
        Self { settings }
    }
}

impl SqliteOptions {
    /// When a call that inserts, settles or changes jobs returns `Ok`. Default is
    /// [`Synchronous::Full`].
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.settings.synchronous = synchronous;
        self
    }

    /// How long an instance whose process still runs may give no sign of life before it counts as
    /// dead. Default is 15 s. An instance whose process has ended is found at the next sweep.
    ///
    /// Instances give a sign of life every second, and at least three times in this time.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.timing.lease = lease;
        self.settings.timing.renew = self.settings.timing.renew.min(lease / 3);
        self
    }

    /// How often an instance gives a sign of life. Default is 1 s.
    pub fn renew(mut self, renew: Duration) -> Self {
        self.settings.timing.renew = renew;
        self
    }

    /// How often each process clears up. Default is 500 ms.
    pub fn sweep(mut self, sweep: Duration) -> Self {
        self.settings.timing.sweep = sweep;
        self
    }

    /// How long a change by another process may go unnoticed. Default is 100 ms.
    pub fn poll(mut self, poll: Duration) -> Self {
        self.settings.timing.poll = poll;
        self
    }

    /// How long done jobs are kept that do not say it themselves. Default is a day.
    pub fn keep_done(mut self, time: Duration) -> Self {
        self.settings.keep_done = time;
        self
    }

    /// How many of the latest done jobs are kept that do not say for how long. Default is
    /// 1,000,000.
    ///
    /// While jobs end fast there may be more for a moment: less than 10,000, or about a tenth if
    /// more than 100,000 are kept.
    pub fn keep_done_count(mut self, count: u64) -> Self {
        self.settings.keep_done_count = count;
        self
    }

    /// How long dead, cancelled and quarantined jobs are kept. Default is 30 days.
    pub fn keep_failed(mut self, time: Duration) -> Self {
        self.settings.keep_failed = time;
        self
    }

    /// How large the file may become, in bytes; what does not fit is refused as
    /// [full](marionette::store::StoreErrorKind::Full). Default is no limit but the disk.
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        self.settings.bytes_max = Some(bytes);
        self
    }

    /// How long a transaction waits for those of other processes before it fails as
    /// [unavailable](marionette::store::StoreErrorKind::Unavailable). Default is 5 s.
    pub fn busy_timeout(mut self, time: Duration) -> Self {
        self.settings.busy = time;
        self
    }

    /// Whether a file is refused that somebody else can change: whoever writes the jobs decides
    /// what this process does. Default is `false`.
    ///
    /// On Unix, before anything is made or read, and once more when all is open:
    ///
    /// - the file, what SQLite keeps beside it, and the locks of the instances belong to the
    ///   effective user of this process or to root, are regular files with one name or a real
    ///   folder, and nobody else may write them;
    /// - every folder on the way belongs to one of the two as well (also to the owner of `/`, who
    ///   is root in a user namespace), and nobody else may write in it, unless only the owner of a
    ///   file may remove it there, as in `/tmp` (the sticky bit);
    /// - every symbolic link on the way belongs to one of them too.
    ///
    /// What a group may write is safe if the user owns it and nobody else is in that group, as far
    /// as `/etc/passwd` and `/etc/group` tell. Where files have no owner this changes nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette_sqlite::SqliteStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("tasks.db");
    /// let store = SqliteStore::options().check_owner(true).open(path).await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub fn check_owner(mut self, check: bool) -> Self {
        self.settings.check_owner = check;
        self
    }

    /// Trusts what the application has added to the store's tables: triggers and indexes on them,
    /// and foreign keys to them. Default is to refuse a file that has any.
    ///
    /// They belong to the file, so whoever made the file chose what they do, and SQLite runs them
    /// inside of every insert, claim and settlement: one that never ends stops the store. Call
    /// this for a file that only the application writes, which for instance copies each job that
    /// ends into a table of its own by a trigger, or whose orders refer to the jobs about them.
    /// What they cost is added to each operation, and what they refuse fails as
    /// [refused](marionette::store::StoreErrorKind::Refused).
    ///
    /// The columns of the store's tables are never changed by others: a file with more or other
    /// ones, or with a view in the place of a table, is refused with this too.
    pub fn trust_additions(mut self) -> Self {
        self.settings.additions = Additions::Trusted;
        self
    }

    /// The clocks of the store, for a test that moves them. Default is the system's clocks.
    #[cfg(feature = "test-util")]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.settings.clock = clock;
        self
    }
}
