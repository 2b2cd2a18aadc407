//! Every call may be dropped at any await and may be repeated: that ends as if it had been called
//! once.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use marionette::inspect::Which;
use marionette::store::{Due, JobState, Lease, Next, Renewal, Settled, Settlement, Swept};

use crate::bed::{Bed, by, cancel_for, claim, failure, ids, job, jobs, leases, name, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        an_insert_that_is_dropped_and_repeated_inserts_once,
        a_settlement_that_is_dropped_and_repeated_is_written_once,
        every_settlement_can_be_repeated,
        a_settlement_that_is_repeated_too_late_changes_nothing,
        a_claim_that_is_dropped_loses_no_job,
        a_renewal_that_is_dropped_takes_no_lease,
        a_sweep_that_is_dropped_and_repeated_counts_one_crash,
        a_change_that_is_dropped_and_repeated_is_made_once,
        a_wait_that_is_dropped_leaves_nothing_behind,
    ]
}

/// Polls at most `polls` times, then drops the future; returns whether it ended.
async fn dropped_after<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| true)
    })
    .await
}

/// The most polls after which a call is dropped. No store should need more.
const POLLS: std::ops::Range<usize> = 0..6;

async fn an_insert_that_is_dropped_and_repeated_inserts_once(bed: Bed) {
    for polls in POLLS {
        let new = jobs(3);
        dropped_after(polls, bed.store.insert(new.clone())).await;
        let expected = bed.insert_again(new).await;
        let mut claimed = ids(&bed.claim(10).await);
        claimed.sort();
        assert_eq!(claimed, expected, "dropped after {polls} polls");
    }
}

fn failed(lease: Lease, next: Next) -> Vec<Settlement> {
    let attempt = Some(failure("once"));
    vec![Settlement::new(lease, next).attempt(attempt)]
}

async fn a_settlement_that_is_dropped_and_repeated_is_written_once(bed: Bed) {
    for polls in POLLS {
        let lease = bed.claimed().await.lease;
        let settlement = failed(lease, Next::Retry(Due::After(bed.units(500))));
        dropped_after(polls, bed.store.settle(settlement.clone())).await;
        assert_eq!(bed.settle_all(settlement).await, [Settled::Applied]);
        let details = bed.details(lease.job).await;
        assert_eq!(details.summary.state, JobState::Retrying);
        assert_eq!((details.summary.failed, details.attempts.len()), (1, 1));
    }
}

async fn every_settlement_can_be_repeated(bed: Bed) {
    let nexts = [
        Next::Done(b"x".to_vec()),
        Next::Retry(Due::After(bed.units(500))),
        Next::Snooze(Due::After(bed.units(500))),
        Next::Release,
        Next::Bury,
        cancel_for("x"),
    ];
    for next in nexts {
        let lease = bed.claimed().await.lease;
        let settlement = failed(lease, next.clone());
        assert_eq!(bed.settle_all(settlement.clone()).await, [Settled::Applied]);
        let before = bed.details(lease.job).await;
        for _ in 0..3 {
            let again = bed.settle_all(settlement.clone()).await;
            assert_eq!(again, [Settled::Applied], "{next:?}");
        }
        let twice = [settlement.clone(), settlement].concat();
        assert_eq!(
            bed.settle_all(twice).await,
            [Settled::Applied; 2],
            "{next:?}"
        );
        assert_eq!(bed.details(lease.job).await, before, "{next:?}");
        bed.store
            .delete(only(&[lease.job]), by())
            .await
            .expect("a change");
    }
}

/// Once the job has been claimed again, the answer may be either.
async fn a_settlement_that_is_repeated_too_late_changes_nothing(bed: Bed) {
    let lease = bed.claimed().await.lease;
    let settlement = failed(lease, Next::Retry(Due::Now));
    assert_eq!(bed.settle_all(settlement.clone()).await, [Settled::Applied]);
    let again = bed.claim_one(lease.job).await.lease;
    let before = bed.details(lease.job).await;
    bed.settle_all(settlement).await;
    assert_eq!(bed.details(lease.job).await, before);
    assert_eq!(bed.renew(&bed.instance, &[again]).await, [Renewal::Kept]);
    let done = bed.settle(again, Next::Done(Vec::new())).await;
    assert_eq!(done, Settled::Applied);
}

async fn a_claim_that_is_dropped_loses_no_job(bed: Bed) {
    for polls in POLLS {
        let expected = bed.insert(jobs(2)).await;
        dropped_after(polls, bed.store.claim(claim(&bed.instance, 5))).await;
        bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
        let mut claimed = bed.claim(5).await;
        claimed.sort_by_key(|claimed| claimed.lease.job);
        assert_eq!(ids(&claimed), expected, "dropped after {polls} polls");
        assert!(
            claimed.iter().all(|claimed| claimed.crashes == 0),
            "its instance lived"
        );
        for claimed in claimed {
            bed.settle(claimed.lease, Next::Done(Vec::new())).await;
        }
    }
}

async fn a_renewal_that_is_dropped_takes_no_lease(bed: Bed) {
    bed.insert(jobs(2)).await;
    let leases = leases(&bed.claim(2).await);
    for polls in POLLS {
        dropped_after(polls, bed.store.renew(bed.instance.clone(), leases.clone())).await;
        let renewed = bed.renew(&bed.instance, &leases).await;
        assert_eq!(renewed, [Renewal::Kept, Renewal::Kept]);
    }
}

async fn a_sweep_that_is_dropped_and_repeated_counts_one_crash(bed: Bed) {
    for polls in POLLS {
        let id = bed.insert_one(job()).await;
        let doomed = bed.another_instance().await;
        bed.claim_as(claim(&doomed, 1)).await;
        bed.sweep().await;
        bed.pass(bed.lease_units() + 1).await;
        dropped_after(polls, bed.store.sweep()).await;
        bed.sweep().await;
        bed.sweep().await;
        let details = bed.details(id).await;
        assert_eq!((details.summary.crashes, details.attempts.len()), (1, 1));
        assert_eq!(bed.sweep().await, Swept::default());
        bed.store.delete(only(&[id]), by()).await.expect("a change");
    }
}

async fn a_change_that_is_dropped_and_repeated_is_made_once(bed: Bed) {
    for polls in POLLS {
        let id = bed.insert_one(job()).await;
        let which = || only(&[id]);
        let reason = || "enough".to_owned();
        dropped_after(polls, bed.store.cancel(which(), reason(), by())).await;
        bed.store
            .cancel(which(), reason(), by())
            .await
            .expect("a change");
        assert_eq!(bed.state(id).await, JobState::Cancelled);
        dropped_after(polls, bed.store.retry(which(), by())).await;
        bed.store.retry(which(), by()).await.expect("a change");
        assert_eq!(bed.state(id).await, JobState::Ready);
        dropped_after(polls, bed.store.pause_queue(name("x"), by())).await;
        bed.store
            .pause_queue(name("x"), by())
            .await
            .expect("a change");
        dropped_after(polls, bed.store.delete(which(), by())).await;
        bed.store.delete(which(), by()).await.expect("a change");
        assert_eq!(bed.all().await, []);
        let all = Which::Matching(marionette::inspect::Filter::default());
        assert_eq!(bed.store.delete(all, by()).await.expect("a change"), 0);
        let new = job();
        dropped_after(polls, bed.store.insert(vec![new.clone()])).await;
        let inserted = bed
            .store
            .insert(vec![new.clone()])
            .await
            .expect("it is in order");
        assert!(inserted[0].is_accepted(), "{inserted:?}");
        bed.store
            .delete(only(&[new.id]), by())
            .await
            .expect("a change");
    }
}

async fn a_wait_that_is_dropped_leaves_nothing_behind(bed: Bed) {
    for polls in 0..3 {
        dropped_after(polls.min(1), bed.store.wait(crate::bed::wanted())).await;
    }
    let id = bed.insert_one(job()).await;
    bed.claim_one(id).await;
}
