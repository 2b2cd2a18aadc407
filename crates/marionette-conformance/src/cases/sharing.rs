//! Two stores on the same data, as two processes have them.

use std::collections::BTreeSet;
use std::sync::Arc;

use marionette::TaskId;
use marionette::store::{JobState, Next, Renewal, Settlement};

use crate::bed::{Bed, QUEUE, by, claim, ids, instance, job, jobs, leases, name, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        what_one_store_writes_another_sees,
        a_job_that_one_store_runs_is_cancelled_by_another,
        two_stores_never_give_the_same_job,
        a_store_takes_the_jobs_of_silent_instances_of_another,
        the_times_are_the_same_and_fit_together,
    ]
}

/// Another bed on the same data, with its own store and its own instance.
async fn another(bed: &Bed) -> Bed {
    let other = Bed {
        fixture: Arc::clone(&bed.fixture),
        store: bed.fixture.open().await,
        instance: instance(),
    };
    other.renew(&other.instance, &[]).await;
    other
}

async fn what_one_store_writes_another_sees(bed: Bed) {
    let other = another(&bed).await;
    let all = bed.insert(jobs(3)).await;
    let claimed = other.claim(2).await;
    assert_eq!(claimed.len(), 2);
    other
        .settle(claimed[0].lease, Next::Done(b"result".to_vec()))
        .await;
    bed.store
        .pause_queue(name(QUEUE), by())
        .await
        .expect("a change");
    assert!(other.claim(2).await.is_empty(), "the queue is paused");
    other
        .store
        .resume_queue(name(QUEUE), by())
        .await
        .expect("a change");
    assert_eq!(bed.claim(2).await.len(), 1);
    for &id in &all {
        assert_eq!(bed.details(id).await, other.details(id).await);
    }
    let counts = bed.store.counts().await.expect("an answer");
    assert_eq!(counts, other.store.counts().await.expect("an answer"));
    let instances = |live: Vec<marionette::inspect::LiveInstance>| -> BTreeSet<_> {
        live.into_iter()
            .map(|live| (live.info.id, live.running))
            .collect()
    };
    let here = instances(bed.store.instances().await.expect("an answer"));
    let there = instances(other.store.instances().await.expect("an answer"));
    assert_eq!(
        here,
        BTreeSet::from([(bed.instance.id, 1), (other.instance.id, 1)])
    );
    assert_eq!(here, there);
}

async fn a_job_that_one_store_runs_is_cancelled_by_another(bed: Bed) {
    let other = another(&bed).await;
    let claimed = bed.claimed().await;
    let which = only(&[claimed.lease.job]);
    let cancelled = other.store.cancel(which, "enough".to_owned(), by()).await;
    assert_eq!(cancelled.expect("a change"), 1);
    let renewed = bed.renew(&bed.instance, &[claimed.lease]).await;
    assert_eq!(renewed, [Renewal::Cancel("enough".to_owned())]);
}

async fn two_stores_never_give_the_same_job(bed: Bed) {
    const COUNT: usize = 1_000;
    let other = another(&bed).await;
    let expected: BTreeSet<_> = bed.insert(jobs(COUNT)).await.into_iter().collect();
    let work = |bed: &Bed| {
        let (store, instance) = (Arc::clone(&bed.store), bed.instance.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let mut mine: Vec<TaskId> = Vec::new();
                loop {
                    let claimed = store.claim(claim(&instance, 7)).await.expect("it is known");
                    if claimed.is_empty() {
                        return mine;
                    }
                    mine.extend(ids(&claimed));
                    let done = claimed
                        .into_iter()
                        .map(|claimed| Settlement::new(claimed.lease, Next::Done(Vec::new())));
                    store
                        .settle(done.collect())
                        .await
                        .expect("they are in order");
                }
            })
        })
    };
    let threads = [work(&bed), work(&other)];
    while threads.iter().any(|thread| !thread.is_finished()) {
        tokio::task::yield_now().await;
    }
    let claimed = threads.map(|thread| thread.join().expect("it ends"));
    let claimed = claimed.concat();
    assert_eq!(claimed.len(), COUNT, "no job twice");
    assert!(claimed.into_iter().collect::<BTreeSet<_>>() == expected);
}

async fn a_store_takes_the_jobs_of_silent_instances_of_another(bed: Bed) {
    let other = another(&bed).await;
    bed.insert(jobs(2)).await;
    let kept = bed.claim(1).await;
    let lost = other.claim(1).await;
    let swept = bed
        .pass_lease_alive(&[(&bed.instance, &leases(&kept))])
        .await;
    assert_eq!(swept.released, 1);
    assert_eq!(ids(&bed.claim(2).await), ids(&lost));
    let renewed = other.renew(&other.instance, &leases(&lost)).await;
    assert_eq!(renewed, [Renewal::Lost]);
    assert_eq!(other.state(kept[0].lease.job).await, JobState::Running);
}

async fn the_times_are_the_same_and_fit_together(bed: Bed) {
    let other = another(&bed).await;
    let timing = bed.store.timing();
    assert_eq!(timing, other.store.timing());
    assert!(
        timing.renew * 3 <= timing.lease,
        "two signs of life may be lost: {timing:?}"
    );
    assert!(
        !timing.poll.is_zero() && !timing.sweep.is_zero(),
        "{timing:?}"
    );
    assert_eq!(bed.store.is_volatile(), other.store.is_volatile());
    bed.insert_one(job()).await;
}
