//! A job that may not run now hides none that may, however many there are of it; and a job that
//! kills its workers takes none with it that ran beside it.

use marionette::TaskId;
use marionette::store::{Claim, Due, JobState, NewJob, Next};

use crate::bed::{Bed, KIND, QUEUE, by, claim, ids, job, kinds, name, names};
use crate::case::{Case, claims};

/// More than a store looks at in one step.
const MANY: usize = 1_500;

pub(crate) fn cases() -> Vec<Case> {
    claims![
        many_jobs_of_a_paused_queue_hide_no_other,
        many_jobs_of_another_kind_hide_no_other,
        many_jobs_of_another_queue_hide_no_other,
        many_jobs_that_are_not_due_hide_no_other,
        many_suspects_hide_no_other,
        an_urgent_job_goes_before_many_that_were_there_first,
        who_ran_beside_a_job_that_kills_is_not_quarantined_with_it,
        a_job_like_one_that_was_quarantined_is_accepted_and_runs,
    ]
}

async fn insert_many(bed: &Bed, of: impl Fn() -> NewJob) -> Vec<TaskId> {
    bed.insert((0..MANY).map(|_| of()).collect()).await
}

/// Inserts a job that this claim may take, and expects that it takes this one alone.
async fn takes_what_comes_last(bed: &Bed, claim: Claim) {
    let last = bed.insert_one(job()).await;
    assert_eq!(ids(&bed.claim_as(claim).await), [last]);
}

async fn many_jobs_of_a_paused_queue_hide_no_other(bed: Bed) {
    insert_many(&bed, || job().queue(name("paused"))).await;
    let paused = bed.store.pause_queue(name("paused"), by()).await;
    paused.expect("a change");
    takes_what_comes_last(&bed, claim(&bed.instance, 16)).await;
}

async fn many_jobs_of_another_kind_hide_no_other(bed: Bed) {
    insert_many(&bed, || job().kind(name("other"))).await;
    takes_what_comes_last(&bed, claim(&bed.instance, 16)).await;
}

async fn many_jobs_of_another_queue_hide_no_other(bed: Bed) {
    insert_many(&bed, || job().queue(name("other"))).await;
    let mut asked = claim(&bed.instance, 16);
    asked.wanted = kinds(&[KIND]).queues(names(&[QUEUE]));
    takes_what_comes_last(&bed, asked).await;
}

async fn many_jobs_that_are_not_due_hide_no_other(bed: Bed) {
    let due = Due::After(bed.units(1_000));
    insert_many(&bed, || job().priority(127).due(due)).await;
    takes_what_comes_last(&bed, claim(&bed.instance, 16)).await;
}

async fn many_suspects_hide_no_other(bed: Bed) {
    insert_many(&bed, job).await;
    let doomed = bed.another_instance().await;
    assert_eq!(bed.claim_as(claim(&doomed, MANY)).await.len(), MANY);
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let asked = claim(&bed.instance, 16).suspects(0);
    takes_what_comes_last(&bed, asked).await;
}

async fn an_urgent_job_goes_before_many_that_were_there_first(bed: Bed) {
    insert_many(&bed, job).await;
    let urgent = bed.insert_one(job().priority(1)).await;
    bed.claim_one(urgent).await;
}

/// Whoever died with both claims at most one suspect at a time from then on.
async fn who_ran_beside_a_job_that_kills_is_not_quarantined_with_it(bed: Bed) {
    let both = bed.insert(vec![job(), job()]).await;
    let doomed = bed.another_instance().await;
    assert_eq!(bed.claim_as(claim(&doomed, 2)).await.len(), 2);
    bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
    let (poison, bystander) = (both[0], both[1]);
    // The fourth worker would be the last that it may kill.
    for _ in 0..4 {
        let server = bed.another_instance().await;
        let claimed = bed.claim_as(claim(&server, 2).suspects(1)).await;
        match ids(&claimed)[..] {
            [id] if id == bystander => {
                bed.settle(claimed[0].lease, Next::Done(Vec::new())).await;
            }
            [id] if id == poison => {
                bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
            }
            [] => break,
            _ => panic!("two suspects at a time: {claimed:?}"),
        }
    }
    assert_eq!(bed.state(poison).await, JobState::Quarantined);
    assert_eq!(bed.state(bystander).await, JobState::Done);
}

async fn a_job_like_one_that_was_quarantined_is_accepted_and_runs(bed: Bed) {
    let id = bed.insert_one(job()).await;
    for _ in 0..3 {
        bed.crash(id).await;
    }
    assert_eq!(bed.state(id).await, JobState::Quarantined);
    let like_it = bed.insert_one(job()).await;
    let claimed = bed.claim(2).await;
    assert_eq!(ids(&claimed), [like_it]);
    assert_eq!(claimed[0].crashes, 0);
}
