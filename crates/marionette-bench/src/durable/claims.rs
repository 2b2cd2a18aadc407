//! R6: what a claim of one job costs beside a million jobs that nobody asks for, and how much
//! memory these take.

use marionette::store::{
    Attempted, Claim, InstanceId, InstanceInfo, Name, NewJob, Next, PastOutcome, Settlement, Store,
    Wanted,
};
use marionette_redis::RedisStore;
use marionette_yardstick::clock;
use marionette_yardstick::figures::Figures;
use marionette_yardstick::order::Order;
use marionette_yardstick::samples::Samples;
use marionette_yardstick::workload::enqueue::{MANY, PRODUCERS};
use tokio::task::JoinSet;

/// What waits.
const ELSEWHERE: Name = Name::from_static("elsewhere");

/// What is claimed.
const WANTED: Name = Name::from_static("wanted");

/// The bytes of a payload.
const PAYLOAD: usize = 64;

/// Fills the store with jobs that nobody claims.
pub(super) async fn fill(order: &Order) -> Figures {
    let store = connect(order, "marionette").await;
    let mut producers = JoinSet::new();
    let mut left = order.count as usize;
    for producer in 0..PRODUCERS {
        let share = left / (PRODUCERS - producer) as usize;
        left -= share;
        let store = store.clone();
        producers.spawn(async move {
            for first in (0..share).step_by(MANY) {
                let jobs = (first..share.min(first + MANY)).map(|_| job(ELSEWHERE));
                let inserted = store.insert(jobs.collect()).await;
                inserted.expect("the jobs are accepted");
            }
        });
    }
    while let Some(ended) = producers.join_next().await {
        ended.expect("a producer ends");
    }
    Figures::from([("filled", f64::from(order.count))])
}

/// Claims jobs one by one, in turns from the store that is full and from one that is empty.
pub(super) async fn measure(order: &Order) -> Figures {
    let (empty, full) = (
        Claimer::connect(order, "empty").await,
        Claimer::connect(order, "marionette").await,
    );
    let (on_empty, on_full) = (Samples::new(order.count), Samples::new(order.count));
    for index in 0..order.count {
        on_empty.record(index, empty.claim().await);
        on_full.record(index, full.claim().await);
    }
    let (on_empty, on_full) = (on_empty.sorted(), on_full.sorted());
    let micros = |nanos: f64| nanos / 1e3;
    Figures::from([
        ("ratio", on_full.quantile(0.5) / on_empty.quantile(0.5)),
        ("empty_p50_us", micros(on_empty.quantile(0.5))),
        ("p50_us", micros(on_full.quantile(0.5))),
        ("empty_p99_us", micros(on_empty.quantile(0.99))),
        ("p99_us", micros(on_full.quantile(0.99))),
    ])
}

/// An instance that claims.
struct Claimer {
    store: RedisStore,
    claim: Claim,
}

impl Claimer {
    async fn connect(order: &Order, name: &str) -> Self {
        let store = connect(order, name).await;
        let instance = InstanceId::new();
        let info = InstanceInfo::new(instance, "bench", 1);
        let renewed = store.renew(info, Vec::new()).await;
        renewed.expect("the instance is known");
        let claim = Claim::new(instance, Wanted::new([WANTED]), 1);
        Self { store, claim }
    }

    /// The nanoseconds of one claim; before it there is a job, and after it none.
    async fn claim(&self) -> i64 {
        let inserted = self.store.insert(vec![job(WANTED)]).await;
        inserted.expect("the job is accepted");
        let start = clock::now();
        let claimed = self.store.claim(self.claim.clone()).await;
        let nanos = clock::nanos_between(start, clock::now());
        let claimed = claimed.expect("the job is claimed");
        assert_eq!(claimed.len(), 1, "there was one job");
        let done = Settlement::new(claimed[0].lease, Next::Done(b"null".to_vec()))
            .attempt(Attempted::new(PastOutcome::Done, start.elapsed()));
        let settled = self.store.settle(vec![done]).await;
        settled.expect("the job is settled");
        nanos
    }
}

async fn connect(order: &Order, name: &str) -> RedisStore {
    let options = RedisStore::options().name(name);
    let store = options.connect(order.address()).await;
    store.expect("the server answers")
}

fn job(kind: Name) -> NewJob {
    NewJob::new(kind, vec![b'x'; PAYLOAD])
}
