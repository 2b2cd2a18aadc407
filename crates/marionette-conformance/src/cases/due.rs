//! When a job may run: never early, and no time is too far away.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marionette::TaskId;
use marionette::store::{Due, JobState, Next, PastOutcome};

use crate::bed::{Bed, attempt, by, ids, job, only, present};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_delayed_job_is_not_claimed_before_its_time,
        a_scheduled_job_is_not_claimed_before_its_time,
        a_time_that_is_past_means_at_once,
        a_time_before_1970_means_at_once,
        the_year_2200_is_kept_as_it_is,
        the_end_of_time_is_far_away_and_harmless,
        a_pause_without_end_is_harmless,
        a_job_is_rescheduled_to_an_earlier_time,
        a_job_is_rescheduled_to_a_later_time,
        a_job_rescheduled_to_the_past_is_ready,
        limits_in_total_count_from_the_new_time,
    ]
}

async fn insert_due(bed: &Bed, due: Due) -> TaskId {
    bed.insert_one(job().due(due)).await
}

async fn is_claimed_in_time(bed: &Bed, id: TaskId, units: u32) {
    assert_eq!(bed.state(id).await, JobState::Scheduled);
    assert!(bed.claim(5).await.is_empty(), "at once");
    bed.pass(1).await;
    assert!(bed.claim(5).await.is_empty(), "after one unit");
    bed.pass_alive(units, &[(&bed.instance, &[])]).await;
    assert_eq!(bed.state(id).await, JobState::Ready);
    bed.claim_one(id).await;
    let summary = bed.summary(id).await;
    assert!(
        summary.started.expect("it runs") >= summary.due,
        "{summary:?}"
    );
}

async fn a_delayed_job_is_not_claimed_before_its_time(bed: Bed) {
    let id = insert_due(&bed, Due::After(bed.units(8))).await;
    is_claimed_in_time(&bed, id, 8).await;
}

async fn a_scheduled_job_is_not_claimed_before_its_time(bed: Bed) {
    let present = present(&bed).await;
    let date = present + bed.units(8);
    let id = insert_due(&bed, Due::At(date)).await;
    assert!(close(bed.summary(id).await.due, date));
    is_claimed_in_time(&bed, id, 8).await;
}

fn close(one: SystemTime, other: SystemTime) -> bool {
    let apart = one
        .duration_since(other)
        .or_else(|_| other.duration_since(one));
    apart.expect("one of them is later") < Duration::from_millis(1)
}

async fn a_time_that_is_past_means_at_once(bed: Bed) {
    const HOUR: Duration = Duration::from_secs(3_600);
    let present = present(&bed).await;
    let now = bed.insert_one(job()).await;
    let past = insert_due(&bed, Due::At(present - HOUR)).await;
    let claimed = bed.claim(2).await;
    assert_eq!(ids(&claimed), [past, now], "it has been due for longer");
    assert!(
        claimed[0].late + bed.units(1) >= HOUR,
        "{:?}",
        claimed[0].late
    );
}

/// A store may show such a time as 1970.
async fn a_time_before_1970_means_at_once(bed: Bed) {
    let date = UNIX_EPOCH - Duration::from_secs(86_400 * 365);
    let id = insert_due(&bed, Due::At(date)).await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Ready);
    assert!(summary.due <= UNIX_EPOCH, "{:?}", summary.due);
    bed.claim_one(id).await;
}

async fn the_year_2200_is_kept_as_it_is(bed: Bed) {
    let date = UNIX_EPOCH + Duration::new(7_258_118_400, 123_456_000);
    let id = insert_due(&bed, Due::At(date)).await;
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Scheduled);
    assert!(close(summary.due, date), "{:?}", summary.due);
    assert!(bed.claim(5).await.is_empty());
}

async fn the_end_of_time_is_far_away_and_harmless(bed: Bed) {
    let present = present(&bed).await;
    let mut last = UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    for bit in (0..63).rev() {
        last = last
            .checked_add(Duration::from_secs(1 << bit))
            .unwrap_or(last);
    }
    let dues = [
        Due::After(Duration::MAX),
        Due::After(Duration::from_secs(u64::MAX)),
        Due::After(Duration::from_micros(u64::MAX)),
        Due::After(Duration::from_nanos(u64::MAX)),
        Due::At(last),
    ];
    for due in dues {
        let id = insert_due(&bed, due).await;
        let summary = bed.summary(id).await;
        assert_eq!(summary.state, JobState::Scheduled, "{due:?}");
        let century = Duration::from_secs(86_400 * 365 * 100);
        assert!(summary.due > present + century, "{due:?}: {summary:?}");
    }
    assert!(bed.claim(5).await.is_empty());
    assert_eq!(bed.all().await.len(), dues.len());
    bed.sweep().await;
}

async fn a_pause_without_end_is_harmless(bed: Bed) {
    for next in [
        Next::Retry(Due::After(Duration::MAX)),
        Next::Snooze(Due::After(Duration::MAX)),
    ] {
        let claimed = bed.claimed().await;
        let outcome = match next {
            Next::Retry(_) => PastOutcome::Failed,
            _ => PastOutcome::Snoozed,
        };
        bed.settle_attempt(claimed.lease, attempt(outcome), next)
            .await;
        let state = bed.state(claimed.lease.job).await;
        assert!(
            matches!(state, JobState::Retrying | JobState::Scheduled),
            "{state}"
        );
        assert!(bed.claim(5).await.is_empty());
    }
}

async fn reschedule(bed: &Bed, id: TaskId, due: SystemTime) {
    let changed = bed
        .store
        .reschedule(only(&[id]), due, by())
        .await
        .expect("a change");
    assert_eq!(changed, 1);
    assert!(close(bed.summary(id).await.due, due));
}

async fn a_job_is_rescheduled_to_an_earlier_time(bed: Bed) {
    let present = present(&bed).await;
    let id = insert_due(&bed, Due::After(bed.units(500))).await;
    reschedule(&bed, id, present + bed.units(8)).await;
    is_claimed_in_time(&bed, id, 8).await;
}

async fn a_job_is_rescheduled_to_a_later_time(bed: Bed) {
    let present = present(&bed).await;
    let id = insert_due(&bed, Due::Now).await;
    reschedule(&bed, id, present + bed.units(8)).await;
    is_claimed_in_time(&bed, id, 8).await;
}

async fn a_job_rescheduled_to_the_past_is_ready(bed: Bed) {
    let present = present(&bed).await;
    let id = insert_due(&bed, Due::After(Duration::MAX)).await;
    reschedule(&bed, id, present - bed.units(8)).await;
    assert_eq!(bed.state(id).await, JobState::Ready);
    let claimed = bed.claim_one(id).await;
    assert!(claimed.late >= bed.units(7), "{:?}", claimed.late);
}

/// A person who moves a job wants it to run then: it must not be given up for its age.
async fn limits_in_total_count_from_the_new_time(bed: Bed) {
    let id = insert_due(&bed, Due::Now).await;
    bed.pass(6).await;
    let present = present(&bed).await;
    reschedule(&bed, id, present + bed.units(1)).await;
    bed.pass(2).await;
    bed.renew(&bed.instance, &[]).await;
    let claimed = bed.claim_one(id).await;
    assert_eq!(claimed.age, claimed.late);
}
