//! Faults end, and then every job must end.

use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, Page};
use marionette::store::JobState;
use tokio::time::timeout_at;

use super::World;
use crate::clock;
use crate::plan::Plan;
use crate::work::Work;

impl World {
    /// Ends all faults. Returns how long it takes from then on until every job has ended.
    pub(super) async fn heal(&mut self) -> Option<Duration> {
        self.server.board.heal();
        self.clocks.set_right();
        // For the processes that start from now on.
        self.plan.faults = 0;
        for name in 0..self.processes.len() {
            if self.processes[name].is_none() {
                self.start(name);
            }
            if let Some(process) = &self.processes[name] {
                process.store.link.heal();
            }
        }
        self.producer.store.link.heal();
        // Requests on their way arrive within two leases, and only then are faults over.
        self.go_on(self.plan.lease * 2).await;
        while self.producers.try_join_next().is_some() {}
        assert!(self.producers.is_empty(), "no producer hangs");
        let first = self.all_ends().await?;
        // A job with a date waits for it, and then has no more time than the others had.
        let Some(last) = self.last_date().await else {
            return Some(first);
        };
        self.clocks.set_all(last);
        let second = self.all_ends().await?;
        Some(first.max(second))
    }

    /// Waits until every job has ended that does not wait for a date. Returns how long that takes.
    async fn all_ends(&mut self) -> Option<Duration> {
        let begun = clock::now();
        let patience = self.patience().await;
        loop {
            let open = self.open().await;
            let board = &self.server.board;
            let late = |job: &TaskId| {
                // The time of a job whose date came meanwhile counts from that date.
                let since = board.came(*job).map_or(begun, |came| begun.max(came));
                board.waits_for(*job).is_none() && since.elapsed() >= patience
            };
            if open.iter().all(|job| board.waits_for(*job).is_some()) {
                return Some(begun.elapsed());
            }
            if open.iter().any(late) {
                return None;
            }
            self.go_on(Duration::from_millis(250)).await;
        }
    }

    /// The last date that a job waits for.
    async fn last_date(&mut self) -> Option<SystemTime> {
        let open = self.open().await;
        self.counts.dated = open.len();
        let board = &self.server.board;
        open.iter().filter_map(|job| board.waits_for(*job)).max()
    }

    /// Time passes, in which jobs may still kill their processes.
    async fn go_on(&mut self, time: Duration) {
        let end = clock::now() + time;
        while let Ok(Some(number)) = timeout_at(end, self.killed.recv()).await {
            self.was_killed(number);
        }
    }

    /// Three leases; a job that kills its process does so three times, and each time a lease and
    /// the time to the next sweep pass until that is known.
    async fn patience(&self) -> Duration {
        let Plan { lease, sweep, .. } = self.plan;
        let mut deaths = 0;
        for job in &self.jobs {
            let details = self.server.store.job(*job).await;
            let details = details.expect("the store itself has no faults");
            if let Some(details) = details.filter(|details| !details.summary.state.is_end()) {
                deaths += if Work::kills(&details.payload) { 3 } else { 0 };
            }
        }
        lease * 3 + (lease + sweep * 2) * deaths
    }

    /// The jobs that have not ended.
    async fn open(&self) -> Vec<TaskId> {
        let filter = Filter::new().states([
            JobState::Ready,
            JobState::Scheduled,
            JobState::Retrying,
            JobState::Running,
        ]);
        let page = Page::first(1_000);
        let listed = self.server.store.list(filter, page).await;
        let listed = listed.expect("the store itself has no faults");
        listed.jobs.into_iter().map(|job| job.id).collect()
    }
}
