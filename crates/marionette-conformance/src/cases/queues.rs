//! Kinds and queues: what a claim wants, and queues that are paused.

use std::sync::Arc;

use marionette::TaskId;
use marionette::store::{Due, JobState, Name, Next};

use crate::bed::{Bed, KIND, QUEUE, by, claim, ids, job, kinds, name, names, paused_in};
use crate::case::{Case, claims};
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = claims![
        only_the_kinds_that_are_wanted_are_claimed,
        only_the_queues_that_are_named_are_claimed_from,
        no_queue_named_means_all,
        no_kind_named_means_none,
        a_name_is_compared_as_a_whole_and_with_its_case,
        an_unknown_kind_waits_for_who_knows_it,
        a_paused_queue_gives_nothing_until_it_is_resumed,
        a_pause_lets_run_what_runs,
        a_pause_said_twice_ends_at_once,
        a_queue_may_be_paused_before_it_has_jobs,
        of_hundreds_of_queues_those_that_are_named_are_claimed_from,
    ];
    cases.extend(claims![of Part::Waking; who_works_on_all_queues_hears_of_one_that_is_new]);
    cases.extend(claims![of Part::Unclaimed; what_waits_for_another_kind_of_handler_is_counted]);
    cases
}

async fn place(bed: &Bed, kind: &'static str, queue: &'static str) -> TaskId {
    let job = job().kind(name(kind)).queue(name(queue));
    bed.insert_one(job).await
}

async fn claim_of(bed: &Bed, kinds: &[&str], queues: &[&str]) -> Vec<TaskId> {
    let mut asked = claim(&bed.instance, 100);
    asked.wanted = crate::bed::kinds(kinds).queues(names(queues));
    let mut claimed = ids(&bed.claim_as(asked).await);
    claimed.sort();
    claimed
}

async fn only_the_kinds_that_are_wanted_are_claimed(bed: Bed) {
    let a = place(&bed, "a", QUEUE).await;
    let b = place(&bed, "b", QUEUE).await;
    let c = place(&bed, "c", QUEUE).await;
    assert_eq!(claim_of(&bed, &["a", "c", "none"], &[]).await, [a, c]);
    assert_eq!(claim_of(&bed, &["b"], &[]).await, [b]);
}

async fn only_the_queues_that_are_named_are_claimed_from(bed: Bed) {
    let x = place(&bed, "a", "x").await;
    let y = place(&bed, "a", "y").await;
    let z = place(&bed, "a", "z").await;
    place(&bed, "b", "x").await;
    assert_eq!(claim_of(&bed, &["a"], &["none"]).await, []);
    assert_eq!(claim_of(&bed, &["a"], &["y"]).await, [y]);
    assert_eq!(claim_of(&bed, &["a"], &["x", "y", "z"]).await, [x, z]);
}

async fn no_queue_named_means_all(bed: Bed) {
    let x = place(&bed, "a", "x").await;
    let y = place(&bed, "a", "y").await;
    assert_eq!(claim_of(&bed, &["a"], &[]).await, [x, y]);
}

async fn no_kind_named_means_none(bed: Bed) {
    place(&bed, "a", QUEUE).await;
    assert_eq!(claim_of(&bed, &[], &[]).await, []);
}

async fn a_name_is_compared_as_a_whole_and_with_its_case(bed: Bed) {
    let exact = place(&bed, "a_b", "x.y").await;
    place(&bed, "A_b", "x.y").await;
    place(&bed, "a-b", "x.y").await;
    place(&bed, "a_b", "X.y").await;
    place(&bed, "a_b", "x:y").await;
    place(&bed, "a_bc", "x.y").await;
    place(&bed, "a_b", "x.y.z").await;
    assert_eq!(claim_of(&bed, &["a_b"], &["x.y"]).await, [exact]);
}

/// K7: an instance of another version must not touch it, not even in a sweep.
async fn an_unknown_kind_waits_for_who_knows_it(bed: Bed) {
    let new = place(&bed, "new", QUEUE).await;
    for _ in 0..5 {
        assert!(bed.claim(10).await.is_empty());
        bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    }
    let summary = bed.summary(new).await;
    assert_eq!(summary.state, JobState::Ready);
    assert_eq!((summary.failed, summary.crashes), (0, 0));
    let mut asked = claim(&bed.instance, 10);
    asked.wanted = kinds(&["new"]);
    assert_eq!(ids(&bed.claim_as(asked).await), [new]);
}

async fn paused(bed: &Bed) -> Vec<Name> {
    paused_in(&*bed.store).await
}

async fn a_paused_queue_gives_nothing_until_it_is_resumed(bed: Bed) {
    let x = place(&bed, "a", "x").await;
    let y = place(&bed, "a", "y").await;
    bed.store
        .pause_queue(name("x"), by())
        .await
        .expect("a change");
    assert_eq!(paused(&bed).await, ["x"]);
    let later = place(&bed, "a", "x").await;
    assert_eq!(claim_of(&bed, &["a"], &["x"]).await, []);
    assert_eq!(claim_of(&bed, &["a"], &[]).await, [y]);
    assert_eq!(bed.state(x).await, JobState::Ready);
    bed.store
        .resume_queue(name("x"), by())
        .await
        .expect("a change");
    assert_eq!(paused(&bed).await, <[Name; 0]>::default());
    assert_eq!(claim_of(&bed, &["a"], &[]).await, [x, later]);
}

async fn a_pause_lets_run_what_runs(bed: Bed) {
    let claimed = bed.claimed().await;
    bed.store
        .pause_queue(name(QUEUE), by())
        .await
        .expect("a change");
    let lease = claimed.lease;
    let renewed = bed.renew(&bed.instance, &[lease]).await;
    assert_eq!(renewed, [marionette::store::Renewal::Kept]);
    let settled = bed.settle(lease, Next::Done(Vec::new())).await;
    assert_eq!(settled, marionette::store::Settled::Applied);
    assert_eq!(bed.state(lease.job).await, JobState::Done);
}

async fn a_pause_said_twice_ends_at_once(bed: Bed) {
    let x = place(&bed, "a", "x").await;
    for _ in 0..2 {
        bed.store
            .pause_queue(name("x"), by())
            .await
            .expect("a change");
    }
    assert_eq!(paused(&bed).await, ["x"]);
    for _ in 0..2 {
        bed.store
            .resume_queue(name("x"), by())
            .await
            .expect("a change");
    }
    assert_eq!(claim_of(&bed, &["a"], &[]).await, [x]);
}

async fn a_queue_may_be_paused_before_it_has_jobs(bed: Bed) {
    bed.store
        .pause_queue(name("x"), by())
        .await
        .expect("a change");
    place(&bed, "a", "x").await;
    assert_eq!(claim_of(&bed, &["a"], &[]).await, []);
    let other = bed.fixture.open().await;
    assert_eq!(paused_in(&*other).await, ["x"]);
}

async fn of_hundreds_of_queues_those_that_are_named_are_claimed_from(bed: Bed) {
    let tenants = (0..300).map(|number| name(format!("tenant-{number}")));
    let tenants: Vec<_> = tenants.collect();
    let jobs = tenants.iter().map(|queue| job().queue(queue.clone()));
    let placed = bed.insert(jobs.collect()).await;
    let paused = bed.store.pause_queue(tenants[7].clone(), by()).await;
    paused.expect("a change");

    let mut asked = claim(&bed.instance, 1_000);
    asked.wanted.queues = tenants[..100].iter().cloned().collect();
    let mut claimed = ids(&bed.claim_as(asked.clone()).await);
    claimed.sort();
    let right = placed[..100].iter().copied();
    let right: Vec<_> = right.filter(|id| *id != placed[7]).collect();
    assert_eq!(claimed, right);
    assert_eq!(bed.claim_as(asked.clone()).await.len(), 0);

    asked.wanted.queues = Arc::new([]);
    assert_eq!(bed.claim_as(asked).await.len(), 200);
    assert_eq!(bed.state(placed[7]).await, JobState::Ready);
}

async fn who_works_on_all_queues_hears_of_one_that_is_new(bed: Bed) {
    for number in 0..20 {
        let queue = name(format!("tenant-{number}"));
        let scheduled = job().queue(queue).due(Due::After(bed.units(500)));
        bed.insert_one(scheduled).await;
    }
    let (store, wanted) = (Arc::clone(&bed.store), kinds(&[KIND]));
    let waits = tokio::spawn(async move { store.wait(wanted).await });
    tokio::task::yield_now().await;
    let id = place(&bed, KIND, "new").await;
    let told = tokio::time::timeout(bed.units(10), waits).await;
    let waited = told.expect("it is told long before it looks for itself");
    waited.expect("no panic").expect("an answer");
    bed.claim_one(id).await;
}

async fn what_waits_for_another_kind_of_handler_is_counted(bed: Bed) {
    let unclaimed = async |queues: &[&str], overdue: u32| {
        let wanted = kinds(&["a", "b"]).queues(names(queues));
        let counts = bed.store.unclaimed(wanted, bed.units(overdue)).await;
        let mut counts = counts.expect("an answer");
        counts.sort();
        let told = counts
            .into_iter()
            .map(|one| (one.queue, one.kind, one.jobs));
        told.collect::<Vec<_>>()
    };
    let of = |queue: &str, kind: &str, jobs| (name(queue), name(kind), jobs);
    place(&bed, "a", "x").await;
    for queue in ["x", "x", "y", "paused"] {
        place(&bed, "old", queue).await;
    }
    let urgent = job().kind(name("old")).queue(name("x")).priority(5);
    bed.insert_one(urgent).await;
    let later = job().kind(name("later")).due(Due::After(bed.units(100)));
    bed.insert_one(later).await;
    let paused = bed.store.pause_queue(name("paused"), by()).await;
    paused.expect("an answer");
    assert_eq!(unclaimed(&[], 5).await, []);
    bed.pass(8).await;
    place(&bed, "new", "x").await;
    let all = [of("x", "old", 3), of("y", "old", 1)];
    assert_eq!(unclaimed(&[], 5).await, all);
    assert_eq!(unclaimed(&["x", "z"], 5).await, all[..1]);
    assert_eq!(unclaimed(&["z"], 5).await, []);
    // The same must hold for many lanes.
    for n in 0..40 {
        let queue = name(format!("of-{n:02}"));
        bed.insert_one(job().kind(name("old")).queue(queue)).await;
    }
    bed.pass(8).await;
    assert_eq!(unclaimed(&[], 5).await.len(), 43);
    assert_eq!(unclaimed(&["x"], 10).await, all[..1]);
}
