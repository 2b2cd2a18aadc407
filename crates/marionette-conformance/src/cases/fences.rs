//! An instance that lost its lease can change nothing any more.

use std::collections::HashSet;
use std::time::UNIX_EPOCH;

use marionette::store::{Claimed, Due, Lease, Next, PastOutcome, Renewal, Settled};

use crate::bed::{Bed, attempt, by, cancel_for, claim, failure, ids, job, only, present};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_settlement_that_comes_after_the_job_was_taken_away_is_stale,
        a_settlement_that_comes_while_another_runs_the_job_is_stale,
        a_settlement_that_comes_after_another_ended_the_job_is_stale,
        a_late_settle_after_a_claim_by_the_same_instance_is_stale,
        a_late_settle_of_a_deleted_job_is_stale,
        a_lease_is_worth_nothing_for_a_new_job_of_the_same_id,
        a_claim_that_was_never_made_is_worth_nothing,
        a_person_who_ends_a_job_does_not_leave_its_lease_behind,
        the_fence_names_the_instance,
        a_token_is_never_issued_twice,
        a_claim_tells_the_token_before,
    ]
}

fn nexts() -> Vec<Next> {
    vec![
        Next::Done(b"late".to_vec()),
        Next::Retry(Due::Now),
        Next::Snooze(Due::Now),
        Next::Release,
        Next::Bury,
        cancel_for("late"),
    ]
}

/// Tries every write in the name of a lease, and expects no effect.
pub(crate) async fn is_worth_nothing(bed: &Bed, lease: Lease) {
    let before = bed.store.job(lease.job).await.expect("an answer");
    for next in nexts() {
        let settled = bed
            .settle_attempt(lease, failure("late"), next.clone())
            .await;
        assert_eq!(settled, Settled::Stale, "{next:?}");
        let after = bed.store.job(lease.job).await.expect("an answer");
        assert_eq!(after, before, "{next:?}");
    }
    // Most jobs succeed at once, so a store may write that in a way of its own.
    let succeeded = attempt(PastOutcome::Done);
    let done = Next::Done(b"late".to_vec());
    let settled = bed.settle_attempt(lease, succeeded, done).await;
    assert_eq!(settled, Settled::Stale, "a success");
    assert_eq!(bed.renew(&bed.instance, &[lease]).await, [Renewal::Lost]);
    let after = bed.store.job(lease.job).await.expect("an answer");
    assert_eq!(after, before);
}

/// A job that was taken from the bed's instance, which was silent for too long.
async fn taken_away(bed: &Bed) -> Claimed {
    let claimed = bed.claimed().await;
    bed.pass_lease().await;
    claimed
}

async fn a_settlement_that_comes_after_the_job_was_taken_away_is_stale(bed: Bed) {
    let claimed = taken_away(&bed).await;
    is_worth_nothing(&bed, claimed.lease).await;
    bed.renew(&bed.instance, &[]).await;
    bed.claim_one(claimed.lease.job).await;
}

async fn a_settlement_that_comes_while_another_runs_the_job_is_stale(bed: Bed) {
    let late = taken_away(&bed).await;
    let other = bed.another_instance().await;
    let claimed = bed.claim_as(claim(&other, 1)).await;
    assert_eq!(ids(&claimed), [late.lease.job]);
    is_worth_nothing(&bed, late.lease).await;
    let lease = claimed[0].lease;
    assert_eq!(bed.renew(&other, &[lease]).await, [Renewal::Kept]);
    let settled = bed.settle(lease, Next::Done(b"in time".to_vec())).await;
    assert_eq!(settled, Settled::Applied);
}

async fn a_settlement_that_comes_after_another_ended_the_job_is_stale(bed: Bed) {
    for next in nexts() {
        let late = taken_away(&bed).await;
        let other = bed.another_instance().await;
        let claimed = bed.claim_as(claim(&other, 1)).await;
        assert_eq!(ids(&claimed), [late.lease.job]);
        bed.settle(claimed[0].lease, next).await;
        is_worth_nothing(&bed, late.lease).await;
        bed.store
            .delete(only(&[late.lease.job]), by())
            .await
            .expect("a change");
    }
}

async fn a_late_settle_after_a_claim_by_the_same_instance_is_stale(bed: Bed) {
    let late = taken_away(&bed).await;
    bed.renew(&bed.instance, &[]).await;
    let again = bed.claim_one(late.lease.job).await;
    is_worth_nothing(&bed, late.lease).await;
    assert_eq!(
        bed.renew(&bed.instance, &[again.lease]).await,
        [Renewal::Kept]
    );
}

async fn a_late_settle_of_a_deleted_job_is_stale(bed: Bed) {
    let late = taken_away(&bed).await;
    let deleted = bed
        .store
        .delete(only(&[late.lease.job]), by())
        .await
        .expect("a change");
    assert_eq!(deleted, 1);
    is_worth_nothing(&bed, late.lease).await;
}

async fn a_lease_is_worth_nothing_for_a_new_job_of_the_same_id(bed: Bed) {
    let late = taken_away(&bed).await;
    let id = late.lease.job;
    bed.store.delete(only(&[id]), by()).await.expect("a change");
    bed.insert(vec![job().id(id)]).await;
    is_worth_nothing(&bed, late.lease).await;
    bed.renew(&bed.instance, &[]).await;
    let claimed = bed.claim_one(id).await;
    is_worth_nothing(&bed, late.lease).await;
    assert_eq!(
        bed.renew(&bed.instance, &[claimed.lease]).await,
        [Renewal::Kept]
    );
}

async fn a_claim_that_was_never_made_is_worth_nothing(bed: Bed) {
    let claimed = bed.claimed().await;
    for token in [0, claimed.lease.token + 1, i64::MIN, i64::MAX] {
        let never = Lease {
            token,
            ..claimed.lease
        };
        is_worth_nothing(&bed, never).await;
    }
    assert_eq!(
        bed.renew(&bed.instance, &[claimed.lease]).await,
        [Renewal::Kept]
    );
}

async fn a_person_who_ends_a_job_does_not_leave_its_lease_behind(bed: Bed) {
    let late = taken_away(&bed).await;
    let which = only(&[late.lease.job]);
    let cancelled = bed
        .store
        .cancel(which.clone(), "x".to_owned(), by())
        .await
        .expect("a change");
    assert_eq!(cancelled, 1);
    is_worth_nothing(&bed, late.lease).await;
    bed.store.retry(which, by()).await.expect("a change");
    is_worth_nothing(&bed, late.lease).await;
}

async fn the_fence_names_the_instance(bed: Bed) {
    let other = bed.another_instance().await;
    let held = bed.claimed().await.lease;
    let of_another = Lease {
        instance: other.id,
        ..held
    };
    is_worth_nothing(&bed, of_another).await;
    assert_eq!(bed.renew(&other, &[of_another]).await, [Renewal::Lost]);
    let renewed = bed.renew(&other, &[held]).await;
    assert_eq!(renewed, [Renewal::Lost], "it is not the other's to renew");
    assert_eq!(bed.renew(&bed.instance, &[held]).await, [Renewal::Kept]);
    let done = bed.settle(held, Next::Done(Vec::new())).await;
    assert_eq!(done, Settled::Applied);
    is_worth_nothing(&bed, of_another).await;
}

/// Not for one job, whatever becomes of it, and not below the time: so not after a claim that the
/// store has forgotten either.
async fn a_token_is_never_issued_twice(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let mut tokens = HashSet::new();
    for next in [Next::Release, Next::Retry(Due::Now), Next::Bury] {
        bed.pass(1).await;
        let before = present(&bed).await;
        let lease = bed.claim_one(id).await.lease;
        assert!(tokens.insert(lease.token), "{next:?}: {tokens:?}");
        let time = before.duration_since(UNIX_EPOCH).expect("it is later");
        let token = u128::try_from(lease.token).expect("it is positive");
        assert!(token >= time.as_micros(), "{token} before {time:?}");
        bed.settle(lease, next).await;
        bed.renew(&bed.instance, &[]).await;
    }
    bed.store.retry(only(&[id]), by()).await.expect("a change");
    let lease = bed.claim_one(id).await.lease;
    assert!(tokens.insert(lease.token), "begun anew: {tokens:?}");
    bed.store.delete(only(&[id]), by()).await.expect("a change");
}

async fn a_claim_tells_the_token_before(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let mut before = None;
    for next in [Next::Release, Next::Retry(Due::Now), Next::Bury] {
        let claimed = bed.claim_one(id).await;
        assert_eq!(claimed.previous, before, "before {next:?}");
        before = Some(claimed.lease.token);
        bed.settle(claimed.lease, next).await;
    }
    bed.store.retry(only(&[id]), by()).await.expect("a change");
    let claimed = bed.claim_one(id).await;
    assert_eq!(claimed.previous, before, "after it began anew");
    let before = Some(claimed.lease.token);
    bed.pass_lease().await;
    bed.renew(&bed.instance, &[]).await;
    let claimed = bed.claim_one(id).await;
    assert_eq!(claimed.previous, before, "after its instance was dead");
}
