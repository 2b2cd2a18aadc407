//! The world: an hour in which everything goes wrong, and the time after it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use marionette::inspect::{Inspect, Which};
use marionette::store::{Inserted, JobState, NewJob, Store};
use marionette::{MemoryStore, TaskId};
use marionette_conformance::history::{Event, Events, Finals, History};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout, timeout_at};

use crate::board::{Board, clock};
use crate::link::{Link, Way};
use crate::plan::Plan;
use crate::process::Process;
use crate::report::Report;
use crate::store::{Server, SimStore};
use crate::work::Work;

/// Lives through one world.
///
/// # Panics
///
/// Panics if no runtime can be made.
#[must_use]
pub fn run(seed: u64) -> Report {
    // The first id of a thread draws its beginning.
    let _ = TaskId::new();
    // The pauses of the engine are random too.
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
    /// By name; nobody while a process is down.
    processes: Vec<Option<Process>>,
    started: u64,
    crashes: usize,
    killed: UnboundedReceiver<u64>,
    kill: UnboundedSender<u64>,
    producer: Producer,
    producers: JoinSet<()>,
    jobs: Vec<TaskId>,
}

/// Who inserts jobs, over a link of its own.
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
        let store = MemoryStore::builder()
            .lease(plan.lease)
            .sweep(plan.sweep)
            .poll(plan.poll)
            .build();
        let history = Arc::new(History::in_memory(0));
        let server = Server {
            store,
            history: Arc::clone(&history),
            board: Arc::new(Board::default()),
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
            crashes: 0,
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
            &self.server,
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

    /// A job has killed its process, which soon starts again.
    fn was_killed(&mut self, number: u64) {
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

    fn crash(&mut self, name: usize) {
        if let Some(process) = self.processes[name].take() {
            self.crashes += 1;
            process.crash();
        }
    }

    async fn event(&mut self) {
        let name = self.rng.usize(..self.processes.len());
        match self.rng.u8(..20) {
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
                    let way = if process.store.link.way() == Way::Cut {
                        Way::Open
                    } else {
                        Way::Cut
                    };
                    process.store.link.set(way);
                }
            }
            14..16 => drop(self.server.sweep().await),
            16 => self.meddle().await,
            _ => (0..self.processes.len()).for_each(|name| {
                if self.processes[name].is_none() {
                    self.start(name);
                }
            }),
        }
    }

    /// A producer inserts some jobs, which may take it a while.
    fn insert(&mut self) {
        let count = self.rng.usize(1..=8);
        let jobs: Vec<NewJob> = (0..count)
            .map(|_| Work::draw(&mut self.rng, &self.plan))
            .collect();
        self.jobs.extend(jobs.iter().map(|job| job.id));
        let tries = self.rng.u32(1..6);
        self.producers
            .spawn(self.producer.clone().insert(jobs, tries));
    }

    /// A person cancels or retries a job.
    async fn meddle(&mut self) {
        let Some(job) = self.rng.choice(&self.jobs) else {
            return;
        };
        let which = Which::Ids(vec![*job]);
        let store = &self.server.store;
        let changed = if self.rng.bool() {
            store.cancel(which, "somebody said so".to_owned()).await
        } else {
            store.retry(which).await
        };
        changed.expect("the store itself has no faults");
    }

    /// Faults end. Returns how long it takes from then on until every job has ended.
    async fn heal(&mut self) -> Option<Duration> {
        self.server.board.heal();
        // For those that start from now on.
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
        // What is still on its way arrives within two leases, and only then faults are over.
        self.go_on(self.plan.lease * 2).await;
        while self.producers.try_join_next().is_some() {}
        assert!(self.producers.is_empty(), "no producer hangs");
        let healed = clock::now();
        let patience = self.patience().await;
        while healed.elapsed() < patience {
            if self.all_ended().await {
                return Some(healed.elapsed());
            }
            self.go_on(Duration::from_millis(250)).await;
        }
        None
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

    async fn all_ended(&self) -> bool {
        let counts = self.server.store.counts().await;
        let counts = counts.expect("the store itself has no faults");
        counts
            .iter()
            .all(|count| count.state.is_end() || count.jobs == 0)
    }

    /// Everybody stops, and the books are checked.
    async fn end(mut self, healed: Option<Duration>) -> Report {
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
        Report {
            seed: self.seed,
            jobs: events.accepted().len(),
            attempts: events.count(|event| matches!(event, Event::Start(..))),
            crashes: self.crashes,
            taken: events.count(|event| matches!(event, Event::Taken(_))),
            ends: states.map(|state| finals.count(state)),
            healed: healed.unwrap_or_default(),
            seen: self.server.board.seen(),
            faults,
            print: print(&events),
            plan: self.plan,
        }
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
fn print(events: &Events) -> u64 {
    let mut hasher = DefaultHasher::new();
    events.shape().hash(&mut hasher);
    hasher.finish()
}

impl Producer {
    /// Inserts, and tries again with the same ids if it does not know whether that was done.
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
                            Inserted::Accepted => self.history.write(&Event::Accepted(id)),
                            // An earlier request may still arrive, when there is room again.
                            Inserted::Full if tried > 0 => {}
                            Inserted::Full => self.history.write(&Event::Refused(id)),
                        }
                    }
                    return;
                }
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        }
    }
}
