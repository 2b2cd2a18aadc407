//! What is accepted, what is refused, and what that changes.

use marionette::TaskId;
use marionette::inspect::{Filter, Page};
use marionette::store::{
    Due, Inserted, JobOptions, JobState, NAME_BYTES_MAX, NewJob, Next, StoredBackoff, StoredJitter,
};

use crate::bed::{Bed, by, claim, ids, job, jobs, kinds, name, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        an_accepted_job_is_claimed_once,
        a_job_comes_back_as_it_was,
        an_id_that_is_known_changes_nothing,
        an_id_with_other_arguments_is_taken,
        an_id_twice_in_a_call_is_one_job,
        an_id_twice_in_a_call_with_limits_is_decided_in_the_order_of_the_call,
        of_many_each_is_told_whether_it_is_new,
        a_known_id_changes_nothing_whatever_became_of_its_job,
        a_full_queue_refuses_and_the_others_are_accepted,
        only_jobs_that_wait_count_for_the_limit_of_a_queue,
        a_known_job_is_known_though_its_queue_is_full,
        a_name_may_have_128_bytes,
        nothing_inserted_is_nothing,
        any_uuid_is_an_id,
    ]
}

async fn an_accepted_job_is_claimed_once(bed: Bed) {
    let id = bed.insert_one(job()).await;
    let claimed = bed.claim_one(id).await;
    assert!(bed.claim(1).await.is_empty());
    bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    assert!(bed.claim(1).await.is_empty());
}

async fn a_job_comes_back_as_it_was(bed: Bed) {
    let mut options = JobOptions::default();
    options.retries = u32::MAX;
    options.backoff = Some(StoredBackoff::Exponential {
        initial: bed.units(1),
        multiplier: 1.5,
        max: std::time::Duration::MAX,
        jitter: StoredJitter::Share(0.1),
    });
    options.timeout = Some(std::time::Duration::from_nanos(1));
    options.give_up_after = Some(std::time::Duration::MAX);
    options.name = Some("the mail to Zoë\n".to_owned());
    options.error = Some("could not send it".to_owned());
    let job = job()
        .kind(name("A-z.0:9_"))
        .queue(name("Q-q.0:9_"))
        .priority(-128)
        .payload(b"{\"to\":\"zo\xc3\xab\"}".to_vec())
        .options(options);
    bed.insert(vec![job.clone()]).await;
    let mut asked = claim(&bed.instance, 5);
    asked.wanted = kinds(&[&job.kind]);
    let claimed = bed.claim_as(asked).await;
    let [claimed] = &claimed[..] else {
        panic!("one job: {claimed:?}");
    };
    assert_eq!(claimed.lease.job, job.id);
    assert_eq!(*claimed.kind, *job.kind);
    assert_eq!(*claimed.queue, *job.queue);
    assert_eq!(claimed.priority, job.priority);
    assert_eq!(claimed.payload, job.payload);
    assert_eq!(claimed.options, job.options);
    assert_eq!((claimed.failed, claimed.crashes), (0, 0));
    assert_eq!(claimed.attempts, []);
    let details = bed.details(job.id).await;
    assert_eq!(details.payload, job.payload);
    assert_eq!(details.options, job.options);
    assert_eq!(details.summary.kind, *job.kind);
    assert_eq!(details.summary.queue, *job.queue);
    assert_eq!(details.summary.priority, job.priority);
}

async fn an_id_that_is_known_changes_nothing(bed: Bed) {
    let first = job();
    let again = first
        .clone()
        .kind(name("other"))
        .queue(name("other"))
        .priority(9)
        .due(Due::After(bed.units(5)))
        .payload(b"other".to_vec());
    bed.insert(vec![first.clone()]).await;
    let before = bed.details(first.id).await;
    let inserted = inserted(&bed, vec![first.clone(), again]).await;
    assert_eq!(inserted, [Inserted::Known, Inserted::Taken]);
    assert_eq!(bed.details(first.id).await, before);
    assert_eq!(bed.all().await.len(), 1);
}

async fn inserted(bed: &Bed, jobs: Vec<NewJob>) -> Vec<Inserted> {
    bed.store.insert(jobs).await.expect("they are in order")
}

async fn an_id_with_other_arguments_is_taken(bed: Bed) {
    let first = job();
    bed.insert_one(first.clone()).await;
    let kind = first.clone().kind(name("other"));
    let queue = first.clone().queue(name("other"));
    let payload = first.clone().payload(b"[]".to_vec());
    // What may differ when a call is repeated, such as a time that is computed anew.
    let later = first.clone().due(Due::After(bed.units(1))).priority(1);
    for (job, told) in [
        (kind, Inserted::Taken),
        (queue, Inserted::Taken),
        (payload, Inserted::Taken),
        (later, Inserted::Known),
        (first, Inserted::Known),
    ] {
        assert_eq!(inserted(&bed, vec![job.clone()]).await, [told], "{job:?}");
    }
}

async fn of_many_each_is_told_whether_it_is_new(bed: Bed) {
    let mut known = jobs(40);
    bed.insert(known.iter().step_by(3).cloned().collect()).await;
    for job in known.iter_mut().step_by(6) {
        job.payload = b"[]".to_vec();
    }
    known.extend([known[1].clone(), known[0].clone()]);
    let told = inserted(&bed, known).await;
    for (index, told) in told.into_iter().enumerate() {
        let right = match index {
            40 => Inserted::Known,
            41 => Inserted::Taken,
            _ if index % 6 == 0 => Inserted::Taken,
            _ if index % 3 == 0 => Inserted::Known,
            _ => Inserted::Accepted,
        };
        assert_eq!(told, right, "the job {index}");
    }
    assert_eq!(bed.all().await.len(), 40);
}

async fn an_id_twice_in_a_call_is_one_job(bed: Bed) {
    let first = job();
    let second = first.clone().payload(b"second".to_vec());
    let inserted = inserted(&bed, vec![first.clone(), second, first.clone()]).await;
    assert_eq!(
        inserted,
        [Inserted::Accepted, Inserted::Taken, Inserted::Known]
    );
    let claimed = bed.claim(5).await;
    assert_eq!(ids(&claimed), [first.id]);
    assert_eq!(claimed[0].payload, first.payload);
}

async fn an_id_twice_in_a_call_with_limits_is_decided_in_the_order_of_the_call(bed: Bed) {
    use Inserted::{Accepted, Full, Known, Taken};

    let [a, b, c, elsewhere] = [job(), job(), job(), job().queue(name("elsewhere"))];
    let another = job().queue(name("elsewhere"));
    let calls = [
        (a.clone().queue_limit(2), Accepted, Known),
        // One waits, and no more may.
        (b.clone().queue_limit(1), Full, Known),
        (elsewhere.clone().queue_limit(1), Accepted, Known),
        (b.clone().queue_limit(2), Accepted, Known),
        // What is known is known, though its queue is full.
        (a.queue_limit(1), Known, Known),
        (c.clone().queue_limit(2), Full, Known),
        (another.clone().queue_limit(1), Full, Known),
        (c.clone(), Accepted, Known),
        (c.payload(b"other".to_vec()), Taken, Taken),
        (another, Accepted, Known),
        (b.queue_limit(1), Known, Known),
        (elsewhere.queue(name("default")), Taken, Taken),
    ];
    let jobs: Vec<_> = calls.iter().map(|(job, ..)| job.clone()).collect();
    let first: Vec<_> = calls.iter().map(|(_, first, _)| *first).collect();
    let again: Vec<_> = calls.iter().map(|(.., again)| *again).collect();
    assert_eq!(inserted(&bed, jobs.clone()).await, first);
    assert_eq!(inserted(&bed, jobs).await, again);
    assert_eq!(bed.all().await.len(), 5);
}

async fn a_known_id_changes_nothing_whatever_became_of_its_job(bed: Bed) {
    let again = jobs(4);
    bed.insert(again.clone()).await;
    let claimed = bed.claim(3).await;
    assert_eq!(claimed.len(), 3);
    bed.settle(claimed[0].lease, Next::Done(b"result".to_vec()))
        .await;
    bed.settle(claimed[1].lease, Next::Bury).await;
    let before = bed.all().await;
    assert_eq!(inserted(&bed, again).await, [Inserted::Known; 4]);
    assert_eq!(bed.all().await, before);
    assert_eq!(bed.claim(5).await.len(), 1);
}

async fn a_full_queue_refuses_and_the_others_are_accepted(bed: Bed) {
    let limited = || job().queue_limit(2);
    let elsewhere = limited().queue(name("elsewhere"));
    let refused = limited();
    let unlimited = job();
    let call = vec![
        limited(),
        limited(),
        refused.clone(),
        elsewhere,
        unlimited,
        limited(),
    ];
    let inserted = bed.store.insert(call).await.expect("they are in order");
    let (yes, full) = (Inserted::Accepted, Inserted::Full);
    assert_eq!(inserted, [yes, yes, full, yes, yes, full]);
    assert_eq!(bed.all().await.len(), 4);
    assert_eq!(bed.store.job(refused.id).await.expect("an answer"), None);
    assert_eq!(bed.claim(3).await.len(), 3);
    bed.insert(vec![refused]).await;
}

async fn only_jobs_that_wait_count_for_the_limit_of_a_queue(bed: Bed) {
    let limited = || job().queue_limit(1);
    let first = bed.insert_one(limited()).await;
    let claimed = bed.claim_one(first).await;
    let scheduled = limited().due(Due::After(bed.units(50)));
    let scheduled = bed.insert_one(scheduled).await;
    let full = bed
        .store
        .insert(vec![limited()])
        .await
        .expect("it is in order");
    assert_eq!(full, [Inserted::Full], "one that is scheduled waits too");
    bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    bed.store
        .cancel(only(&[scheduled]), "room".to_owned(), by())
        .await
        .expect("a change");
    bed.insert(vec![limited()]).await;
}

async fn a_known_job_is_known_though_its_queue_is_full(bed: Bed) {
    let limited = job().queue_limit(1);
    let other = limited.clone().payload(b"[]".to_vec());
    bed.insert(vec![limited.clone()]).await;
    let inserted = inserted(&bed, vec![limited, other]).await;
    assert_eq!(inserted, [Inserted::Known, Inserted::Taken]);
}

async fn a_name_may_have_128_bytes(bed: Bed) {
    let long = name("x".repeat(NAME_BYTES_MAX));
    let id = job().kind(long.clone()).queue(long.clone());
    let id = bed.insert_one(id).await;
    let mut asked = claim(&bed.instance, 1);
    asked.wanted = kinds(&[&long]);
    assert_eq!(ids(&bed.claim_as(asked).await), [id]);
    let filter = Filter::new().queue(&long).kind(&long);
    assert_eq!(bed.list(filter, Page::default()).await.jobs.len(), 1);
}

async fn nothing_inserted_is_nothing(bed: Bed) {
    assert_eq!(
        bed.store
            .insert(Vec::new())
            .await
            .expect("nothing is in order"),
        []
    );
    assert_eq!(bed.settle_all(Vec::new()).await, []);
    assert_eq!(bed.store.ended(Vec::new()).await.expect("an answer"), []);
    assert!(bed.claim(0).await.is_empty());
    assert_eq!(bed.all().await, []);
}

async fn any_uuid_is_an_id(bed: Bed) {
    let ids = [
        uuid::Uuid::nil(),
        uuid::Uuid::max(),
        uuid::Uuid::from_u128(1 << 63),
    ];
    let ids = ids.map(TaskId::from);
    for id in ids {
        bed.insert_one(job().id(id)).await;
        assert_eq!(bed.state(id).await, JobState::Ready);
    }
    assert_eq!(bed.claim(5).await.len(), 3);
}
