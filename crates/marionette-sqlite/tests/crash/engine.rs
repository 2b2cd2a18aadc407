//! K1 and K5, the engine: instances are killed at random moments, one or two of three at once, and
//! start again under the same name; what they had runs again within a second.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{JobState, Store};
use marionette_conformance::crash::{Books, Parent, Process, Way, insert, job, times};
use marionette_conformance::history::{Event, Run, Tail};

use crate::alone;
use crate::child::GROUND;
use crate::clock;

/// How many instances are killed in every run.
const KILLS: usize = 300;
/// Each has a file of its own, and they do not wait for each other.
const TOWNS: usize = 2;
/// How many instances live on a file.
const INSTANCES: usize = 3;
/// Within this time a job of a dead instance runs again, on a machine that does not stand still.
const AGAIN: Duration = Duration::from_secs(1);

/// What the history says runs now.
#[derive(Default)]
struct Running {
    runs: HashMap<TaskId, Run>,
    /// When a kill made a job wait, until it runs again; by [`clock::ran`], as all times here.
    waits: HashMap<TaskId, Duration>,
    again: Vec<Duration>,
}

impl Running {
    fn hear(&mut self, event: Event) {
        match event {
            Event::Start(job, run) => {
                self.runs.insert(job, run);
                if let Some(killed) = self.waits.remove(&job) {
                    self.again.push(clock::ran_since(killed));
                }
            }
            Event::End(job, _) => drop(self.runs.remove(&job)),
            _ => {}
        }
    }

    /// A process is about to be killed. Returns how many jobs it has.
    fn killed(&mut self, process: u64, at: Duration) -> usize {
        let jobs = self.runs.iter().filter(|(_, run)| run.process == process);
        let jobs: Vec<TaskId> = jobs.map(|(job, _)| *job).collect();
        for job in &jobs {
            self.runs.remove(job);
            self.waits.insert(*job, at);
        }
        jobs.len()
    }
}

/// A file, the instances on it, and what is known of them.
struct Town {
    parent: Parent,
    store: Arc<dyn Store>,
    tail: Tail,
    running: Running,
    instances: Vec<Process>,
    /// After how long the first job of each that was killed ran again.
    first: Vec<Duration>,
    /// How long each took to die.
    dying: Vec<Duration>,
    kills: usize,
    /// How many jobs the dead had.
    had: usize,
}

#[test]
fn what_a_dead_instance_had_runs_again_within_a_second() {
    let _alone = alone();
    let begun = clock::now();
    let towns: Vec<_> = (0..TOWNS).map(|_| thread::spawn(town)).collect();
    let (mut kills, mut had) = (0, 0);
    let (mut first, mut again, mut dying) = (Vec::new(), Vec::new(), Vec::new());
    for town in towns {
        let (town, books) = town.join().expect("no invariant is broken");
        println!("{} instances killed: {}", town.kills, books);
        kills += town.kills;
        had += town.had;
        first.extend(town.first);
        dying.extend(town.dying);
        again.extend(town.running.again);
    }
    println!(
        "{kills} instances killed, with {had} jobs, in {:?}",
        begun.elapsed()
    );
    println!("each was dead after {}", spread(&mut dying));
    println!("the first of them runs again after {}", spread(&mut first));
    println!("each of them runs again after {}", spread(&mut again));
    assert!(had > kills, "they had something");
}

#[tokio::main(flavor = "current_thread")]
async fn town() -> (TownBooks, Books) {
    let mut town = Town::new().await;
    while town.kills < KILLS / TOWNS * times() {
        town.round().await;
    }
    let Town {
        parent,
        instances,
        running,
        first,
        dying,
        kills,
        had,
        ..
    } = town;
    parent.kill_all(instances);
    let books = parent.end().await;
    let town = TownBooks {
        running,
        first,
        dying,
        kills,
        had,
    };
    (town, books)
}

/// What is left of a town.
struct TownBooks {
    running: Running,
    first: Vec<Duration>,
    dying: Vec<Duration>,
    kills: usize,
    had: usize,
}

impl Town {
    async fn new() -> Self {
        let mut parent = Parent::new(&GROUND);
        Self {
            store: parent.open().await,
            tail: Tail::new(&parent.path("history")),
            running: Running::default(),
            instances: (0..INSTANCES).map(|_| parent.start("work")).collect(),
            first: Vec::new(),
            dying: Vec::new(),
            kills: 0,
            had: 0,
            parent,
        }
    }

    /// Gives them work, kills one or two of them, and waits until all that these had runs again.
    async fn round(&mut self) {
        let rng = &mut self.parent.rng;
        let jobs = (0..90).map(|_| {
            let is_bad = rng.u8(..8) == 0;
            let way = if is_bad { Way::FailsOnce } else { Way::Waits };
            job(rng.u64(5..40), way)
        });
        let jobs = jobs.collect();
        let time = Duration::from_millis(rng.u64(10..120));
        let many = rng.usize(1..=2);
        insert(&self.store, &self.parent.history, jobs).await;
        let until = clock::now() + time;
        while clock::now() < until {
            self.listen();
        }
        for _ in 0..many {
            self.kill_one();
        }
        let killed = clock::ran();
        let before = self.running.again.len();
        while !self.running.waits.is_empty() {
            self.listen();
            let waited = clock::ran_since(killed);
            if waited > AGAIN / 2 {
                self.forget_the_quarantined().await;
            }
            if waited >= AGAIN * 5 {
                self.give_up().await;
            }
        }
        self.all_live();
        let again = &self.running.again[before..];
        self.first.extend(again.iter().min());
        let slowest = again.iter().max().copied().unwrap_or_default();
        assert!(slowest <= AGAIN, "{slowest:?}; {}", self.parent.again());
    }

    fn listen(&mut self) {
        for event in self.tail.more() {
            self.running.hear(event);
        }
        clock::sleep(Duration::from_millis(2));
    }

    /// Another one takes its place. It is dead when the system says so: one that waits for a disk
    /// dies when the disk has answered, and holds its lock until then.
    fn kill_one(&mut self) {
        let which = self.parent.rng.usize(..self.instances.len());
        let victim = self.instances.swap_remove(which);
        let number = victim.number;
        let asked = clock::ran();
        self.parent.kill(victim);
        let at = clock::ran();
        self.dying.push(at.saturating_sub(asked));
        for event in self.tail.more() {
            self.running.hear(event);
        }
        self.had += self.running.killed(number, at);
        self.kills += 1;
        self.instances.push(self.parent.start("work"));
    }

    /// Those that nobody killed: one that cannot open the file ends, and takes nothing up.
    fn all_live(&mut self) {
        let Self {
            parent, instances, ..
        } = self;
        for instance in instances {
            let ended = parent.has_ended(instance);
            assert!(
                !ended,
                "{} has ended by itself; {}",
                instance.number,
                parent.again()
            );
        }
    }

    /// Tells all that is known of what does not run again.
    async fn give_up(&mut self) {
        self.all_live();
        for (job, since) in &self.running.waits {
            let details = self.store.job(*job).await.expect("the store answers");
            eprintln!("waits for {:?}: {details:#?}", clock::ran_since(*since));
        }
        let instances = self.store.instances().await.expect("the store answers");
        panic!("{instances:#?}\n{}", self.parent.again());
    }

    /// What has met three deaths does not run again: it cannot know that it was not to blame.
    async fn forget_the_quarantined(&mut self) {
        let waiting: Vec<TaskId> = self.running.waits.keys().copied().collect();
        for job in waiting {
            let details = self.store.job(job).await.expect("the store answers");
            if details.is_some_and(|job| job.summary.state == JobState::Quarantined) {
                self.running.waits.remove(&job);
            }
        }
    }
}

/// Sorts them, and says how they lie.
fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let at = |share: usize| {
        let at = times.len().saturating_sub(1) * share / 100;
        times.get(at).copied().unwrap_or_default()
    };
    format!(
        "p50 {:?}, p90 {:?}, p99 {:?}, at most {:?}",
        at(50),
        at(90),
        at(99),
        at(100)
    )
}
