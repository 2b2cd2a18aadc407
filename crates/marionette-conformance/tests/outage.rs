//! A store that can be told nothing for longer than its leases hold, as on a full disk: what has
//! succeeded meanwhile is written once it can be, and does not run again, unless somebody wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use marionette::inspect::{By, Inspect, Which};
use marionette::store::{JobState, PastOutcome, Store};
use marionette::{Context, Job, JobHandle, MemoryStore, TaskManager};
use marionette_conformance::{Fault, FaultyStore, Method};
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

#[derive(Serialize, Deserialize)]
struct Slow {
    number: u32,
}

impl Job for Slow {
    const KIND: &'static str = "slow";
    type Output = u32;
}

const JOBS: u32 = 12;

/// A manager that has begun its jobs, which take a second, up to ten of them.
struct Town {
    inner: MemoryStore,
    store: FaultyStore,
    tasks: TaskManager<FaultyStore>,
    handles: Vec<JobHandle<Slow>>,
    runs: Arc<AtomicU32>,
}

impl Town {
    async fn new() -> Self {
        let inner = MemoryStore::new();
        let store = FaultyStore::new(inner.clone());
        let runs = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&runs);
        let tasks = TaskManager::builder()
            .workers(JOBS as usize)
            .store(store.clone())
            .handle(move |slow: Slow, _: Context| {
                count.fetch_add(1, Ordering::Relaxed);
                async move {
                    sleep(Duration::from_secs(1 + u64::from(slow.number) % 10)).await;
                    Ok(slow.number)
                }
            })
            .build()
            .expect("the settings are right");
        let mut handles = Vec::new();
        for number in 0..JOBS {
            let queued = tasks.queue(Slow { number }).await;
            handles.push(queued.expect("it is accepted"));
        }
        tasks.start();
        let town = Self {
            inner,
            store,
            tasks,
            handles,
            runs,
        };
        while town.runs() < JOBS {
            sleep(Duration::from_millis(10)).await;
        }
        town
    }

    fn runs(&self) -> u32 {
        self.runs.load(Ordering::Relaxed)
    }

    /// From now on nothing is written.
    fn is_full(&self) {
        use Method::{Claim, Renew, Settle, Sweep};
        self.fail(&[Claim, Renew, Settle, Sweep]);
    }

    /// From now on these calls have no effect, until the store heals.
    fn fail(&self, methods: &[Method]) {
        for &method in methods {
            let calls = self.store.calls(method);
            for call in calls + 1..calls + 10_000 {
                self.store.fail(method, call, Fault::Before);
            }
        }
    }

    /// All end well, and how often they have run by then.
    async fn all_are_done(self) -> u32 {
        for (number, handle) in (0..).zip(self.handles) {
            let id = handle.id();
            let ended = timeout(Duration::from_secs(120), handle).await;
            let ended = ended.unwrap_or_else(|_| panic!("job {number} hangs"));
            assert_eq!(ended.expect("it succeeds"), number);
            let details = self.inner.job(id).await.expect("an answer");
            let details = details.expect("it is kept");
            assert_eq!(details.summary.state, JobState::Done);
            let last = details.attempts.last().expect("it has run");
            assert_eq!(last.outcome, PastOutcome::Done);
        }
        assert!(self.tasks.stop().await.is_complete());
        self.runs.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn what_succeeded_before_its_lease_lapsed_does_not_run_again() {
    for outage in [5, 14, 16, 40, 300] {
        let town = Town::new().await;
        town.is_full();
        sleep(Duration::from_secs(outage)).await;
        town.store.heal();
        assert_eq!(town.all_are_done().await, JOBS, "an outage of {outage} s");
    }
}

/// Whether they were swept in between depends on who comes first after an outage, and decides how
/// many are handed out again at once: those that were count as having lost their instance.
async fn two_outages(are_swept: bool, in_hand: u32) {
    let town = Town::new().await;
    town.is_full();
    sleep(Duration::from_secs(40)).await;
    if are_swept {
        let swept = town.inner.sweep().await.expect("it is swept by another");
        assert_eq!(swept.released, u64::from(JOBS));
    }
    town.store.heal();
    // They are handed out again, and their ends cannot be written either.
    town.fail(&[Method::Settle, Method::Sweep]);
    sleep(Duration::from_secs(60)).await;
    let live = town.inner.instances().await.expect("an answer");
    assert_eq!(live[0].running, u64::from(in_hand));
    town.is_full();
    sleep(Duration::from_secs(40)).await;
    town.store.heal();
    assert_eq!(town.all_are_done().await, JOBS);
}

#[tokio::test(start_paused = true)]
async fn two_outages_one_after_the_other_change_nothing() {
    two_outages(false, JOBS).await;
}

#[tokio::test(start_paused = true)]
async fn two_outages_with_a_sweep_by_another_between_them_change_nothing() {
    two_outages(true, 1).await;
}

#[tokio::test(start_paused = true)]
async fn who_lets_a_job_begin_anew_meanwhile_has_it_run_again() {
    let town = Town::new().await;
    town.is_full();
    sleep(Duration::from_secs(40)).await;
    let swept = town.inner.sweep().await.expect("it is swept by another");
    assert_eq!(swept.released, u64::from(JOBS));
    let some = Which::Ids(town.handles[..5].iter().map(JobHandle::id).collect());
    let cancelled = town
        .inner
        .cancel(some.clone(), "no".to_owned(), By::new("ada", "test"))
        .await;
    assert_eq!(cancelled.expect("they wait"), 5);
    let retried = town.inner.retry(some, By::new("ada", "test")).await;
    assert_eq!(retried.expect("they are there"), 5);
    town.store.heal();
    assert_eq!(town.all_are_done().await, JOBS + 5);
}
