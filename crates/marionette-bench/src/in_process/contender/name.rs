//! The names of the contenders.

/// A row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Ours: a closure and nothing else, its handle dropped.
    Bare,
    /// Ours: retries, backoff, time-out, context, error text and name on every task.
    EveryOption,
    /// Ours: the precise mode of the scheduler.
    Precise,
    /// Ours: retries that pause, and so pass through the scheduler.
    Timer,
    /// `tokio::spawn` in a loop.
    Spawn,
    /// `tokio::spawn` in a loop that yields after every 64.
    KindSpawn,
    /// `tokio::spawn` behind a semaphore of four permits.
    Semaphore,
    /// A task manager in a hundred lines, by which the aims were set.
    Sketch,
    /// A pool on `async-channel`.
    AsyncChannel,
    /// A pool on `flume`.
    Flume,
    /// A pool on `kanal`.
    Kanal,
    /// `apalis` in memory.
    Apalis,
    /// `apalis` in memory, with `parallelize(tokio::spawn)`.
    ApalisParallel,
    /// `tokio-util`'s `DelayQueue`.
    DelayQueue,
    /// `tokio-cron-scheduler`.
    Cron,
}

impl Name {
    /// Everybody, in the order of the tables.
    pub(crate) const ALL: [Self; 15] = [
        Self::Bare,
        Self::EveryOption,
        Self::Precise,
        Self::Timer,
        Self::Spawn,
        Self::KindSpawn,
        Self::Semaphore,
        Self::Sketch,
        Self::AsyncChannel,
        Self::Flume,
        Self::Kanal,
        Self::Apalis,
        Self::ApalisParallel,
        Self::DelayQueue,
        Self::Cron,
    ];

    /// The name as a person reads it, and as `--only` finds it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Bare => "marionette, bare",
            Self::EveryOption => "marionette, every option",
            Self::Precise => "marionette, precise",
            Self::Timer => "marionette, through the timer",
            Self::Spawn => "spawn",
            Self::KindSpawn => "kind spawn",
            Self::Semaphore => "spawn + semaphore",
            Self::Sketch => "sketch of a manager",
            Self::AsyncChannel => "pool on async-channel",
            Self::Flume => "pool on flume",
            Self::Kanal => "pool on kanal",
            Self::Apalis => "apalis in memory",
            Self::ApalisParallel => "apalis, parallelised",
            Self::DelayQueue => "DelayQueue",
            Self::Cron => "tokio-cron-scheduler",
        }
    }

    /// The contender with this label.
    pub(crate) fn labelled(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.label() == label)
    }
}
