//! K1 and K5, the engine: one of two workers is killed at a random moment, and starts again under
//! the same name; what it had runs again within a second.

use std::collections::HashMap;
use std::time::Duration;

use marionette::TaskId;
use marionette_conformance::history::{Event, Run};

use crate::child::insert;
use crate::clock;
use crate::parent::{Parent, Process, alone, times};
use crate::tail::Tail;
use crate::work::{Way, job};

/// How many workers are killed in every run.
const KILLS: usize = 60;
/// Within this time a job of a dead worker runs again.
const AGAIN: Duration = Duration::from_secs(1);

/// What the history says runs now.
#[derive(Default)]
struct Running {
    runs: HashMap<TaskId, Run>,
    /// When a kill made a job wait, until it runs again.
    waits: HashMap<TaskId, std::time::Instant>,
    again: Vec<Duration>,
}

impl Running {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Start(job, run) => {
                self.runs.insert(job, run);
                if let Some(killed) = self.waits.remove(&job) {
                    self.again.push(killed.elapsed());
                }
            }
            Event::End(job, _) => drop(self.runs.remove(&job)),
            _ => {}
        }
    }

    /// A process is about to be killed. Returns how many jobs it has.
    fn killed(&mut self, process: u64, at: std::time::Instant) -> usize {
        let jobs = self.runs.iter().filter(|(_, run)| run.process == process);
        let jobs: Vec<TaskId> = jobs.map(|(job, _)| *job).collect();
        for job in &jobs {
            self.runs.remove(job);
            self.waits.insert(*job, at);
        }
        jobs.len()
    }
}

#[tokio::test]
async fn what_a_dead_worker_had_runs_again_within_a_second() {
    let _alone = alone();
    let mut parent = Parent::new();
    let store = parent.open().await;
    let mut tail = Tail::new(&parent.path("history"));
    let mut running = Running::default();
    let mut workers: Vec<Process> = (0..2).map(|_| parent.start("work")).collect();
    let (mut first, mut had) = (Vec::new(), 0);
    let begun = clock::now();
    for _ in 0..KILLS * times() {
        let jobs = (0..80).map(|_| {
            let way = if parent.rng.u8(..8) == 0 {
                Way::FailsOnce
            } else {
                Way::Waits
            };
            job(parent.rng.u64(5..40), way)
        });
        insert(&store, &parent.history, jobs.collect()).await;
        let until = clock::now() + Duration::from_millis(parent.rng.u64(20..200));
        while clock::now() < until {
            tail.more()
                .into_iter()
                .for_each(|event| running.hear(event));
            clock::sleep(Duration::from_millis(2));
        }
        let which = parent.rng.usize(..2);
        let victim = workers.swap_remove(which);
        let number = victim.number;
        let killed = clock::now();
        parent.kill(victim);
        tail.more()
            .into_iter()
            .for_each(|event| running.hear(event));
        let lost = running.killed(number, killed);
        had += lost;
        workers.push(parent.start("work"));
        let before = running.again.len();
        while !running.waits.is_empty() {
            tail.more()
                .into_iter()
                .for_each(|event| running.hear(event));
            assert!(killed.elapsed() < AGAIN * 5, "{}", parent.again());
            clock::sleep(Duration::from_millis(2));
        }
        first.extend(running.again[before..].iter().min());
    }
    parent.kill_all(workers);
    let killed = begun.elapsed();
    drop(store);
    let books = parent.end().await;
    println!(
        "{} workers killed in {killed:?}, with {had} jobs: {}",
        KILLS * times(),
        books.tell()
    );
    println!("the first of them runs again after {}", spread(&mut first));
    println!(
        "each of them runs again after {}",
        spread(&mut running.again)
    );
    assert!(had > KILLS, "they had something");
    let slowest = running.again.last().copied().unwrap_or_default();
    assert!(slowest <= AGAIN, "{slowest:?}; {}", parent.again());
}

/// Sorts them, and says how they lie.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| times.get((times.len().saturating_sub(1)) * share / 100);
    format!(
        "p50 {:?}, p90 {:?}, p99 {:?}, at most {:?}",
        at(50),
        at(90),
        at(99),
        times.last()
    )
}
