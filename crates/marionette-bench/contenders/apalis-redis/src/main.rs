//! apalis-redis as its README shows it: it looks for jobs once it has ended others, and with its
//! heartbeat every 30 s. In mode `tuned` it looks every 10 ms, 100 jobs to a fetch.

use std::time::SystemTime;

use apalis_core::backend::ext::BackendExt;
use apalis_redis::{Config, RedisStorage};
use marionette_yardstick::apalis::{self, BATCH_TUNED, POLL_TUNED, QUEUE};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;
use marionette_yardstick::start_worker;

/// A storage.
#[derive(Clone)]
struct Apalis {
    storage: RedisStorage<Job>,
    at_once: usize,
    tuned: bool,
}

impl Contender for Apalis {
    async fn open(order: &Order) -> Self {
        let connected = apalis_redis::connect(order.address()).await;
        let config = Config::default().queue(QUEUE);
        let tuned = order.mode == "tuned";
        let config = if tuned {
            config.batch_size(BATCH_TUNED)
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
        if self.tuned {
            start_worker!(storage.poll_with_interval(POLL_TUNED), self.at_once, work);
        } else {
            start_worker!(storage, self.at_once, work);
        }
    }

    async fn queue(&self, job: Job) {
        apalis::push(self.storage.clone(), job).await;
    }

    async fn queue_many(&self, jobs: Vec<Job>) {
        apalis::push_many(self.storage.clone(), jobs).await;
    }

    async fn schedule(&self, due: SystemTime, job: Job) {
        apalis::push_at(self.storage.clone(), due, job).await;
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
