//! The figures of a manager, and what troubles it.

use std::sync::Arc;
use std::time::Duration;

use crate::observe::tally::{Counter, Histogram, Tally};
use crate::observe::worker_view::WorkerView;

/// The figures of a manager at one moment. Counts are of its whole life.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Workers of the manager.
    pub workers: usize,
    /// Tasks that wait for a worker.
    pub queued: usize,
    /// Tasks that run.
    pub running: usize,
    /// Tasks that wait for their time, retries included.
    pub waiting: usize,
    /// Tasks that succeeded.
    pub done: u64,
    /// Tasks that failed for good, or were given up.
    pub failed: u64,
    /// Tasks that were cancelled. One that is cancelled while it waits is counted when it is found.
    pub cancelled: u64,
    /// Tasks that were not started in time.
    pub expired: u64,
    /// Tasks that ended with their manager or its runtime, or as a plain future that a stop
    /// interrupted.
    pub abandoned: u64,
    /// Attempts that failed and were followed by another.
    pub retried: u64,
    /// Attempts that asked to be run again.
    pub snoozed: u64,
    /// Attempts that a stop interrupted.
    pub interrupted: u64,
    /// Attempts that panicked.
    pub panicked: u64,
    /// Attempts that were out of time.
    pub timed_out: u64,
    /// From ready to started, for each start out of the queue; to within a microsecond.
    pub queue_wait: Histogram,
    /// From started to ended, for each attempt; to within a microsecond.
    pub run_time: Histogram,
}

/// Why a manager cannot do its work with jobs: its store answers with an error, or not at all.
///
/// [`TaskManager::trouble`](crate::TaskManager::trouble) returns it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Trouble {
    /// What the manager asks of the store, and so what is not done meanwhile:
    ///
    /// - `"claim"`, `"wait"`: nothing is claimed.
    /// - `"settle"`: what became of jobs is not written. If this goes on until a lease lapses, the
    ///   job is claimed again; a job that had succeeded here does not run again here.
    /// - `"renew"`: leases lapse, and running jobs are asked to end. A new instance claims nothing
    ///   before its first call.
    /// - `"sweep"`: jobs of dead instances are not taken over, and nothing is pruned.
    /// - `"keep"`: the thread that renews the leases could not be started, and nothing is claimed.
    ///   This trouble does not pass by itself; [`start`](crate::TaskManager::start) tries it again.
    pub call: &'static str,
    /// The last error with its sources; `None` if there was no answer yet.
    pub error: Option<String>,
    /// For how long the work behind `call` has not been done.
    pub lasts: Duration,
}

impl Stats {
    /// The sums over these worker views, without the figures of the moment.
    pub(crate) fn of(views: &[Arc<WorkerView>]) -> Self {
        let sum = |counter: fn(&Tally) -> &Counter| {
            views.iter().map(|view| counter(&view.tally).count()).sum()
        };
        Self {
            done: sum(|tally| &tally.done),
            failed: sum(|tally| &tally.failed),
            cancelled: sum(|tally| &tally.cancelled),
            expired: sum(|tally| &tally.expired),
            abandoned: sum(|tally| &tally.abandoned),
            retried: sum(|tally| &tally.retried),
            snoozed: sum(|tally| &tally.snoozed),
            interrupted: sum(|tally| &tally.interrupted),
            panicked: sum(|tally| &tally.panicked),
            timed_out: sum(|tally| &tally.timed_out),
            queue_wait: views
                .iter()
                .map(|view| view.tally.queue_wait.histogram())
                .sum(),
            run_time: views
                .iter()
                .map(|view| view.tally.run_time.histogram())
                .sum(),
            ..Self::default()
        }
    }

    /// Tasks that have come to an end.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.done + self.failed + self.cancelled + self.expired + self.abandoned
    }
}
