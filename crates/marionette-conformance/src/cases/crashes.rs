//! Instances that die, and what becomes of their jobs: K1 to K7 of the test plan, as far as one
//! process can show them.

use marionette::store::{Due, Ended, JobState, Next, PastOutcome, Renewal, Settled, Swept};

use crate::bed::{Bed, by, claim, failure, ids, job, jobs, kinds, leases, name, only, paused_in};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_dead_instances_job_runs_again_and_no_attempt_was_used,
        a_job_whose_instance_died_keeps_its_failures_and_its_place,
        a_job_is_quarantined_when_its_third_instance_dies,
        an_instance_that_lives_keeps_its_jobs_when_another_dies,
        a_server_name_that_is_used_again_changes_nothing,
        suspects_are_claimed_as_many_as_the_claim_allows,
        a_suspect_that_ends_well_is_no_matter,
        a_suspect_stays_one_through_its_retries,
        an_instance_that_was_taken_for_dead_may_come_back,
        a_cancelled_job_ends_when_its_instance_dies,
        many_jobs_of_dead_instances_all_come_back,
        jobs_that_nobody_can_run_do_not_keep_others_from_their_rescue,
        an_instance_that_is_gone_leaves_its_jobs_to_others,
        a_store_that_is_opened_again_has_all_that_it_had,
    ]
}

async fn a_dead_instances_job_runs_again_and_no_attempt_was_used(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let swept = bed.pass_lease().await;
    assert_eq!((swept.released, swept.quarantined), (1, 0));
    let details = bed.details(id).await;
    assert_eq!(details.summary.state, JobState::Ready);
    assert_eq!((details.summary.failed, details.summary.crashes), (0, 1));
    assert_eq!(details.summary.instance, None);
    let crashed = &details.attempts[..];
    assert_eq!(crashed.len(), 1);
    assert_eq!(
        (crashed[0].outcome, crashed[0].number),
        (PastOutcome::Crashed, 1)
    );
    assert_eq!(crashed[0].instance, Some(bed.instance.id));
    let other = bed.another_instance().await;
    let again = bed.claim_as(claim(&other, 1)).await;
    assert_eq!(ids(&again), [id]);
    assert!(again[0].lease.token > claimed.lease.token);
    assert_eq!((again[0].failed, again[0].crashes), (0, 1));
    assert_eq!(again[0].attempts, [], "no attempt failed");
}

async fn a_job_whose_instance_died_keeps_its_failures_and_its_place(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let retry = Next::Retry(Due::Now);
    bed.settle_attempt(claimed.lease, failure("first"), retry)
        .await;
    let due = bed.summary(id).await.due;
    bed.claim_one(id).await;
    bed.pass_lease().await;
    let summary = bed.summary(id).await;
    assert_eq!((summary.failed, summary.crashes, summary.due), (1, 1, due));
    assert_eq!(summary.reason.as_deref(), Some("first"));
    bed.renew(&bed.instance, &[]).await;
    let claimed = bed.claim_one(id).await;
    assert_eq!((claimed.failed, claimed.attempts.len()), (1, 1));
}

async fn a_job_is_quarantined_when_its_third_instance_dies(bed: Bed) {
    let mut poison = job();
    poison.options.error = Some("could not render it".to_owned());
    let id = bed.insert_one(poison).await;
    for crash in 1..=2 {
        let swept = bed.crash(id).await;
        assert_eq!((swept.released, swept.quarantined), (1, 0));
        let summary = bed.summary(id).await;
        assert_eq!((summary.state, summary.crashes), (JobState::Ready, crash));
    }
    let swept = bed.crash(id).await;
    assert_eq!((swept.released, swept.quarantined), (0, 1));
    let summary = bed.summary(id).await;
    assert_eq!((summary.state, summary.crashes), (JobState::Quarantined, 3));
    assert!(
        summary.reason.is_some() && summary.ended.is_some(),
        "{summary:?}"
    );
    assert!(bed.claim(5).await.is_empty());
    let ended = bed
        .store
        .ended(vec![id])
        .await
        .expect("an answer")
        .remove(0);
    let Ended::Otherwise {
        state,
        error,
        attempts,
        ..
    } = ended
    else {
        panic!("{ended:?}");
    };
    assert_eq!(state, JobState::Quarantined);
    assert_eq!(error.as_deref(), Some("could not render it"));
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|it| it.outcome == PastOutcome::Crashed));
}

/// D1: a job is not taken away because it runs for long.
async fn an_instance_that_lives_keeps_its_jobs_when_another_dies(bed: Bed) {
    bed.insert(jobs(4)).await;
    let doomed = bed.another_instance().await;
    let lost = bed.claim_as(claim(&doomed, 2)).await;
    let kept = bed.claim(2).await;
    let swept = bed
        .pass_lease_alive(&[(&bed.instance, &leases(&kept))])
        .await;
    assert_eq!(swept.released, 2);
    let renewed = bed.renew(&bed.instance, &leases(&kept)).await;
    assert_eq!(renewed, [Renewal::Kept, Renewal::Kept]);
    let mut again = ids(&bed.claim(4).await);
    let mut expected = ids(&lost);
    again.sort();
    expected.sort();
    assert_eq!(again, expected);
}

/// K5: only the instance decides, not its name.
async fn a_server_name_that_is_used_again_changes_nothing(bed: Bed) {
    let old = bed.another_instance().await;
    let new = bed.another_instance().await;
    assert_eq!((&old.server, old.process), (&new.server, new.process));
    bed.insert(jobs(2)).await;
    let lost = bed.claim_as(claim(&old, 1)).await;
    let kept = bed.claim_as(claim(&new, 1)).await;
    let swept = bed.pass_lease_alive(&[(&new, &leases(&kept))]).await;
    assert_eq!((swept.released, swept.quarantined), (1, 0));
    assert_eq!(bed.state(lost[0].lease.job).await, JobState::Ready);
    assert_eq!(bed.renew(&new, &leases(&kept)).await, [Renewal::Kept]);
}

async fn suspects(bed: &Bed, count: usize) -> Vec<marionette::TaskId> {
    let suspects = bed.insert(jobs(count)).await;
    let doomed = bed.another_instance().await;
    assert_eq!(bed.claim_as(claim(&doomed, count)).await.len(), count);
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    suspects
}

async fn suspects_are_claimed_as_many_as_the_claim_allows(bed: Bed) {
    let suspects = suspects(&bed, 5).await;
    let others = bed.insert(jobs(3)).await;
    let is_suspect = |id: &marionette::TaskId| suspects.contains(id);
    let asked = |limit, suspects| claim(&bed.instance, limit).suspects(suspects);
    let none = bed.claim_as(asked(1, 0)).await;
    assert!(
        others.contains(&ids(&none)[0]),
        "suspects that were due first are skipped"
    );
    let one = ids(&bed.claim_as(asked(10, 1)).await);
    assert_eq!(one.len(), 3);
    assert_eq!(one.iter().filter(|id| is_suspect(id)).count(), 1);
    let none = bed.claim_as(asked(10, 0)).await;
    assert!(none.is_empty());
    let rest = bed.claim_as(asked(3, 10)).await;
    assert_eq!(rest.len(), 3);
    assert!(rest.iter().all(|claimed| claimed.crashes == 1));
}

async fn a_suspect_that_ends_well_is_no_matter(bed: Bed) {
    let id = suspects(&bed, 1).await[0];
    let claimed = bed.claim_one(id).await;
    let settled = bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    assert_eq!(settled, Settled::Applied);
    assert_eq!(bed.state(id).await, JobState::Done);
}

async fn a_suspect_stays_one_through_its_retries(bed: Bed) {
    let id = suspects(&bed, 1).await[0];
    let claimed = bed.claim_one(id).await;
    let retry = Next::Retry(Due::Now);
    bed.settle_attempt(claimed.lease, failure("x"), retry).await;
    let mut asked = claim(&bed.instance, 1);
    asked.suspects = 0;
    assert!(bed.claim_as(asked).await.is_empty());
    assert_eq!(bed.claim_one(id).await.crashes, 1);
}

async fn an_instance_that_was_taken_for_dead_may_come_back(bed: Bed) {
    let claimed = bed.claimed().await;
    bed.pass_lease().await;
    let renewed = bed.renew(&bed.instance, &[claimed.lease]).await;
    assert_eq!(renewed, [Renewal::Lost]);
    let again = bed.claim_one(claimed.lease.job).await;
    assert_eq!(
        bed.renew(&bed.instance, &[again.lease]).await,
        [Renewal::Kept]
    );
    assert_eq!(bed.sweep().await, Swept::default());
}

async fn a_cancelled_job_ends_when_its_instance_dies(bed: Bed) {
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    bed.store
        .cancel(only(&[id]), "enough".to_owned(), by())
        .await
        .expect("a change");
    let swept = bed.pass_lease().await;
    assert_eq!((swept.released, swept.quarantined), (0, 0));
    let summary = bed.summary(id).await;
    assert_eq!(summary.state, JobState::Cancelled);
    assert_eq!(summary.reason.as_deref(), Some("enough"));
}

async fn many_jobs_of_dead_instances_all_come_back(bed: Bed) {
    const EACH: usize = 500;
    let expected = bed.insert(jobs(5 * EACH)).await;
    for _ in 0..5 {
        let doomed = bed.another_instance().await;
        assert_eq!(bed.claim_as(claim(&doomed, EACH)).await.len(), EACH);
    }
    let swept = bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    assert_eq!(swept.released, 5 * EACH as u64);
    let mut again = ids(&bed.claim(5 * EACH).await);
    again.sort();
    assert!(again == expected);
}

/// K6: what no instance can run must not fill every batch of a sweep.
async fn jobs_that_nobody_can_run_do_not_keep_others_from_their_rescue(bed: Bed) {
    let unknown = || job().kind(name("unknown")).priority(100);
    bed.insert((0..2_500).map(|_| unknown()).collect()).await;
    let id = bed.insert_one(job()).await;
    let doomed = bed.another_instance().await;
    let mut asked = claim(&doomed, 10_000);
    asked.wanted = kinds(&["unknown", crate::bed::KIND]);
    assert_eq!(bed.claim_as(asked).await.len(), 2_501);
    for _ in 0..2 {
        bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    }
    bed.claim_one(id).await;
}

/// K1: dropping a store stands for the death of its process.
async fn an_instance_that_is_gone_leaves_its_jobs_to_others(bed: Bed) {
    let expected = bed.insert(jobs(3)).await;
    let doomed = crate::bed::instance();
    let store = bed.fixture.open().await;
    store
        .renew(doomed.clone(), Vec::new())
        .await
        .expect("a renewal");
    let taken = store.claim(claim(&doomed, 3)).await.expect("it is known");
    assert_eq!(taken.len(), 3);
    drop(store);
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let mut again = bed.claim(5).await;
    again.sort_by_key(|claimed| claimed.lease.job);
    assert_eq!(ids(&again), expected);
    assert!(again.iter().all(|claimed| claimed.crashes == 1));
}

async fn a_store_that_is_opened_again_has_all_that_it_had(bed: Bed) {
    let all = bed.insert(jobs(6)).await;
    let claimed = bed.claim(4).await;
    bed.settle_attempt(claimed[0].lease, failure("x"), Next::Bury)
        .await;
    bed.settle(claimed[1].lease, Next::Done(b"result".to_vec()))
        .await;
    bed.settle_attempt(
        claimed[2].lease,
        failure("y"),
        Next::Retry(Due::After(bed.units(500))),
    )
    .await;
    bed.store
        .cancel(only(&all[5..]), "enough".to_owned(), by())
        .await
        .expect("a change");
    bed.store
        .pause_queue(name("other"), by())
        .await
        .expect("a change");
    let mut before = Vec::new();
    for &id in &all {
        before.push(bed.details(id).await);
    }
    let Bed {
        fixture,
        store,
        instance,
    } = bed;
    drop(store);
    let bed = Bed {
        store: fixture.open().await,
        fixture,
        instance,
    };
    for (id, before) in all.iter().zip(before) {
        let after = bed.details(*id).await;
        // The job that ran may already have been found without its instance.
        if before.summary.state != JobState::Running {
            assert_eq!(after, before);
        }
    }
    assert_eq!(paused_in(&*bed.store).await, ["other"]);
    let mut survivor = crate::bed::instance();
    "survivor".clone_into(&mut survivor.server);
    bed.renew(&survivor, &[]).await;
    bed.pass_lease_alive(&[(&survivor, &[])]).await;
    let mut left = ids(&bed.claim_as(claim(&survivor, 10)).await);
    left.sort();
    let mut expected = vec![claimed[3].lease.job, all[4]];
    expected.sort();
    assert_eq!(left, expected);
}
