//! Marionette on SQLite, as its README shows it. The mode says when a commit is synced: `full` or
//! `normal`.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use marionette::inspect::Inspect;
use marionette::{Context, Job, TaskManager};
use marionette_sqlite::{SqliteStore, Synchronous};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{self, Work};
use marionette_yardstick::order::Order;
use serde::{Deserialize, Serialize};

/// A manager, whose handler does the work that is set before it starts.
#[derive(Clone)]
pub(super) struct Ours {
    tasks: TaskManager<SqliteStore>,
    work: Arc<OnceLock<Work>>,
}

/// The job as Marionette knows it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Measured(job::Job);

impl Job for Measured {
    const KIND: &'static str = "measured";
    type Output = ();
}

impl Contender for Ours {
    async fn open(order: &Order) -> Self {
        let synchronous = match order.mode.as_str() {
            "full" => Synchronous::Full,
            "normal" => Synchronous::Normal,
            other => panic!("there is no mode {other}"),
        };
        let store = SqliteStore::options().synchronous(synchronous);
        let store = store.open(&order.file).await.expect("the file opens");
        let work = Arc::new(OnceLock::<Work>::new());
        let set = Arc::clone(&work);
        let tasks = TaskManager::builder()
            .workers(order.at_once)
            .store(store)
            .handle(move |job: Measured, _: Context| {
                let work = *set.get().expect("the work is set before the start");
                async move {
                    work.run(job.0).await;
                    Ok(())
                }
            })
            .build()
            .expect("the settings are right");
        Self { tasks, work }
    }

    async fn work(&self, work: Work) {
        self.work.set(work).expect("the work is set once");
        self.tasks.start();
    }

    async fn queue(&self, job: job::Job) {
        let queued = self.tasks.queue(Measured(job)).await;
        queued.expect("the job is accepted");
    }

    async fn queue_many(&self, jobs: Vec<job::Job>) {
        let queued = self.tasks.queue_many(jobs.into_iter().map(Measured)).await;
        queued.expect("the jobs are accepted");
    }

    async fn schedule(&self, due: SystemTime, job: job::Job) {
        let scheduled = self.tasks.schedule(due, Measured(job)).await;
        scheduled.expect("the job is accepted");
    }

    async fn left(&self) -> u64 {
        let counts = self.tasks.store().counts().await;
        let counts = counts.expect("the store counts its jobs").into_iter();
        let left = counts.filter(|count| !count.state.is_end());
        left.map(|count| count.jobs).sum()
    }
}
