//! Many callers at once, on a runtime other than the one in which the store was opened.

use std::collections::BTreeSet;
use std::sync::Arc;

use marionette::TaskId;
use marionette::inspect::Which;
use marionette::store::{
    Claim, Due, Inserted, InstanceInfo, Next, Renewal, Settled, Settlement, Store,
};

use crate::bed::{Bed, by, claim, instance, job, jobs, leases, only};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        eight_who_claim_at_once_never_get_the_same_job,
        eight_who_insert_the_same_jobs_insert_each_once,
        a_queue_never_holds_more_than_its_limit,
        of_eight_settlements_of_a_lease_one_has_its_effect,
        jobs_that_are_cancelled_while_they_are_claimed_are_one_or_the_other,
        a_renewal_needs_no_runtime_of_the_store,
    ]
}

const TASKS: usize = 8;

/// Runs a closure on eight tasks at once, and returns their results.
async fn at_once<T, W, R>(bed: &Bed, work: W) -> Vec<T>
where
    T: Send + 'static,
    W: Fn(usize, Arc<dyn Store>) -> R + Send + Sync + 'static,
    R: Future<Output = T> + Send + 'static,
{
    let store = Arc::clone(&bed.store);
    let all = std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(4).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let start = |task| tokio::spawn(work(task, Arc::clone(&store)));
            let tasks: Vec<_> = (0..TASKS).map(start).collect();
            let mut results = Vec::new();
            for task in tasks {
                results.push(task.await.expect("it ends"));
            }
            results
        })
    });
    // The runtime of the case goes on meanwhile: a store may have tasks there.
    while !all.is_finished() {
        tokio::task::yield_now().await;
    }
    all.join().expect("it ends")
}

async fn eight_who_claim_at_once_never_get_the_same_job(bed: Bed) {
    const COUNT: usize = 2_000;
    let expected: BTreeSet<_> = bed.insert(jobs(COUNT)).await.into_iter().collect();
    let claimed = at_once(&bed, |_, store| async move {
        let instance = instance();
        store
            .renew(instance.clone(), Vec::new())
            .await
            .expect("a renewal");
        let mut mine = Vec::new();
        loop {
            let claimed = store.claim(claim(&instance, 7)).await.expect("it is known");
            if claimed.is_empty() {
                return mine;
            }
            mine.extend(claimed.iter().map(|claimed| claimed.lease.job));
            let done = claimed
                .into_iter()
                .map(|claimed| Settlement::new(claimed.lease, Next::Done(Vec::new())));
            let settled = store
                .settle(done.collect())
                .await
                .expect("they are in order");
            assert!(settled.iter().all(|settled| *settled == Settled::Applied));
        }
    });
    let claimed: Vec<TaskId> = claimed.await.into_iter().flatten().collect();
    assert_eq!(claimed.len(), COUNT, "no job twice");
    assert!(claimed.into_iter().collect::<BTreeSet<_>>() == expected);
}

async fn eight_who_insert_the_same_jobs_insert_each_once(bed: Bed) {
    let new = jobs(100);
    let call = new.clone();
    let inserted = at_once(&bed, move |_, store| {
        let call = call.clone();
        async move { store.insert(call).await.expect("they are in order") }
    });
    let inserted = inserted.await;
    for job in 0..100 {
        let new = inserted.iter().map(|inserted| inserted[job]);
        let (new, known): (Vec<_>, _) = new.partition(|one| *one == Inserted::Accepted);
        assert_eq!((new.len(), known), (1, vec![Inserted::Known; 7]));
    }
    // Time went on in the other runtime, while the paused clock of this one stood still.
    bed.pass(1).await;
    assert_eq!(bed.claim(1_000).await.len(), 100);
}

async fn a_queue_never_holds_more_than_its_limit(bed: Bed) {
    const LIMIT: usize = 10;
    let inserted = at_once(&bed, |_, store| async move {
        let limited = (0..LIMIT).map(|_| job().queue_limit(LIMIT as u64));
        let mut accepted = 0;
        for job in limited {
            let inserted = store.insert(vec![job]).await.expect("it is in order");
            accepted += usize::from(inserted == [Inserted::Accepted]);
        }
        accepted
    });
    assert_eq!(inserted.await.into_iter().sum::<usize>(), LIMIT);
    assert_eq!(bed.all().await.len(), LIMIT);
}

async fn of_eight_settlements_of_a_lease_one_has_its_effect(bed: Bed) {
    let lease = bed.claimed().await.lease;
    let settled = at_once(&bed, move |task, store| async move {
        let settlement = Settlement::new(lease, Next::Retry(Due::Now))
            .attempt(crate::bed::failure(&task.to_string()));
        store
            .settle(vec![settlement])
            .await
            .expect("it is in order")
    });
    assert_eq!(settled.await.len(), TASKS);
    let details = bed.details(lease.job).await;
    assert_eq!((details.summary.failed, details.attempts.len()), (1, 1));
}

async fn jobs_that_are_cancelled_while_they_are_claimed_are_one_or_the_other(bed: Bed) {
    let all = bed.insert(jobs(500)).await;
    let instance: InstanceInfo = bed.instance.clone();
    let claimed = at_once(&bed, move |task, store| {
        let (all, instance) = (all.clone(), instance.clone());
        async move {
            let mut leases = Vec::new();
            for chunk in all.chunks(20) {
                if task % 2 == 0 {
                    let asked: Claim = claim(&instance, 10);
                    let claimed = store.claim(asked).await.expect("it is known");
                    leases.extend(crate::bed::leases(&claimed));
                } else {
                    let cancelled = store.cancel(only(chunk), "x".to_owned(), by()).await;
                    cancelled.expect("a change");
                }
            }
            leases
        }
    });
    let leases: Vec<_> = claimed.await.into_iter().flatten().collect();
    let renewed = bed.renew(&bed.instance, &leases).await;
    let told = |renewal: &Renewal| matches!(renewal, Renewal::Cancel(_));
    assert!(renewed.iter().all(told), "{renewed:?}");
    let all = bed.all().await;
    let running = all.iter().filter(|job| job.instance.is_some());
    assert_eq!(running.count(), leases.len());
    bed.store
        .delete(
            Which::Matching(marionette::inspect::Filter::default()),
            by(),
        )
        .await
        .expect("a change");
    assert_eq!(bed.all().await.len(), leases.len());
}

/// A heartbeat must not wait for a runtime that a task has blocked.
async fn a_renewal_needs_no_runtime_of_the_store(bed: Bed) {
    let claimed = vec![bed.claimed().await];
    let leases = leases(&claimed);
    let (store, instance) = (Arc::clone(&bed.store), bed.instance.clone());
    let renewal = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime
            .expect("a runtime")
            .block_on(store.renew(instance, leases))
    });
    // This thread, and with it the runtime of the case, is blocked until then.
    let renewed = renewal.join().expect("it ends").expect("a renewal");
    assert_eq!(renewed, [Renewal::Kept]);
}
