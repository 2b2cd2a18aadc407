//! The order of jobs that are due at the same time: that of their call.

use std::time::UNIX_EPOCH;

use marionette::TaskId;
use marionette::store::{Claim, Due, NewJob};
use uuid::Uuid;

use crate::bed::{Bed, claim, ids, job, kinds, name, present};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        jobs_of_one_call_are_claimed_in_its_order_whatever_their_ids_are,
        a_call_of_thousands_keeps_its_order,
        a_call_that_waits_for_a_time_keeps_its_order,
        each_priority_keeps_the_order_of_the_call,
        a_job_of_a_later_call_comes_behind,
        jobs_whose_ids_grow_keep_their_order_from_call_to_call,
        a_job_that_was_known_keeps_its_place,
    ]
}

/// Jobs whose ids are all over the place, and the same each time, in two kinds and three queues.
/// Jobs that begin behind these many have other ids.
fn scattered(behind: usize, count: usize, due: Due) -> Vec<NewJob> {
    let jobs = (behind..behind + count).map(|number| {
        let id = (number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15 << 60);
        let job = job().id(TaskId::from(Uuid::from_u128(id)));
        let kind = ["mail", "text"][number % 2];
        let queue = ["default", "slow", "bulk"][number / 2 % 3];
        job.kind(name(kind)).queue(name(queue)).due(due)
    });
    jobs.collect()
}

fn of_both_kinds(bed: &Bed, limit: usize) -> Claim {
    let mut asked = claim(&bed.instance, limit);
    asked.wanted = kinds(&["text", "mail"]);
    asked
}

/// Claims until there is nothing more, a few at a time.
async fn claim_all(bed: &Bed, each: usize) -> Vec<TaskId> {
    let mut all = Vec::new();
    loop {
        let claimed = ids(&bed.claim_as(of_both_kinds(bed, each)).await);
        if claimed.is_empty() {
            return all;
        }
        all.extend(claimed);
    }
}

async fn jobs_of_one_call_are_claimed_in_its_order_whatever_their_ids_are(bed: Bed) {
    let past = Due::At(UNIX_EPOCH + bed.units(1_000));
    for (number, due) in [Due::Now, past].into_iter().enumerate() {
        for (each, behind) in [(1, 0), (7, 40), (100, 80)] {
            let inserted = bed.insert(scattered(200 * number + behind, 40, due)).await;
            assert_eq!(
                claim_all(&bed, each).await,
                inserted,
                "{due:?}, {each} at a time"
            );
        }
    }
}

async fn a_call_of_thousands_keeps_its_order(bed: Bed) {
    let inserted = bed.insert(scattered(0, 2_500, Due::Now)).await;
    assert_eq!(claim_all(&bed, 900).await, inserted);
}

async fn a_call_that_waits_for_a_time_keeps_its_order(bed: Bed) {
    for number in 0..2 {
        let due = match number {
            0 => Due::After(bed.units(2)),
            _ => Due::At(present(&bed).await + bed.units(2)),
        };
        let inserted = bed.insert(scattered(40 * number, 40, due)).await;
        let early = claim_all(&bed, 10).await;
        assert!(early.is_empty(), "{due:?}: {early:?}");
        bed.pass_alive(4, &[(&bed.instance, &[])]).await;
        assert_eq!(claim_all(&bed, 10).await, inserted, "{due:?}");
    }
}

async fn each_priority_keeps_the_order_of_the_call(bed: Bed) {
    let mut jobs = scattered(0, 60, Due::Now);
    for (number, job) in jobs.iter_mut().enumerate() {
        job.priority = [0, 5, -5][number % 3].into();
    }
    bed.insert(jobs.clone()).await;
    jobs.sort_by_key(|job| std::cmp::Reverse(job.priority));
    let expected: Vec<_> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(claim_all(&bed, 9).await, expected);
}

async fn a_job_of_a_later_call_comes_behind(bed: Bed) {
    for (number, due) in [Due::Now, Due::After(bed.units(2))].into_iter().enumerate() {
        let first = scattered(100 * number, 30, due);
        let second = scattered(100 * number + 30, 30, due);
        let mut expected = bed.insert(first).await;
        bed.pass(1).await;
        expected.extend(bed.insert(second).await);
        bed.pass_alive(3, &[(&bed.instance, &[])]).await;
        assert_eq!(claim_all(&bed, 8).await, expected, "{due:?}");
    }
}

async fn jobs_whose_ids_grow_keep_their_order_from_call_to_call(bed: Bed) {
    for due in [Due::Now, Due::At(UNIX_EPOCH)] {
        let mut expected = Vec::new();
        for count in [1, 20, 1, 1, 3] {
            let mut jobs = scattered(0, count, due);
            for job in &mut jobs {
                job.id = TaskId::new();
            }
            expected.extend(bed.insert(jobs).await);
        }
        assert_eq!(claim_all(&bed, 4).await, expected, "{due:?}");
    }
}

/// As when a call is made again because its answer was lost, or with more jobs.
async fn a_job_that_was_known_keeps_its_place(bed: Bed) {
    let mut jobs = scattered(0, 20, Due::Now);
    let mut expected = bed.insert(jobs.clone()).await;
    bed.pass(1).await;
    jobs.extend(scattered(20, 20, Due::Now));
    jobs.reverse();
    let again = bed.insert_again(jobs).await;
    expected.extend(&again[..20]);
    bed.renew(&bed.instance, &[]).await;
    assert_eq!(claim_all(&bed, 6).await, expected);
}
