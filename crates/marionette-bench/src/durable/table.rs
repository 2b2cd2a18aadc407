//! How each durable workload stands in the report.

use crate::durable::setup::Setup;
use crate::durable::workload::DurableWorkload;
use crate::sheet::{Metric, Sheet, less, more, thousands};

/// What is the same in all tables.
pub(super) const METHOD: &str = "2 runtime threads; marionette and raw SQLite in WAL mode";

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
        let count = thousands(self.count(Setup::Ours, part));
        match self {
            Self::One => {
                format!("enqueue {count} jobs, one producer that awaits each, every commit synced")
            }
            Self::OneNormal => {
                format!("enqueue {count} jobs, one producer that awaits each, commits not synced")
            }
            Self::Callers => format!("enqueue {count} jobs, 64 callers that await each"),
            Self::Many => format!("enqueue {count} jobs, 1,000 in a call"),
            Self::Drain => {
                format!("drain {count} jobs that do nothing, until nothing waits or runs")
            }
            Self::Latency => {
                format!("from the call that queues to the start, {count} jobs, 20 a second")
            }
            Self::Due => format!("lateness of {count} jobs that are due within 2 s"),
            Self::Killed => {
                format!(
                    "kill -9 of the worker in the middle of {count} jobs of 5 ms, then a new one"
                )
            }
            Self::Million => format!(
                "{count} jobs wait: open the file, start, run {} of them",
                thousands(Self::opened(part))
            ),
            Self::Idle => format!("{count} s idle"),
        }
    }

    /// Its columns, the one that the ratio is of first.
    pub(super) fn metrics(self) -> &'static [Metric] {
        const RATE: &[Metric] = &[more("per_s", "jobs/s", 0)];
        const DRAIN: &[Metric] = &[more("per_s", "jobs/s", 0), less("twice", "ran twice", 0)];
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
        const MILLION: &[Metric] = &[
            less("open_ms", "open ms", 1),
            less("first_ms", "first start ms", 1),
            more("per_s", "jobs/s", 0),
            less("bytes", "B/job", 0),
        ];
        const IDLE: &[Metric] = &[less("cpu_s", "CPU s", 4), less("wakeups", "wake-ups", 0)];
        match self {
            Self::One | Self::OneNormal | Self::Callers | Self::Many => RATE,
            Self::Drain => DRAIN,
            Self::Latency => LATENCY,
            Self::Due => DUE,
            Self::Killed => KILLED,
            Self::Million => MILLION,
            Self::Idle => IDLE,
        }
    }
}
