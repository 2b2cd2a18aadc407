//! The names of the contenders, and what each cannot do.

use crate::workload::Workload;

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
    /// The same, yielding after every 64.
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
    /// The same, with `parallelize(tokio::spawn)`.
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

    /// Whether it has a row in the table of `workload`: a variant only where it differs.
    pub(crate) fn appears_in(self, workload: Workload) -> bool {
        use Workload::{W1, W1x, W2, W3, W4a, W4b, W4c, W5, W6};
        match self {
            Self::EveryOption => matches!(workload, W1 | W2 | W1x | W3 | W4a | W5),
            Self::Precise => matches!(workload, W4b | W4c | W6),
            Self::Timer => workload == W5,
            Self::KindSpawn | Self::Sketch => matches!(workload, W1 | W2 | W5),
            Self::ApalisParallel => matches!(workload, W1 | W2),
            _ => true,
        }
    }

    /// Why it cannot do `workload`; none if it can.
    pub(crate) fn cannot(self, workload: Workload) -> Option<&'static str> {
        use Workload::{Bound, Stop, StopFull, StopRetry, W1x, W4a, W4b, W4c, W6, W7};
        let later = matches!(workload, W4a | W4b | W4c | W6);
        let stop = matches!(workload, Stop | StopRetry | StopFull);
        match self {
            Self::Spawn | Self::KindSpawn => match workload {
                W7 | Bound => Some("it has no bound, so nothing is ever full"),
                _ if stop => Some("it has no stop: what has not run when its runtime ends is gone"),
                _ => None,
            },
            Self::Semaphore if workload == W1x => Some("tokio's semaphore has no blocking acquire"),
            Self::Semaphore if later => Some("it has no timer: the row of spawn sleeps instead"),
            Self::AsyncChannel | Self::Flume | Self::Kanal if later => {
                Some("a channel has no timer: the row of spawn sleeps instead")
            }
            Self::Flume if workload == StopFull => {
                Some("it has no close: its workers end when the last waiting producer has gone")
            }
            Self::Kanal if workload == StopFull => {
                Some("its close throws away what is in the channel")
            }
            Self::Apalis | Self::ApalisParallel => match workload {
                W1x => Some("its sink is asynchronous only"),
                _ if later || workload == W7 => {
                    Some("its memory store ignores the time: a task for tomorrow runs now")
                }
                StopFull | Bound => Some("its memory store has no bound, so nobody waits for room"),
                _ => None,
            },
            Self::DelayQueue if !later => Some("it only delays: it has no queue and no workers"),
            Self::Cron if !later => Some("it only schedules: it has no queue and no workers"),
            _ => None,
        }
    }
}
