//! A store of somebody else that has only the required methods of the contract: it compiles and
//! works, so a method that is added to the contract has to have a default.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use marionette::inspect::{
    ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceInfo, Lease, Name, NewJob, Renewal, Settled,
    Settlement, Store, StoreError, StoreErrorKind, StoreFuture, StoredJob, Swept,
};
use marionette::{Context, Job, TaskId, TaskManager};
use serde::{Deserialize, Serialize};

#[derive(Default)]
struct Foreign(Mutex<Vec<StoredJob>>);

impl Foreign {
    fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Vec<StoredJob>) -> T,
    ) -> StoreFuture<'_, T> {
        let answer = Ok(work(&mut self.0.lock().expect("no panic")));
        Box::pin(std::future::ready(answer))
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Foreign")
    }
}

fn unsupported<T: Send + 'static>() -> StoreFuture<'static, T> {
    let error = StoreError::unsupported("this store cannot do that");
    Box::pin(std::future::ready(Err(error)))
}

impl Store for Foreign {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.with(|known| {
            let inserted = vec![Inserted::Accepted; jobs.len()];
            let now = SystemTime::now();
            known.extend(jobs.into_iter().map(|job| StoredJob::new(job, now)));
            inserted
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.with(|jobs| {
            let waiting = jobs.iter_mut().filter(|job| job.waits()).take(claim.limit);
            let claim = |job: &mut StoredJob| job.claim(claim.instance, 0, SystemTime::now());
            waiting.filter_map(|job| claim(job).ok()).collect()
        })
    }

    fn renew(&self, _: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.with(|_| vec![Renewal::Kept; leases.len()])
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.with(|jobs| {
            let settle = |settlement: Settlement| {
                let id = settlement.lease.job;
                let job = jobs.iter_mut().find(|job| job.summary().id == id);
                job.map_or(Settled::Stale, |job| {
                    job.settle(settlement, SystemTime::now())
                })
            };
            settlements.into_iter().map(settle).collect()
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.with(|_| Swept::default())
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.with(|known| {
            let find = |id| known.iter().find(|job| job.summary().id == id);
            let ended = |id| find(id).map_or(Ended::Missing, StoredJob::ended);
            jobs.into_iter().map(ended).collect()
        })
    }
}

impl Inspect for Foreign {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        unsupported()
    }

    fn list(&self, _: Filter, _: Page) -> StoreFuture<'_, Listed> {
        unsupported()
    }

    fn job(&self, _: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        unsupported()
    }

    fn retry(&self, _: Which, _: By) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn cancel(&self, _: Which, _: String, _: By) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn delete(&self, _: Which, _: By) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn reschedule(&self, _: Which, _: SystemTime, _: By) -> StoreFuture<'_, u64> {
        unsupported()
    }

    fn pause_queue(&self, _: Name, _: By) -> StoreFuture<'_, ()> {
        unsupported()
    }

    fn resume_queue(&self, _: Name, _: By) -> StoreFuture<'_, ()> {
        unsupported()
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        unsupported()
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        unsupported()
    }
}

#[derive(Serialize, Deserialize)]
struct Double(u64);

impl Job for Double {
    const KIND: &'static str = "double";
    type Output = u64;
}

fn builder<S: Store>(store: S) -> marionette::TaskManagerBuilder<S> {
    let builder = TaskManager::builder().store(store);
    builder.handle(async |double: Double, _: Context| Ok(2 * double.0))
}

#[tokio::test]
async fn a_foreign_store_with_the_required_methods_alone_runs_jobs() {
    let tasks = builder(Foreign::default()).build().expect("it is sound");
    let doubled = tasks.queue(Double(21)).await.expect("it is accepted");
    // Nothing wakes the manager of this store: it looks when it starts, and at each poll.
    tasks.start();
    assert_eq!(doubled.await.expect("it succeeds"), 42);
    let later = tasks.queue(Double(4)).await.expect("it is accepted");
    assert_eq!(later.await.expect("the poll finds it"), 8);
}

#[tokio::test]
async fn a_foreign_store_is_used_behind_a_pointer() {
    let store: Arc<dyn Store> = Arc::new(Foreign::default());
    let tasks = builder(Arc::clone(&store)).build().expect("it is sound");
    let doubled = tasks.queue(Double(21)).await.expect("it is accepted");
    let tasks: TaskManager<dyn Store> = tasks.into();
    tasks.start();
    assert_eq!(doubled.await.expect("it succeeds"), 42);
    assert!(tasks.store_as::<Foreign>().is_some());
    let activity = store.activity(ActivityFilter::new()).await;
    let error = activity.expect_err("it has no such method");
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
    let refused = store.counts().await.expect_err("it cannot count");
    assert_eq!(refused.kind(), StoreErrorKind::Unsupported);
}
