//! Waiting for work: no wake-up is lost, no wait lasts for ever, and nothing spins.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::{Due, Next, Wanted};

use crate::bed::{Bed, QUEUE, by, job, jobs, name, only, present, wanted};
use crate::case::{Case, claims};
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = claims![of Part::Waking;
        a_wait_ends_at_once_if_a_job_is_due,
        a_wait_that_began_before_an_insert_ends_with_it,
        a_wait_ends_when_a_job_becomes_due,
        a_wait_ends_when_a_date_is_reached,
        a_wait_ends_with_everything_that_makes_a_job_claimable,
        a_wait_ends_when_a_sweep_gives_a_job_back,
        a_wait_ends_when_its_queue_is_resumed,
        a_wait_that_was_dropped_takes_no_wake_up_with_it,
        many_who_wait_are_all_woken_by_many_jobs,
    ];
    cases.extend(claims![
        a_wait_for_nothing_ends_by_itself,
        a_job_that_nobody_here_may_claim_is_no_reason_to_return,
        a_suspect_that_may_not_be_claimed_now_is_no_reason_to_return,
        a_wait_on_one_instance_notices_what_another_inserts,
    ]);
    cases
}

type Waiting = Pin<Box<dyn Future<Output = ()>>>;

/// A wait that has begun. Late news of a job that is gone may end one or two before.
async fn begin(bed: &Bed, wanted: Wanted) -> Waiting {
    for _ in 0..5 {
        let (store, wanted) = (Arc::clone(&bed.store), wanted.clone());
        let wait = async move { store.wait(wanted).await.expect("a wait") };
        let mut wait: Waiting = Box::pin(wait);
        let begun = std::future::poll_fn(|context| {
            std::task::Poll::Ready(wait.as_mut().poll(context).is_pending())
        });
        if begun.await {
            return wait;
        }
    }
    panic!("nothing is due, and it returns at once, again and again");
}

/// What a busy machine may add to a time.
fn soon(bed: &Bed) -> Duration {
    bed.units(5)
}

/// Waits for a wake-up, which may take 15 units on a busy machine. A poll takes 20.
async fn ends_soon(bed: &Bed, what: &str, wait: Waiting) {
    let (soon, poll) = (bed.units(15), bed.store.timing().poll);
    assert!(
        poll >= bed.units(20),
        "the poll takes 20 units, not {poll:?}"
    );
    let ended = tokio::time::timeout(soon, wait).await;
    assert!(ended.is_ok(), "{what} wakes nobody");
}

async fn a_wait_ends_at_once_if_a_job_is_due(bed: Bed) {
    bed.insert_one(job()).await;
    let store = Arc::clone(&bed.store);
    let wait = Box::pin(async move { store.wait(wanted()).await.expect("a wait") });
    ends_soon(&bed, "a job that is due", wait).await;
}

async fn a_wait_that_began_before_an_insert_ends_with_it(bed: Bed) {
    for _ in 0..20 {
        let wait = begin(&bed, wanted()).await;
        let id = bed.insert_one(job()).await;
        ends_soon(&bed, "an insert", wait).await;
        bed.renew(&bed.instance, &[]).await;
        bed.claim_one(id).await;
    }
}

async fn a_wait_ends_when_a_job_becomes_due(bed: Bed) {
    let due = Due::After(bed.units(8));
    let id = bed.insert_one(job().due(due)).await;
    let wait = begin(&bed, wanted()).await;
    bed.pass_alive(9, &[(&bed.instance, &[])]).await;
    ends_soon(&bed, "its time", wait).await;
    bed.claim_one(id).await;
}

async fn a_wait_ends_when_a_date_is_reached(bed: Bed) {
    let due = Due::At(present(&bed).await + bed.units(8));
    let id = bed.insert_one(job().due(due)).await;
    let wait = begin(&bed, wanted()).await;
    bed.pass_alive(9, &[(&bed.instance, &[])]).await;
    ends_soon(&bed, "its date", wait).await;
    bed.claim_one(id).await;
}

async fn a_wait_ends_with_everything_that_makes_a_job_claimable(bed: Bed) {
    let nexts = [Next::Retry(Due::Now), Next::Snooze(Due::Now), Next::Release];
    for next in nexts {
        let claimed = bed.claimed().await;
        let wait = begin(&bed, wanted()).await;
        bed.settle(claimed.lease, next.clone()).await;
        ends_soon(&bed, &format!("{next:?}"), wait).await;
        bed.renew(&bed.instance, &[]).await;
        let again = bed.claim_one(claimed.lease.job).await;
        bed.settle(again.lease, Next::Bury).await;
        let wait = begin(&bed, wanted()).await;
        bed.store
            .retry(only(&[again.lease.job]), by())
            .await
            .expect("a change");
        ends_soon(&bed, "a retry of the dead", wait).await;
        bed.renew(&bed.instance, &[]).await;
        bed.claim_one(again.lease.job).await;
    }
    let later = || job().due(Due::After(bed.units(500)));
    let id = bed.insert_one(later()).await;
    let wait = begin(&bed, wanted()).await;
    bed.store.retry(only(&[id]), by()).await.expect("a change");
    ends_soon(&bed, "a retry of what is scheduled", wait).await;
    bed.renew(&bed.instance, &[]).await;
    bed.claim_one(id).await;
    let present = present(&bed).await;
    let id = bed.insert_one(later()).await;
    let wait = begin(&bed, wanted()).await;
    bed.store
        .reschedule(only(&[id]), present, by())
        .await
        .expect("a change");
    ends_soon(&bed, "a new date", wait).await;
}

async fn a_wait_ends_when_a_sweep_gives_a_job_back(bed: Bed) {
    bed.claimed().await;
    bed.sweep().await;
    bed.pass(bed.lease_units() + 1).await;
    let other = bed.another_instance().await;
    let wait = begin(&bed, wanted()).await;
    let swept = bed.sweep().await;
    assert_eq!(swept.released, 1);
    ends_soon(&bed, "a sweep", wait).await;
    bed.claim_as(crate::bed::claim(&other, 1)).await;
}

async fn a_wait_ends_when_its_queue_is_resumed(bed: Bed) {
    bed.store
        .pause_queue(name(QUEUE), by())
        .await
        .expect("a change");
    bed.insert_one(job()).await;
    let wait = begin(&bed, wanted()).await;
    bed.store
        .resume_queue(name(QUEUE), by())
        .await
        .expect("a change");
    ends_soon(&bed, "the end of a pause", wait).await;
}

async fn a_wait_that_was_dropped_takes_no_wake_up_with_it(bed: Bed) {
    let first = begin(&bed, wanted()).await;
    let second = begin(&bed, wanted()).await;
    let third = begin(&bed, wanted()).await;
    drop(first);
    bed.insert(jobs(2)).await;
    drop(second);
    ends_soon(&bed, "an insert", third).await;
}

async fn many_who_wait_are_all_woken_by_many_jobs(bed: Bed) {
    let mut waits = Vec::new();
    for _ in 0..64 {
        waits.push(begin(&bed, wanted()).await);
    }
    bed.insert(jobs(64)).await;
    for wait in waits {
        ends_soon(&bed, "an insert of 64 jobs", wait).await;
    }
}

async fn a_wait_for_nothing_ends_by_itself(bed: Bed) {
    let wait = begin(&bed, wanted()).await;
    let poll = bed.store.timing().poll;
    let ended = tokio::time::timeout(poll + soon(&bed), wait).await;
    assert!(ended.is_ok(), "it goes on beyond the poll of {poll:?}");
    // A loop of waits is what an idle instance does.
    assert!(waits(&bed).await < 50, "an idle instance spins");
}

/// How many waits end within five units.
async fn waits(bed: &Bed) -> usize {
    let mut ended = 0;
    let all = async {
        while ended < 1_000 {
            bed.store.wait(wanted()).await.expect("a wait");
            ended += 1;
        }
    };
    let _ = tokio::time::timeout(soon(bed), all).await;
    ended
}

async fn a_job_that_nobody_here_may_claim_is_no_reason_to_return(bed: Bed) {
    let unknown = job().kind(name("unknown"));
    let elsewhere = job().queue(name("paused"));
    let later = job().due(Due::After(bed.units(500)));
    bed.store
        .pause_queue(name("paused"), by())
        .await
        .expect("a change");
    bed.insert(vec![unknown, elsewhere, later]).await;
    assert!(
        waits(&bed).await < 50,
        "an instance that can do nothing spins"
    );
}

async fn a_suspect_that_may_not_be_claimed_now_is_no_reason_to_return(bed: Bed) {
    let id = bed.insert_one(job()).await;
    bed.crash(id).await;
    assert!(
        waits(&bed).await < 50,
        "an instance that has its suspect already spins"
    );
}

/// L1, D2: across stores it may take a poll, and not longer.
async fn a_wait_on_one_instance_notices_what_another_inserts(bed: Bed) {
    let other = bed.fixture.open().await;
    let wait = begin(&bed, wanted()).await;
    other.insert(vec![job()]).await.expect("it is in order");
    let poll = bed.store.timing().poll;
    let ended = tokio::time::timeout(poll + soon(&bed), wait).await;
    assert!(ended.is_ok(), "it goes on beyond the poll of {poll:?}");
}
