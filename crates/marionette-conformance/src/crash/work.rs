//! The job of these tests.

use std::sync::Arc;
use std::time::Duration;

use marionette::store::{Due, JobOptions, Name, NewJob, Store};
use marionette::{Context, Job, TaskError, TaskId, TaskManager};
use serde::{Deserialize, Serialize};

use crate::crash::clock;
use crate::history::{Event, History};

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// It waits, and is done.
    Waits,
    /// It blocks its thread, and is done.
    Blocks,
    /// The first attempt fails.
    FailsOnce,
    /// It kills its process.
    Kills,
}

/// The payload of a job.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Work {
    /// The job's own id, in which the history writes of it.
    pub id: String,
    /// How long an attempt takes.
    pub millis: u64,
    /// What an attempt does.
    pub way: Way,
    /// Before when it may not start, in milliseconds since 1970.
    pub due: u64,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = u64;
}

/// A job as data.
#[must_use]
pub fn job(millis: u64, way: Way) -> NewJob {
    job_after(Duration::ZERO, millis, way)
}

/// A job that is due after a time.
///
/// # Panics
///
/// If that is some million years.
#[must_use]
pub fn job_after(pause: Duration, millis: u64, way: Way) -> NewJob {
    let id = TaskId::new();
    let work = Work {
        id: id.to_string(),
        millis,
        way,
        due: clock::wall() + u64::try_from(pause.as_millis()).expect("a short time"),
    };
    let mut options = JobOptions::default();
    options.retries = 1;
    let payload = serde_json::to_vec(&work).expect("it is plain data");
    let job = NewJob::new(Name::from_static(Work::KIND), payload);
    let due = if pause.is_zero() {
        Due::Now
    } else {
        Due::After(pause)
    };
    job.id(id).options(options).due(due)
}

/// A job in one of three queues, of any priority, that takes up to 40 ms: now and then it fails
/// once, or is due later.
///
/// # Panics
///
/// Never.
#[must_use]
pub fn mixed(rng: &mut fastrand::Rng) -> NewJob {
    const QUEUES: [&str; 3] = ["default", "mails", "reports"];
    let way = if rng.u8(..8) == 0 {
        Way::FailsOnce
    } else {
        Way::Waits
    };
    let pause = if rng.u8(..4) == 0 {
        rng.u64(1..1_000)
    } else {
        0
    };
    let job = job_after(Duration::from_millis(pause), rng.u64(..40), way);
    let queue = QUEUES[rng.usize(..QUEUES.len())];
    job.queue(queue.parse().expect("it is a name"))
        .priority(rng.i8(-1..=1))
}

/// One attempt.
async fn handle(history: Arc<History>, work: Work, context: Context) -> Result<u64, TaskError> {
    let job: TaskId = work.id.parse().map_err(|_| "an id is an id")?;
    let attempt = history.start(job);
    if clock::wall() < work.due {
        attempt.is_early();
    }
    let time = Duration::from_millis(work.millis);
    match work.way {
        Way::Waits => tokio::time::sleep(time).await,
        Way::Blocks => clock::sleep(time),
        Way::FailsOnce if context.attempt() == 1 => return Err("the first attempt fails".into()),
        Way::FailsOnce => {}
        Way::Kills => std::process::abort(),
    }
    attempt.effect();
    Ok(work.millis)
}

/// How many jobs a manager of these tests runs at once.
pub const WORKERS: usize = 4;

/// A manager that works on the store, always under the same name.
///
/// # Panics
///
/// If the history cannot be written.
pub fn manager(store: Arc<dyn Store>, history: &Arc<History>) -> TaskManager<Arc<dyn Store>> {
    history.write(&Event::Limit(WORKERS));
    let history = Arc::clone(history);
    let tasks = TaskManager::builder()
        .store(store)
        .workers(WORKERS)
        .server_name("crash")
        .handle(move |work: Work, context: Context| handle(Arc::clone(&history), work, context))
        .build()
        .expect("the settings are right");
    tasks.start();
    tasks
}
