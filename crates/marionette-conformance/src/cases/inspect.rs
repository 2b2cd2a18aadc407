//! What a person changes: retry, cancel, delete, reschedule; and what a person counts.

use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{Count, Filter, Which};
use marionette::store::{Due, JobState, Next, PastOutcome};

use crate::bed::{Bed, attempt, by, cancel_for, failure, job, jobs, name, only, present};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        jobs_are_counted_by_queue_kind_and_state,
        a_job_that_nobody_knows_is_none,
        a_retry_makes_what_waits_ready,
        a_retry_lets_what_ended_begin_anew,
        a_retry_leaves_what_is_ready_running_or_done,
        a_cancel_ends_what_waits,
        a_cancel_of_what_runs_is_a_wish_that_is_made_once,
        a_cancel_leaves_what_is_over,
        a_delete_forgets_all_but_what_runs,
        a_reschedule_moves_all_that_waits_and_nothing_else,
        an_id_that_is_named_twice_counts_once,
        an_id_that_nobody_knows_is_passed_over,
        a_change_of_all_that_match_changes_each_once,
        no_id_named_means_none,
    ]
}

/// One job in each state, in the order of [`JobState::ALL`].
pub(crate) async fn one_of_each(bed: &Bed) -> Vec<TaskId> {
    let quarantined = bed.insert_one(job()).await;
    for _ in 0..3 {
        bed.crash(quarantined).await;
    }
    let retrying = bed.claimed().await.lease;
    let retry = Next::Retry(Due::After(bed.units(5_000)));
    bed.settle_attempt(retrying, failure("try again"), retry)
        .await;
    let done = bed.claimed().await.lease;
    let done_next = Next::Done(b"result".to_vec());
    bed.settle_attempt(done, attempt(PastOutcome::Done), done_next)
        .await;
    let dead = bed.claimed().await.lease;
    bed.settle_attempt(dead, failure("fatal"), Next::Bury).await;
    let cancelled = bed.claimed().await.lease;
    bed.settle(cancelled, cancel_for("expired")).await;
    let running = bed.claimed().await.lease;
    let scheduled = job().due(Due::After(bed.units(5_000)));
    let scheduled = bed.insert_one(scheduled).await;
    let ready = bed.insert_one(job()).await;
    let ids = vec![
        ready,
        scheduled,
        retrying.job,
        running.job,
        done.job,
        dead.job,
        cancelled.job,
        quarantined,
    ];
    for (&id, state) in ids.iter().zip(JobState::ALL) {
        assert_eq!(bed.state(id).await, state);
    }
    ids
}

/// Does something to one job of each state, and returns the states in which it changed the job.
/// The answer counts one exactly if the job differs from before.
async fn changed<C: AsyncFn(Which) -> u64>(bed: &Bed, change: C) -> Vec<JobState> {
    let mut changed = Vec::new();
    for (id, state) in one_of_each(bed).await.into_iter().zip(JobState::ALL) {
        let before = bed.store.job(id).await.expect("an answer");
        let count = change(only(&[id])).await;
        let after = bed.store.job(id).await.expect("an answer");
        if count == 0 {
            assert_eq!(after, before, "{state} is left as it is");
        } else {
            assert_eq!(count, 1, "{state}");
            changed.push(state);
        }
    }
    changed
}

async fn jobs_are_counted_by_queue_kind_and_state(bed: Bed) {
    one_of_each(&bed).await;
    let elsewhere = job().queue(name("a")).kind(name("z"));
    bed.insert(vec![elsewhere.clone(), elsewhere.id(TaskId::new())])
        .await;
    let mut counts = bed.store.counts().await.expect("an answer");
    counts.sort();
    let count =
        |queue: &str, kind: &str, state, jobs| Count::new(name(queue), name(kind), state, jobs);
    let mut expected = vec![count("a", "z", JobState::Ready, 2)];
    expected.extend(JobState::ALL.map(|state| count("default", "mail", state, 1)));
    assert_eq!(counts, expected);
}

async fn a_job_that_nobody_knows_is_none(bed: Bed) {
    bed.insert_one(job()).await;
    assert_eq!(bed.store.job(TaskId::new()).await.expect("an answer"), None);
}

async fn a_retry_makes_what_waits_ready(bed: Bed) {
    let later = job().due(Due::After(bed.units(5_000)));
    let scheduled = bed.insert_one(later).await;
    let lease = bed.claimed().await.lease;
    let retry = Next::Retry(Due::After(bed.units(5_000)));
    bed.settle_attempt(lease, failure("x"), retry).await;
    let which = only(&[scheduled, lease.job]);
    assert_eq!(bed.store.retry(which, by()).await.expect("a change"), 2);
    for id in [scheduled, lease.job] {
        assert_eq!(bed.state(id).await, JobState::Ready);
    }
    let claimed = bed.claim(5).await;
    assert_eq!(claimed.len(), 2);
    for claimed in claimed {
        let failed = u32::from(claimed.lease.job == lease.job);
        assert_eq!(claimed.failed, failed, "what waits goes on");
        assert_eq!(
            claimed.age, claimed.late,
            "limits in total count from the new time"
        );
    }
}

async fn a_retry_lets_what_ended_begin_anew(bed: Bed) {
    let ids = one_of_each(&bed).await;
    let ended = &ids[5..];
    let histories = [1, 0, 3];
    assert_eq!(
        bed.store.retry(only(ended), by()).await.expect("a change"),
        3
    );
    for (&id, attempts) in ended.iter().zip(histories) {
        let details = bed.details(id).await;
        let summary = details.summary;
        assert_eq!(summary.state, JobState::Ready);
        assert_eq!((summary.failed, summary.crashes), (0, 0));
        assert_eq!((summary.ended, &summary.reason), (None, &None));
        assert_eq!(details.attempts.len(), attempts, "it keeps its history");
    }
    bed.store
        .delete(only(&ids[..1]), by())
        .await
        .expect("a change");
    let mut asked = crate::bed::claim(&bed.instance, 5);
    asked.suspects = 0;
    let claimed = bed.claim_as(asked).await;
    assert_eq!(claimed.len(), 3, "none is a suspect any more");
    assert!(
        claimed
            .iter()
            .all(|claimed| claimed.failed == 0 && claimed.crashes == 0)
    );
    for claimed in claimed {
        let lease = claimed.lease;
        bed.settle_attempt(lease, failure("again"), Next::Bury)
            .await;
        let details = bed.details(lease.job).await;
        assert_eq!(details.summary.failed, 1);
        assert_eq!(details.attempts.last().expect("it has one").number, 1);
    }
}

async fn a_retry_leaves_what_is_ready_running_or_done(bed: Bed) {
    let retry = async |which| bed.store.retry(which, by()).await.expect("a change");
    let expected = [
        JobState::Scheduled,
        JobState::Retrying,
        JobState::Dead,
        JobState::Cancelled,
        JobState::Quarantined,
    ];
    assert_eq!(changed(&bed, retry).await, expected);
}

async fn a_cancel_ends_what_waits(bed: Bed) {
    let ids = one_of_each(&bed).await;
    let which = only(&ids[..3]);
    let cancelled = bed
        .store
        .cancel(which, "enough".to_owned(), by())
        .await
        .expect("a change");
    assert_eq!(cancelled, 3);
    for &id in &ids[..3] {
        let summary = bed.summary(id).await;
        assert_eq!(summary.state, JobState::Cancelled);
        assert_eq!(summary.reason.as_deref(), Some("enough"));
        assert!(summary.ended.is_some());
    }
    assert!(bed.claim(5).await.is_empty());
}

async fn a_cancel_of_what_runs_is_a_wish_that_is_made_once(bed: Bed) {
    let lease = bed.claimed().await.lease;
    let cancel = async |reason: &str| {
        let which = only(&[lease.job]);
        bed.store
            .cancel(which, reason.to_owned(), by())
            .await
            .expect("a change")
    };
    assert_eq!(cancel("first").await, 1);
    assert_eq!(cancel("second").await, 0);
    let renewed = bed.renew(&bed.instance, &[lease]).await;
    let first = marionette::store::Renewal::Cancel("first".to_owned());
    assert_eq!(renewed, [first]);
}

async fn a_cancel_leaves_what_is_over(bed: Bed) {
    let cancel = async |which| {
        let cancelled = bed.store.cancel(which, "enough".to_owned(), by()).await;
        cancelled.expect("a change")
    };
    let expected = [
        JobState::Ready,
        JobState::Scheduled,
        JobState::Retrying,
        JobState::Running,
    ];
    assert_eq!(changed(&bed, cancel).await, expected);
}

async fn a_delete_forgets_all_but_what_runs(bed: Bed) {
    let delete = async |which| bed.store.delete(which, by()).await.expect("a change");
    let mut expected = JobState::ALL.to_vec();
    expected.retain(|&state| state != JobState::Running);
    assert_eq!(changed(&bed, delete).await, expected);
    let left = bed.all().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].state, JobState::Running);
    assert!(bed.claim(5).await.is_empty());
}

async fn a_reschedule_moves_all_that_waits_and_nothing_else(bed: Bed) {
    let due = present(&bed).await + bed.units(4_000);
    let reschedule = async |which| {
        bed.store
            .reschedule(which, due, by())
            .await
            .expect("a change")
    };
    let expected = [JobState::Ready, JobState::Scheduled, JobState::Retrying];
    assert_eq!(changed(&bed, reschedule).await, expected);
    assert!(bed.claim(5).await.is_empty());
}

async fn an_id_that_is_named_twice_counts_once(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let due = present(&bed).await + bed.units(4_000);
    let which = || only(&[id, id, id]);
    assert_eq!(
        bed.store
            .reschedule(which(), due, by())
            .await
            .expect("a change"),
        1
    );
    assert_eq!(bed.store.retry(which(), by()).await.expect("a change"), 1);
    let reason = "enough".to_owned();
    assert_eq!(
        bed.store
            .cancel(which(), reason, by())
            .await
            .expect("a change"),
        1
    );
    assert_eq!(bed.store.delete(which(), by()).await.expect("a change"), 1);
}

async fn an_id_that_nobody_knows_is_passed_over(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let which = only(&[TaskId::new(), id, TaskId::new()]);
    assert_eq!(
        bed.store
            .delete(which.clone(), by())
            .await
            .expect("a change"),
        1
    );
    assert_eq!(bed.store.delete(which, by()).await.expect("a change"), 0);
}

async fn a_change_of_all_that_match_changes_each_once(bed: Bed) {
    const COUNT: usize = 2_500;
    bed.insert(jobs(COUNT)).await;
    let other = job().kind(name("other"));
    let other = bed.insert_one(other).await;
    let which = || Which::Matching(Filter::new().kind(crate::bed::KIND));
    // After this change they still match.
    let due = present(&bed).await + bed.units(4_000);
    let count = COUNT as u64;
    assert_eq!(
        bed.store
            .reschedule(which(), due, by())
            .await
            .expect("a change"),
        count
    );
    assert_eq!(
        bed.store.retry(which(), by()).await.expect("a change"),
        count
    );
    let reason = "enough".to_owned();
    assert_eq!(
        bed.store
            .cancel(which(), reason, by())
            .await
            .expect("a change"),
        count
    );
    assert_eq!(
        bed.store.retry(which(), by()).await.expect("a change"),
        count
    );
    assert_eq!(
        bed.store.delete(which(), by()).await.expect("a change"),
        count
    );
    let left = bed.all().await;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, other);
    let all = Which::Matching(Filter::default());
    assert_eq!(bed.store.delete(all, by()).await.expect("a change"), 1);
}

async fn no_id_named_means_none(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let none = || Which::Ids(Vec::new());
    assert_eq!(bed.store.delete(none(), by()).await.expect("a change"), 0);
    assert_eq!(
        bed.store
            .cancel(none(), String::new(), by())
            .await
            .expect("a change"),
        0
    );
    let claimed = bed.claim_one(id).await;
    assert!(claimed.late < Duration::MAX);
}
