//! How a job ended is data: no text decides it, and none is needed to know it.

use marionette::TaskId;
use marionette::store::{Due, EndKind, Ended, JobState, Next, PastOutcome};

use crate::bed::{Bed, by, cancel_for, failure, job, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        every_end_has_its_kind_wherever_it_is_told,
        a_job_that_a_person_cancels_ended_as_cancelled,
        a_job_whose_instances_died_ended_as_quarantined,
        what_has_not_ended_and_what_is_done_has_no_kind_of_end,
        a_job_that_begins_anew_has_no_kind_of_end,
        every_outcome_comes_back_with_its_error_as_it_was,
        the_last_failure_is_told_with_its_outcome,
        a_retry_at_a_time_is_due_at_that_time,
    ]
}

/// The kind of its end as a person sees it, after a look whether all answers agree.
async fn kind(bed: &Bed, id: TaskId) -> Option<EndKind> {
    let shown = bed.summary(id).await.end;
    let listed = bed.all().await;
    let listed = listed.iter().find(|summary| summary.id == id);
    assert_eq!(listed.expect("it is listed").end, shown);
    let mut ended = bed.store.ended(vec![id]).await.expect("an answer");
    match ended.remove(0) {
        Ended::Otherwise { kind, .. } => assert_eq!(Some(kind), shown),
        ended => assert_eq!(shown, None, "{ended:?}"),
    }
    shown
}

async fn every_end_has_its_kind_wherever_it_is_told(bed: Bed) {
    // A text that looks like another end decides nothing.
    let cancel = |kind| Next::Cancel {
        reason: "expired: not started within 1s of its time".to_owned(),
        kind,
    };
    let with = |outcome| {
        let error = "given up after 1s in total";
        Some(failure(error).outcome(outcome))
    };
    let ends = [
        (None, Next::Bury, EndKind::Failed),
        (with(PastOutcome::Failed), Next::Bury, EndKind::Failed),
        (with(PastOutcome::TimedOut), Next::Bury, EndKind::Failed),
        (with(PastOutcome::GivenUp), Next::Bury, EndKind::GivenUp),
        (None, cancel(EndKind::Cancelled), EndKind::Cancelled),
        (
            with(PastOutcome::Cancelled),
            cancel(EndKind::Cancelled),
            EndKind::Cancelled,
        ),
        (None, cancel(EndKind::Expired), EndKind::Expired),
        (None, cancel(EndKind::GivenUp), EndKind::GivenUp),
    ];
    for (attempt, next, expected) in ends {
        let lease = bed.claimed().await.lease;
        let what = format!("{next:?} after {attempt:?}");
        match attempt {
            Some(attempt) => bed.settle_attempt(lease, attempt, next).await,
            None => bed.settle(lease, next).await,
        };
        assert_eq!(kind(&bed, lease.job).await, Some(expected), "{what}");
    }
}

async fn a_job_that_a_person_cancels_ended_as_cancelled(bed: Bed) {
    let cancel = async |id| {
        let reason = "given up after 1s in total".to_owned();
        let changed = bed.store.cancel(only(&[id]), reason, by()).await;
        assert_eq!(changed.expect("a change"), 1);
    };
    let waiting = bed.insert_one(job()).await;
    cancel(waiting).await;
    assert_eq!(kind(&bed, waiting).await, Some(EndKind::Cancelled));
    let running = bed.claimed().await.lease;
    cancel(running.job).await;
    assert_eq!(kind(&bed, running.job).await, None);
    bed.settle(running, Next::Release).await;
    assert_eq!(kind(&bed, running.job).await, Some(EndKind::Cancelled));
    let held = bed.insert_one(job()).await;
    bed.claim_one(held).await;
    cancel(held).await;
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    assert_eq!(bed.state(held).await, JobState::Cancelled, "it was lost");
    assert_eq!(kind(&bed, held).await, Some(EndKind::Cancelled));
}

async fn a_job_whose_instances_died_ended_as_quarantined(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for _ in 0..2 {
        bed.crash(id).await;
        assert_eq!(kind(&bed, id).await, None);
    }
    bed.crash(id).await;
    assert_eq!(kind(&bed, id).await, Some(EndKind::Quarantined));
}

async fn what_has_not_ended_and_what_is_done_has_no_kind_of_end(bed: Bed) {
    let running = bed.claimed().await.lease;
    assert_eq!(kind(&bed, running.job).await, None);
    let retry = Next::Retry(Due::After(bed.units(500)));
    bed.settle_attempt(running, failure("x"), retry).await;
    assert_eq!(kind(&bed, running.job).await, None);
    let ready = bed.insert_one(job()).await;
    assert_eq!(kind(&bed, ready).await, None);
    let done = bed.claim_one(ready).await.lease;
    bed.settle(done, Next::Done(Vec::new())).await;
    assert_eq!(kind(&bed, done.job).await, None);
}

async fn a_job_that_begins_anew_has_no_kind_of_end(bed: Bed) {
    let nexts = [cancel_for("x"), Next::Bury];
    for next in nexts {
        let lease = bed.claimed().await.lease;
        bed.settle(lease, next).await;
        assert!(kind(&bed, lease.job).await.is_some());
        let retried = bed.store.retry(only(&[lease.job]), by()).await;
        assert_eq!(retried.expect("a change"), 1);
        assert_eq!(kind(&bed, lease.job).await, None);
        let lease = bed.claim_one(lease.job).await.lease;
        bed.settle(lease, Next::Done(Vec::new())).await;
        assert_eq!(kind(&bed, lease.job).await, None);
    }
}

async fn every_outcome_comes_back_with_its_error_as_it_was(bed: Bed) {
    let outcomes = [
        PastOutcome::Failed,
        PastOutcome::Panicked,
        PastOutcome::TimedOut,
        PastOutcome::GivenUp,
        PastOutcome::Cancelled,
        PastOutcome::Snoozed,
        PastOutcome::Interrupted,
    ];
    for outcome in outcomes {
        let lease = bed.claimed().await.lease;
        let attempt = failure("panicked: cancelled: no").outcome(outcome);
        bed.settle_attempt(lease, attempt, Next::Bury).await;
        let details = bed.details(lease.job).await;
        let failed = u32::from(outcome.is_failure());
        assert_eq!(details.summary.failed, failed, "{outcome:?}");
        let mut ended = bed.store.ended(vec![lease.job]).await.expect("an answer");
        let Ended::Otherwise { attempts, .. } = ended.remove(0) else {
            panic!("{outcome:?}: it is dead");
        };
        let shown = &details.attempts[0];
        for (told, error) in [
            (shown.outcome, &shown.error),
            (attempts[0].outcome, &attempts[0].error),
        ] {
            assert_eq!(told, outcome);
            assert_eq!(error.as_deref(), Some("panicked: cancelled: no"));
        }
    }
}

async fn the_last_failure_is_told_with_its_outcome(bed: Bed) {
    for outcome in [PastOutcome::Failed, PastOutcome::Panicked] {
        let lease = bed.claimed().await.lease;
        let attempt = failure("no index 7 at src/main.rs:7").outcome(outcome);
        bed.settle_attempt(lease, attempt, Next::Bury).await;
        let reason = bed.summary(lease.job).await.reason;
        let expected = outcome.describe("no index 7 at src/main.rs:7");
        assert_eq!(reason.as_deref(), Some(&*expected));
    }
}

async fn a_retry_at_a_time_is_due_at_that_time(bed: Bed) {
    let nexts: [fn(Due) -> Next; 2] = [Next::Retry, Next::Snooze];
    for next in nexts {
        let date = crate::bed::present(&bed).await + bed.units(8);
        let new = job().payload(b"at a time".to_vec());
        let id = bed.insert_one(new).await;
        let lease = bed.claim_one(id).await.lease;
        bed.settle(lease, next(Due::At(date))).await;
        let due = bed.summary(id).await.due;
        let apart = due
            .duration_since(date)
            .or_else(|_| date.duration_since(due));
        let apart = apart.expect("one of them is later");
        assert!(apart < std::time::Duration::from_millis(1), "{apart:?}");
        bed.pass(1).await;
        assert!(bed.claim(5).await.is_empty());
        bed.pass_alive(8, &[(&bed.instance, &[])]).await;
        let lease = bed.claim_one(id).await.lease;
        bed.settle(lease, next(Due::Now)).await;
        let lease = bed.claim_one(id).await.lease;
        bed.settle(lease, Next::Done(Vec::new())).await;
    }
}
