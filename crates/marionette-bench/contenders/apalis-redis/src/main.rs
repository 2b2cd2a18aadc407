//! apalis-redis as its README shows it: it looks for jobs once it has ended others, and with its
//! heartbeat every 30 s. In mode `tuned` it looks every 10 ms, 100 jobs to a fetch.

use std::future::Future;
use std::time::{Duration, SystemTime};

use apalis::layers::WorkerBuilderExt;
use apalis_core::backend::TaskSink;
use apalis_core::backend::ext::BackendExt;
use apalis_core::error::{BoxDynError, WorkerError};
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::data::Data;
use apalis_core::worker::builder::WorkerBuilder;
use apalis_redis::{Config, RedisStorage};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;

/// The queue's name.
const QUEUE: &str = "bench";

/// How often it looks in mode `tuned`.
const POLL: Duration = Duration::from_millis(10);

/// How many jobs it fetches at a time in mode `tuned`; 10 by default.
const BATCH: usize = 100;

/// A storage.
#[derive(Clone)]
struct Apalis {
    storage: RedisStorage<Job>,
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
        let connected = apalis_redis::connect(order.address()).await;
        let config = Config::default().queue(QUEUE);
        let tuned = order.mode == "tuned";
        let config = if tuned {
            config.batch_size(BATCH)
        } else {
            config
        };
        Self {
            storage: RedisStorage::new(connected.expect("the server answers")).with_config(config),
            at_once: order.at_once,
            tuned,
        }
    }

    async fn work(&self, work: Work) {
        let storage = self.storage.clone();
        let builder = WorkerBuilder::new(format!("bench-{}", std::process::id()));
        if self.tuned {
            let worker = builder
                .backend(storage.poll_with_interval(POLL))
                .data(work)
                .concurrency(self.at_once)
                .build(run);
            spawn(worker.run());
        } else {
            let worker = builder
                .backend(storage)
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
        let config = self.storage.get_config();
        let (all, done): (u64, u64) = redis::pipe()
            .hlen(config.job_data_hash())
            .scard(config.done_jobs_set())
            .query_async(&mut self.storage.clone().get_connection().clone())
            .await
            .expect("the jobs are counted");
        all - done
    }
}

fn main() {
    marionette_yardstick::main_with_sockets::<Apalis>()
}
