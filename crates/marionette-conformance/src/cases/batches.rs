//! Much in one call.

use marionette::inspect::{Filter, Which};
use marionette::store::{Claimed, Due, Ended, Next, Renewal, Settled, Settlement};

use crate::bed::{Bed, by, ids, job, jobs, leases};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        ten_thousand_in_one_call_of_each_method,
        ten_thousand_that_are_due_at_once_are_all_claimed,
        sixteen_million_bytes_in_one_call_of_each_method,
        a_million_bytes_a_hundred_times,
    ]
}

const MANY: usize = 10_000;

async fn ten_thousand_in_one_call_of_each_method(bed: Bed) {
    let new = jobs(MANY);
    let expected = bed.insert(new.clone()).await;
    bed.insert_again(new).await;
    let claimed = bed.claim(MANY).await;
    let mut got = ids(&claimed);
    got.sort();
    assert!(got == expected, "each once");
    let leases = leases(&claimed);
    let renewed = bed.renew(&bed.instance, &leases).await;
    assert!(renewed.iter().all(|renewal| *renewal == Renewal::Kept));
    let settlements = leases
        .iter()
        .map(|&lease| Settlement::new(lease, Next::Done(lease.job.to_string().into_bytes())));
    let settlements: Vec<_> = settlements.collect();
    let settled = bed.settle_all(settlements.clone()).await;
    assert!(settled.iter().all(|settled| *settled == Settled::Applied));
    let again = bed.settle_all(settlements).await;
    assert!(again == settled);
    let ended = bed.store.ended(expected.clone()).await.expect("an answer");
    for (id, ended) in expected.iter().zip(ended) {
        assert_eq!(ended, Ended::Done(id.to_string().into_bytes()));
    }
    assert_eq!(bed.all().await.len(), MANY);
    let deleted = bed
        .store
        .delete(Which::Ids(expected), by())
        .await
        .expect("a change");
    assert_eq!(deleted, MANY as u64);
    let all = Which::Matching(Filter::default());
    assert_eq!(bed.store.delete(all, by()).await.expect("a change"), 0);
}

/// H1.
async fn ten_thousand_that_are_due_at_once_are_all_claimed(bed: Bed) {
    let due = Due::After(bed.units(4));
    let new = (0..MANY).map(|_| job().due(due)).collect();
    let expected = bed.insert(new).await;
    bed.pass_alive(5, &[(&bed.instance, &[])]).await;
    let mut got = Vec::new();
    loop {
        let claimed = bed.claim(100).await;
        if claimed.is_empty() {
            break;
        }
        got.extend(ids(&claimed));
    }
    got.sort();
    assert!(got == expected, "{} of {MANY}", got.len());
}

/// How many times a million bytes fit into one call.
const MILLIONS: usize = 16;

async fn sixteen_million_bytes_in_one_call_of_each_method(bed: Bed) {
    let big = (0..MILLIONS).map(|_| job().payload(vec![b'x'; 1_000_000]));
    let expected = bed.insert(big.collect()).await;
    let claimed = bed.claim(MILLIONS).await;
    assert_eq!(claimed.len(), MILLIONS);
    let settlements = claimed
        .iter()
        .map(|claimed| Settlement::new(claimed.lease, Next::Done(vec![b'y'; 1_000_000])));
    let settled = bed.settle_all(settlements.collect()).await;
    assert_eq!(settled, [Settled::Applied; MILLIONS]);
    let ended = bed.store.ended(expected).await.expect("an answer");
    assert_eq!(ended.len(), MILLIONS);
    for ended in ended {
        assert!(ended == Ended::Done(vec![b'y'; 1_000_000]));
    }
}

/// Claims until nothing is left: a store may give less than it was asked for, if that is more than
/// one answer holds.
async fn claim_all(bed: &Bed, limit: usize) -> Vec<Claimed> {
    let mut all = Vec::new();
    loop {
        let claimed = bed.claim(limit).await;
        if claimed.is_empty() {
            return all;
        }
        all.extend(claimed);
    }
}

async fn a_million_bytes_a_hundred_times(bed: Bed) {
    let big = (0..100u8).map(|byte| job().payload(vec![byte; 1_000_000]));
    let big: Vec<_> = big.collect();
    for part in big.chunks(MILLIONS) {
        bed.insert(part.to_vec()).await;
    }
    let mut claimed = claim_all(&bed, big.len()).await;
    claimed.sort_by_key(|claimed| claimed.lease.job);
    for (new, claimed) in big.iter().zip(&claimed) {
        assert!(new.payload == claimed.payload);
    }
    assert_eq!(claimed.len(), 100);
}
