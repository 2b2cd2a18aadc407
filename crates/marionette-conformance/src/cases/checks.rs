//! The rules that all stores share are the library's: a store that has its own is found here.

use std::time::Duration;

use marionette::store::{
    ERROR_BYTES_MAX, JobOptions, NAME_BYTES_MAX, NewJob, Next, PAYLOAD_BYTES_MAX, PastOutcome,
    Renewal, StoreErrorKind, StoredBackoff, StoredJitter, clip_error,
};

use crate::bed::{Bed, by, cancel_for, failure, job, name, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        what_the_check_refuses_is_refused_and_nothing_of_the_call_is_kept,
        what_the_check_lets_through_is_accepted,
        every_text_is_cut_as_the_library_cuts_it,
    ]
}

fn with(change: impl FnOnce(&mut NewJob)) -> NewJob {
    let mut new = job();
    change(&mut new);
    new
}

fn backoff(multiplier: f64, jitter: StoredJitter) -> StoredBackoff {
    StoredBackoff::Exponential {
        initial: Duration::from_secs(1),
        multiplier,
        max: Duration::from_secs(60),
        jitter,
    }
}

async fn what_the_check_refuses_is_refused_and_nothing_of_the_call_is_kept(bed: Bed) {
    let long = "x".repeat(ERROR_BYTES_MAX + 1);
    let bad = [
        with(|new| new.payload = vec![b'x'; PAYLOAD_BYTES_MAX + 1]),
        with(|new| new.options.name = Some(long.clone())),
        with(|new| new.options.error = Some(long.clone())),
        with(|new| new.options.backoff = Some(backoff(f64::NAN, StoredJitter::Full))),
        with(|new| new.options.backoff = Some(backoff(2.0, StoredJitter::Share(f64::INFINITY)))),
    ];
    for bad in bad {
        let expected = bad.check().expect_err("the library refuses it");
        let what = expected.to_string();
        assert!(
            what.contains(&bad.id.to_string()),
            "it names the job: {what}"
        );
        let answer = bed.store.insert(vec![job(), bad]).await;
        let error = answer.expect_err(&what);
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{what}: {error:?}");
        assert!(
            error.to_string().contains(&what),
            "the library says what is wrong: {what}: {error}"
        );
        assert_eq!(bed.all().await, [], "{what}");
    }
}

async fn what_the_check_lets_through_is_accepted(bed: Bed) {
    let mut options = JobOptions::default();
    options.name = Some("é".repeat(ERROR_BYTES_MAX / 2));
    options.error = options.name.clone();
    options.backoff = Some(backoff(f64::MAX, StoredJitter::Share(f64::MIN_POSITIVE)));
    let new = job()
        .kind(name("k".repeat(NAME_BYTES_MAX)))
        .queue(name("q".repeat(NAME_BYTES_MAX)))
        .payload(vec![b'x'; PAYLOAD_BYTES_MAX])
        .options(options.clone());
    assert!(new.check().is_ok());
    let id = bed.insert_one(new).await;
    assert_eq!(bed.details(id).await.options, options);
}

async fn every_text_is_cut_as_the_library_cuts_it(bed: Bed) {
    let texts = [
        "x".repeat(ERROR_BYTES_MAX),
        "x".repeat(ERROR_BYTES_MAX + 1),
        // Cut in the middle of a character.
        "x🦀".repeat(ERROR_BYTES_MAX),
        format!("xx{}", "é".repeat(ERROR_BYTES_MAX)),
    ];
    for text in texts {
        let expected = clip_error(&*text).into_owned();
        let lease = bed.claimed().await.lease;
        bed.settle_attempt(lease, failure(&text), Next::Bury).await;
        let attempts = bed.details(lease.job).await.attempts;
        assert_eq!(attempts[0].error.as_ref(), Some(&expected), "an error");

        let lease = bed.claimed().await.lease;
        let attempt = failure(&text).outcome(PastOutcome::Cancelled);
        bed.settle_attempt(lease, attempt, cancel_for(&*text)).await;
        let reason = bed.summary(lease.job).await.reason;
        assert_eq!(reason.as_ref(), Some(&expected), "a reason");

        let waiting = bed.insert_one(job()).await;
        let cancel = async |id| bed.store.cancel(only(&[id]), text.clone(), by()).await;
        cancel(waiting).await.expect("a change");
        let reason = bed.summary(waiting).await.reason;
        assert_eq!(reason.as_ref(), Some(&expected), "a person's reason");

        let lease = bed.claimed().await.lease;
        cancel(lease.job).await.expect("a change");
        let renewed = bed.renew(&bed.instance, &[lease]).await;
        assert_eq!(renewed, [Renewal::Cancel(expected)], "as it is heard");
        bed.settle(lease, Next::Release).await;
    }
}
