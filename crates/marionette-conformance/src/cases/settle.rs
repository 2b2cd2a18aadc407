//! What becomes of a job when its attempt is over.

use std::time::Duration;

use marionette::store::{Attempted, Due, JobState, Next, PastOutcome, Settled, Settlement};

use crate::bed::{Bed, attempt, by, cancel_for, failure, ids, job, jobs, leases, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_done_job_keeps_its_result,
        a_failed_job_is_due_again_after_its_pause,
        a_snoozed_job_is_due_again_and_has_not_failed,
        a_released_job_has_its_place_again,
        a_buried_job_is_dead_and_kept,
        a_cancelled_job_is_over_and_says_why,
        a_cancelled_job_does_not_run_again_whatever_its_instance_says,
        a_cancelled_job_that_is_done_is_done,
        settlements_are_answered_in_order,
        of_two_settlements_of_a_lease_the_first_counts,
        the_first_five_and_the_last_twenty_attempts_are_kept,
        an_attempt_has_its_times_and_its_instance,
        a_long_life_has_every_attempt_in_its_history,
    ]
}

async fn a_done_job_keeps_its_result(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let done = Next::Done(b"result".to_vec());
    let settled = bed
        .settle_attempt(claimed.lease, attempt(PastOutcome::Done), done)
        .await;
    assert_eq!(settled, Settled::Applied);
    let details = bed.details(id).await;
    assert_eq!(details.result.as_deref(), Some(&b"result"[..]));
    assert_eq!(details.summary.state, JobState::Done);
    assert_eq!(
        (details.summary.failed, &details.summary.reason),
        (0, &None)
    );
    assert_eq!(details.summary.instance, None);
    let ended = details.summary.ended.expect("it has ended");
    let started = details.summary.started.expect("it was started");
    // A wall clock may be set back a little at any time.
    assert!(ended + bed.units(1) >= started, "{ended:?}");
    assert_eq!(details.attempts.len(), 1);
    assert_eq!(details.attempts[0].outcome, PastOutcome::Done);
    assert_eq!(details.attempts[0].number, 1);
    assert!(bed.claim(5).await.is_empty());
}

async fn a_failed_job_is_due_again_after_its_pause(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let retry = Next::Retry(Due::After(bed.units(8)));
    bed.settle_attempt(claimed.lease, failure("no route"), retry)
        .await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Retrying);
    assert_eq!(summary.failed, 1);
    assert_eq!(summary.reason.as_deref(), Some("no route"));
    assert_eq!((summary.instance, summary.ended), (None, None));
    bed.pass(1).await;
    assert!(bed.claim(5).await.is_empty());
    bed.pass_alive(8, &[(&bed.instance, &[])]).await;
    assert_eq!(bed.state(id).await, JobState::Ready);
    let claimed = bed.claim_one(id).await;
    assert_eq!((claimed.failed, claimed.crashes), (1, 0));
    assert!(
        claimed.late < bed.units(8),
        "since the pause: {:?}",
        claimed.late
    );
}

async fn a_snoozed_job_is_due_again_and_has_not_failed(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let snooze = Next::Snooze(Due::After(bed.units(8)));
    bed.settle_attempt(claimed.lease, attempt(PastOutcome::Snoozed), snooze)
        .await;
    let summary = bed.summary(id).await;
    assert_eq!((summary.state, summary.failed), (JobState::Scheduled, 0));
    bed.pass(1).await;
    assert!(bed.claim(5).await.is_empty());
    bed.pass_alive(8, &[(&bed.instance, &[])]).await;
    let claimed = bed.claim_one(id).await;
    assert_eq!((claimed.failed, claimed.attempts.len()), (0, 0));
    bed.settle_attempt(claimed.lease, failure("late"), Next::Bury)
        .await;
    let attempts = bed.details(id).await.attempts;
    let told: Vec<_> = attempts.iter().map(|it| (it.number, it.outcome)).collect();
    assert_eq!(told, [(1, PastOutcome::Snoozed), (1, PastOutcome::Failed)]);
}

async fn a_released_job_has_its_place_again(bed: Bed) {
    let first = bed.insert_one(job()).await;
    bed.pass(2).await;
    let second = bed.insert_one(job()).await;
    let due = bed.summary(first).await.due;
    let claimed = bed.claim_one(first).await;
    bed.pass(1).await;
    bed.settle_attempt(
        claimed.lease,
        attempt(PastOutcome::Interrupted),
        Next::Release,
    )
    .await;
    let summary = bed.summary(first).await;
    assert_eq!((summary.state, summary.failed), (JobState::Ready, 0));
    assert_eq!(summary.due, due);
    assert_eq!(ids(&bed.claim(2).await), [first, second]);
}

async fn a_buried_job_is_dead_and_kept(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    bed.settle_attempt(claimed.lease, failure("no such user"), Next::Bury)
        .await;
    let summary = bed.summary(id).await;
    assert_eq!((summary.state, summary.failed), (JobState::Dead, 1));
    assert_eq!(summary.reason.as_deref(), Some("no such user"));
    assert!(summary.ended.is_some());
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    assert!(bed.claim(5).await.is_empty());
    assert_eq!(bed.state(id).await, JobState::Dead);
}

async fn a_cancelled_job_is_over_and_says_why(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let cancel = cancel_for("expired");
    bed.settle(claimed.lease, cancel).await;
    let details = bed.details(id).await;
    assert_eq!(details.summary.state, JobState::Cancelled);
    assert_eq!(details.summary.reason.as_deref(), Some("expired"));
    assert_eq!(details.attempts, [], "none was made");
    assert!(bed.claim(5).await.is_empty());
}

/// The instance may settle before the renewal that tells it of the cancellation.
async fn a_cancelled_job_does_not_run_again_whatever_its_instance_says(bed: Bed) {
    let nexts = [Next::Retry(Due::Now), Next::Snooze(Due::Now), Next::Release];
    for next in nexts {
        let claimed = bed.claimed().await;
        let id = claimed.lease.job;
        bed.store
            .cancel(only(&[id]), "enough".to_owned(), by())
            .await
            .expect("a change");
        let settled = bed.settle(claimed.lease, next.clone()).await;
        assert_eq!(settled, Settled::Applied, "{next:?}");
        let summary = bed.summary(id).await;
        assert_eq!(summary.state, JobState::Cancelled, "{next:?}");
        assert_eq!(summary.reason.as_deref(), Some("enough"));
        assert!(bed.claim(5).await.is_empty(), "{next:?}");
    }
}

async fn a_cancelled_job_that_is_done_is_done(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    bed.store
        .cancel(only(&[id]), "enough".to_owned(), by())
        .await
        .expect("a change");
    bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    let summary = bed.summary(id).await;
    assert_eq!((summary.state, summary.reason), (JobState::Done, None));
}

async fn settlements_are_answered_in_order(bed: Bed) {
    bed.insert(jobs(4)).await;
    let leases = leases(&bed.claim(4).await);
    bed.settle(leases[1], Next::Release).await;
    bed.claim_one(leases[1].job).await;
    bed.store
        .cancel(only(&[leases[2].job]), "x".to_owned(), by())
        .await
        .expect("a change");
    let nexts = [
        Next::Bury,
        Next::Done(b"late".to_vec()),
        cancel_for("x"),
        Next::Done(Vec::new()),
    ];
    let settlements = leases
        .iter()
        .zip(nexts)
        .map(|(&lease, next)| Settlement::new(lease, next).attempt(failure("x")));
    let settled = bed.settle_all(settlements.collect()).await;
    assert_eq!(settled[0], Settled::Applied);
    assert_eq!(settled[2..], [Settled::Applied, Settled::Applied]);
    let mut states = Vec::new();
    for lease in leases {
        states.push(bed.state(lease.job).await);
    }
    let expected = [
        JobState::Dead,
        JobState::Running,
        JobState::Cancelled,
        JobState::Done,
    ];
    assert_eq!(states, expected);
}

async fn of_two_settlements_of_a_lease_the_first_counts(bed: Bed) {
    let claimed = bed.claimed().await;
    let settlement = |next| Settlement::new(claimed.lease, next).attempt(failure("once"));
    let both = vec![settlement(Next::Bury), settlement(Next::Done(Vec::new()))];
    assert_eq!(bed.settle_all(both).await[0], Settled::Applied);
    let details = bed.details(claimed.lease.job).await;
    assert_eq!(
        (details.summary.state, details.summary.failed),
        (JobState::Dead, 1)
    );
    assert_eq!(details.attempts.len(), 1);
}

async fn the_first_five_and_the_last_twenty_attempts_are_kept(bed: Bed) {
    const ATTEMPTS: u32 = 200;
    let mut claimed = bed.claimed().await;
    let id = claimed.lease.job;
    for number in 1..=ATTEMPTS {
        let error = format!("failure {number}");
        let next = Next::Retry(Due::Now);
        bed.settle_attempt(claimed.lease, failure(&error), next)
            .await;
        claimed = bed.claim_one(id).await;
    }
    assert_eq!(claimed.failed, ATTEMPTS);
    let shown = bed.details(id).await.attempts;
    let shown = shown.into_iter().map(|it| (it.number, it.error)).collect();
    let given = claimed.attempts.into_iter().map(|it| (it.number, it.error));
    for kept in [shown, given.collect::<Vec<_>>()] {
        assert!(
            kept.len() <= 100,
            "{} are kept: there is a bound",
            kept.len()
        );
        assert!(kept.is_sorted_by_key(|(number, _)| *number), "{kept:?}");
        let expected = (1..=5).chain(ATTEMPTS - 19..=ATTEMPTS);
        for number in expected {
            let attempt = (number, Some(format!("failure {number}")));
            assert!(kept.contains(&attempt), "{number}: {kept:?}");
        }
    }
}

async fn an_attempt_has_its_times_and_its_instance(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    bed.pass(2).await;
    let attempt = Attempted::new(PastOutcome::TimedOut, Duration::new(1, 234_567_000));
    bed.settle_attempt(claimed.lease, attempt, Next::Bury).await;
    let details = bed.details(id).await;
    let past = &details.attempts[0];
    assert_eq!(Some(past.started), details.summary.started);
    assert!(past.ended >= past.started + bed.units(1), "{past:?}");
    assert_eq!(
        past.ran,
        Duration::new(1, 234_567_000),
        "to the microsecond"
    );
    assert_eq!(past.instance, Some(bed.instance.id));
    assert_eq!((past.outcome, &past.error), (PastOutcome::TimedOut, &None));
}

async fn a_long_life_has_every_attempt_in_its_history(bed: Bed) {
    let steps = [
        (PastOutcome::Snoozed, 1),
        (PastOutcome::Failed, 1),
        (PastOutcome::Interrupted, 2),
        (PastOutcome::Panicked, 2),
        (PastOutcome::TimedOut, 3),
        (PastOutcome::GivenUp, 4),
        (PastOutcome::Done, 5),
    ];
    let mut claimed = bed.claimed().await;
    let id = claimed.lease.job;
    for (outcome, _) in steps {
        let next = match outcome {
            PastOutcome::Snoozed => Next::Snooze(Due::Now),
            PastOutcome::Interrupted => Next::Release,
            PastOutcome::Done => Next::Done(Vec::new()),
            _ => Next::Retry(Due::Now),
        };
        bed.settle_attempt(claimed.lease, attempt(outcome), next)
            .await;
        if outcome != PastOutcome::Done {
            claimed = bed.claim_one(id).await;
        }
    }
    let details = bed.details(id).await;
    let told: Vec<_> = details
        .attempts
        .iter()
        .map(|it| (it.outcome, it.number))
        .collect();
    assert_eq!(told, steps);
    assert_eq!(details.summary.failed, 4);
}
