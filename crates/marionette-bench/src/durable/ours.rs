//! Marionette as its README shows it: on SQLite, where the mode says when a commit is synced,
//! `full` or `normal`; and on Redis, where it says how soon a process counts as dead, `default` or
//! `fast`.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use marionette::inspect::Inspect;
use marionette::store::Store;
use marionette::{Context, Job, TaskManager};
use marionette_redis::RedisStore;
use marionette_sqlite::{SqliteStore, Synchronous};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{self, Work};
use marionette_yardstick::order::Order;
use serde::{Deserialize, Serialize};

/// A manager, whose handler does the work that is set before it starts.
#[derive(Clone)]
pub(super) struct Ours<S: Store> {
    tasks: TaskManager<S>,
    work: Arc<OnceLock<Work>>,
}

/// A store of ours that is measured.
pub(super) trait Measurable: Store + Inspect + Clone {
    /// Opens it.
    fn open(order: &Order) -> impl Future<Output = Self> + Send;
}

impl Measurable for SqliteStore {
    async fn open(order: &Order) -> Self {
        let synchronous = match order.mode.as_str() {
            "full" => Synchronous::Full,
            "normal" => Synchronous::Normal,
            other => panic!("there is no mode {other}"),
        };
        let store = Self::options().synchronous(synchronous);
        store.open(&order.file).await.expect("the file opens")
    }
}

impl Measurable for RedisStore {
    async fn open(order: &Order) -> Self {
        let store = match order.mode.as_str() {
            "default" => Self::options(),
            "fast" => Self::options()
                .lease(Duration::from_secs(1))
                .sweep(Duration::from_millis(200)),
            other => panic!("there is no mode {other}"),
        };
        store
            .connect(order.address())
            .await
            .expect("the server answers")
    }
}

/// The job as Marionette knows it.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Measured(job::Job);

impl Job for Measured {
    const KIND: &'static str = "measured";
    type Output = ();
}

impl<S: Measurable> Contender for Ours<S> {
    async fn open(order: &Order) -> Self {
        let store = S::open(order).await;
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
