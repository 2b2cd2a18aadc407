//! headgate on Redis as its guide shows it: 16 jobs at once, woken by messages, and otherwise a
//! look after 50 ms to 2 s. Mode `tuned` has many at once and looks after 1 to 50 ms.

use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use headgate::{Client, Envelope, JobCtx, Registry, Task, Worker, WorkerConfig};
use headgate_core::Inspect;
use headgate_redis::RedisStore;
use marionette_yardstick::clock;
use marionette_yardstick::contender::Contender;
use marionette_yardstick::job::{Job, Work};
use marionette_yardstick::order::Order;
use serde::{Deserialize, Serialize};

/// The queue's name, which is also the prefix of its keys and the one tenant.
const QUEUE: &str = "bench";

/// How long a job is kept that ended: a day, as in its guide.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How many jobs run at once in mode `tuned`.
const TUNED: u32 = 1_000;

/// Now, by the clock of the server.
const NOW: i64 = 0;

/// The states of a job that waits or runs.
const LEFT: [&str; 5] = ["pending", "scheduled", "available", "running", "retryable"];

/// The job as headgate knows it.
#[derive(Serialize, Deserialize, Task)]
#[serde(transparent)]
#[task(kind = "bench", version = 1)]
struct Measured(Job);

/// A store, and the client of it.
#[derive(Clone)]
struct Headgate {
    store: Arc<RedisStore>,
    client: Client,
    at_once: u32,
    tuned: bool,
}

/// A job under an id of its own: one that is known is taken for a repeated call.
fn envelope(job: Job, scheduled_at_ms: i64) -> Envelope {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let payload = serde_json::to_vec(&Measured(job)).expect("a job is JSON");
    Envelope {
        id: format!("{:08x}-{number:017x}", process::id()),
        kind: Measured::TYPE.into(),
        fingerprint: headgate::fingerprint(Measured::TYPE, &payload),
        payload,
        queue: QUEUE.into(),
        partition_key: QUEUE.into(),
        scheduled_at_ms,
        retention_ms: i64::try_from(KEPT.as_millis()).expect("a day is short"),
        ..Default::default()
    }
}

impl Contender for Headgate {
    async fn open(order: &Order) -> Self {
        let connected = RedisStore::connect(&order.address(), QUEUE).await;
        let store = Arc::new(connected.expect("the server answers"));
        Self {
            client: Client::new(store.clone()),
            store,
            at_once: u32::try_from(order.at_once).expect("so many run at once"),
            tuned: order.mode == "tuned",
        }
    }

    async fn work(&self, work: Work) {
        let mut registry = Registry::new();
        let registered = registry.register::<Measured, _, _>(move |_: JobCtx, job| async move {
            work.run(job.0).await;
            Ok(())
        });
        registered.expect("the kind is new");
        let mut config = WorkerConfig {
            queues: vec![QUEUE.into()],
            capacity: self.at_once,
            ..Default::default()
        };
        if self.tuned {
            config.capacity = TUNED;
            config.poll.floor = Duration::from_millis(1);
            config.poll.ceiling = Duration::from_millis(50);
            // Between two looks for jobs that have come due.
            config.duty_interval = Duration::from_millis(50);
        }
        let (worker, _handle) = Worker::new(self.store.clone(), registry, config);
        tokio::spawn(async move { worker.run().await.expect("the worker runs") });
    }

    async fn queue(&self, job: Job) {
        let added = self.client.enqueue(&[envelope(job, NOW)]).await;
        added.expect("the job is added");
    }

    async fn queue_many(&self, jobs: Vec<Job>) {
        let jobs: Vec<_> = jobs.into_iter().map(|job| envelope(job, NOW)).collect();
        let added = self.client.enqueue(&jobs).await;
        added.expect("the jobs are added");
    }

    async fn schedule(&self, due: SystemTime, job: Job) {
        // It keeps whole milliseconds: rounded up, so that none is early by our doing.
        let millis = clock::nanos_of(due).unsigned_abs().div_ceil(1_000_000);
        let millis = i64::try_from(millis).expect("the time is near");
        let added = self.client.enqueue(&[envelope(job, millis)]).await;
        added.expect("the job is added");
    }

    async fn left(&self) -> u64 {
        let counts = self.store.counts(Some(QUEUE)).await;
        let counts = counts.expect("the jobs are counted").counts;
        let left = counts
            .iter()
            .filter(|(state, _)| LEFT.contains(&state.as_str()));
        left.map(|(_, jobs)| jobs.unsigned_abs()).sum()
    }
}

fn main() {
    marionette_yardstick::main_with_sockets::<Headgate>()
}
