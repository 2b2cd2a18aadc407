//! Who is woken, and when.

use std::time::{Duration, SystemTime};

use marionette::store::{Due, Duty, Ended, Next, Settlement, Store};
use marionette_redis::RedisStore;
use tokio::time::timeout;

use crate::bed::{Bed, job, now, wanted};

/// A poll that no test waits for.
const LONG: Duration = Duration::from_secs(20);
/// Far more than a message takes, and far less than the poll.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_job_of_another_process_wakes_one_of_three_long_before_the_poll() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let mut waits = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let process = bed.process().await;
        waits.spawn(async move {
            process
                .store
                .rest(Duty::Claim(wanted()))
                .await
                .expect("a wait");
            process.claim(1).await.len()
        });
    }
    bed.until_idle(3).await;
    let other = bed.process().await;
    for left in (0..3).rev() {
        other.insert(vec![job()]).await;
        let woken = timeout(SOON, waits.join_next())
            .await
            .expect("it comes soon");
        assert_eq!(woken.unwrap().unwrap(), 1, "it is woken for a job");
        assert_eq!(bed.idle(), left, "and the others are not woken");
        assert_eq!(waits.len(), usize::try_from(left).unwrap());
    }
}

#[tokio::test]
async fn a_scheduled_job_starts_within_moments_and_never_early() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let process = bed.process().await;
    let mut late = Vec::new();
    for round in 0..8 {
        let due = SystemTime::now() + Duration::from_millis(300);
        // Half of them are known before the wait begins, half are announced to it.
        if round % 2 == 0 {
            process.insert(vec![job().due(Due::At(due))]).await;
        }
        let rest = process.store.rest(Duty::Claim(wanted()));
        if round % 2 == 1 {
            let other = bed.process().await;
            bed.until_idle(1).await;
            other.insert(vec![job().due(Due::At(due))]).await;
        }
        timeout(SOON, rest)
            .await
            .expect("it is woken")
            .expect("a wait");
        let mut claimed = process.claim(1).await;
        if claimed.is_empty() {
            // The wake-up was early: the next one is not.
            let rest = process.store.rest(Duty::Claim(wanted()));
            timeout(SOON, rest)
                .await
                .expect("it is woken")
                .expect("a wait");
            claimed = process.claim(1).await;
        }
        assert_eq!(claimed.len(), 1);
        let passed = SystemTime::now().duration_since(due);
        late.push(passed.expect("it does not start early"));
        let done = Settlement::new(claimed[0].lease, Next::Done(Vec::new()));
        process.settle(done).await;
    }
    late.sort_unstable();
    // On a machine that does much else some may be later.
    assert!(late[2] < Duration::from_millis(50), "{late:?}");
}

#[tokio::test]
async fn losing_every_message_costs_one_poll() {
    let poll = Duration::from_millis(1500);
    let Some(bed) = Bed::new(RedisStore::options().poll(poll)) else {
        return;
    };
    let (idle, other) = (bed.process().await, bed.process().await);
    for _ in 0..2 {
        let began = now();
        let rest = idle.store.rest(Duty::Claim(wanted()));
        bed.until_idle(1).await;
        // Nobody is told of what comes now.
        bed.ask(&["HDEL", &bed.key("names"), "#i"]);
        bed.ask(&["DEL", &bed.key("rooms")]);
        other.insert(vec![job()]).await;
        timeout(poll + SOON, rest)
            .await
            .expect("it ends")
            .expect("a wait");
        assert_eq!(idle.claim(2).await.len(), 1);
        assert!(now() - began > poll / 2, "it was woken by a message");
    }
}

#[tokio::test]
async fn a_message_whose_caller_is_gone_is_handed_on() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let (gone, other) = (bed.process().await, bed.process().await);
    let dropped = gone.store.rest(Duty::Claim(wanted()));
    bed.until_idle(1).await;
    let rest = other.store.rest(Duty::Claim(wanted()));
    bed.until_idle(2).await;
    drop(dropped);
    for _ in 0..2 {
        gone.insert(vec![job()]).await;
    }
    timeout(SOON, rest)
        .await
        .expect("it is woken")
        .expect("a wait");
    assert!(!other.claim(2).await.is_empty());
}

#[tokio::test]
async fn a_caller_that_was_woken_and_dropped_takes_no_job_with_it() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let process = bed.process().await;
    let mut first = process.store.rest(Duty::Claim(wanted()));
    assert!(futures_poll(&mut first).await);
    bed.until_idle(1).await;
    process.insert(vec![job()]).await;
    // It was woken by now, and does not look.
    crate::bed::eventually("the message comes", || bed.idle() == 0).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let second = process.store.rest(Duty::Claim(wanted()));
    drop(first);
    timeout(SOON, second)
        .await
        .expect("it is woken")
        .expect("a wait");
}

/// Polls a future once; whether it goes on.
async fn futures_poll<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}

#[tokio::test]
async fn who_awaits_an_end_is_told_of_it_long_before_the_poll() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let (asks, works) = (bed.process().await, bed.process().await);
    let job = job();
    let id = job.id;
    works.insert(vec![job]).await;
    let claimed = works.claim(1).await;
    let rest = asks.store.rest(Duty::Ask(vec![id]));
    let awaited = bed.key("awaited");
    let is_noted = || bed.ask(&["HLEN", &awaited]).int() == 1;
    crate::bed::eventually("the end is awaited", is_noted).await;
    works
        .settle(Settlement::new(claimed[0].lease, Next::Done(b"7".to_vec())))
        .await;
    timeout(SOON, rest)
        .await
        .expect("it is told")
        .expect("a wait");
    let ended = asks.store.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended, [Ended::Done(b"7".to_vec())]);
    // It has ended already: nobody waits.
    let rest = asks.store.rest(Duty::Ask(vec![id]));
    timeout(SOON, rest)
        .await
        .expect("it is told")
        .expect("a wait");
}
