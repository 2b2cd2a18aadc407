//! How each workload stands in the report: its title, its columns, and whom it compares with.

use crate::contender::name::Name;
use crate::workload::{Size, Workload, idle, stop};

/// A column of a table. Smaller is better in all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    /// Its key in the answer of a child, and in JSON.
    pub(crate) key: &'static str,
    /// Its head in the table.
    pub(crate) head: &'static str,
    /// Decimals in the table.
    pub(crate) decimals: usize,
}

const fn metric(key: &'static str, head: &'static str, decimals: usize) -> Metric {
    Metric {
        key,
        head,
        decimals,
    }
}

impl Workload {
    /// What happens in it, in a line.
    pub(crate) fn title(self, size: Size) -> String {
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
        const TIME: &[Metric] = &[metric("ns", "ns/task", 0)];
        const LATENCY: &[Metric] = &[
            metric("p50_us", "p50 µs", 1),
            metric("p99_us", "p99 µs", 1),
            metric("p999_us", "p99.9 µs", 1),
        ];
        const INSERT: &[Metric] = &[metric("ns", "ns/task", 0), metric("bytes", "B/task", 0)];
        const DUE: &[Metric] = &[
            metric("p50_ms", "p50 ms", 2),
            metric("p99_ms", "p99 ms", 2),
            metric("cpu_s", "CPU s", 3),
            metric("early", "early", 0),
            metric("never", "never ran", 0),
        ];
        const IDLE: &[Metric] = &[
            metric("wakeups", "wake-ups", 0),
            metric("cpu_s", "CPU s", 5),
        ];
        const FULL: &[Metric] = &[
            metric("cpu_percent", "CPU %", 2),
            metric("due_ms", "due p50 ms", 1),
            metric("due_max_ms", "due max ms", 1),
            metric("queued_ms", "queued p50 ms", 1),
            metric("due_by_queued", "due/queued", 2),
        ];
        const LOST: &[Metric] = &[metric("lost_percent", "lost %", 2)];
        const BEYOND: &[Metric] = &[metric("beyond_ms", "beyond ms", 1)];
        const ACCEPTED: &[Metric] = &[metric("accepted", "accepted", 0)];
        match self {
            Self::W1 | Self::W2 | Self::W1x | Self::W5 => TIME,
            Self::W3 => LATENCY,
            Self::W4a => INSERT,
            Self::W4b => DUE,
            Self::W6 => IDLE,
            Self::W7 => FULL,
            Self::Stop | Self::StopRetry => LOST,
            Self::StopFull => BEYOND,
            Self::Bound => ACCEPTED,
        }
    }

    /// Whom the ratio compares with; none where a ratio says nothing.
    pub(crate) fn base(self) -> Option<Name> {
        match self {
            Self::W1 | Self::W2 => Some(Name::KindSpawn),
            Self::W1x | Self::W3 | Self::W4a | Self::W4b | Self::W5 => Some(Name::Spawn),
            _ => None,
        }
    }
}

/// A number with a comma after every three digits.
fn thousands(number: u32) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
