//! rusty-sidekiq as its README shows it: as many workers as there are processors, a pool of
//! connections to queue with and another to work with. Mode `tuned` has many workers.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures_util::future;
use marionette_yardstick::clock;
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;
use sidekiq::{Processor, ProcessorConfig, RedisConnectionManager, RedisPool, Worker};

/// The queue's name.
const QUEUE: &str = "default";

/// What a pool has by default: connections beside those that the workers wait on.
const SPARE: usize = 10;

/// The worker, which does what is measured.
#[derive(Clone)]
struct Measured(Work);

#[async_trait]
impl Worker<Job> for Measured {
    async fn perform(&self, job: Job) -> sidekiq::Result<()> {
        self.0.run(job).await;
        Ok(())
    }
}

/// The pools.
#[derive(Clone)]
struct Sidekiq {
    queueing: RedisPool,
    working: RedisPool,
    // None: as it comes.
    workers: Option<usize>,
}

async fn pool(address: &str, size: usize) -> RedisPool {
    let manager = RedisConnectionManager::new(address).expect("the address is one");
    let size = u32::try_from(size).expect("a pool is small");
    let pool = bb8::Pool::builder().max_size(size).build(manager).await;
    pool.expect("the server answers")
}

impl Contender for Sidekiq {
    async fn open(order: &Order) -> Self {
        let workers = (order.mode == "tuned").then_some(order.at_once);
        let address = order.address();
        Self {
            queueing: pool(&address, SPARE).await,
            working: pool(&address, workers.unwrap_or(0) + SPARE).await,
            workers,
        }
    }

    async fn work(&self, work: Work) {
        let processor = Processor::new(self.working.clone(), vec![QUEUE.to_owned()]);
        let mut processor = match self.workers {
            Some(workers) => processor.with_config(ProcessorConfig::default().num_workers(workers)),
            None => processor,
        };
        processor.register(Measured(work));
        tokio::spawn(processor.run());
    }

    async fn queue(&self, job: Job) {
        let pushed = Measured::perform_async(&self.queueing, job).await;
        pushed.expect("the job is added");
    }

    // It has no call for many: as many at once as its pool has connections.
    async fn queue_many(&self, jobs: Vec<Job>) {
        let share = jobs.len().div_ceil(SPARE);
        future::join_all(jobs.chunks(share).map(async |jobs| {
            for job in jobs {
                self.queue(*job).await;
            }
        }))
        .await;
    }

    async fn schedule(&self, due: SystemTime, job: Job) {
        let pause = due.duration_since(clock::wall()).unwrap_or(Duration::ZERO);
        let pushed = Measured::perform_in(&self.queueing, pause, job).await;
        pushed.expect("the job is added");
    }

    // What a worker has taken is in no list any more, and only its process knows of it.
    async fn left(&self) -> u64 {
        let mut connection = self.queueing.get().await.expect("a connection is free");
        let left: (u64, u64, u64) = sidekiq::redis_rs::pipe()
            .llen(format!("queue:{QUEUE}"))
            .zcard("schedule")
            .zcard("retry")
            .query_async(connection.unnamespaced_borrow_mut())
            .await
            .expect("the jobs are counted");
        left.0 + left.1 + left.2
    }
}

fn main() {
    marionette_yardstick::main_with_sockets::<Sidekiq>()
}
