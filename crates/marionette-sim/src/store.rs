//! The store as one process reaches it: over a link on which things go wrong.

use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceId, InstanceInfo, JobState, Lease, Name, NewJob, Next,
    Renewal, Settled, Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use marionette::{MemoryStore, TaskId};
use marionette_conformance::history::{Event, History};
use tokio::time::sleep;

use crate::board::Board;
use crate::link::{Connection, Fate, Link};
use crate::work::Work;

/// The store as one process reaches it.
#[derive(Clone, Debug)]
pub(crate) struct SimStore {
    pub(crate) server: Server,
    pub(crate) link: Arc<Link>,
}

/// The store itself, and the onlookers that write down what it does.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) store: MemoryStore,
    pub(crate) history: Arc<History>,
    pub(crate) board: Arc<Board>,
}

impl Server {
    async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        let dues: Vec<_> = jobs.iter().map(|job| (job.id, job.due)).collect();
        let inserted = self.store.insert(jobs).await?;
        for ((job, due), inserted) in dues.into_iter().zip(&inserted) {
            if *inserted == Inserted::Accepted {
                self.board.accepted(job, due);
            }
        }
        Ok(inserted)
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>, StoreError> {
        let told = settlements.clone();
        let settled = self.store.settle(settlements).await?;
        for (settlement, settled) in told.into_iter().zip(&settled) {
            if *settled == Settled::Stale {
                continue;
            }
            let Lease { job, token, .. } = settlement.lease;
            self.board.settled(settlement.lease, &settlement.next);
            if let Next::Done(_) | Next::Unkept(_) = settlement.next {
                self.history.write(&Event::Won(job, token));
            }
        }
        Ok(settled)
    }

    pub(crate) async fn renew(
        &self,
        instance: InstanceInfo,
        leases: Vec<Lease>,
    ) -> Result<Vec<Renewal>, StoreError> {
        let id = instance.id;
        let renewals = self.store.renew(instance, leases.clone()).await?;
        self.board.lives(id);
        for (lease, renewal) in leases.into_iter().zip(&renewals) {
            if *renewal != Renewal::Lost {
                self.board.renewed(lease, id);
            }
        }
        Ok(renewals)
    }

    /// Claims, and writes the tokens into the jobs.
    async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let instance = claim.instance;
        let mut claimed = self.store.claim(claim).await?;
        for claimed in &mut claimed {
            self.board.claimed(claimed.lease, instance);
            claimed.payload = Work::with_token(&claimed.payload, claimed.lease.token);
        }
        Ok(claimed)
    }

    /// Sweeps, and writes down which jobs were taken from their instances.
    pub(crate) async fn sweep(&self) -> Result<Swept, StoreError> {
        let swept = self.store.sweep().await?;
        // A store in memory answers at once, so no claim comes in between.
        for job in self.board.running() {
            if self
                .store
                .job(job)
                .await?
                .is_none_or(|job| job.summary.state != JobState::Running)
            {
                self.history.write(&Event::Taken(job));
                self.board.taken(job, self.store.timing().lease);
            }
        }
        Ok(swept)
    }

    /// The store forgets its last claims, and the instances that have them live on. Returns how
    /// many it forgot.
    pub(crate) fn forget(&self, claims: usize) -> usize {
        let forgotten = self.store.forget_claims(claims);
        for lease in &forgotten {
            self.history.write(&Event::Taken(lease.job));
            self.board.forgotten(*lease);
        }
        forgotten.len()
    }

    /// The store's monotonic clock goes on, and those of its managers stand still.
    pub(crate) fn outlive(&self, time: Duration) {
        self.store.outlive(time);
        self.board.outlive(time);
    }
}

impl SimStore {
    /// A call over the link.
    fn call<T, F>(&self, work: impl FnOnce(Server) -> F + Send + 'static) -> StoreFuture<'_, T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        Box::pin(async move {
            let server = self.server.clone();
            match self.link.fate() {
                Fate::Silence => pending().await,
                Fate::Refused(after) => {
                    pass(after).await;
                    self.hear(Err(StoreError::unavailable("the request was lost")))
                        .await
                }
                Fate::AnswerLost(there, back) => {
                    pass(there).await;
                    self.leaves().await;
                    let answer = work(server).await;
                    pass(back).await;
                    drop(answer);
                    self.hear(Err(StoreError::unavailable("the answer was lost")))
                        .await
                }
                Fate::Late(after, there) => {
                    tokio::spawn(async move {
                        pass(there).await;
                        // No process is left to hear it.
                        let _ = work(server).await;
                    });
                    pass(after).await;
                    self.hear(Err(StoreError::unavailable("no answer came in time")))
                        .await
                }
                Fate::Answered(there, back) => {
                    pass(there).await;
                    self.leaves().await;
                    let answer = work(server).await;
                    pass(back).await;
                    self.hear(answer).await
                }
            }
        })
    }

    /// A request that waited leaves its process, if that lives.
    async fn leaves(&self) {
        if self.link.is_dead() {
            pending::<()>().await;
        }
    }

    /// An answer arrives, if the link is open and its process lives.
    async fn hear<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.link.connection() {
            Connection::Open => answer,
            Connection::Cut => Err(StoreError::unavailable("the link is cut")),
            Connection::Dead => pending().await,
        }
    }
}

async fn pass(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

impl Store for SimStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.call(move |server| async move { server.insert(jobs).await })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.call(move |server| async move { server.claim(claim).await })
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.link.introduce(&instance);
        self.call(move |server| async move { server.renew(instance, leases).await })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        self.call(move |server| async move { server.settle(settlements).await })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.call(move |server| async move { server.sweep().await })
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        self.call(move |server| async move { server.store.leave(instance).await })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            match self.link.connection() {
                Connection::Dead => return pending().await,
                Connection::Cut => return self.call(|_| async { Ok(()) }).await,
                Connection::Open => {}
            }
            if self.link.is_deaf() {
                sleep(self.timing().poll).await;
            } else {
                self.server.store.wait(wanted).await?;
            }
            self.hear(Ok(())).await
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.call(move |server| async move { server.store.ended(jobs).await })
    }

    fn is_volatile(&self) -> bool {
        true
    }

    fn timing(&self) -> Timing {
        self.server.store.timing()
    }
}

/// Questions of a person go to the server itself, not over the link.
impl Inspect for SimStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.server.store.counts()
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.server.store.list(filter, page)
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.server.store.job(id)
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.server.store.retry(which, by)
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.server.store.cancel(which, reason, by)
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.server.store.delete(which, by)
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.server.store.reschedule(which, due, by)
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.server.store.pause_queue(queue, by)
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.server.store.resume_queue(queue, by)
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.server.store.paused_queues()
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.server.store.activity(filter)
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.server.store.instances()
    }
}
