//! A store behind an [`Arc`] is a store. Each method is passed on, those with a default too.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::id::TaskId;
use crate::store::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use crate::store::{
    Claim, Claimed, Duty, Ended, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Renewal,
    Settled, Settlement, Store, StoreFuture, Swept, Timing, Wanted,
};

impl<S: Store + ?Sized> Store for Arc<S> {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        (**self).insert(jobs)
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        (**self).claim(claim)
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        (**self).renew(instance, leases)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        (**self).settle(settlements)
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        (**self).sweep()
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        (**self).leave(instance)
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        (**self).wait(wanted)
    }

    fn rest(&self, duty: Duty) -> StoreFuture<'_, ()> {
        (**self).rest(duty)
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        (**self).ended(jobs)
    }

    fn is_volatile(&self) -> bool {
        (**self).is_volatile()
    }

    fn timing(&self) -> Timing {
        (**self).timing()
    }
}

impl<S: Inspect + ?Sized> Inspect for Arc<S> {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        (**self).counts()
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        (**self).list(filter, page)
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        (**self).job(id)
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        (**self).retry(which, by)
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        (**self).cancel(which, reason, by)
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        (**self).delete(which, by)
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        (**self).reschedule(which, due, by)
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        (**self).pause_queue(queue, by)
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        (**self).resume_queue(queue, by)
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        (**self).paused_queues()
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        (**self).activity(filter)
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        (**self).instances()
    }

    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        (**self).unclaimed(wanted, overdue)
    }
}
