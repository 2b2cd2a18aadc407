//! The server is killed while processes queue and work; they live, and go on by themselves.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use marionette::inspect::{By, Which};
use marionette::store::{Due, Store};
use marionette_conformance::crash::{Books, Parent, Process, Way, insert, job, times};
use marionette_conformance::history::{Event, Tail, Violation};
use marionette_servers::{AppendOnly, RedisServer};

use crate::child::GROUND;

/// An instance that does not find the server for a while must not count as dead.
const LEASE: Duration = Duration::from_secs(5);
/// How many workers there are.
const WORKERS: usize = 3;
/// What a server that syncs every second may lose when it is killed: it answers before it has
/// written while an earlier write is still on its way to the disk.
const WINDOW: Duration = Duration::from_secs(2);
/// How long anything may take that has to happen at last.
const PATIENCE: Duration = Duration::from_secs(40);

#[allow(clippy::disallowed_methods)] // Servers die in real time.
fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // Nobody else wants this thread.
fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// A server, and processes that work on it.
struct Town {
    server: RedisServer,
    parent: Parent,
    tail: Tail,
    /// One that queues, and workers.
    processes: Vec<Process>,
    /// What happened, and when that was known.
    seen: Vec<(Instant, Event)>,
    kills: Vec<Instant>,
    /// Whether a worker dies with each server, and another one takes its place.
    kills_workers: bool,
}

impl Town {
    /// `None` if there is no server; the output of the test says so.
    fn new(append_only: AppendOnly) -> Option<Self> {
        let server = RedisServer::settings().append_only(append_only).start()?;
        let parent = Parent::new(&GROUND).at(server.url(), "crash");
        let mut parent = parent.with_lease(LEASE);
        let mut processes = vec![parent.start("queue")];
        processes.extend((0..WORKERS).map(|_| parent.start("work")));
        Some(Self {
            tail: Tail::new(&parent.path("history")),
            processes,
            server,
            parent,
            seen: Vec::new(),
            kills: Vec::new(),
            kills_workers: false,
        })
    }

    fn listen(&mut self) {
        let (now, more) = (now(), self.tail.more());
        self.seen.extend(more.into_iter().map(|event| (now, event)));
    }

    /// Hears what happens for a while.
    fn listen_for(&mut self, time: Duration) {
        let until = now() + time;
        while now() < until {
            pause(Duration::from_millis(2));
            self.listen();
        }
    }

    /// Kills the server, and starts it again. Returns once somebody has found it.
    fn kill(&mut self) {
        let rng = &mut self.parent.rng;
        let [work, away] = [150, 60].map(|most| Duration::from_millis(rng.u64(0..most)));
        self.listen_for(work);
        self.server.kill();
        self.kills.push(now());
        if self.kills_workers {
            let which = self.parent.rng.usize(1..=WORKERS);
            let worker = self.processes.swap_remove(which);
            self.parent.kill(worker);
        }
        pause(away);
        self.listen();
        self.server.restart();
        if self.kills_workers {
            self.processes.push(self.parent.start("work"));
        }
        let (since, before) = (now(), self.seen.len());
        while self.seen.len() == before {
            assert!(since.elapsed() < PATIENCE, "{}", self.parent.again());
            self.listen_for(Duration::from_millis(5));
        }
    }

    /// Each worker begins something again, and nobody has ended.
    async fn all_go_on(&mut self, store: &dyn Store) {
        let workers = self.processes.iter().skip(1);
        let mut idle: HashSet<u64> = workers.map(|worker| worker.number).collect();
        let since = now();
        while !idle.is_empty() {
            let jobs = (0..12).map(|_| job(20, Way::Waits)).collect();
            insert(store, &self.parent.history, jobs).await;
            let from = self.seen.len();
            self.listen_for(Duration::from_millis(50));
            for (_, event) in &self.seen[from..] {
                if let Event::Start(_, run) = event {
                    idle.remove(&run.process);
                }
            }
            let waited = since.elapsed();
            assert!(waited < PATIENCE, "{idle:?}; {}", self.parent.again());
        }
        for process in &mut self.processes {
            assert!(!self.parent.has_ended(process), "{}", self.parent.again());
        }
    }

    /// Kills the server this number of times. Returns the books, where these faults are not wrong.
    async fn run(&mut self, kills: usize, is_right: fn(&Self, &Violation) -> bool) -> Books {
        let store = self.parent.open().await;
        // They are long on the disk when the first server is killed, and wait until the end.
        let old = (0..100).map(|_| job(0, Way::Waits).due(Due::After(WINDOW * 1_000)));
        let old: Vec<_> = old.collect();
        let ids = old.iter().map(|job| job.id).collect();
        insert(&store, &self.parent.history, old).await;
        self.listen_for(WINDOW);
        let begun = now();
        for _ in 0..kills * times() {
            self.kill();
        }
        println!(
            "{} servers killed in {:?}",
            self.kills.len(),
            begun.elapsed()
        );
        self.all_go_on(&store).await;
        self.parent.kill_all(self.processes.drain(..));
        let due = store.retry(Which::Ids(ids), By::new("ada", "test")).await;
        assert_eq!(due.expect("the server runs"), 100, "none is lost");
        self.listen();
        self.parent
            .end_but_for(&|fault| is_right(self, fault))
            .await
    }

    /// Whether what is wrong is the loss of something that was written within the time before a
    /// kill that the server may lose.
    fn is_within_window(&self, fault: &Violation) -> bool {
        let is_it = |event: &Event, job| match fault.invariant {
            // A job that was accepted.
            "I1" => *event == Event::Accepted(job),
            // A claim, so that somebody else could have the job.
            "I4" => matches!(event, Event::Start(started, _) if *started == job),
            _ => false,
        };
        let Some(job) = fault.job else { return false };
        let of_it = self.seen.iter().filter(|(_, event)| is_it(event, job));
        let mut times = of_it.map(|(at, _)| *at);
        times.any(|at| {
            let mut kills = self.kills.iter();
            kills.any(|kill| *kill >= at && kill.duration_since(at) <= WINDOW)
        })
    }
}

#[tokio::test]
async fn a_killed_server_that_syncs_each_write_loses_nothing() {
    let Some(mut town) = Town::new(AppendOnly::Always) else {
        return;
    };
    println!("{}", town.run(30, |_, _| false).await);
}

#[tokio::test]
async fn a_server_that_is_killed_with_a_worker_loses_nothing() {
    let Some(mut town) = Town::new(AppendOnly::Always) else {
        return;
    };
    town.kills_workers = true;
    println!("{}", town.run(30, |_, _| false).await);
}

#[tokio::test]
async fn a_killed_server_that_syncs_every_second_loses_at_most_the_last_two() {
    let Some(mut town) = Town::new(AppendOnly::EverySecond) else {
        return;
    };
    println!("{}", town.run(40, Town::is_within_window).await);
}
