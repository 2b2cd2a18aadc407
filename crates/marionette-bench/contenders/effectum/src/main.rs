//! effectum: a queue in the process with its own writer thread, used as its README shows.
//!
//! Mode `tuned` lets many jobs run at once, because it fetches no more than it may run.

use std::sync::Arc;
use std::time::SystemTime;

use effectum::{Job as EffectumJob, JobRunner, Queue, RunningJob, Worker};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;
use tokio::sync::Mutex;

/// The name under which jobs are kept.
const KIND: &str = "bench";

/// How many jobs run at once in mode `tuned`.
const TUNED: usize = 500;

/// A queue, and its worker once there is one.
#[derive(Clone)]
struct Effectum {
    queue: Arc<Queue>,
    worker: Arc<Mutex<Option<Worker>>>,
    at_once: u16,
}

fn made(job: Job) -> EffectumJob {
    let builder = EffectumJob::builder(KIND).json_payload(&job);
    builder.expect("the payload is JSON").build()
}

async fn run(job: RunningJob, work: Arc<Work>) -> Result<(), effectum::Error> {
    work.run(job.json_payload()?).await;
    Ok(())
}

impl Contender for Effectum {
    async fn open(order: &Order) -> Self {
        let tuned = order.mode == "tuned";
        let at_once = if tuned { TUNED } else { order.at_once };
        let queue = Queue::new(&order.file).await.expect("the queue opens");
        Self {
            queue: Arc::new(queue),
            worker: Arc::default(),
            at_once: u16::try_from(at_once).expect("so many run at once"),
        }
    }

    async fn work(&self, work: Work) {
        let worker = Worker::builder(&self.queue, Arc::new(work))
            .max_concurrency(self.at_once)
            // Half of them, or it waits for the last before it fetches again.
            .min_concurrency(self.at_once.div_ceil(2))
            .jobs([JobRunner::builder(KIND, run).build()])
            .build();
        *self.worker.lock().await = Some(worker.await.expect("the worker starts"));
    }

    async fn queue(&self, job: Job) {
        let added = self.queue.add_job(made(job)).await;
        added.expect("the job is added");
    }

    async fn queue_many(&self, jobs: Vec<Job>) {
        let jobs = jobs.into_iter().map(made).collect();
        let added = self.queue.add_jobs(jobs).await;
        added.expect("the jobs are added");
    }

    async fn schedule(&self, due: SystemTime, job: Job) {
        let mut job = made(job);
        job.run_at = Some(due.into());
        let added = self.queue.add_job(job).await;
        added.expect("the job is added");
    }

    async fn left(&self) -> u64 {
        let active = self.queue.num_active_jobs().await;
        let active = active.expect("the queue counts its jobs");
        active.pending + active.running
    }
}

fn main() {
    marionette_yardstick::main::<Effectum>()
}
