//! Which instance gets which job, and in which order.

use marionette::store::{Due, JobState, Next, PastOutcome};

use crate::bed::{Bed, attempt, claim, ids, job, jobs, leases, name};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        of_one_priority_what_has_been_due_for_longest_goes_first,
        the_higher_priority_goes_first,
        priorities_are_compared_across_queues_and_kinds,
        a_claim_takes_no_more_than_its_limit,
        a_claim_gives_what_is_there,
        every_claim_has_a_greater_token,
        a_claimed_job_says_how_late_and_how_old_it_is,
        a_claimed_job_has_its_failures_with_it,
        a_job_that_runs_says_so,
        an_instance_that_is_not_known_takes_nothing_for_ever,
    ]
}

async fn of_one_priority_what_has_been_due_for_longest_goes_first(bed: Bed) {
    let after = |units| job().due(Due::After(bed.units(units)));
    let third = bed.insert_one(after(3)).await;
    let first = bed.insert_one(after(1)).await;
    let second = bed.insert_one(after(2)).await;
    bed.pass_alive(4, &[(&bed.instance, &[])]).await;
    let last = bed.insert_one(job()).await;
    assert_eq!(ids(&bed.claim(3).await), [first, second, third]);
    assert_eq!(ids(&bed.claim(3).await), [last]);
}

async fn the_higher_priority_goes_first(bed: Bed) {
    let with = |priority| job().priority(priority);
    let mut expected = Vec::new();
    for priority in [-128, 0, 5, -1, 1, 127] {
        expected.push((priority, bed.insert_one(with(priority)).await));
        bed.pass(1).await;
    }
    expected.sort_by_key(|&(priority, _)| std::cmp::Reverse(priority));
    bed.renew(&bed.instance, &[]).await;
    for (_, id) in expected {
        bed.claim_one(id).await;
    }
}

async fn priorities_are_compared_across_queues_and_kinds(bed: Bed) {
    let place = |kind: &'static str, queue: &'static str, priority| {
        job().kind(name(kind)).queue(name(queue)).priority(priority)
    };
    let mut expected = Vec::new();
    let places = [
        place("b", "y", 1),
        place("a", "x", 3),
        place("b", "x", 2),
        place("a", "y", 4),
    ];
    for place in places {
        let priority = place.priority;
        expected.push((priority, bed.insert_one(place).await));
    }
    expected.sort_by_key(|&(priority, _)| std::cmp::Reverse(priority));
    let mut asked = claim(&bed.instance, 4);
    asked.wanted = crate::bed::kinds(&["a", "b"]);
    let expected: Vec<_> = expected.into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids(&bed.claim_as(asked).await), expected);
}

async fn a_claim_takes_no_more_than_its_limit(bed: Bed) {
    bed.insert(jobs(10)).await;
    assert_eq!(bed.claim(0).await.len(), 0);
    assert_eq!(bed.claim(3).await.len(), 3);
    assert_eq!(bed.claim(7).await.len(), 7);
    assert_eq!(bed.claim(7).await.len(), 0);
}

async fn a_claim_gives_what_is_there(bed: Bed) {
    assert_eq!(bed.claim(usize::MAX).await.len(), 0);
    bed.insert(jobs(3)).await;
    assert_eq!(bed.claim(usize::MAX).await.len(), 3);
}

async fn every_claim_has_a_greater_token(bed: Bed) {
    let mut claimed = bed.claimed().await;
    for _ in 0..5 {
        bed.settle(claimed.lease, Next::Release).await;
        let next = bed.claim_one(claimed.lease.job).await;
        assert!(next.lease.token > claimed.lease.token);
        claimed = next;
    }
}

async fn a_claimed_job_says_how_late_and_how_old_it_is(bed: Bed) {
    let id = bed.insert_one(job()).await;
    bed.pass_alive(4, &[(&bed.instance, &[])]).await;
    let claimed = bed.claim_one(id).await;
    assert!(claimed.late >= bed.units(3), "{:?}", claimed.late);
    assert!(claimed.age >= bed.units(3), "{:?}", claimed.age);
    let snooze = Next::Snooze(Due::After(bed.units(2)));
    bed.settle_attempt(claimed.lease, attempt(PastOutcome::Snoozed), snooze)
        .await;
    bed.pass_alive(3, &[(&bed.instance, &[])]).await;
    let claimed = bed.claim_one(id).await;
    assert!(
        claimed.late < claimed.age,
        "{:?} of {:?}",
        claimed.late,
        claimed.age
    );
    assert!(claimed.age >= bed.units(6), "{:?}", claimed.age);
}

async fn a_claimed_job_has_its_failures_with_it(bed: Bed) {
    let mut claimed = bed.claimed().await;
    let outcomes = [
        PastOutcome::Failed,
        PastOutcome::Snoozed,
        PastOutcome::Panicked,
        PastOutcome::Interrupted,
        PastOutcome::TimedOut,
    ];
    for outcome in outcomes {
        let mut attempt = attempt(outcome);
        attempt.error = Some(format!("{outcome:?}"));
        let next = if outcome.is_failure() {
            Next::Retry(Due::Now)
        } else {
            Next::Snooze(Due::Now)
        };
        bed.settle_attempt(claimed.lease, attempt, next).await;
        claimed = bed.claim_one(claimed.lease.job).await;
    }
    assert_eq!(claimed.failed, 3);
    let numbers: Vec<_> = claimed.attempts.iter().map(|past| past.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    let errors = claimed.attempts.iter().map(|past| past.error.as_deref());
    let errors: Vec<_> = errors.map(|error| error.expect("each has one")).collect();
    assert_eq!(errors, ["Failed", "Panicked", "TimedOut"]);
    let known = |past: &marionette::store::PastAttempt| past.instance == Some(bed.instance.id);
    assert!(claimed.attempts.iter().all(known), "{:?}", claimed.attempts);
}

async fn a_job_that_runs_says_so(bed: Bed) {
    let id = bed.insert_one(job()).await;
    assert_eq!(bed.summary(id).await.started, None);
    let claimed = bed.claim_one(id).await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Running);
    assert_eq!(summary.instance, Some(bed.instance.id));
    assert!(summary.started.is_some());
    bed.settle(claimed.lease, Next::Release).await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Ready);
    assert_eq!(summary.instance, None);
    assert!(summary.started.is_some(), "it was started once");
}

/// An unknown instance may be refused; otherwise its jobs come back when it is silent.
async fn an_instance_that_is_not_known_takes_nothing_for_ever(bed: Bed) {
    let expected = bed.insert(jobs(3)).await;
    let stranger = crate::bed::instance();
    let claimed = bed.store.claim(claim(&stranger, 2)).await;
    let taken = claimed.map(|claimed| leases(&claimed)).unwrap_or_default();
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let mut again = ids(&bed.claim(5).await);
    again.sort();
    assert_eq!(again, expected, "{} were taken", taken.len());
}
