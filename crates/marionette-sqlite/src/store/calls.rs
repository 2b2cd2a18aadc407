//! The calls of managers.

use marionette::TaskId;
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceId, InstanceInfo, Lease, NewJob, Renewal, Settled,
    Settlement, Store, StoreFuture, Swept, Timing, Wanted,
};

use super::SqliteStore;
use crate::codec::Id;
use crate::file::wal;
use crate::job;
use crate::threads::writer::{
    Durability, NewRow, SharedInsert, Writer, check_settlements, settlements_weight,
};

impl Store for SqliteStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        Box::pin(async move {
            let is_one = jobs.len() == 1;
            let mut jobs = NewRow::all(jobs)?;
            if let Some(job) = jobs.pop_if(|job| !job.is_limited() && is_one) {
                let (call, answer) = SharedInsert::new(job);
                return self.operate(call, answer).await;
            }
            let weight = NewRow::weight(&jobs);
            let work = move |writer: &mut Writer<'_>| writer.insert(&jobs);
            self.write(weight, Durability::Synced, work).await
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        Box::pin(async move {
            let weight = claim.limit.min(1000);
            let work = move |writer: &mut Writer<'_>| writer.claim(&claim);
            self.write(weight, Durability::Committed, work).await
        })
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        Box::pin(async move {
            let weight = 1 + leases.len() / 4;
            let work = move |writer: &mut Writer<'_>| writer.renew(&instance, &leases);
            self.write(weight, Durability::Committed, work).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        Box::pin(async move {
            check_settlements(&settlements)?;
            let weight = settlements_weight(&settlements);
            let work = move |writer: &mut Writer<'_>| writer.settle(&settlements);
            self.write(weight, Durability::Synced, work).await
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        Box::pin(async move {
            let beyond = self.done_beyond().await?;
            // Idle lanes can wait; the jobs of a dead instance cannot.
            let mut idle = self.idle_lanes().await.unwrap_or_default();
            let work = move |writer: &mut Writer<'_>| writer.sweep(beyond.as_ref(), &mut idle);
            // After a loss of power the next sweep does the same work again.
            let mut swept = self.write(500, Durability::Committed, work).await?;
            swept.warning = wal::warning(self.path());
            Ok(swept)
        })
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let work = move |writer: &mut Writer<'_>| writer.leave(instance);
            self.write(1, Durability::Committed, work).await
        })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let shared = &self.inner.shared;
            // In a broken store no thread would wake the waiter.
            shared.fault().map_err(Clone::clone)?;
            let woken = shared.waiters.add(&wanted, self.settings().timing.poll);
            if woken.await.is_err() && shared.waiters.is_closed() {
                return Err(shared.stopped());
            }
            Ok(())
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        Box::pin(async move {
            let ids: Vec<Id> = jobs.into_iter().map(Id::of).collect();
            self.read(move |reader| Ok(job::ended(reader.connection, &ids)?))
                .await
        })
    }

    fn timing(&self) -> Timing {
        self.settings().timing
    }
}
