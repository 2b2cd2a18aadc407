//! A durable job, and what running it does.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::log::Log;
use crate::samples::Samples;
use crate::tally::Tally;

/// The job that every contender keeps: 20 to 40 bytes as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Which one.
    pub index: u32,
    /// When it was offered, or is due, in nanoseconds; the workload knows by which clock.
    pub at: i64,
}

/// `count` jobs that are only counted.
#[must_use]
pub fn counted(count: u32) -> Vec<Job> {
    (0..count).map(|index| Job { index, at: 0 }).collect()
}

/// What running a job does.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Nothing but being counted.
    Count {
        /// When the first one started.
        first: &'static OnceLock<Instant>,
        /// Counts them.
        tally: &'static Tally,
    },
    /// Says how long it waited since it was offered.
    Wait {
        /// What `at` counts from.
        base: Instant,
        /// Where it says so.
        waits: &'static Samples,
        /// Counts them.
        tally: &'static Tally,
    },
    /// Says how late it is by the wall clock.
    Late {
        /// Where it says so.
        lateness: &'static Samples,
        /// Counts them.
        tally: &'static Tally,
    },
    /// Takes its time, and writes its start and its end where a killed process cannot forget them.
    Log {
        /// Where it writes.
        log: &'static Log,
        /// How long it takes.
        takes: Duration,
    },
}

impl Work {
    /// Jobs that count, and the moment of the first start.
    #[must_use]
    pub fn count(tally: &'static Tally) -> (Self, &'static OnceLock<Instant>) {
        let first = Box::leak(Box::default());
        (Self::Count { first, tally }, first)
    }

    /// Runs a job.
    pub async fn run(self, job: Job) {
        match self {
            Self::Count { first, tally } => {
                first.get_or_init(clock::now);
                tally.add();
            }
            Self::Wait { base, waits, tally } => {
                let waited = clock::nanos_between(base, clock::now()) - job.at;
                waits.record(job.index, waited);
                tally.add();
            }
            Self::Late { lateness, tally } => {
                lateness.record(job.index, clock::wall_nanos() - job.at);
                tally.add();
            }
            Self::Log { log, takes } => {
                log.start(job.index);
                tokio::time::sleep(takes).await;
                log.done(job.index);
            }
        }
    }
}
