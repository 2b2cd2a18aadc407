//! How jobs have ended, for whoever awaits them.

use marionette::TaskId;
use marionette::store::{Due, Ended, JobState, Next, PastOutcome, Settled, Settlement};

use crate::bed::{Bed, attempt, by, cancel_for, failure, job, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        what_has_not_ended_has_not,
        what_is_done_has_its_result,
        a_result_that_cannot_be_kept_is_no_result_and_the_job_is_done,
        what_is_dead_has_its_attempts_and_the_error_that_it_named,
        what_is_cancelled_says_why,
        what_is_unknown_is_unknown,
        the_answers_come_in_the_order_of_the_jobs,
        what_a_person_brings_back_has_not_ended,
    ]
}

async fn ended(bed: &Bed, id: TaskId) -> Ended {
    let mut ended = bed.store.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended.len(), 1);
    ended.remove(0)
}

async fn what_has_not_ended_has_not(bed: Bed) {
    let claimed = bed.claimed().await;
    let later = job().due(Due::After(bed.units(500)));
    let later = bed.insert_one(later).await;
    let ready = bed.insert_one(job()).await;
    for id in [claimed.lease.job, later, ready] {
        assert_eq!(ended(&bed, id).await, Ended::NotYet);
    }
    let retry = Next::Retry(Due::After(bed.units(500)));
    bed.settle_attempt(claimed.lease, failure("x"), retry).await;
    assert_eq!(ended(&bed, claimed.lease.job).await, Ended::NotYet);
}

async fn what_is_done_has_its_result(bed: Bed) {
    for result in ["", "null", "!not kept: it is a result"] {
        let result = result.as_bytes().to_vec();
        let claimed = bed.claimed().await;
        bed.settle(claimed.lease, Next::Done(result.clone())).await;
        assert_eq!(ended(&bed, claimed.lease.job).await, Ended::Done(result));
    }
}

async fn a_result_that_cannot_be_kept_is_no_result_and_the_job_is_done(bed: Bed) {
    for (why, fails) in [
        ("a number is NaN", false),
        ("", false),
        ("it is too large", true),
    ] {
        let mut claimed = bed.claimed().await;
        let id = claimed.lease.job;
        if fails {
            let retry = Next::Retry(Due::Now);
            bed.settle_attempt(claimed.lease, failure("x"), retry).await;
            claimed = bed.claim_one(id).await;
        }
        let settlement = Settlement::new(claimed.lease, Next::Unkept(why.to_owned()));
        let settlement = settlement.attempt(attempt(PastOutcome::Done));
        for _ in 0..2 {
            let settled = bed.store.settle(vec![settlement.clone()]).await;
            assert_eq!(settled.expect("it is written"), [Settled::Applied]);
        }
        assert_eq!(ended(&bed, id).await, Ended::Unkept(why.to_owned()));
        let details = bed.details(id).await;
        assert_eq!(
            (details.summary.state, details.summary.end),
            (JobState::Done, None)
        );
        assert_eq!(
            (details.result, details.unkept.as_deref()),
            (None, Some(why))
        );
        let last = details.attempts.last().expect("it was made");
        assert_eq!(last.outcome, PastOutcome::Done);
    }
}

async fn what_is_dead_has_its_attempts_and_the_error_that_it_named(bed: Bed) {
    let mut new = job();
    new.options.error = Some("could not send the mail".to_owned());
    let id = bed.insert_one(new).await;
    let claimed = bed.claim_one(id).await;
    let retry = Next::Retry(Due::Now);
    bed.settle_attempt(claimed.lease, failure("first"), retry)
        .await;
    let claimed = bed.claim_one(id).await;
    let mut panicked = attempt(PastOutcome::Panicked);
    panicked.error = Some("second".to_owned());
    bed.settle_attempt(claimed.lease, panicked, Next::Bury)
        .await;
    let Ended::Otherwise {
        state,
        error,
        attempts,
        ..
    } = ended(&bed, id).await
    else {
        panic!("it is dead");
    };
    assert_eq!(state, JobState::Dead);
    assert_eq!(error.as_deref(), Some("could not send the mail"));
    let told = attempts
        .iter()
        .map(|it| (it.number, it.outcome, it.error.as_deref()));
    let expected = [
        (1, PastOutcome::Failed, Some("first")),
        (2, PastOutcome::Panicked, Some("second")),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

async fn what_is_cancelled_says_why(bed: Bed) {
    let waiting = bed.insert_one(job()).await;
    bed.store
        .cancel(only(&[waiting]), "a".to_owned(), by())
        .await
        .expect("a change");
    let claimed = bed.claimed().await;
    bed.settle(claimed.lease, cancel_for("b")).await;
    for (id, expected) in [(waiting, "a"), (claimed.lease.job, "b")] {
        let Ended::Otherwise {
            state,
            reason,
            error,
            attempts,
            ..
        } = ended(&bed, id).await
        else {
            panic!("it is cancelled");
        };
        assert_eq!(
            (state, reason.as_deref()),
            (JobState::Cancelled, Some(expected))
        );
        assert_eq!((error, attempts), (None, Vec::new()));
    }
}

async fn what_is_unknown_is_unknown(bed: Bed) {
    assert_eq!(ended(&bed, TaskId::new()).await, Ended::Missing);
    let id = bed.insert_one(job()).await;
    bed.store.delete(only(&[id]), by()).await.expect("a change");
    assert_eq!(ended(&bed, id).await, Ended::Missing);
}

async fn the_answers_come_in_the_order_of_the_jobs(bed: Bed) {
    let done = bed.claimed().await.lease;
    bed.settle(done, Next::Done(b"x".to_vec())).await;
    let waiting = bed.insert_one(job()).await;
    let asked = vec![waiting, done.job, TaskId::new(), done.job, waiting];
    let ended = bed.store.ended(asked).await.expect("an answer");
    let done = Ended::Done(b"x".to_vec());
    let expected = [
        Ended::NotYet,
        done.clone(),
        Ended::Missing,
        done,
        Ended::NotYet,
    ];
    assert_eq!(ended, expected);
}

async fn what_a_person_brings_back_has_not_ended(bed: Bed) {
    let claimed = bed.claimed().await;
    bed.settle_attempt(claimed.lease, failure("x"), Next::Bury)
        .await;
    bed.store
        .retry(only(&[claimed.lease.job]), by())
        .await
        .expect("a change");
    assert_eq!(ended(&bed, claimed.lease.job).await, Ended::NotYet);
}
