//! Signs of life: which leases hold, what a renewal answers, and which instances are known.

use marionette::store::{Due, InstanceId, InstanceInfo, JobState, Next, Renewal, Settled};

use crate::bed::{Bed, by, cancel_for, claim, ids, job, jobs, leases, only};
use crate::case::{Case, claims};
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = claims![of Part::Leaving;
        an_instance_that_has_left_is_not_listed,
        an_instance_that_has_left_is_as_one_that_never_was,
    ];
    cases.extend(claims![
        a_lease_that_is_renewed_holds_for_as_long_as_it_takes,
        the_answers_come_in_the_order_of_the_leases,
        a_lease_that_ended_is_lost,
        a_cancelled_job_is_told_by_its_renewal_again_and_again,
        a_lease_that_is_never_named_comes_back_without_a_crash,
        an_instance_that_is_new_becomes_known,
        an_instance_may_change_what_it_says_of_itself,
        an_instance_that_is_silent_is_forgotten,
        an_instance_that_has_a_job_does_not_leave,
        one_that_leaves_takes_no_other_with_it,
    ]);
    cases
}

async fn a_lease_that_is_renewed_holds_for_as_long_as_it_takes(bed: Bed) {
    let claimed = bed.claimed().await;
    let lease = claimed.lease;
    for _ in 0..4 {
        bed.pass_lease_alive(&[(&bed.instance, &[lease])]).await;
        assert_eq!(bed.state(lease.job).await, JobState::Running);
    }
    assert_eq!(bed.renew(&bed.instance, &[lease]).await, [Renewal::Kept]);
    let settled = bed.settle(lease, Next::Done(Vec::new())).await;
    assert_eq!(settled, Settled::Applied);
    assert_eq!(bed.summary(lease.job).await.crashes, 0);
}

async fn the_answers_come_in_the_order_of_the_leases(bed: Bed) {
    bed.insert(jobs(3)).await;
    let leases = leases(&bed.claim(3).await);
    bed.settle(leases[1], Next::Done(Vec::new())).await;
    let cancelled = only(&[leases[2].job]);
    bed.store
        .cancel(cancelled, "enough".to_owned(), by())
        .await
        .expect("a change");
    let mut expected = vec![
        Renewal::Kept,
        Renewal::Lost,
        Renewal::Cancel("enough".to_owned()),
    ];
    assert_eq!(bed.renew(&bed.instance, &leases).await, expected);
    expected.reverse();
    let backwards: Vec<_> = leases.into_iter().rev().collect();
    assert_eq!(bed.renew(&bed.instance, &backwards).await, expected);
}

async fn a_lease_that_ended_is_lost(bed: Bed) {
    let nexts = [
        Next::Done(Vec::new()),
        Next::Retry(Due::After(bed.units(1))),
        Next::Snooze(Due::After(bed.units(1))),
        Next::Release,
        Next::Bury,
        cancel_for("enough"),
    ];
    for next in nexts {
        let claimed = bed.claimed().await;
        bed.settle(claimed.lease, next.clone()).await;
        let renewed = bed.renew(&bed.instance, &[claimed.lease]).await;
        assert_eq!(renewed, [Renewal::Lost], "{next:?}");
        bed.store
            .delete(only(&[claimed.lease.job]), by())
            .await
            .expect("a change");
        let renewed = bed.renew(&bed.instance, &[claimed.lease]).await;
        assert_eq!(renewed, [Renewal::Lost], "{next:?}, deleted");
    }
}

async fn a_cancelled_job_is_told_by_its_renewal_again_and_again(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let reason = "the order\nwas withdrawn".to_owned();
    let changed = bed
        .store
        .cancel(only(&[id]), reason.clone(), by())
        .await
        .expect("a change");
    assert_eq!(changed, 1);
    assert_eq!(bed.state(id).await, JobState::Running);
    for _ in 0..3 {
        let renewed = bed.renew(&bed.instance, &[claimed.lease]).await;
        assert_eq!(renewed, [Renewal::Cancel(reason.clone())]);
    }
    bed.settle(claimed.lease, cancel_for(reason.clone())).await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Cancelled);
    assert_eq!(summary.reason, Some(reason));
}

/// The answer to a claim may be lost: the instance lives and does not know of the job.
async fn a_lease_that_is_never_named_comes_back_without_a_crash(bed: Bed) {
    bed.insert(jobs(2)).await;
    let kept = bed.claim(1).await;
    let lost = bed.claim(1).await;
    bed.pass_lease_alive(&[(&bed.instance, &leases(&kept))])
        .await;
    let again = bed.claim(2).await;
    assert_eq!(ids(&again), ids(&lost));
    assert_eq!((again[0].crashes, again[0].failed), (0, 0));
    let stale = bed.settle(lost[0].lease, Next::Bury).await;
    assert_eq!(stale, Settled::Stale);
    assert_eq!(
        bed.renew(&bed.instance, &leases(&kept)).await,
        [Renewal::Kept]
    );
}

async fn an_instance_that_is_new_becomes_known(bed: Bed) {
    let instance = bed.another_instance().await;
    let live = bed.store.instances().await.expect("an answer");
    let known: Vec<_> = live.iter().map(|live| live.info.clone()).collect();
    assert_eq!(live.len(), 2);
    assert!(
        known.contains(&instance) && known.contains(&bed.instance),
        "{known:?}"
    );
    bed.insert(jobs(3)).await;
    bed.claim_as(claim(&instance, 2)).await;
    for live in bed.store.instances().await.expect("an answer") {
        let running = if live.info == instance { 2 } else { 0 };
        assert_eq!(live.running, running);
        assert!(live.since <= live.seen + bed.units(1), "{live:?}");
    }
}

async fn an_instance_may_change_what_it_says_of_itself(bed: Bed) {
    let mut changed = bed.instance.clone();
    changed.workers = 64;
    changed.server = "renamed".into();
    bed.pass(2).await;
    bed.renew(&changed, &[]).await;
    let live = bed.store.instances().await.expect("an answer");
    assert_eq!(live.len(), 1);
    assert_eq!(live[0].info, changed);
    assert!(live[0].seen >= live[0].since + bed.units(1), "{live:?}");
}

async fn an_instance_that_is_silent_is_forgotten(bed: Bed) {
    bed.another_instance().await;
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let live = bed.store.instances().await.expect("an answer");
    let live: Vec<_> = live.into_iter().map(|live| live.info).collect();
    assert_eq!(live, std::slice::from_ref(&bed.instance));
}

async fn leave(bed: &Bed, instance: &InstanceInfo) {
    bed.store.leave(instance.id).await.expect("it may leave");
}

/// The instances that are listed, in order.
async fn listed(bed: &Bed) -> Vec<InstanceId> {
    let listed = bed.store.instances().await.expect("an answer");
    let mut listed: Vec<_> = listed.into_iter().map(|live| live.info.id).collect();
    listed.sort();
    listed
}

async fn an_instance_that_has_left_is_not_listed(bed: Bed) {
    let other = bed.another_instance().await;
    bed.insert(jobs(2)).await;
    // It has had jobs, and has none any more.
    let claimed = leases(&bed.claim_as(claim(&other, 2)).await);
    bed.settle(claimed[0], Next::Done(Vec::new())).await;
    bed.settle(claimed[1], Next::Release).await;
    for _ in 0..2 {
        leave(&bed, &other).await;
        assert_eq!(listed(&bed).await, [bed.instance.id]);
    }
    // One that the store never knew is gone too.
    leave(&bed, &crate::bed::instance()).await;
    assert_eq!(listed(&bed).await, [bed.instance.id]);
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let again = bed.claim_one(claimed[1].job).await;
    assert_eq!(again.crashes, 0, "nobody died with it");
}

async fn an_instance_that_has_left_is_as_one_that_never_was(bed: Bed) {
    leave(&bed, &bed.instance).await;
    let id = bed.insert_one(job()).await;
    let claimed = bed.store.claim(claim(&bed.instance, 1)).await;
    let error = claimed.expect_err("it has to renew first");
    assert!(error.is_unavailable(), "{error}");
    bed.renew(&bed.instance, &[]).await;
    assert_eq!(listed(&bed).await, [bed.instance.id]);
    let claimed = bed.claim_one(id).await;
    assert_eq!(claimed.crashes, 0);
    let swept = bed
        .pass_lease_alive(&[(&bed.instance, &[claimed.lease])])
        .await;
    assert_eq!(swept.released, 0, "its job is its own");
}

/// Also where nobody leaves.
async fn an_instance_that_has_a_job_does_not_leave(bed: Bed) {
    bed.insert(jobs(2)).await;
    let claimed = leases(&bed.claim(2).await);
    leave(&bed, &bed.instance).await;
    assert_eq!(listed(&bed).await, [bed.instance.id]);
    let held = bed.renew(&bed.instance, &claimed).await;
    assert_eq!(held, [Renewal::Kept, Renewal::Kept]);
    leave(&bed, &bed.instance).await;
    let settled = bed.settle(claimed[0], Next::Done(Vec::new())).await;
    assert_eq!(settled, Settled::Applied);
    leave(&bed, &bed.instance).await;
    // It dies with the other.
    let other = bed.another_instance().await;
    let swept = bed.pass_lease_alive(&[(&other, &[])]).await;
    assert_eq!(swept.released, 1);
    assert_eq!(bed.summary(claimed[1].job).await.crashes, 1);
}

async fn one_that_leaves_takes_no_other_with_it(bed: Bed) {
    let other = bed.another_instance().await;
    let claimed = bed.claimed().await;
    leave(&bed, &other).await;
    assert_eq!(
        bed.renew(&bed.instance, &[claimed.lease]).await,
        [Renewal::Kept]
    );
    let settled = bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    assert_eq!(settled, Settled::Applied);
}
