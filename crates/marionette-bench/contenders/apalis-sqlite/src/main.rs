//! apalis-sqlite: a storage that is polled, as its README and its examples show: every 100 ms by
//! default; in mode `tuned` every 10 ms and at each insert of this process, 100 jobs to a fetch.

use std::time::{Duration, SystemTime};

use apalis_core::backend::ext::BackendExt;
use apalis_core::backend::ext::poll_strategy::Strategy;
use apalis_sqlite::callback::HookCallbackListener;
use apalis_sqlite::{Config, SqliteStorage};
use futures_util::StreamExt;
use marionette_yardstick::apalis::{self, BATCH_TUNED, POLL_TUNED, QUEUE};
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;
use marionette_yardstick::start_worker;

/// How often its configuration example polls.
const POLL: Duration = Duration::from_millis(100);

/// A storage, and the listener that learns of its inserts.
#[derive(Clone)]
struct Apalis {
    storage: SqliteStorage<Job>,
    listener: HookCallbackListener,
    at_once: usize,
    tuned: bool,
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
            config.batch_size(BATCH_TUNED)
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
        if self.tuned {
            let inserts = self.listener.clone().ready_chunks(BATCH_TUNED);
            let strategy = Strategy::new().stream(inserts).interval(POLL_TUNED);
            start_worker!(storage.poll_with_strategy(strategy), self.at_once, work);
        } else {
            start_worker!(storage.poll_with_interval(POLL), self.at_once, work);
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
