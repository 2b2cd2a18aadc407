//! What the tests of jobs have in common: jobs, managers with a store, and a store that fails.
// Each test file is a crate of its own and uses a part.
#![allow(dead_code)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceInfo, Lease, Name, NewJob, Renewal, Settled,
    Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use marionette::{Context, Job, MemoryStore, TaskError, TaskId, TaskManager, TaskManagerBuilder};
use serde::{Deserialize, Serialize};

/// A job whose result is the length of its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SendMail {
    pub(crate) to: String,
}

impl Job for SendMail {
    const KIND: &'static str = "send_mail";
    type Output = usize;
}

pub(crate) fn mail(to: &str) -> SendMail {
    SendMail { to: to.into() }
}

pub(crate) async fn send(mail: SendMail, _: Context) -> Result<usize, TaskError> {
    Ok(mail.to.len())
}

/// A job that says how its attempts end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Act {
    Fail,
    FailWith(String),
    Panic,
    Hang,
    Obey,
}

impl Job for Act {
    const KIND: &'static str = "act";
    type Output = ();
}

pub(crate) async fn act(act: Act, cx: Context) -> Result<(), TaskError> {
    match act {
        Act::Fail => Err(format!("refused {}", cx.attempt()).into()),
        Act::FailWith(text) => Err(text.into()),
        Act::Panic => panic!("oh no"),
        Act::Hang => std::future::pending().await,
        Act::Obey => {
            cx.cancelled().await;
            Err("told to end".into())
        }
    }
}

/// A builder with the handlers of both kinds of jobs.
pub(crate) fn builder<S: Store>(store: S) -> TaskManagerBuilder<S> {
    TaskManager::builder().store(store).handle(send).handle(act)
}

/// A manager that runs.
pub(crate) fn started(store: &MemoryStore) -> TaskManager<MemoryStore> {
    let tasks = builder(store.clone()).build().expect("it is sound");
    tasks.start();
    tasks
}

/// A manager that only stores jobs.
pub(crate) fn producer(store: &MemoryStore) -> TaskManager<MemoryStore> {
    let builder = TaskManager::builder().store(store.clone());
    builder.build().expect("it is sound")
}

pub(crate) async fn details(store: &impl Store, id: TaskId) -> JobDetails {
    let details = store.job(id).await.expect("it answers");
    details.expect("it is there")
}

/// The call that fails, and its error.
type Fault = (&'static str, fn() -> StoreError);

/// A store in memory that counts its insertions, and whose calls fail when a test says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryStore,
    inserts: Arc<AtomicUsize>,
    fails: Arc<AtomicBool>,
    loses_answers: Arc<AtomicBool>,
    forgets: Arc<AtomicBool>,
    claims_fail: Arc<AtomicBool>,
    claims_hang: Arc<AtomicBool>,
    fails_at: Arc<Mutex<Option<Fault>>>,
}

impl Faulty {
    pub(crate) fn inserts(&self) -> usize {
        self.inserts.load(Ordering::Relaxed)
    }

    /// From now on an insertion is an error, and has no effect.
    pub(crate) fn fail(&self, fails: bool) {
        self.fails.store(fails, Ordering::Relaxed);
    }

    /// From now on an insertion has its effect, and is an error.
    pub(crate) fn lose_answers(&self, loses: bool) {
        self.loses_answers.store(loses, Ordering::Relaxed);
    }

    /// From now on a claim is an error.
    pub(crate) fn fail_claims(&self, fails: bool) {
        self.claims_fail.store(fails, Ordering::Relaxed);
    }

    /// From now on a claim has no answer, until the test says otherwise.
    pub(crate) fn hang_claims(&self, hangs: bool) {
        self.claims_hang.store(hangs, Ordering::Relaxed);
    }

    /// From now on this call (`insert`, `settle`, `renew`, `sweep` or `ended`) is this error.
    pub(crate) fn fail_at(&self, call: &'static str, error: fn() -> StoreError) {
        *self.fails_at.lock().expect("nobody panics with it") = Some((call, error));
    }

    /// From now on these calls succeed again.
    pub(crate) fn fail_nowhere(&self) {
        *self.fails_at.lock().expect("nobody panics with it") = None;
    }

    fn may(&self, call: &str) -> Result<(), StoreError> {
        let fails_at = self.fails_at.lock().expect("nobody panics with it");
        match *fails_at {
            Some((fails, error)) if fails == call => Err(error()),
            _ => Ok(()),
        }
    }

    /// From now on an insertion answers for no job.
    pub(crate) fn forget(&self) {
        self.forgets.store(true, Ordering::Relaxed);
    }
}

pub(crate) fn unreachable() -> StoreError {
    StoreError::unavailable("the store does not answer").with_source("connection refused")
}

impl Store for Faulty {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        Box::pin(async move {
            self.inserts.fetch_add(1, Ordering::Relaxed);
            self.may("insert")?;
            if self.fails.load(Ordering::Relaxed) {
                return Err(unreachable());
            }
            let inserted = self.inner.insert(jobs).await?;
            if self.loses_answers.load(Ordering::Relaxed) {
                return Err(unreachable());
            }
            if self.forgets.load(Ordering::Relaxed) {
                return Ok(Vec::new());
            }
            Ok(inserted)
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        Box::pin(async move {
            while self.claims_hang.load(Ordering::Relaxed) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            if self.claims_fail.load(Ordering::Relaxed) {
                return Err(unreachable());
            }
            self.inner.claim(claim).await
        })
    }

    fn renew(&self, worker: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        Box::pin(async move {
            self.may("renew")?;
            self.inner.renew(worker, leases).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        Box::pin(async move {
            self.may("settle")?;
            self.inner.settle(settlements).await
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        Box::pin(async move {
            self.may("sweep")?;
            self.inner.sweep().await
        })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        self.inner.wait(wanted)
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        Box::pin(async move {
            self.may("ended")?;
            if self.fails.load(Ordering::Relaxed) {
                return Err(unreachable());
            }
            self.inner.ended(jobs).await
        })
    }

    fn is_volatile(&self) -> bool {
        self.inner.is_volatile()
    }

    fn timing(&self) -> Timing {
        self.inner.timing()
    }
}

impl Inspect for Faulty {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.inner.counts()
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.inner.list(filter, page)
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.inner.job(id)
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.inner.retry(which, by)
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.inner.cancel(which, reason, by)
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.inner.delete(which, by)
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.inner.reschedule(which, due, by)
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.inner.pause_queue(queue, by)
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.inner.resume_queue(queue, by)
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.inner.paused_queues()
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.inner.activity(filter)
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.inner.instances()
    }
}
