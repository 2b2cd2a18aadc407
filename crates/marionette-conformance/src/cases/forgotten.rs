//! Claims that the store forgot, since a server failed over or lost its last writes, while the
//! instances that have them live on.

use std::collections::HashSet;

use marionette::store::{JobState, Lease, Next, Renewal, Settled};

use crate::bed::{Bed, claim, ids, job};
use crate::case::{Case, claims};
use crate::cases::fences::is_worth_nothing;
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    claims![of Part::Forgetting;
        a_claim_that_the_store_forgot_is_worth_nothing,
        a_claim_that_the_store_forgot_is_worth_nothing_to_the_instance_that_claims_again,
        a_token_is_not_issued_again_although_the_store_forgot_it,
        a_claim_that_the_store_forgot_is_not_the_claim_before,
    ]
}

/// Claims the only job as the bed's instance, and lets the store forget it.
async fn forgotten_claim(bed: &Bed) -> Lease {
    bed.fixture.remember().await;
    let claimed = bed.claim(2).await;
    assert_eq!(claimed.len(), 1, "there is one job");
    bed.fixture.roll_back().await;
    let lease = claimed[0].lease;
    assert_eq!(
        bed.state(lease.job).await,
        JobState::Ready,
        "it was forgotten"
    );
    // Time passes between a claim and the loss of it.
    bed.pass(1).await;
    lease
}

async fn a_claim_that_the_store_forgot_is_worth_nothing(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let other = bed.another_instance().await;
    let lost = forgotten_claim(&bed).await;
    is_worth_nothing(&bed, lost).await;
    let claimed = bed.claim_as(claim(&other, 1)).await;
    assert_eq!(ids(&claimed), [id]);
    is_worth_nothing(&bed, lost).await;
    let held = claimed[0].lease;
    assert_eq!(bed.renew(&other, &[held]).await, [Renewal::Kept]);
    let done = Next::Done(b"the only end".to_vec());
    assert_eq!(bed.settle(held, done.clone()).await, Settled::Applied);
    is_worth_nothing(&bed, lost).await;
    assert_eq!(
        bed.settle(held, done).await,
        Settled::Applied,
        "a repetition"
    );
}

async fn a_claim_that_the_store_forgot_is_worth_nothing_to_the_instance_that_claims_again(
    bed: Bed,
) {
    let id = bed.insert_one(job()).await;
    let lost = forgotten_claim(&bed).await;
    let again = bed.claim_one(id).await;
    is_worth_nothing(&bed, lost).await;
    let renewed = bed.renew(&bed.instance, &[lost, again.lease]).await;
    assert_eq!(renewed, [Renewal::Lost, Renewal::Kept]);
    let settled = bed.settle(again.lease, Next::Done(Vec::new())).await;
    assert_eq!(settled, Settled::Applied);
    is_worth_nothing(&bed, lost).await;
}

async fn a_token_is_not_issued_again_although_the_store_forgot_it(bed: Bed) {
    bed.insert_one(job()).await;
    let mut tokens = HashSet::new();
    for _ in 0..5 {
        let lost = forgotten_claim(&bed).await;
        assert!(tokens.insert(lost.token), "{tokens:?} have {}", lost.token);
    }
}

async fn a_claim_that_the_store_forgot_is_not_the_claim_before(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let first = bed.claim_one(id).await;
    bed.settle(first.lease, Next::Release).await;
    forgotten_claim(&bed).await;
    let again = bed.claim_one(id).await;
    assert_eq!(again.previous, Some(first.lease.token));
}
