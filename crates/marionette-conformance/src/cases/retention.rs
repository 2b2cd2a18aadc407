//! How long ended jobs are kept.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{Due, Ended, JobState, NewJob, Next, PastOutcome, Settlement};

use crate::bed::{Bed, attempt, by, cancel_for, failure, ids, job, jobs, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_result_is_kept_for_as_long_as_its_job_asked,
        a_result_that_nobody_wants_goes_with_the_next_sweep,
        a_time_without_end_is_harmless,
        what_did_not_succeed_is_not_pruned_with_results,
        what_a_person_brought_back_is_not_pruned,
        much_is_pruned_in_steps,
        an_id_that_was_pruned_is_a_new_job,
        of_what_is_done_the_latest_are_kept,
        what_is_beyond_the_number_does_not_pile_up,
        what_is_beyond_the_number_goes_while_nothing_ends,
        what_was_kept_for_long_enough_does_not_pile_up,
        dead_instances_without_jobs_are_forgotten_in_steps,
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
    assert_eq!(ended != [Ended::Missing], known);
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
    let cancelled = finish(&bed, kept(Duration::ZERO), cancel_for("x")).await;
    let retried = finish(
        &bed,
        kept(Duration::ZERO),
        Next::Retry(Due::After(bed.units(500))),
    )
    .await;
    bed.pass(1).await;
    bed.sweep().await;
    for id in [dead, cancelled, retried] {
        assert!(is_known(&bed, id).await);
    }
}

async fn what_a_person_brought_back_is_not_pruned(bed: Bed) {
    let id = finish(&bed, kept(Duration::ZERO), Next::Bury).await;
    bed.store.retry(only(&[id]), by()).await.expect("a change");
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
    let settlements = bed
        .claim(COUNT)
        .await
        .into_iter()
        .map(|claimed| Settlement::new(claimed.lease, Next::Done(Vec::new())));
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

/// The most ended jobs beyond the kept ones, however fast jobs end.
const SURPLUS_MAX: u64 = 10_000;
/// The number of jobs that end in one call.
const CALL: usize = 1_000;

/// Claims as many jobs as one call may settle, lets them succeed, and returns their ids.
async fn finish_many(bed: &Bed) -> Vec<TaskId> {
    let claimed = bed.claim(CALL).await;
    let settlements = claimed.iter().map(|claimed| {
        Settlement::new(claimed.lease, Next::Done(Vec::new())).attempt(attempt(PastOutcome::Done))
    });
    bed.settle_all(settlements.collect()).await;
    ids(&claimed)
}

async fn done(bed: &Bed) -> u64 {
    let counts = bed.store.counts().await.expect("an answer");
    let done = counts
        .iter()
        .filter(|count| count.state == JobState::Done)
        .map(|count| count.jobs);
    done.sum()
}

async fn of_what_is_done_the_latest_are_kept(bed: Bed) {
    const KEPT: usize = 100;
    let bed = bed.keeping(KEPT).await;
    bed.insert(jobs(CALL)).await;
    // They end at the same time; still neither all nor none may be forgotten.
    finish_many(&bed).await;
    bed.sweep().await;
    assert_eq!(done(&bed).await, KEPT as u64);

    bed.pass(1).await;
    bed.insert(jobs(KEPT)).await;
    let latest = finish_many(&bed).await;
    bed.sweep().await;
    for id in latest {
        assert!(is_known(&bed, id).await);
    }
    assert_eq!(done(&bed).await, KEPT as u64);
}

async fn what_is_beyond_the_number_does_not_pile_up(bed: Bed) {
    const KEPT: usize = 1_000;
    let bed = bed.keeping(KEPT).await;
    bed.sweep().await;
    let mut latest = Vec::new();
    for round in 0..25 {
        bed.insert(jobs(CALL)).await;
        latest = finish_many(&bed).await;
        bed.pass_alive(1, &[(&bed.instance, &[])]).await;
        let done = done(&bed).await;
        assert!(
            done <= KEPT as u64 + SURPLUS_MAX,
            "{done} after {round} rounds"
        );
        assert!(done >= KEPT as u64, "{done} after {round} rounds");
    }
    bed.sweep().await;
    assert_eq!(done(&bed).await, KEPT as u64);
    assert!(is_known(&bed, latest[0]).await);
}

async fn what_is_beyond_the_number_goes_while_nothing_ends(bed: Bed) {
    const KEPT: usize = 10;
    bed.insert(jobs(5 * CALL)).await;
    for _ in 0..5 {
        finish_many(&bed).await;
    }
    // A store that keeps less opens the same data, if the data outlive a store.
    let bed = bed.keeping(KEPT).await;
    bed.sweep().await;
    assert!(done(&bed).await <= KEPT as u64);
}

async fn what_was_kept_for_long_enough_does_not_pile_up(bed: Bed) {
    for round in 0..25 {
        let jobs = (0..CALL).map(|_| kept(Duration::ZERO)).collect();
        bed.insert(jobs).await;
        finish_many(&bed).await;
        bed.pass_alive(1, &[(&bed.instance, &[])]).await;
        // One call of the sweep, as if there were no time for more.
        bed.store.sweep().await.expect("a sweep");
        let done = done(&bed).await;
        assert!(done <= SURPLUS_MAX, "{done} after {round} rounds");
    }
    bed.sweep().await;
    assert_eq!(done(&bed).await, 0);
}

async fn dead_instances_without_jobs_are_forgotten_in_steps(bed: Bed) {
    for _ in 0..1_200 {
        bed.another_instance().await;
    }
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let instances = bed.store.instances().await.expect("an answer");
    assert_eq!(instances.len(), 1);
}
