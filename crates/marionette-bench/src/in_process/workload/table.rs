//! How each workload stands in the report: its title, its columns, and the base of its ratio.

use crate::in_process::contender::name::Name;
use crate::in_process::workload::{Size, Workload, idle, stop};
use crate::sheet::{Metric, Sheet, less, thousands};

/// Workers and queue are the same in all tables.
pub(crate) const METHOD: &str = "4 workers, 2 runtime threads, queue 64";

impl Workload {
    /// Its table before it is filled in.
    pub(crate) fn sheet(self, size: Size) -> Sheet {
        Sheet {
            id: self.id(),
            title: self.title(size),
            metrics: self.metrics(),
            base: self.base().map(Name::label),
        }
    }

    /// What happens in it, in a line.
    fn title(self, size: Size) -> String {
        let count = |full| thousands(size.of(full));
        match self {
            Self::W1 => format!("{} tasks, one producer on the runtime", count(1_000_000)),
            Self::W2 => format!("{} tasks, four producers on the runtime", count(1_000_000)),
            Self::W1x => {
                format!(
                    "{} tasks, one producer on a thread outside the runtime",
                    count(1_000_000)
                )
            }
            Self::W3 => format!("queue to start, {} tasks at 1,000 a second", count(5_000)),
            Self::W4a => {
                format!(
                    "insert {} future tasks at random times in a day",
                    count(1_000_000)
                )
            }
            Self::W4b => format!(
                "{} tasks due at random times within 2 s: lateness of the start, CPU of the whole",
                count(100_000)
            ),
            Self::W4c => format!(
                "W4b by the wall clock: {} tasks scheduled for times within 2 s",
                count(100_000)
            ),
            Self::W5 => format!("{} tasks that fail twice, no pause", count(100_000)),
            Self::W6 => format!(
                "{} s idle with {} tasks waiting for tomorrow",
                size.of(idle::SECONDS),
                count(100_000)
            ),
            Self::W7 => "a full queue with a due task behind it: CPU; and with 16 producers \
                         hammering: how long a due task and a queued one wait for their start"
                .to_owned(),
            Self::Stop => format!("stop with 64 accepted, {} trials", size.of(stop::TRIALS)),
            Self::StopRetry => format!(
                "stop with 64 accepted that fail once and retry after 20 ms, {} trials",
                size.of(stop::TRIALS)
            ),
            Self::StopFull => {
                "stop while producers wait for room: time beyond the running tasks".to_owned()
            }
            Self::Bound => "accepted before queue waits: queue 64, 4 workers".to_owned(),
        }
    }

    /// Its columns, the one that the ratio is of first.
    pub(crate) fn metrics(self) -> &'static [Metric] {
        const TIME: &[Metric] = &[less("ns", "ns/task", 0)];
        const LATENCY: &[Metric] = &[
            less("p50_us", "p50 µs", 1),
            less("p99_us", "p99 µs", 1),
            less("p999_us", "p99.9 µs", 1),
        ];
        const INSERT: &[Metric] = &[less("ns", "ns/task", 0), less("bytes", "B/task", 0)];
        const DUE: &[Metric] = &[
            less("p50_ms", "p50 ms", 2),
            less("p99_ms", "p99 ms", 2),
            less("cpu_s", "CPU s", 3),
            less("early", "early", 0),
            less("never", "never ran", 0),
        ];
        const IDLE: &[Metric] = &[less("wakeups", "wake-ups", 0), less("cpu_s", "CPU s", 5)];
        const FULL: &[Metric] = &[
            less("cpu_percent", "CPU %", 2),
            less("due_ms", "due p50 ms", 1),
            less("due_max_ms", "due max ms", 1),
            less("queued_ms", "queued p50 ms", 1),
            less("due_by_queued", "due/queued", 2),
        ];
        const LOST: &[Metric] = &[less("lost_percent", "lost %", 2)];
        const BEYOND: &[Metric] = &[less("beyond_ms", "beyond ms", 1)];
        const ACCEPTED: &[Metric] = &[less("accepted", "accepted", 0)];
        match self {
            Self::W1 | Self::W2 | Self::W1x | Self::W5 => TIME,
            Self::W3 => LATENCY,
            Self::W4a => INSERT,
            Self::W4b | Self::W4c => DUE,
            Self::W6 => IDLE,
            Self::W7 => FULL,
            Self::Stop | Self::StopRetry => LOST,
            Self::StopFull => BEYOND,
            Self::Bound => ACCEPTED,
        }
    }

    /// The base of the ratio; none where a ratio says nothing.
    fn base(self) -> Option<Name> {
        match self {
            Self::W1 | Self::W2 => Some(Name::KindSpawn),
            Self::W1x | Self::W3 | Self::W4a | Self::W4b | Self::W4c | Self::W5 => {
                Some(Name::Spawn)
            }
            _ => None,
        }
    }
}
