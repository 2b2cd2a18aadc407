//! H1: ten thousand jobs become due in the same millisecond, and several managers, each with a
//! store of its own, wait for them. All jobs run once and none early, and the managers ask the file
//! no more often than for the same number of jobs at random times.

mod common;
#[path = "crash/clock.rs"]
mod clock;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use common::Place;
use marionette::store::{Due, NewJob, Next, Settled, Settlement, Store};
use marionette::{Context, Job, TaskManager};
use marionette_conformance::{FaultyStore, Method};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};

const JOBS: usize = 10_000;
const MANAGERS: usize = 4;

#[derive(Serialize, Deserialize)]
struct Mail {
    number: usize,
}

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

/// When each job ran.
type Runs = Arc<Mutex<HashMap<usize, Vec<SystemTime>>>>;

/// Managers on one file, each with a store of its own, as several processes have.
struct Crowd {
    place: Place,
    /// Each counts how often it is asked.
    stores: Vec<FaultyStore>,
    managers: Vec<TaskManager<FaultyStore>>,
    runs: Runs,
}

impl Crowd {
    async fn new() -> Self {
        let (place, runs) = (Place::new(), Runs::default());
        let mut stores = Vec::new();
        for _ in 0..MANAGERS {
            stores.push(FaultyStore::new(open(&place.path()).await));
        }
        let managers = stores.iter().map(|store| manager(store, &runs)).collect();
        Self {
            place,
            stores,
            managers,
            runs,
        }
    }

    async fn insert(&self, due: Due) {
        let store = open(&self.place.path()).await;
        let jobs = (0..JOBS).map(|number| mail(number, due)).collect();
        store.insert(jobs).await.expect("there is room");
    }

    fn start(&self) {
        for manager in &self.managers {
            manager.start();
        }
    }

    /// How often all of them have called this method.
    fn calls(&self, method: Method) -> u64 {
        self.stores.iter().map(|store| store.calls(method)).sum()
    }

    fn asked(&self) -> Asked {
        Asked {
            claims: self.calls(Method::Claim),
            waits: self.calls(Method::Wait),
        }
    }

    /// Waits until all have run.
    async fn all_run(&self) {
        let begun = clock::now();
        while lock(&self.runs).len() < JOBS {
            assert!(begun.elapsed() < Duration::from_secs(60), "all of them run");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn stop(self) -> HashMap<usize, Vec<SystemTime>> {
        for manager in self.managers {
            let report = manager.stop().await;
            assert!(report.is_complete(), "{report}");
        }
        std::mem::take(&mut *lock(&self.runs))
    }
}

/// How often the file was asked.
#[derive(Clone, Copy, Debug)]
struct Asked {
    claims: u64,
    waits: u64,
}

impl Asked {
    fn since(self, before: Self) -> Self {
        Self {
            claims: self.claims - before.claims,
            waits: self.waits - before.waits,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_jobs_of_one_moment_run_once_each_and_cause_no_stampede() {
    let (steady, took) = as_they_please().await;
    let crowd = Crowd::new().await;
    crowd.start();
    let due = clock::wall() + Duration::from_secs(3);
    crowd.insert(Due::At(due)).await;
    let early = due.duration_since(clock::wall());
    let early = early.expect("they are stored before they are due");
    tokio::time::sleep(early.saturating_sub(Duration::from_millis(20))).await;
    assert!(lock(&crowd.runs).is_empty(), "none is early");
    let impatient = tokio::spawn(asks_without_a_pause(open(&crowd.place.path()).await, due));
    let before = crowd.asked();
    crowd.all_run().await;
    let herd = crowd.asked().since(before);
    impatient.await.expect("nothing was early");
    let late = clock::wall().duration_since(due).expect("it is later");
    let runs = crowd.stop().await;
    println!("as they please {steady:?} in {took:?}, all at once {herd:?} in {late:?}");
    for (number, starts) in runs {
        assert_eq!(starts.len(), 1, "job {number} runs once");
        assert!(starts[0] >= due, "job {number} is early: {starts:?}");
    }
    // A few more for the last moment before they are due, and for the polls.
    let few = 4 * MANAGERS as u64;
    assert!(
        herd.claims <= 2 * steady.claims + few,
        "{herd:?}, {steady:?}"
    );
    assert!(herd.waits <= 2 * steady.waits + few, "{herd:?}, {steady:?}");
    let batch = JOBS as u64 / herd.claims;
    assert!(
        batch >= 8,
        "they come in batches: {batch} a claim, {herd:?}"
    );
}

/// A caller claims until the time has come: the store gives it no job before.
async fn asks_without_a_pause(store: SqliteStore, due: SystemTime) {
    let instance = common::known_instance(&store).await;
    let mut asked = 0;
    loop {
        let claimed = common::claim(&store, &instance, 1).await;
        if clock::wall() >= due {
            for claimed in claimed {
                let release = Settlement::new(claimed.lease, Next::Release);
                assert_eq!(common::settle(&store, release).await, Settled::Applied);
            }
            println!("asked {asked} times before it was due");
            return;
        }
        assert!(claimed.is_empty(), "a job is early");
        asked += 1;
    }
}

/// The same managers and number of jobs, which have all been due for long.
async fn as_they_please() -> (Asked, Duration) {
    let crowd = Crowd::new().await;
    crowd.insert(Due::Now).await;
    let (before, begun) = (crowd.asked(), clock::now());
    crowd.start();
    crowd.all_run().await;
    let steady = crowd.asked().since(before);
    let took = begun.elapsed();
    let runs = crowd.stop().await;
    assert!(runs.values().all(|starts| starts.len() == 1), "once each");
    (steady, took)
}

fn manager(store: &FaultyStore, runs: &Runs) -> TaskManager<FaultyStore> {
    let runs = Arc::clone(runs);
    let handler = move |mail: Mail, _: Context| {
        let runs = Arc::clone(&runs);
        async move {
            let now = clock::wall();
            lock(&runs).entry(mail.number).or_default().push(now);
            Ok(())
        }
    };
    let builder = TaskManager::builder().store(store.clone()).handle(handler);
    builder.build().expect("the settings are right")
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.expect("it can be opened")
}

fn mail(number: usize, due: Due) -> NewJob {
    let payload = serde_json::to_vec(&Mail { number });
    common::job()
        .due(due)
        .payload(payload.expect("it is plain data"))
}

fn lock(runs: &Runs) -> std::sync::MutexGuard<'_, HashMap<usize, Vec<SystemTime>>> {
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}
