//! A process whose wall clock can be set, and which plans jobs by it and runs them.

use std::env;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fastrand::Rng;
use marionette::store::{
    Due, Inserted, JobOptions, Name, NewJob, Store, StoredBackoff, StoredJitter,
};
use marionette::{Context, Job, TaskError, TaskId, TaskManager};
use marionette_conformance::history::{Event, History};
use marionette_sqlite::{Clock, SqliteOptions, SqliteStore};
use serde::{Deserialize, Serialize};

use crate::clock;

/// The folder of the store and of the history; nobody but a child has it.
pub(crate) const FOLDER: &str = "MARIONETTE_CLOCKS_FOLDER";
/// The number of the process in the history.
pub(crate) const NUMBER: &str = "MARIONETTE_CLOCKS_NUMBER";
/// What a child says when it has done what it was told.
pub(crate) const DONE: &str = "it is done";

/// A jump is many leases, and a machine with much to do is late by less than one.
const LEASE: Duration = Duration::from_secs(5);
const WORKERS: usize = 8;

/// A job, and when it may run by the clock of the process that planned it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    id: String,
    millis: u64,
    fails_once: bool,
    /// Since 1970.
    due: Duration,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = ();
}

impl Work {
    /// How many attempts it takes if no lease is lost.
    pub(crate) fn attempts(&self) -> u32 {
        if self.fails_once { 2 } else { 1 }
    }
}

pub(crate) fn options() -> SqliteOptions {
    SqliteStore::options().lease(LEASE)
}

/// The wall clock of this process, and how it was set.
#[derive(Debug, Default)]
struct Wall {
    clock: Clock,
    /// By how many seconds it is off, from when on.
    steps: Mutex<Vec<(Instant, i64)>>,
}

/// Between the claim of a job and its attempt the clock may be set back. No attempt waits longer.
const ON_THE_WAY: Duration = Duration::from_secs(2);

impl Wall {
    fn step(&self, seconds: i64) {
        let mut steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 {
            self.clock.step_back(by);
        } else {
            self.clock.step_forward(by);
        }
        let off = steps.last().map_or(0, |(_, off)| *off);
        steps.push((clock::now(), off + seconds));
    }

    /// The latest time that it can have shown when a job was claimed whose attempt begins now.
    fn latest(&self) -> SystemTime {
        let steps = self.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.wall();
        let off = steps.last().map_or(0, |(_, off)| *off);
        let before = [0].into_iter().chain(steps.iter().map(|(_, off)| *off));
        let until = steps.iter().map(|(at, _)| at.elapsed());
        let ended = before.zip(until).filter(|(_, ended)| *ended < ON_THE_WAY);
        let furthest = ended.map(|(off, _)| off).fold(off, i64::max);
        now + Duration::from_secs((furthest - off).unsigned_abs())
    }
}

struct Place {
    wall: Wall,
    history: History,
}

async fn handle(place: Arc<Place>, work: Work, context: Context) -> Result<(), TaskError> {
    let latest = place.wall.latest();
    // A retry is due this long after its failure, by the clock of the process that failed.
    assert!(
        context.attempt() > 1 || latest >= UNIX_EPOCH + work.due,
        "{work:?} runs at {latest:?}, too early"
    );
    let attempt = place
        .history
        .start(work.id.parse().expect("an id is an id"));
    tokio::time::sleep(Duration::from_millis(work.millis)).await;
    if work.fails_once && context.attempt() == 1 {
        return Err("the first attempt fails".into());
    }
    attempt.effect();
    Ok(())
}

/// No test: this is where a child begins. Without a folder it is over at once.
#[test]
fn child() {
    let Ok(folder) = env::var(FOLDER).map(PathBuf::from) else {
        return;
    };
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        told(info);
        process::abort();
    }));
    let number = env::var(NUMBER).ok().and_then(|number| number.parse().ok());
    let number = number.expect("its parent says which");
    let history = History::append_to(&folder.join("history"), number);
    let place = Arc::new(Place {
        wall: Wall::default(),
        history: history.expect("the folder is writable"),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be made");
    let store = options().clock(place.wall.clock.clone());
    let store = runtime.block_on(store.open(folder.join("tasks.db")));
    let store = store.expect("the store can be opened");
    let tasks = runtime.block_on(async { manager(store.clone(), &place) });
    for line in io::stdin().lock().lines() {
        let line = line.expect("it is text");
        let (what, words) = line.split_once(' ').expect("what to do, and with what");
        let words: Vec<i64> = words
            .split(' ')
            .map(|word| word.parse().expect("a number"))
            .collect();
        match (what, &words[..]) {
            ("step", [seconds]) => place.wall.step(*seconds),
            ("at", [seconds]) => {
                let date = after(place.wall.clock.wall(), *seconds);
                let job = job(Due::At(date), date, 0, false);
                runtime.block_on(insert(&store, &place, vec![job]));
            }
            ("plan", [count, seed]) => {
                let mut rng = Rng::with_seed(seed.unsigned_abs());
                let now = place.wall.clock.wall();
                let jobs = (0..*count).map(|_| draw(&mut rng, now)).collect();
                runtime.block_on(insert(&store, &place, jobs));
            }
            _ => panic!("nobody knows how to {line}"),
        }
        // Behind a line break: the harness may have begun a line.
        println!("\n{DONE}");
    }
    let _report = runtime.block_on(tasks.stop());
    place.history.write(&Event::Returned);
}

fn after(now: SystemTime, seconds: i64) -> SystemTime {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { now - by } else { now + by }
}

fn manager(store: SqliteStore, place: &Arc<Place>) -> TaskManager<SqliteStore> {
    place.history.write(&Event::Limit(WORKERS));
    let place = Arc::clone(place);
    let tasks = TaskManager::builder()
        .store(store)
        .workers(WORKERS)
        .handle(move |work: Work, context: Context| handle(Arc::clone(&place), work, context))
        .build()
        .expect("the settings are right");
    tasks.start();
    tasks
}

/// Any job, of somebody whose clock shows this time. Some go on over several jumps.
fn draw(rng: &mut Rng, now: SystemTime) -> NewJob {
    let later = Duration::from_millis(rng.u64(..1_000));
    let (due, date) = match rng.u8(..3) {
        0 => (Due::Now, now),
        1 => (Due::After(later), now + later),
        _ => (Due::At(now + later), now + later),
    };
    let millis = [0, rng.u64(..100), 1_800];
    let millis = millis[usize::from(rng.u8(..10) > 4) + usize::from(rng.u8(..10) == 0)];
    job(due, date, millis, rng.u8(..5) == 0)
}

fn job(due: Due, date: SystemTime, millis: u64, fails_once: bool) -> NewJob {
    let id = TaskId::new();
    let work = Work {
        id: id.to_string(),
        millis,
        fails_once,
        due: date.duration_since(UNIX_EPOCH).expect("the present"),
    };
    let mut options = JobOptions::default();
    options.retries = 1;
    options.backoff = Some(StoredBackoff::Constant {
        pause: Duration::from_millis(100),
        jitter: StoredJitter::None,
    });
    NewJob::new(
        Name::from_static(Work::KIND),
        serde_json::to_vec(&work).expect("it is plain data"),
    )
    .id(id)
    .due(due)
    .options(options)
}

async fn insert(store: &SqliteStore, place: &Place, jobs: Vec<NewJob>) {
    let ids: Vec<TaskId> = jobs.iter().map(|job| job.id).collect();
    for id in &ids {
        place.history.write(&Event::AcceptBegin(*id));
    }
    let inserted = store.insert(jobs).await.expect("there is room");
    for (id, inserted) in ids.into_iter().zip(inserted) {
        assert_eq!(inserted, Inserted::Accepted);
        place.history.write(&Event::Accepted(id));
    }
}
