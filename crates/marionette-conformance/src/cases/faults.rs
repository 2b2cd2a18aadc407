//! Calls that fail, before they had their effect or after it, and are made again: U3 of the test
//! plan.

use std::sync::Arc;

use marionette::store::{
    Claim, Claimed, Due, JobState, NewJob, Next, PastOutcome, Renewal, Settled, Settlement, Store,
    StoreError,
};

use crate::bed::{Bed, attempt, by, claim, failure, jobs, leases, only};
use crate::case::{Case, claims};
use crate::faulty::{Fault, FaultyStore};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        any_one_call_may_fail_and_be_made_again,
        any_number_of_calls_may_fail_and_be_made_again,
    ]
}

/// Makes a call until it is answered.
async fn until_answered<T, R>(mut call: impl FnMut() -> R) -> T
where
    R: Future<Output = Result<T, StoreError>>,
{
    for _ in 0..1_000 {
        match call().await {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_unavailable(), "{error:?}"),
        }
    }
    panic!("a call that is never answered");
}

/// Claims until no job is left. The answer of a claim may be lost; its jobs are claimed again once
/// their leases have lapsed.
async fn claim_all(bed: &Bed, store: &dyn Store, count: usize) -> Vec<Claimed> {
    let mut all: Vec<Claimed> = Vec::new();
    for _ in 0..20 {
        let asked: Claim = claim(&bed.instance, count);
        all.extend(until_answered(|| store.claim(asked.clone())).await);
        if all.len() == count {
            return all;
        }
        for _ in 0..=bed.lease_units() {
            bed.pass(1).await;
            let instance = &bed.instance;
            until_answered(|| store.renew(instance.clone(), leases(&all))).await;
        }
        until_answered(|| store.sweep()).await;
    }
    panic!("{} of {count} jobs were ever given out", all.len());
}

/// Many calls in a row, each of which answers as it would without faults.
async fn live(bed: &Bed, store: &dyn Store) {
    let new: Vec<NewJob> = jobs(4);
    until_answered(|| store.insert(new.clone())).await;
    let mut claimed = claim_all(bed, store, 4).await;
    claimed.sort_by_key(|claimed| claimed.lease.job);
    assert!(claimed.iter().all(|claimed| claimed.crashes == 0));
    let leases = leases(&claimed);
    let instance = &bed.instance;
    let renewed = until_answered(|| store.renew(instance.clone(), leases.clone())).await;
    assert!(renewed.iter().all(|renewal| *renewal == Renewal::Kept));
    let which = only(&[new[3].id]);
    until_answered(|| store.cancel(which.clone(), "enough".to_owned(), by())).await;
    let nexts = [
        (attempt(PastOutcome::Done), Next::Done(b"result".to_vec())),
        (failure("x"), Next::Retry(Due::Now)),
        (failure("y"), Next::Bury),
        (attempt(PastOutcome::Interrupted), Next::Release),
    ];
    let settlements = leases.iter().zip(nexts);
    let settlements: Vec<_> = settlements
        .map(|(&lease, (attempt, next))| Settlement::new(lease, next).attempt(attempt))
        .collect();
    let settled = until_answered(|| store.settle(settlements.clone())).await;
    assert_eq!(settled, [Settled::Applied; 4]);
    until_answered(|| store.sweep()).await;
    let mut told = Vec::new();
    for new in &new {
        let details = until_answered(|| store.job(new.id))
            .await
            .expect("it is there");
        let summary = details.summary;
        told.push((summary.state, summary.failed, details.attempts.len()));
    }
    let expected = [
        (JobState::Done, 0, 1),
        (JobState::Ready, 1, 1),
        (JobState::Dead, 1, 1),
        (JobState::Cancelled, 0, 1),
    ];
    assert_eq!(told, expected);
    let which = only(&new.iter().map(|new| new.id).collect::<Vec<_>>());
    until_answered(|| store.delete(which.clone(), by())).await;
    let left = until_answered(|| store.counts()).await;
    assert_eq!(left, []);
}

async fn any_one_call_may_fail_and_be_made_again(bed: Bed) {
    let whole = FaultyStore::over(Arc::clone(&bed.store));
    live(&bed, &whole).await;
    let calls = whole.calls_in_total();
    for nth in 1..=calls {
        for fault in [Fault::Before, Fault::After] {
            let store = FaultyStore::over(Arc::clone(&bed.store));
            store.fail_any(nth, fault);
            live(&bed, &store).await;
            assert!(store.calls_in_total() > calls, "call {nth} fails");
        }
    }
}

async fn any_number_of_calls_may_fail_and_be_made_again(bed: Bed) {
    for seed in 0..10 {
        let store = FaultyStore::over(Arc::clone(&bed.store));
        store.fail_at_random(seed, 0.2);
        live(&bed, &store).await;
    }
}
