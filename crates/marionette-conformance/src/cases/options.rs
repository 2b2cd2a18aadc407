//! The options that every store has, their defaults, and what they do.

use std::sync::Arc;
use std::time::Duration;

use marionette::TaskId;
use marionette::store::{Next, Timing};

use crate::bed::{Bed, job};
use crate::case::{Case, claims};
use crate::fixture::Part;
use crate::options::CommonOptions;

pub(crate) fn cases() -> Vec<Case> {
    claims![of Part::Options;
        the_times_have_the_defaults_of_the_contract,
        each_time_is_the_one_that_was_set,
        a_short_lease_has_more_frequent_signs_of_life,
        what_ended_is_kept_for_the_time_of_the_contract,
        done_jobs_are_kept_for_as_long_as_was_set,
        failed_jobs_are_kept_for_as_long_as_was_set,
        as_many_done_jobs_are_kept_as_was_set,
    ]
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The bed on a store with these options.
async fn with(bed: &Bed, options: &CommonOptions) -> Bed {
    let opened = bed.fixture.open_with(options);
    let store = opened.expect("the suite has asked whether there are options");
    Bed::with(Arc::clone(&bed.fixture), store.await).await
}

async fn timing(bed: &Bed, options: CommonOptions) -> Timing {
    with(bed, &options).await.store.timing()
}

async fn the_times_have_the_defaults_of_the_contract(bed: Bed) {
    let Timing {
        lease,
        renew,
        sweep,
        poll,
        ..
    } = timing(&bed, CommonOptions::default()).await;
    assert_eq!(lease, 15 * SECOND);
    assert_eq!(renew, SECOND);
    assert!(!sweep.is_zero() && sweep <= 5 * SECOND, "{sweep:?}");
    assert!(!poll.is_zero() && poll <= SECOND, "{poll:?}");
}

async fn each_time_is_the_one_that_was_set(bed: Bed) {
    let usual = timing(&bed, CommonOptions::default()).await;
    let set = |change: fn(&mut CommonOptions, Duration), seconds| {
        let mut options = CommonOptions::default();
        change(&mut options, SECOND * seconds);
        timing(&bed, options)
    };
    let mut expected = usual;
    expected.lease = 60 * SECOND;
    let lease = set(|options, time| options.lease = Some(time), 60).await;
    assert_eq!(lease, expected);
    let mut expected = usual;
    expected.renew = 2 * SECOND;
    let renew = set(|options, time| options.renew = Some(time), 2).await;
    assert_eq!(renew, expected);
    let mut expected = usual;
    expected.sweep = 3 * SECOND;
    let sweep = set(|options, time| options.sweep = Some(time), 3).await;
    assert_eq!(sweep, expected);
    let mut expected = usual;
    expected.poll = 4 * SECOND;
    let poll = set(|options, time| options.poll = Some(time), 4).await;
    assert_eq!(poll, expected);
}

/// A lease lives through the loss of two signs of life.
async fn a_short_lease_has_more_frequent_signs_of_life(bed: Bed) {
    let options = CommonOptions {
        lease: Some(2 * SECOND),
        ..CommonOptions::default()
    };
    let timing = timing(&bed, options).await;
    assert_eq!(timing.lease, 2 * SECOND);
    assert!(timing.renew <= timing.lease / 3, "{timing:?}");
}

async fn ended(bed: &Bed, next: Next) -> TaskId {
    let id = bed.insert_one(job()).await;
    let claimed = bed.claim_one(id).await;
    bed.settle(claimed.lease, next).await;
    id
}

/// A job that is done and one that is dead.
async fn ended_jobs(bed: &Bed) -> (TaskId, TaskId) {
    let done = ended(bed, Next::Done(Vec::new())).await;
    (done, ended(bed, Next::Bury).await)
}

/// Which of two jobs the store knows after a sweep.
async fn known(bed: &Bed, (done, dead): (TaskId, TaskId)) -> (bool, bool) {
    bed.sweep().await;
    let done = bed.store.job(done).await.expect("an answer");
    let dead = bed.store.job(dead).await.expect("an answer");
    (done.is_some(), dead.is_some())
}

/// Both jobs are known at first, and 8 units later those that `after` says.
async fn known_before_and_after_8_units(bed: &Bed, options: &CommonOptions, after: (bool, bool)) {
    let bed = with(bed, options).await;
    let jobs = ended_jobs(&bed).await;
    bed.pass(1).await;
    assert_eq!(known(&bed, jobs).await, (true, true));
    bed.pass(8).await;
    assert_eq!(known(&bed, jobs).await, after);
}

async fn what_ended_is_kept_for_the_time_of_the_contract(bed: Bed) {
    if !bed.fixture.passes_days() {
        eprintln!("SKIPPED: the defaults of a day and of 30 days, since days do not pass at once");
        return;
    }
    let bed = with(&bed, &CommonOptions::default()).await;
    let jobs = ended_jobs(&bed).await;
    bed.fixture.pass(23 * HOUR).await;
    assert_eq!(known(&bed, jobs).await, (true, true));
    bed.fixture.pass(2 * HOUR).await;
    assert_eq!(known(&bed, jobs).await, (false, true));
    bed.fixture.pass(28 * DAY + 22 * HOUR).await;
    assert_eq!(known(&bed, jobs).await, (false, true));
    bed.fixture.pass(2 * HOUR).await;
    assert_eq!(known(&bed, jobs).await, (false, false));
}

async fn done_jobs_are_kept_for_as_long_as_was_set(bed: Bed) {
    let options = CommonOptions {
        keep_done: Some(bed.units(8)),
        ..CommonOptions::default()
    };
    known_before_and_after_8_units(&bed, &options, (false, true)).await;
}

async fn failed_jobs_are_kept_for_as_long_as_was_set(bed: Bed) {
    let options = CommonOptions {
        keep_failed: Some(bed.units(8)),
        ..CommonOptions::default()
    };
    known_before_and_after_8_units(&bed, &options, (true, false)).await;
}

async fn as_many_done_jobs_are_kept_as_was_set(bed: Bed) {
    let options = CommonOptions {
        keep_done_count: Some(3),
        ..CommonOptions::default()
    };
    let bed = with(&bed, &options).await;
    for _ in 0..5 {
        ended_jobs(&bed).await;
    }
    bed.sweep().await;
    assert_eq!(bed.all().await.len(), 3 + 5);
}
