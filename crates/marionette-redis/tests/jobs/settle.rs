//! What is written of jobs that ran.

use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::{
    Attempted, CALL_ROWS_MAX, Claim, Ended, InstanceId, InstanceInfo, JobState, Lease, Next,
    PastOutcome, Settled, Settlement, Store, StoreErrorKind, Wanted,
};

use super::{Bed, MAIL, mail, mails};

fn done(lease: Lease, result: &[u8]) -> Settlement {
    let attempt = Attempted::new(PastOutcome::Done, Duration::from_millis(7));
    Settlement::new(lease, Next::Done(result.to_vec())).attempt(attempt)
}

#[tokio::test]
async fn callers_that_settle_at_the_same_time_each_get_their_own_answer() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(mails(640)).await;
    let claimed = bed.mails(1000).await;
    let mut callers = Vec::new();
    for part in claimed.chunks(10) {
        let leases: Vec<_> = part.iter().map(|claimed| claimed.lease).collect();
        let store = bed.store.clone();
        callers.push(tokio::spawn(async move {
            for lease in leases {
                let stale = Lease {
                    token: lease.token - 1,
                    ..lease
                };
                let told = store
                    .settle(vec![done(stale, b"1")])
                    .await
                    .expect("an answer");
                assert_eq!(told, [Settled::Stale]);
                let result = lease.job.to_string().into_bytes();
                let told = store.settle(vec![done(lease, &result)]).await;
                assert_eq!(told.expect("an answer"), [Settled::Applied]);
            }
        }));
    }
    for caller in callers {
        caller.await.expect("it ends");
    }
    let all: Vec<_> = claimed.iter().map(|claimed| claimed.lease.job).collect();
    let ended = bed.store.ended(all.clone()).await.expect("an answer");
    for (id, ended) in all.iter().zip(ended) {
        assert_eq!(ended, Ended::Done(id.to_string().into_bytes()));
    }
}

#[tokio::test]
async fn jobs_of_several_instances_are_settled_in_one_call() {
    let Some(bed) = Bed::new().await else { return };
    let info = InstanceInfo::new(InstanceId::new(), "server", 4);
    let other = info.id;
    bed.store
        .renew(info, Vec::new())
        .await
        .expect("it is known");
    bed.insert(mails(4)).await;
    let mut settlements = Vec::new();
    for (instance, next) in [
        (bed.instance, Next::Done(b"1".to_vec())),
        (other, Next::Done(b"2".to_vec())),
        (bed.instance, Next::Bury),
        (other, Next::Release),
    ] {
        let claim = Claim::new(instance, Wanted::new([MAIL]), 1);
        let claimed = bed.store.claim(claim).await.expect("one is given");
        settlements.push(Settlement::new(claimed[0].lease, next));
    }
    let told = bed.store.settle(settlements.clone()).await;
    assert_eq!(told.expect("an answer"), [Settled::Applied; 4]);
    let mut states = Vec::new();
    for settlement in &settlements {
        let details = bed
            .store
            .job(settlement.lease.job)
            .await
            .expect("an answer");
        states.push(details.expect("it is kept").summary.state);
    }
    let right = [
        JobState::Done,
        JobState::Done,
        JobState::Dead,
        JobState::Ready,
    ];
    assert_eq!(states, right);
}

#[tokio::test]
async fn a_success_that_tells_an_error_keeps_it() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(vec![mail()]).await;
    let lease = bed.mails(1).await[0].lease;
    let attempt = Attempted::new(PastOutcome::Done, Duration::from_millis(7));
    let attempt = attempt.error("one of two was sent".to_owned());
    let settlement = Settlement::new(lease, Next::Done(b"null".to_vec())).attempt(attempt);
    let told = bed.store.settle(vec![settlement]).await;
    assert_eq!(told.expect("an answer"), [Settled::Applied]);
    let details = bed.store.job(lease.job).await.expect("an answer");
    let attempts = details.expect("it is kept").attempts;
    let told: Vec<_> = attempts
        .iter()
        .map(|it| (it.outcome, it.error.as_deref()))
        .collect();
    assert_eq!(told, [(PastOutcome::Done, Some("one of two was sent"))]);
}

#[tokio::test]
async fn more_than_a_call_may_have_is_refused() {
    let Some(bed) = Bed::new().await else { return };
    bed.insert(vec![mail()]).await;
    let lease = bed.mails(1).await[0].lease;
    let told = bed
        .store
        .settle(vec![done(lease, b"1"); CALL_ROWS_MAX + 1])
        .await;
    let error = told.expect_err("it is too much");
    assert_eq!(error.kind(), StoreErrorKind::Refused);
    assert_eq!(
        bed.store.ended(vec![lease.job]).await.expect("an answer"),
        [Ended::NotYet]
    );
}
