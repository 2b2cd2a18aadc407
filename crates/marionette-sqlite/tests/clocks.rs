//! T1: processes on one file whose wall clocks are off and jump, while jobs are planned and run.
//! No job is early by the clock of the process that claims it, none runs twice or is lost, and no
//! lease is lost.
//!
//! A test starts processes, which are this program again with other words in the environment, and
//! tells them through their input to set their clocks and to plan jobs. `MARIONETTE_SEED` repeats
//! what they plan.

#![cfg(feature = "test-util")]

#[path = "clocks/child.rs"]
mod child;
#[path = "crash/clock.rs"]
mod clock;

use std::collections::HashMap;
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{Filter, Inspect, Page};
use marionette::store::JobState;
use marionette_conformance::history::{Event, Events, Finals};
use marionette_sqlite::SqliteStore;
use tempfile::TempDir;

use crate::child::{DONE, FOLDER, NUMBER, Work};

const HOUR: i64 = 3_600;

/// A process, and the lines between it and us.
struct Process {
    child: Child,
    again: String,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(world: &World, number: u64) -> Self {
        let this = env::current_exe().expect("this program is a file");
        let mut command = Command::new(this);
        command
            .args(["child::child", "--exact", "--nocapture"])
            .env(FOLDER, world.folder.path())
            .env(NUMBER, number.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started");
        let output = child.stdout.take().expect("it was asked for");
        Self {
            input: child.stdin.take(),
            output: BufReader::new(output),
            again: world.again(),
            child,
        }
    }

    /// Tells it what to do, and waits until that is done.
    fn tell(&mut self, words: &str) {
        let input = self.input.as_mut().expect("it is open until the end");
        // If that fails, so does the reading.
        let _ = writeln!(input, "{words}");
        let mut line = String::new();
        while line.trim_end() != DONE {
            line.clear();
            let read = self.output.read_line(&mut line).expect("it is text");
            let again = &self.again;
            assert!(
                read > 0,
                "a process ended before `{words}` was done; {again}"
            );
        }
    }

    fn step(&mut self, seconds: i64) {
        self.tell(&format!("step {seconds}"));
    }

    /// It stops its manager and ends.
    fn end(mut self) {
        drop(self.input.take());
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "nothing panics: {status}; {}", self.again);
    }
}

/// A test that fails leaves no processes behind.
impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct World {
    folder: TempDir,
    rng: fastrand::Rng,
    seed: u64,
}

impl World {
    fn new() -> Self {
        let seed = env::var("MARIONETTE_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        Self {
            folder: tempfile::tempdir().expect("there is room for a folder"),
            rng: fastrand::Rng::with_seed(seed),
            seed,
        }
    }

    fn again(&self) -> String {
        format!(
            "repeat it with MARIONETTE_SEED={} cargo test -p marionette-sqlite --all-features \
             --test clocks",
            self.seed
        )
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn store(&self) -> SqliteStore {
        let opened = child::options().open(self.path("tasks.db")).await;
        opened.expect("the store can be opened")
    }

    /// Both plan some jobs, which begin and run while some time passes.
    fn go_on(&mut self, processes: [&mut Process; 2]) {
        for process in processes {
            let seed = self.rng.u32(..);
            process.tell(&format!("plan 30 {seed}"));
        }
        clock::sleep(Duration::from_millis(700));
    }

    /// Waits until nothing is left but jobs that are due later by `store`'s clock.
    async fn until_only_later(&self, store: &SqliteStore, later: u64) {
        let begun = clock::now();
        loop {
            let counts = store.counts().await.expect("the store answers");
            let open = counts.iter().filter(|count| !count.state.is_end());
            let left: u64 = open.map(|count| count.jobs).sum();
            if left == later {
                return;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{left} jobs are left and not {later}: {counts:?}; {}",
                self.again()
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Every job ran as often as it had to, no lease was lost, and the invariants hold.
    async fn check(&self, store: &SqliteStore) -> usize {
        let events = Events::read(&self.path("history")).expect("it is there");
        let finals = Finals::of(&events, store).await.expect("the store answers");
        let faults = events.faults(&finals);
        assert!(faults.is_empty(), "{faults:#?}\n{}", self.again());
        let mut starts: HashMap<TaskId, u32> = HashMap::new();
        for event in events.iter() {
            if let Event::Start(job, _) = event {
                *starts.entry(job).or_default() += 1;
            }
        }
        for id in events.accepted() {
            let job = store.job(id).await.expect("the store answers");
            let job = job.expect("it is kept");
            let work: Work = serde_json::from_slice(&job.payload).expect("it was written here");
            let (state, crashes) = (job.summary.state, job.summary.crashes);
            let ran = starts.get(&id).copied();
            assert!(
                state == JobState::Done && crashes == 0 && ran == Some(work.attempts()),
                "{work:?} is {state}, ran {ran:?} times and lost {crashes} instances: {:?}; {}",
                job.attempts,
                self.again()
            );
        }
        starts.len()
    }
}

/// The first process has the right time and jumps; the other one is off by `skew` all the time.
async fn jumps_beside_one_that_is_off_by(skew: i64) {
    let mut world = World::new();
    let store = world.store().await;
    let (mut one, mut other) = (Process::start(&world, 1), Process::start(&world, 2));
    other.step(skew);
    // Before the jumps, and after each of them.
    world.go_on([&mut one, &mut other]);
    for jump in [HOUR, -HOUR, -HOUR, HOUR] {
        one.step(jump);
        world.go_on([&mut one, &mut other]);
    }
    // What was planned or put off by a clock that was ahead is due by all clocks from here on.
    one.step(2 * HOUR);
    other.step(2 * HOUR);
    world.until_only_later(&store, 0).await;
    one.end();
    other.end();
    let jobs = world.check(&store).await;
    println!("{jobs} jobs beside a clock that was off by {skew} s: none early, twice or lost");
}

#[tokio::test]
async fn a_process_that_jumps_by_an_hour_beside_one_that_is_ahead_runs_each_job_once() {
    jumps_beside_one_that_is_off_by(30).await;
}

#[tokio::test]
async fn a_process_that_jumps_by_an_hour_beside_one_that_is_behind_runs_each_job_once() {
    jumps_beside_one_that_is_off_by(-30).await;
}

#[tokio::test]
async fn a_jump_makes_due_what_the_clock_has_come_to_and_nothing_else() {
    let world = World::new();
    let store = world.store().await;
    let mut one = Process::start(&world, 1);
    one.tell(&format!("at {}", HOUR / 2));
    one.tell(&format!("at {}", 2 * HOUR));
    one.tell("at -1");
    world.until_only_later(&store, 2).await;
    one.step(HOUR);
    world.until_only_later(&store, 1).await;
    one.step(-HOUR);
    one.step(HOUR);
    clock::sleep(Duration::from_millis(300));
    world.until_only_later(&store, 1).await;
    let filter = Filter::new().state(JobState::Scheduled);
    let page = Page::first(10);
    let later = store.list(filter, page).await.expect("the store answers");
    assert_eq!(later.jobs.len(), 1, "{:?}; {}", later.jobs, world.again());
    one.step(HOUR + 1);
    world.until_only_later(&store, 0).await;
    one.end();
    assert_eq!(world.check(&store).await, 3);
}
