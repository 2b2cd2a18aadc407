//! A store may work on a thread of its own: nothing that the library does needs more of the runtime
//! of a call than that it waits for the answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime};

use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceInfo, Lease, Name, NewJob, Renewal, Settled,
    Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use marionette::{Context, Job, MemoryStore, TaskId, TaskManager};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

type Work = Box<dyn FnOnce(MemoryStore) + Send>;

/// A store on a thread of its own, which has the only runtime that its work runs in.
#[derive(Clone, Debug)]
struct OwnThread {
    work: mpsc::UnboundedSender<Work>,
    timing: Timing,
    /// The names of the threads that have asked for renewals.
    renewers: Arc<Mutex<BTreeSet<String>>>,
}

impl OwnThread {
    fn new(inner: MemoryStore) -> Self {
        let (work, mut inbox) = mpsc::unbounded_channel::<Work>();
        let timing = inner.timing();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                while let Some(work) = inbox.recv().await {
                    work(inner.clone());
                }
            });
        });
        Self {
            work,
            timing,
            renewers: Arc::default(),
        }
    }

    /// Lets the thread do this, and waits for nothing but its answer.
    fn ask<T: Send + 'static, F>(
        &self,
        work: impl FnOnce(MemoryStore) -> F + Send + 'static,
    ) -> StoreFuture<'_, T>
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |store| {
            let work = work(store);
            tokio::spawn(async move { reply.send(work.await) });
        });
        let sent = self.work.send(work);
        Box::pin(async move {
            let gone = || StoreError::unavailable("the thread of the store is gone");
            sent.map_err(|_| gone())?;
            answer.await.map_err(|_| gone())?
        })
    }
}

impl Store for OwnThread {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.ask(|store| async move { store.insert(jobs).await })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.ask(|store| async move { store.claim(claim).await })
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        let name = thread::current().name().unwrap_or_default().to_owned();
        self.renewers.lock().expect("no panic").insert(name);
        self.ask(|store| async move { store.renew(instance, leases).await })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.ask(|store| async move { store.settle(settlements).await })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.ask(|store| async move { store.sweep().await })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        self.ask(|store| async move { store.wait(wanted).await })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.ask(|store| async move { store.ended(jobs).await })
    }

    fn timing(&self) -> Timing {
        self.timing
    }
}

impl Inspect for OwnThread {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.ask(|store| async move { store.counts().await })
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.ask(move |store| async move { store.list(filter, page).await })
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.ask(move |store| async move { store.job(id).await })
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.ask(|store| async move { store.retry(which, by).await })
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.ask(|store| async move { store.cancel(which, reason, by).await })
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.ask(|store| async move { store.delete(which, by).await })
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.ask(move |store| async move { store.reschedule(which, due, by).await })
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.ask(|store| async move { store.pause_queue(queue, by).await })
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.ask(|store| async move { store.resume_queue(queue, by).await })
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.ask(|store| async move { store.paused_queues().await })
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.ask(|store| async move { store.activity(filter).await })
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.ask(|store| async move { store.instances().await })
    }
}

/// A job that blocks the thread of its runtime.
#[derive(Serialize, Deserialize)]
struct Blocks;

impl Job for Blocks {
    const KIND: &'static str = "blocks";
    type Output = u32;
}

fn manager(store: &OwnThread, runs: &Arc<AtomicU32>) -> TaskManager<OwnThread> {
    let runs = Arc::clone(runs);
    TaskManager::builder()
        .store(store.clone())
        .handle(move |_: Blocks, _: Context| {
            let runs = Arc::clone(&runs);
            async move {
                block();
                Ok(runs.fetch_add(1, Ordering::Relaxed) + 1)
            }
        })
        .build()
        .expect("the settings are right")
}

#[allow(clippy::disallowed_methods)] // It blocks its runtime, which is what is tested.
fn block() {
    thread::sleep(BLOCKED);
}

/// Renewals come every second, so the renewer may be starved for three seconds.
const LEASE: Duration = Duration::from_secs(5);
/// Long enough for another process to find an instance dead that does not renew.
const BLOCKED: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "current_thread")]
async fn a_store_on_a_thread_of_its_own_serves_a_manager_whose_runtime_is_blocked() {
    let inner = MemoryStore::options().lease(LEASE).sweep(LEASE / 4);
    let store = OwnThread::new(inner.build());
    let runs = Arc::new(AtomicU32::new(0));
    let tasks = manager(&store, &runs);
    tasks.start();
    let handle = tasks.queue(Blocks).await.expect("it is accepted");
    // Another process sweeps meanwhile, and would take the job from an instance that is silent.
    let (other, others_runs) = (store.clone(), Arc::clone(&runs));
    let rescuer = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime without input and output");
        runtime.block_on(async {
            let tasks = manager(&other, &others_runs);
            tokio::time::sleep(LEASE / 3).await;
            tasks.start();
            tokio::time::sleep(LEASE * 3 / 2).await;
            tasks.stop().await.is_complete()
        })
    });
    assert_eq!(handle.await.expect("it succeeds"), 1);
    assert!(rescuer.join().expect("no panic"));
    assert_eq!(runs.load(Ordering::Relaxed), 1, "its lease was renewed");
    assert!(tasks.stop().await.is_complete());
    let renewers = store.renewers.lock().expect("no panic").clone();
    assert!(renewers.contains("marionette-renewer"), "{renewers:?}");
}
