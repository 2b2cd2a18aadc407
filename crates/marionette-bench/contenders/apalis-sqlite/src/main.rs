//! apalis-sqlite: a storage that is polled, as its README and its examples show: every 100 ms by
//! default; in mode `tuned` every 10 ms and at each insert of this process, 100 jobs to a fetch.

use std::future::Future;
use std::time::{Duration, SystemTime};

use apalis::layers::WorkerBuilderExt;
use apalis_core::backend::TaskSink;
use apalis_core::backend::ext::BackendExt;
use apalis_core::backend::ext::poll_strategy::Strategy;
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_sqlite::callback::HookCallbackListener;
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::StreamExt;
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;

/// The queue's name.
const QUEUE: &str = "bench";

/// How often its configuration example polls.
const POLL: Duration = Duration::from_millis(100);

/// How often it polls in mode `tuned`.
const POLL_TUNED: Duration = Duration::from_millis(10);

/// How many jobs it fetches at a time in mode `tuned`; 10 by default.
const BATCH: usize = 100;

/// A storage, and the listener that learns of its inserts.
#[derive(Clone)]
struct Apalis {
    storage: SqliteStorage<Job>,
    listener: HookCallbackListener,
    at_once: usize,
    tuned: bool,
}

async fn run(job: Job, work: Data<Work>) -> Result<(), BoxDynError> {
    work.run(job).await;
    Ok(())
}

fn spawn(worker: impl Future<Output = Result<(), WorkerError>> + Send + 'static) {
    tokio::spawn(async move { worker.await.expect("the worker runs") });
}

impl Contender for Apalis {
    async fn open(order: &Order) -> Self {
        let url = format!("sqlite://{}?mode=rwc", order.file.display());
        let connected = SqliteStorage::connect_with_callback(&url);
        let (pool, listener) = connected.expect("the file opens");
        let set_up = SqliteStorage::setup(&pool).await;
        set_up.expect("the tables are made");
        let tuned = order.mode == "tuned";
        let config = Config::default().queue(QUEUE);
        let config = if tuned {
            config.batch_size(BATCH)
        } else {
            config
        };
        Self {
            storage: SqliteStorage::new(&pool).with_config(config),
            listener,
            at_once: order.at_once,
            tuned,
        }
    }

    async fn work(&self, work: Work) {
        let storage = self.storage.clone();
        let builder = WorkerBuilder::new(format!("bench-{}", std::process::id()));
        if self.tuned {
            let inserts = self.listener.clone().ready_chunks(BATCH);
            let strategy = Strategy::new().stream(inserts).interval(POLL_TUNED);
            let worker = builder
                .backend(storage.poll_with_strategy(strategy))
                .data(work)
                .concurrency(self.at_once)
                .build(run);
            spawn(worker.run());
        } else {
            let worker = builder
                .backend(storage.poll_with_interval(POLL))
                .data(work)
                .concurrency(self.at_once)
                .build(run);
            spawn(worker.run());
        }
    }

    async fn queue(&self, job: Job) {
        let pushed = self.storage.clone().push(job).await;
        pushed.expect("the job is added");
    }

    async fn queue_many(&self, jobs: Vec<Job>) {
        let pushed = self.storage.clone().push_bulk(jobs).await;
        pushed.expect("the jobs are added");
    }

    async fn schedule(&self, due: SystemTime, job: Job) {
        let task = TaskBuilder::new(job).run_at_time(due).build();
        let pushed = self.storage.clone().push_task(task).await;
        pushed.expect("the job is added");
    }

    async fn left(&self) -> u64 {
        let left = "SELECT count(*) FROM Jobs WHERE status NOT IN ('Done', 'Failed', 'Killed')";
        let left: i64 = sqlx::query_scalar(left)
            .fetch_one(self.storage.pool())
            .await
            .expect("the jobs are counted");
        left.unsigned_abs()
    }
}

fn main() {
    marionette_yardstick::main::<Apalis>()
}
