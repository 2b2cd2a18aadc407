//! The job of these tests.

use std::sync::Arc;
use std::time::Duration;

use marionette::store::{JobOptions, Name, NewJob};
use marionette::{Context, Job, TaskError, TaskId, TaskManager};
use marionette_conformance::history::{Event, History};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};

use crate::clock;

/// What an attempt does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Way {
    /// It waits, and is done.
    Waits,
    /// It blocks its thread, and is done.
    Blocks,
    /// The first attempt fails.
    FailsOnce,
    /// It kills its process.
    Kills,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    /// The job's own id, in which the history writes of it.
    pub(crate) id: String,
    pub(crate) millis: u64,
    pub(crate) way: Way,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = u64;
}

/// A job as data.
pub(crate) fn job(millis: u64, way: Way) -> NewJob {
    let id = TaskId::new();
    let work = Work {
        id: id.to_string(),
        millis,
        way,
    };
    let mut options = JobOptions::default();
    options.retries = 1;
    NewJob::new(
        Name::from_static(Work::KIND),
        serde_json::to_vec(&work).expect("it is plain data"),
    )
    .id(id)
    .options(options)
}

/// One attempt.
async fn handle(history: Arc<History>, work: Work, context: Context) -> Result<u64, TaskError> {
    let job: TaskId = work.id.parse().map_err(|_| "an id is an id")?;
    let attempt = history.start(job);
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
pub(crate) const WORKERS: usize = 4;

/// A manager that works on the store, always under the same name.
pub(crate) fn manager(store: SqliteStore, history: &Arc<History>) -> TaskManager<SqliteStore> {
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
