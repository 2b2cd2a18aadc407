//! Every call is dropped at every await: it is polled once, twice and so on until it ends by
//! itself. What was dropped has had its effect or will have none, the store goes on, and the call
//! may be made again.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{ActivityFilter, Filter, Page, Which};
use marionette::store::{
    Due, Duty, JobState, Lease, Name, NewJob, Next, Renewal, Settled, Settlement, StoreError,
};

use crate::bed::{
    Bed, by, claim, failure, ids, instance, job, jobs, kinds, name, only, paused_in, present,
    wanted,
};
use crate::case::{Case, claims};
use crate::fixture::Part;

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = claims![
        an_insert_that_is_dropped_anywhere_is_made_or_not,
        a_settlement_that_is_dropped_anywhere_is_made_or_not,
        a_success_that_is_dropped_anywhere_is_made_or_not,
        a_cancellation_that_is_dropped_anywhere_is_made_or_not,
        a_retry_that_is_dropped_anywhere_is_made_or_not,
        a_deletion_that_is_dropped_anywhere_is_made_or_not,
        a_rescheduling_that_is_dropped_anywhere_is_made_or_not,
        a_change_of_many_that_is_dropped_anywhere_goes_no_further,
        a_pause_that_is_dropped_anywhere_is_made_or_not,
        the_end_of_a_pause_that_is_dropped_anywhere_is_made_or_not,
        a_sign_of_life_that_is_dropped_anywhere_may_be_given_again,
        a_sweep_that_is_dropped_anywhere_may_be_made_again,
        a_claim_that_is_dropped_anywhere_loses_no_job,
        a_question_that_is_dropped_anywhere_may_be_asked_again,
    ];
    cases.extend(claims![of Part::Waking;
        a_wait_that_is_dropped_anywhere_takes_no_wake_up_along,
    ]);
    cases.extend(claims![of Part::Leaving;
        a_leave_that_is_dropped_anywhere_may_be_made_again,
    ]);
    cases
}

/// How long a store of another thread goes on between two polls.
const STEP: Duration = Duration::from_micros(20);
/// After how many polls a call has to have ended: half a minute.
const POLLS_MAX: usize = 1_500_000;

/// Polls at most this number of times, then drops the future; returns whether it ended.
async fn polled<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    poll_fn(|context| {
        for _ in 0..polls {
            if future.as_mut().poll(context).is_ready() {
                return Poll::Ready(true);
            }
            real_pause(STEP);
        }
        Poll::Ready(false)
    })
    .await
}

#[allow(clippy::disallowed_methods)] // A store has threads of its own, and they take real time.
fn real_pause(time: Duration) {
    std::thread::sleep(time);
}

/// One, two and so on; in steps of an eighth once that is many.
fn polls() -> impl Iterator<Item = usize> {
    std::iter::successors(Some(0), |polls| Some(polls + 1.max(polls / 8)))
        .take_while(|polls| *polls <= POLLS_MAX)
}

/// Drops a call at every await. `prepare` makes what the call is about, and `is_made` says whether
/// it has had its effect.
async fn is_made_or_not<A>(
    bed: Bed,
    prepare: impl AsyncFn(&Bed) -> A,
    call: impl AsyncFn(&Bed, &A) -> Result<(), StoreError>,
    is_made: impl AsyncFn(&Bed, &A) -> bool,
) {
    for polls in polls() {
        let about = prepare(&bed).await;
        let has_ended = polled(polls, call(&bed, &about)).await;
        // What was on its way when it was dropped comes before what is called later.
        bed.insert_one(job().kind(name("later"))).await;
        let was_made = is_made(&bed, &about).await;
        real_pause(STEP * 100);
        let is_made_now = is_made(&bed, &about).await;
        assert_eq!(is_made_now, was_made, "it came late, after {polls} polls");
        assert!(was_made || !has_ended, "it ended after {polls} polls");
        call(&bed, &about).await.expect("it may be repeated");
        assert!(is_made(&bed, &about).await, "after {polls} polls");
        if has_ended {
            return;
        }
    }
    panic!("it never ends");
}

async fn new_job(bed: &Bed) -> TaskId {
    bed.insert_one(job()).await
}

async fn an_insert_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, new: &Vec<NewJob>| {
        let inserted = bed.store.insert(new.clone()).await?;
        assert!(inserted.iter().all(|one| one.is_accepted()));
        Ok(())
    };
    let is_made = async |bed: &Bed, new: &Vec<NewJob>| {
        let mut known = 0;
        for job in new {
            let details = bed.store.job(job.id).await.expect("an answer");
            known += usize::from(details.is_some());
        }
        assert!(known == 0 || known == new.len(), "{known}: all or none");
        known > 0
    };
    is_made_or_not(bed, async |_| jobs(3), call, is_made).await;
}

async fn lease(bed: &Bed) -> Lease {
    bed.claimed().await.lease
}

async fn a_settlement_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, lease: &Lease| {
        let retry = Next::Retry(Due::After(bed.units(500)));
        let settlement = Settlement::new(*lease, retry).attempt(failure("once"));
        let settled = bed.store.settle(vec![settlement]).await?;
        assert_eq!(settled, [Settled::Applied]);
        Ok(())
    };
    let is_made = async |bed: &Bed, lease: &Lease| {
        let details = bed.details(lease.job).await;
        let is_made = details.summary.state == JobState::Retrying;
        assert_eq!(details.attempts.len(), usize::from(is_made));
        is_made
    };
    is_made_or_not(bed, lease, call, is_made).await;
}

async fn a_success_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, lease: &Lease| {
        let done = Settlement::new(*lease, Next::Done(b"1".to_vec()));
        let settled = bed.store.settle(vec![done]).await?;
        assert_eq!(settled, [Settled::Applied]);
        Ok(())
    };
    let is_made = async |bed: &Bed, lease: &Lease| bed.state(lease.job).await == JobState::Done;
    is_made_or_not(bed, lease, call, is_made).await;
}

async fn a_cancellation_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, id: &TaskId| {
        let cancelled = bed.store.cancel(only(&[*id]), "enough".to_owned(), by());
        cancelled.await.map(drop)
    };
    let is_made = async |bed: &Bed, id: &TaskId| bed.state(*id).await == JobState::Cancelled;
    is_made_or_not(bed, new_job, call, is_made).await;
}

async fn a_retry_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let prepare = async |bed: &Bed| {
        let id = bed.insert_one(job().due(Due::After(bed.units(500)))).await;
        assert_eq!(bed.state(id).await, JobState::Scheduled);
        id
    };
    let call = async |bed: &Bed, id: &TaskId| bed.store.retry(only(&[*id]), by()).await.map(drop);
    let is_made = async |bed: &Bed, id: &TaskId| bed.state(*id).await == JobState::Ready;
    is_made_or_not(bed, prepare, call, is_made).await;
}

async fn a_deletion_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, id: &TaskId| bed.store.delete(only(&[*id]), by()).await.map(drop);
    let is_made = async |bed: &Bed, id: &TaskId| {
        let details = bed.store.job(*id).await.expect("an answer");
        details.is_none()
    };
    is_made_or_not(bed, new_job, call, is_made).await;
}

async fn a_rescheduling_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let due = present(&bed).await + bed.units(500);
    let call = async |bed: &Bed, id: &TaskId| {
        let rescheduled = bed.store.reschedule(only(&[*id]), due, by()).await;
        rescheduled.map(drop)
    };
    let is_made = async |bed: &Bed, id: &TaskId| bed.state(*id).await == JobState::Scheduled;
    is_made_or_not(bed, new_job, call, is_made).await;
}

/// More than a store changes in one step.
const MANY: usize = 150;

async fn a_change_of_many_that_is_dropped_anywhere_goes_no_further(bed: Bed) {
    // It takes long, so it is dropped at fewer places.
    let polls = std::iter::successors(Some(0), |polls| Some(polls + 1.max(*polls)));
    for polls in polls.take_while(|polls| *polls <= POLLS_MAX) {
        let kind = name(format!("kind-{}", TaskId::new()));
        let many = (0..MANY).map(|_| job().kind(kind.clone()));
        bed.insert(many.collect()).await;
        let cancel = || {
            let which = Which::Matching(Filter::new().kind(&*kind));
            bed.store.cancel(which, "enough".to_owned(), by())
        };
        let cancelled = async || {
            let counts = bed.store.counts().await.expect("an answer").into_iter();
            let of_kind = counts.filter(|count| count.kind == kind);
            let cancelled = of_kind.filter(|count| count.state == JobState::Cancelled);
            cancelled.map(|count| count.jobs).sum::<u64>()
        };
        let has_ended = polled(polls, cancel()).await;
        // What was on its way when it was dropped comes before what is called later.
        bed.insert_one(job().kind(name("later"))).await;
        let before = cancelled().await;
        real_pause(STEP * 200);
        assert_eq!(cancelled().await, before, "it went on, after {polls} polls");
        let left = MANY as u64 - before;
        assert!(left == 0 || !has_ended, "it ended after {polls} polls");
        assert_eq!(cancel().await.expect("a change"), left);
        assert_eq!(cancelled().await, MANY as u64);
        if has_ended {
            return;
        }
    }
}

/// Another queue each time.
async fn new_queue(_: &Bed) -> Name {
    name(format!("queue-{}", TaskId::new()))
}

async fn a_pause_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let call = async |bed: &Bed, queue: &Name| bed.store.pause_queue(queue.clone(), by()).await;
    let is_made = async |bed: &Bed, queue: &Name| paused_in(&*bed.store).await.contains(queue);
    is_made_or_not(bed, new_queue, call, is_made).await;
}

async fn the_end_of_a_pause_that_is_dropped_anywhere_is_made_or_not(bed: Bed) {
    let prepare = async |bed: &Bed| {
        let queue = new_queue(bed).await;
        let paused = bed.store.pause_queue(queue.clone(), by()).await;
        paused.expect("a change");
        queue
    };
    let call = async |bed: &Bed, queue: &Name| bed.store.resume_queue(queue.clone(), by()).await;
    let is_made = async |bed: &Bed, queue: &Name| !paused_in(&*bed.store).await.contains(queue);
    is_made_or_not(bed, prepare, call, is_made).await;
}

async fn a_sign_of_life_that_is_dropped_anywhere_may_be_given_again(bed: Bed) {
    let held = lease(&bed).await;
    for polls in polls() {
        let new = instance();
        let given = polled(polls, bed.store.renew(new.clone(), Vec::new())).await;
        let also = bed.store.renew(bed.instance.clone(), vec![held]);
        let also = polled(polls, also).await;
        bed.renew(&new, &[]).await;
        assert!(bed.claim_as(claim(&new, 1)).await.is_empty());
        let kept = bed.renew(&bed.instance, &[held]).await;
        assert_eq!(kept, [Renewal::Kept], "after {polls} polls");
        if given && also {
            return;
        }
    }
}

async fn a_sweep_that_is_dropped_anywhere_may_be_made_again(bed: Bed) {
    for polls in polls() {
        let doomed = bed.another_instance().await;
        let id = bed.insert_one(job()).await;
        assert_eq!(ids(&bed.claim_as(claim(&doomed, 1)).await), [id]);
        bed.sweep().await;
        let units = bed.lease_units() + 1;
        bed.pass_alive(units, &[(&bed.instance, &[])]).await;
        let has_ended = polled(polls, bed.store.sweep()).await;
        bed.sweep().await;
        let details = bed.details(id).await;
        let counted = (details.summary.crashes, details.attempts.len());
        assert_eq!(counted, (1, 1), "after {polls} polls");
        bed.store.delete(only(&[id]), by()).await.expect("a change");
        if has_ended {
            return;
        }
    }
}

async fn a_leave_that_is_dropped_anywhere_may_be_made_again(bed: Bed) {
    for polls in polls() {
        let other = bed.another_instance().await;
        let claimed = bed.claimed().await;
        let has_left = polled(polls, bed.store.leave(other.id)).await;
        let has_stayed = polled(polls, bed.store.leave(bed.instance.id)).await;
        bed.store.leave(other.id).await.expect("it may leave");
        let listed = bed.store.instances().await.expect("an answer");
        let listed: Vec<_> = listed.into_iter().map(|live| live.info.id).collect();
        assert_eq!(listed, [bed.instance.id], "after {polls} polls");
        let settled = bed.settle(claimed.lease, Next::Done(Vec::new())).await;
        assert_eq!(settled, Settled::Applied, "after {polls} polls");
        if has_left && has_stayed {
            return;
        }
    }
}

async fn a_claim_that_is_dropped_anywhere_loses_no_job(bed: Bed) {
    for polls in polls() {
        let mut expected = bed.insert(jobs(2)).await;
        expected.sort();
        let has_ended = polled(polls, bed.store.claim(claim(&bed.instance, 5))).await;
        bed.pass_lease_alive(&[(&bed.instance, &[])]).await;
        let mut claimed = bed.claim(5).await;
        claimed.sort_by_key(|claimed| claimed.lease.job);
        assert_eq!(ids(&claimed), expected, "after {polls} polls");
        for claimed in claimed {
            assert_eq!(claimed.crashes, 0, "its instance lived");
            bed.settle(claimed.lease, Next::Done(Vec::new())).await;
        }
        if has_ended {
            return;
        }
    }
}

/// A wait that nothing ends ends with its poll, so it is dropped long before.
async fn a_wait_that_is_dropped_anywhere_takes_no_wake_up_along(bed: Bed) {
    for polls in polls().take_while(|polls| *polls < 200) {
        let [claims, rests] = [Duty::Claim(wanted()), Duty::Claim(kinds(&["nothing"]))];
        polled(polls, bed.store.wait(wanted())).await;
        polled(polls, bed.store.rest(claims)).await;
        polled(polls, bed.store.rest(rests)).await;
        // Its poll takes four times as long.
        let wait = tokio::time::timeout(bed.units(5), bed.store.wait(wanted()));
        let (waited, id) = tokio::join!(wait, new_job(&bed));
        waited.expect("it is woken").expect("it ends");
        let claimed = bed.claim_one(id).await;
        bed.settle(claimed.lease, Next::Done(Vec::new())).await;
    }
}

async fn a_question_that_is_dropped_anywhere_may_be_asked_again(bed: Bed) {
    let id = lease(&bed).await.job;
    let waits = bed.insert(jobs(20)).await;
    let cancelled = bed
        .store
        .cancel(only(&waits[..3]), "enough".to_owned(), by());
    cancelled.await.expect("a change");
    let store = &bed.store;
    for polls in polls() {
        let filter = || Filter::new().kind("mail");
        let ended = [
            polled(polls, store.counts()).await,
            polled(polls, store.list(filter(), Page::first(5))).await,
            polled(polls, store.job(id)).await,
            polled(polls, store.ended(waits.clone())).await,
            polled(polls, store.paused_queues()).await,
            polled(polls, store.activity(ActivityFilter::new())).await,
            polled(polls, store.instances()).await,
            polled(polls, store.unclaimed(wanted(), Duration::ZERO)).await,
        ];
        let counts = store.counts().await.expect("an answer");
        assert_eq!(counts.iter().map(|count| count.jobs).sum::<u64>(), 21);
        let listed = bed.list(filter(), Page::first(5)).await;
        assert_eq!(listed.jobs.len(), 5, "after {polls} polls");
        assert_eq!(bed.state(id).await, JobState::Running);
        if ended.iter().all(|ended| *ended) {
            return;
        }
    }
}
