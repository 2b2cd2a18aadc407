//! How each durable workload stands in the report.

use crate::durable::setup::Setup;
use crate::durable::workload::DurableWorkload;
use crate::sheet::{Metric, Sheet, less, more, thousands};

/// What is the same in all tables.
pub(super) fn method(in_a_file: bool, on_a_server: bool) -> &'static str {
    match (in_a_file, on_a_server) {
        (true, false) => "2 runtime threads; marionette and raw SQLite in WAL mode",
        (false, true) => "2 runtime threads; each with a server of its own, appendfsync everysec",
        _ => {
            "2 runtime threads; marionette and raw SQLite in WAL mode; each on Redis with a server \
             of its own, appendfsync everysec"
        }
    }
}

/// How many processes idle at once.
pub(super) const IDLERS: usize = 10;

impl DurableWorkload {
    /// Its table before it is filled in.
    pub(super) fn sheet(self, part: u32) -> Sheet {
        Sheet {
            id: self.id(),
            title: self.title(part),
            metrics: self.metrics(),
            base: self.base().map(Setup::label),
        }
    }

    fn title(self, part: u32) -> String {
        let count = thousands(self.count(self.rows()[0], part));
        match self {
            Self::One => {
                format!("enqueue {count} jobs, one producer that awaits each, every commit synced")
            }
            Self::OneNormal => {
                format!("enqueue {count} jobs, one producer that awaits each, commits not synced")
            }
            Self::ServerOne => format!("enqueue {count} jobs, one producer that awaits each"),
            Self::Callers | Self::ServerCallers => {
                format!("enqueue {count} jobs, 64 callers that await each")
            }
            Self::Many => format!("enqueue {count} jobs, 1,000 in a call"),
            Self::ServerMany => {
                format!("enqueue {count} jobs, 1,000 in a call, 4 calls at once")
            }
            Self::Drain => {
                format!("drain {count} jobs that do nothing, until nothing waits or runs")
            }
            Self::ServerDrain => {
                format!("drain {count} jobs that do nothing and are kept, until nothing runs")
            }
            Self::ServerFour => {
                format!("the same, {count} jobs, by one process and by four")
            }
            Self::Latency | Self::ServerLatency => {
                format!("from the call that queues to the start, {count} jobs, 20 a second")
            }
            Self::Due | Self::ServerDue => {
                format!("lateness of {count} jobs that are due within 2 s")
            }
            Self::Killed | Self::ServerKilled => {
                format!(
                    "kill -9 of the worker in the middle of {count} jobs of 5 ms, then a new one"
                )
            }
            Self::Million => format!(
                "{count} jobs wait: open the file, start, run {} of them",
                thousands(Self::opened(part))
            ),
            Self::ServerMillion => format!(
                "{count} jobs of 64 bytes wait that nobody asks for: {} claims of one other job",
                thousands(Self::claimed(part))
            ),
            Self::Idle => format!("{count} s idle"),
            Self::ServerIdle => format!("{count} s, {IDLERS} idle processes"),
        }
    }

    /// Its columns, the one that the ratio is of first.
    pub(super) fn metrics(self) -> &'static [Metric] {
        const RATE: &[Metric] = &[more("per_s", "jobs/s", 0)];
        const SERVER_RATE: &[Metric] = &[
            more("per_s", "jobs/s", 0),
            less("server_us", "server µs/job", 1),
        ];
        const DRAIN: &[Metric] = &[more("per_s", "jobs/s", 0), less("twice", "ran twice", 0)];
        const SERVER_DRAIN: &[Metric] = &[
            more("per_s", "jobs/s", 0),
            less("twice", "ran twice", 0),
            less("server_us", "server µs/job", 1),
        ];
        const LATENCY: &[Metric] = &[
            less("p50_ms", "p50 ms", 2),
            less("p99_ms", "p99 ms", 2),
            less("never", "never ran", 0),
        ];
        const DUE: &[Metric] = &[
            less("p50_ms", "p50 ms", 2),
            less("p99_ms", "p99 ms", 2),
            less("early", "early", 0),
            less("never", "never ran", 0),
        ];
        const KILLED: &[Metric] = &[
            less("lost", "not done", 0),
            less("twice", "done twice", 0),
            less("again_ms", "again after ms", 0),
            less("interrupted", "interrupted", 0),
            less("waiting", "of them not again", 0),
        ];
        const SERVER_KILLED: &[Metric] = &[
            less("lost", "not done", 0),
            less("ended_twice", "two ends", 0),
            less("twice", "done twice", 0),
            less("again_ms", "again after ms", 0),
            less("interrupted", "interrupted", 0),
            less("waiting", "of them not again", 0),
        ];
        const MILLION: &[Metric] = &[
            less("open_ms", "open ms", 1),
            less("first_ms", "first start ms", 1),
            more("per_s", "jobs/s", 0),
            less("bytes", "B/job", 0),
        ];
        const ELSEWHERE: &[Metric] = &[
            less("ratio", "× empty store", 2),
            less("p50_us", "p50 µs", 0),
            less("empty_p50_us", "empty p50 µs", 0),
            less("p99_us", "p99 µs", 0),
            less("empty_p99_us", "empty p99 µs", 0),
            less("bytes", "B/job", 0),
        ];
        const IDLERS: &[Metric] = &[less("commands", "commands/s", 1)];
        const IDLE: &[Metric] = &[less("cpu_s", "CPU s", 4), less("wakeups", "wake-ups", 0)];
        match self {
            Self::One | Self::OneNormal | Self::Callers | Self::Many => RATE,
            Self::ServerOne | Self::ServerCallers | Self::ServerMany => SERVER_RATE,
            Self::Drain | Self::ServerFour => DRAIN,
            Self::ServerDrain => SERVER_DRAIN,
            Self::Latency | Self::ServerLatency => LATENCY,
            Self::Due | Self::ServerDue => DUE,
            Self::Killed => KILLED,
            Self::ServerKilled => SERVER_KILLED,
            Self::Million => MILLION,
            Self::ServerMillion => ELSEWHERE,
            Self::Idle => IDLE,
            Self::ServerIdle => IDLERS,
        }
    }
}
