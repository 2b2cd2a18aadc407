//! The world: an hour in which everything goes wrong, and the time after it.

mod events;
mod healing;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use marionette::inspect::Inspect;
use marionette::store::{Inserted, JobState, NewJob, Store};
use marionette::{MemoryStore, TaskId};
use marionette_conformance::history::{Event, Events, Finals, History};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::board::Board;
use crate::clock::{self, Clocks};
use crate::link::Link;
use crate::plan::Plan;
use crate::process::Process;
use crate::report::Report;
use crate::store::{Server, SimStore};
use crate::story::Line;

/// Lives through one world.
///
/// # Panics
///
/// Panics if no runtime can be made.
#[must_use]
pub fn run(seed: u64) -> Report {
    live(seed).0
}

/// Lives through one world, and returns what happened in it, line by line. Two runs of one seed
/// return the same.
///
/// # Panics
///
/// Panics if no runtime can be made.
#[must_use]
pub fn story(seed: u64) -> Vec<String> {
    let (_, events, lines) = live(seed);
    let lines = lines.iter().map(ToString::to_string);
    events.shape().into_iter().chain(lines).collect()
}

fn live(seed: u64) -> (Report, Events, Vec<Line>) {
    // The first id of a thread draws random numbers.
    let _ = TaskId::new();
    // The pauses of the engine are random as well.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without input and output can be made");
    runtime.block_on(async {
        let mut world = World::new(seed);
        world.turmoil().await;
        let healed = world.heal().await;
        world.end(healed).await
    })
}

struct World {
    seed: u64,
    rng: Rng,
    plan: Plan,
    server: Server,
    /// By name; `None` while a process is down.
    processes: Vec<Option<Process>>,
    started: u64,
    clocks: Clocks,
    counts: Counts,
    killed: UnboundedReceiver<u64>,
    kill: UnboundedSender<u64>,
    producer: Producer,
    producers: JoinSet<()>,
    jobs: Vec<TaskId>,
}

/// Counts of events.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    crashes: usize,
    jumps: usize,
    suspends: usize,
    /// Claims that the store forgot.
    forgotten: usize,
    /// Jobs that still waited for a date once faults had stopped.
    dated: usize,
}

/// A producer inserts jobs, over a link of its own.
#[derive(Clone)]
struct Producer {
    store: SimStore,
    history: Arc<History>,
}

/// The number of the producer in the history; the world itself is 0.
const PRODUCER: u64 = 1;

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng);
        let clocks = Clocks::new(plan.processes);
        if plan.skew {
            clocks.skew(&mut rng);
        }
        let store = MemoryStore::options()
            .lease(plan.lease)
            .sweep(plan.sweep)
            .poll(plan.poll)
            // Nothing is pruned: all jobs are checked at the end of a world that may be long.
            .keep_done(Duration::MAX)
            .keep_failed(Duration::MAX)
            .wall_clock(&clocks.store.wall)
            .build();
        let history = Arc::new(History::in_memory(0));
        let server = Server {
            store,
            history: Arc::clone(&history),
            board: Arc::new(Board::new(clocks.store.clone())),
        };
        let (kill, killed) = unbounded_channel();
        let producer = Producer {
            store: SimStore {
                server: server.clone(),
                link: Arc::new(Link::new(rng.fork(), plan.faults, plan.lease)),
            },
            history: Arc::new(history.of(PRODUCER)),
        };
        let mut world = Self {
            seed,
            processes: (0..plan.processes).map(|_| None).collect(),
            rng,
            plan,
            server,
            started: PRODUCER,
            clocks,
            counts: Counts::default(),
            killed,
            kill,
            producer,
            producers: JoinSet::new(),
            jobs: Vec::new(),
        };
        (0..world.plan.processes).for_each(|name| world.start(name));
        world
    }

    fn start(&mut self, name: usize) {
        self.started += 1;
        self.processes[name] = Some(Process::start(
            self.started,
            name,
            &self.plan,
            (&self.server, &self.clocks.processes[name]),
            self.rng.fork(),
            self.kill.clone(),
        ));
    }

    /// Things go wrong.
    async fn turmoil(&mut self) {
        let end = clock::now() + self.plan.turmoil;
        while clock::now() < end {
            let pause = self.plan.pause.mul_f64(-self.rng.f64().max(1e-9).ln());
            let pause = pause.min(end - clock::now());
            match timeout(pause, self.killed.recv()).await {
                Ok(Some(number)) => self.was_killed(number),
                Ok(None) | Err(_) => self.event().await,
            }
        }
    }

    /// Stops all managers, and checks the history.
    async fn end(mut self, healed: Option<Duration>) -> (Report, Events, Vec<Line>) {
        for process in self.processes.iter_mut().filter_map(Option::take) {
            process.stop(Duration::from_secs(10)).await;
        }
        sleep(Duration::from_secs(60)).await;
        let events = self.server.history.events();
        let finals = Finals::of(&events, &self.server.store).await;
        let finals = finals.expect("the store itself has no faults");
        let faults = events.faults(&finals).into_iter();
        let mut faults: Vec<String> = faults.map(|fault| fault.to_string()).collect();
        if healed.is_none() {
            faults.push("liveness: not all ended in time".to_owned());
        }
        faults.extend(self.server.board.wrong());
        self.quarantined(&mut faults).await;
        let states = [
            JobState::Done,
            JobState::Dead,
            JobState::Cancelled,
            JobState::Quarantined,
        ];
        let story = self.server.board.story();
        let report = Report {
            seed: self.seed,
            jobs: events.accepted().len(),
            attempts: events.count(|event| matches!(event, Event::Start(..))),
            crashes: self.counts.crashes,
            jumps: self.counts.jumps,
            suspends: self.counts.suspends,
            forgotten: self.counts.forgotten,
            dated: self.counts.dated,
            taken: events.count(|event| matches!(event, Event::Taken(_))),
            ends: states.map(|state| finals.count(state)),
            healed: healed.unwrap_or_default(),
            seen: self.server.board.seen(),
            faults,
            print: print(&events, &story),
            plan: self.plan,
        };
        (report, events, story)
    }

    /// Three deaths quarantine, and no fewer.
    async fn quarantined(&self, faults: &mut Vec<String>) {
        for job in &self.jobs {
            let details = self.server.store.job(*job).await;
            let Some(details) = details.expect("the store itself has no faults") else {
                continue;
            };
            let summary = details.summary;
            let quarantined = summary.state == JobState::Quarantined;
            if quarantined != (summary.crashes >= 3) && summary.state != JobState::Cancelled {
                let (state, crashes) = (summary.state, summary.crashes);
                faults.push(format!("job {job} is {state} after {crashes} deaths"));
            }
        }
    }
}

/// What happened, without what differs from run to run.
fn print(events: &Events, story: &[Line]) -> u64 {
    let mut hasher = DefaultHasher::new();
    events.shape().hash(&mut hasher);
    story.hash(&mut hasher);
    hasher.finish()
}

impl Producer {
    /// Inserts, and tries again with the same ids while the outcome is unknown.
    async fn insert(self, jobs: Vec<NewJob>, tries: u32) {
        for job in &jobs {
            self.history.write(&Event::AcceptBegin(job.id));
        }
        for tried in 0..tries {
            let ids = jobs.iter().map(|job| job.id);
            match self.store.insert(jobs.clone()).await {
                Ok(inserted) => {
                    for (id, inserted) in ids.zip(inserted) {
                        match inserted {
                            Inserted::Accepted | Inserted::Known => {
                                self.history.write(&Event::Accepted(id));
                            }
                            // An earlier request may still arrive, when there is room again.
                            Inserted::Full if tried > 0 => {}
                            _ => {
                                self.history.write(&Event::Refused(id));
                            }
                        }
                    }
                    return;
                }
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        }
    }
}
