//! How long what is over is kept.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{Ended, JobState, NewJob, Next};

use crate::bed::{Bed, failure, job, only};
use crate::suite::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_result_is_kept_for_as_long_as_its_job_asked,
        a_result_that_nobody_wants_goes_with_the_next_sweep,
        a_time_without_end_is_harmless,
        what_did_not_succeed_is_not_pruned_with_results,
        what_a_person_brought_back_is_not_pruned,
        much_is_pruned_in_steps,
        an_id_that_was_pruned_is_a_new_job,
    ]
}

fn kept(time: Duration) -> NewJob {
    let mut job = job();
    job.options.keep_result = Some(time);
    job
}

async fn finish(bed: &Bed, job: NewJob, next: Next) -> TaskId {
    let id = bed.insert_one(job).await;
    let claimed = bed.claim_one(id).await;
    bed.settle_attempt(claimed.lease, failure("x"), next).await;
    id
}

async fn is_known(bed: &Bed, id: TaskId) -> bool {
    let known = bed.store.job(id).await.expect("an answer").is_some();
    let ended = bed.store.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended != [Ended::Unknown], known);
    known
}

async fn a_result_is_kept_for_as_long_as_its_job_asked(bed: Bed) {
    let short = finish(&bed, kept(bed.units(8)), Next::Done(Vec::new())).await;
    let long = finish(&bed, kept(bed.units(500)), Next::Done(Vec::new())).await;
    let usual = finish(&bed, job(), Next::Done(Vec::new())).await;
    bed.pass(1).await;
    bed.sweep().await;
    assert!(is_known(&bed, short).await);
    bed.pass(8).await;
    let swept = bed.sweep().await;
    assert_eq!(swept.pruned, 1);
    assert!(!is_known(&bed, short).await);
    assert!(is_known(&bed, long).await);
    assert!(is_known(&bed, usual).await);
}

async fn a_result_that_nobody_wants_goes_with_the_next_sweep(bed: Bed) {
    let id = finish(&bed, kept(Duration::ZERO), Next::Done(Vec::new())).await;
    bed.pass(1).await;
    bed.sweep().await;
    assert!(!is_known(&bed, id).await);
}

async fn a_time_without_end_is_harmless(bed: Bed) {
    let id = finish(&bed, kept(Duration::MAX), Next::Done(Vec::new())).await;
    bed.pass(1).await;
    bed.sweep().await;
    assert!(is_known(&bed, id).await);
}

async fn what_did_not_succeed_is_not_pruned_with_results(bed: Bed) {
    let dead = finish(&bed, kept(Duration::ZERO), Next::Bury).await;
    let cancelled = finish(&bed, kept(Duration::ZERO), Next::Cancel("x".to_owned())).await;
    let retried = finish(&bed, kept(Duration::ZERO), Next::Retry(bed.units(500))).await;
    bed.pass(1).await;
    bed.sweep().await;
    for id in [dead, cancelled, retried] {
        assert!(is_known(&bed, id).await);
    }
}

async fn what_a_person_brought_back_is_not_pruned(bed: Bed) {
    let id = finish(&bed, kept(Duration::ZERO), Next::Bury).await;
    bed.store.retry(only(&[id])).await.expect("a change");
    bed.pass(1).await;
    bed.sweep().await;
    assert_eq!(bed.state(id).await, JobState::Ready);
    bed.claim_one(id).await;
}

async fn much_is_pruned_in_steps(bed: Bed) {
    const COUNT: usize = 2_500;
    let jobs = (0..COUNT).map(|_| kept(Duration::ZERO)).collect();
    bed.insert(jobs).await;
    let kept = bed.insert_one(job()).await;
    let settlements =
        bed.claim(COUNT)
            .await
            .into_iter()
            .map(|claimed| marionette::store::Settlement {
                lease: claimed.lease,
                attempt: None,
                next: Next::Done(Vec::new()),
            });
    bed.settle_all(settlements.collect()).await;
    bed.pass(1).await;
    let first = bed.store.sweep().await.expect("a sweep");
    assert!(first.pruned > 0, "{first:?}");
    let rest = bed.sweep().await;
    assert_eq!(first.pruned + rest.pruned, COUNT as u64);
    assert_eq!(bed.all().await.len(), 1);
    assert!(is_known(&bed, kept).await);
}

async fn an_id_that_was_pruned_is_a_new_job(bed: Bed) {
    let again = kept(Duration::ZERO);
    let id = finish(&bed, again.clone(), Next::Done(Vec::new())).await;
    bed.pass(1).await;
    bed.sweep().await;
    bed.insert(vec![again]).await;
    let claimed = bed.claim_one(id).await;
    assert_eq!((claimed.failed, claimed.attempts.len()), (0, 0));
}
