//! The events of a world: crashes, cuts, changes, suspensions.

use std::time::Duration;

use marionette::inspect::{By, Inspect, Which};
use marionette::store::{Due, InstanceInfo, NewJob};

use super::World;
use crate::link::Connection;
use crate::process::Process;
use crate::store::Server;
use crate::work::Work;

impl World {
    /// A job has killed its process, which soon starts again.
    pub(super) fn was_killed(&mut self, number: u64) {
        let of_it = |process: &Option<Process>| {
            process
                .as_ref()
                .is_some_and(|process| process.number == number)
        };
        if let Some(name) = self.processes.iter().position(of_it) {
            self.crash(name);
            self.start(name);
        }
    }

    pub(super) fn crash(&mut self, name: usize) {
        if let Some(process) = self.processes[name].take() {
            self.counts.crashes += 1;
            process.crash();
        }
    }

    pub(super) async fn event(&mut self) {
        let name = self.rng.usize(..self.processes.len());
        match self.rng.u8(..22) {
            0..8 => self.insert(),
            8..10 if self.plan.crashes => {
                self.crash(name);
                if self.rng.bool() {
                    self.start(name);
                }
            }
            10..12 => match self.processes[name].take() {
                None => self.start(name),
                Some(process) if self.rng.u8(..4) == 0 => {
                    let limit = Duration::from_millis(self.rng.u64(..20_000));
                    tokio::spawn(process.stop(limit));
                    if self.rng.bool() {
                        self.start(name);
                    }
                }
                Some(process) => self.processes[name] = Some(process),
            },
            12..14 if self.plan.cuts => {
                if let Some(process) = &self.processes[name] {
                    let connection = if process.store.link.connection() == Connection::Cut {
                        Connection::Open
                    } else {
                        Connection::Cut
                    };
                    process.store.link.set(connection);
                }
            }
            14..16 => drop(self.server.sweep().await),
            16 => self.meddle().await,
            17 if self.plan.jumps => {
                self.counts.jumps += 1;
                self.clocks.jump(&mut self.rng);
            }
            18 if self.plan.suspends => self.suspend().await,
            19..21 if self.plan.forgets => {
                let claims = self.rng.usize(1..=8);
                self.counts.forgotten += self.server.forget(claims);
            }
            _ => (0..self.processes.len()).for_each(|name| {
                if self.processes[name].is_none() {
                    self.start(name);
                }
            }),
        }
    }

    /// A producer inserts some jobs, possibly for a while.
    fn insert(&mut self) {
        let count = self.rng.usize(1..=8);
        let jobs: Vec<NewJob> = (0..count)
            .map(|_| {
                let now = self.clocks.somebodys(&mut self.rng);
                Work::draw(&mut self.rng, &self.plan, now)
            })
            .collect();
        self.jobs.extend(jobs.iter().map(|job| job.id));
        let tries = self.rng.u32(1..6);
        self.producers
            .spawn(self.producer.clone().insert(jobs, tries));
    }

    /// A person cancels or retries a job, or changes when it is due.
    async fn meddle(&mut self) {
        let Some(job) = self.rng.choice(&self.jobs).copied() else {
            return;
        };
        let which = Which::Ids(vec![job]);
        let Server { store, board, .. } = &self.server;
        let (changed, due) = match self.rng.u8(..5) {
            0 | 1 => {
                let reason = "somebody said so".to_owned();
                (
                    store.cancel(which, reason, By::new("ada", "test")).await,
                    None,
                )
            }
            2 | 3 => (
                store.retry(which, By::new("ada", "test")).await,
                Some(Due::Now),
            ),
            _ => {
                let later = Duration::from_secs(600).mul_f64(self.rng.f64());
                let date = self.clocks.somebodys(&mut self.rng) + later;
                (
                    store.reschedule(which, date, By::new("ada", "test")).await,
                    Some(Due::At(date)),
                )
            }
        };
        let changed = changed.expect("the store itself has no faults");
        if let Some(due) = due.filter(|_| changed > 0) {
            board.is_due(job, due);
        }
    }

    /// Machines are suspended: those of some processes and not that of the store, or all.
    ///
    /// The monotonic clock of a suspended machine stands still, which nothing on that machine can
    /// notice. So where only processes are suspended, the clocks of the store go on instead, and
    /// the processes that are awake renew their leases.
    async fn suspend(&mut self) {
        self.counts.suspends += 1;
        let leases = if self.rng.u8(..8) == 0 { 40.0 } else { 4.0 };
        let time = self.plan.lease.mul_f64(self.rng.f64() * leases);
        if self.rng.u8(..3) == 0 {
            return self.clocks.pass(time);
        }
        let mut awake: Vec<InstanceInfo> = Vec::new();
        for process in self.processes.iter().flatten() {
            let is_awake = self.rng.bool();
            awake.extend(process.store.link.instance().filter(|_| is_awake));
        }
        let step = self.plan.lease / 4;
        let mut left = time;
        while !left.is_zero() {
            let step = step.min(left);
            left -= step;
            self.server.outlive(step);
            self.clocks.pass(step);
            for instance in &awake {
                let leases = self.server.board.held_by(instance.id);
                let renewed = self.server.renew(instance.clone(), leases).await;
                renewed.expect("the store itself has no faults");
            }
            let swept = self.server.sweep().await;
            swept.expect("the store itself has no faults");
        }
    }
}
