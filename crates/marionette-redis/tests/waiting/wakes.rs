//! Which callers are woken, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use marionette::store::{Due, Duty, Ended, Next, Settlement, Store};
use marionette_redis::RedisStore;
use marionette_servers::Reply;
use tokio::time::timeout;

use crate::bed::{Bed, eventually, job, now, wall, wanted};

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
        assert_eq!(waits.len(), left);
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
        let due = wall() + Duration::from_millis(300);
        // Half of them are known before the wait begins, half are announced to it.
        if round % 2 == 0 {
            process.insert(vec![job().due(Due::At(due))]).await;
        }
        let rest = process.rests(Duty::Claim(wanted()));
        if round % 2 == 1 {
            let other = bed.process().await;
            bed.until_idle(1).await;
            other.insert(vec![job().due(Due::At(due))]).await;
        }
        rest.ends_within(SOON).await;
        let mut claimed = process.claim(1).await;
        while claimed.is_empty() {
            process.rests(Duty::Claim(wanted())).ends_within(SOON).await;
            claimed = process.claim(1).await;
        }
        assert_eq!(claimed.len(), 1);
        let passed = wall().duration_since(due);
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
    // A process that knows the kinds of the store already asks once.
    idle.insert(vec![job()]).await;
    assert_eq!(idle.claim(2).await.len(), 1);
    for _ in 0..2 {
        let began = now();
        let rest = idle.rests(Duty::Claim(wanted()));
        bed.until_idle(1).await;
        // Nobody is told of what comes now.
        bed.ask(&["HDEL", &bed.key("names"), "#i"]);
        bed.ask(&["DEL", &bed.key("rooms")]);
        other.insert(vec![job()]).await;
        rest.ends_within(poll + SOON).await;
        assert_eq!(idle.claim(2).await.len(), 1);
        let passed = now() - began;
        assert!(passed > poll / 2, "{passed:?}: it was woken by a message");
    }
}

/// Of two idle processes a random one is told.
const ROUNDS: usize = 12;

#[tokio::test]
async fn a_message_whose_caller_is_gone_is_handed_on() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let (gone, other) = (bed.process().await, bed.process().await);
    for _ in 0..ROUNDS {
        let dropped = gone.rests(Duty::Claim(wanted()));
        let rest = other.rests(Duty::Claim(wanted()));
        bed.until_idle(2).await;
        drop(dropped);
        gone.insert(vec![job()]).await;
        rest.ends_within(SOON).await;
        assert_eq!(other.claim(2).await.len(), 1);
    }
}

#[tokio::test]
async fn a_caller_that_was_woken_and_is_dropped_takes_no_job_with_it() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let (dropped, other) = (bed.process().await, bed.process().await);
    for _ in 0..ROUNDS {
        let mut woken = dropped.store.rest(Duty::Claim(wanted()));
        assert!(goes_on(&mut woken).await);
        let rest = other.rests(Duty::Claim(wanted()));
        bed.until_idle(2).await;
        other.insert(vec![job()]).await;
        // If the first was told, it does not look.
        eventually("one of them is told", || bed.idle() < 2).await;
        drop(woken);
        rest.ends_within(SOON).await;
        assert_eq!(other.claim(2).await.len(), 1);
    }
}

/// Polls a future once; whether it goes on.
async fn goes_on<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}

#[tokio::test]
async fn a_caller_that_awaits_an_end_is_told_of_it_long_before_the_poll() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let (asks, works) = (bed.process().await, bed.process().await);
    let job = job();
    let id = job.id;
    works.insert(vec![job]).await;
    let claimed = works.claim(1).await;
    let rest = asks.rests(Duty::Ask(vec![id]));
    let awaited = bed.key("awaited");
    let is_noted = || bed.ask(&["HLEN", &awaited]).int() == 1;
    eventually("the end is awaited", is_noted).await;
    works
        .settle(Settlement::new(claimed[0].lease, Next::Done(b"7".to_vec())))
        .await;
    rest.ends_within(SOON).await;
    let ended = asks.store.ended(vec![id]).await.expect("an answer");
    assert_eq!(ended, [Ended::Done(b"7".to_vec())]);
    // It has ended already: nobody waits.
    let rest = asks.rests(Duty::Ask(vec![id]));
    rest.ends_within(SOON).await;
}

#[tokio::test]
async fn of_many_processes_that_await_an_end_the_last_eight_are_told_of_it() {
    const MANY: usize = 10;
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let works = bed.process().await;
    let job = job();
    let id = job.id;
    works.insert(vec![job]).await;
    let claimed = works.claim(1).await;
    let awaited = bed.key("awaited");
    let noted = || {
        let all = bed.ask(&["HVALS", &awaited]).list();
        all.first().map(Reply::bytes).unwrap_or_default()
    };
    let (mut all, mut before) = (Vec::new(), Vec::new());
    for count in 1..=MANY {
        let process = bed.process().await;
        // Asked twice, it is noted once all the same.
        let rests = [(); 2].map(|()| process.rests(Duty::Ask(vec![id])));
        eventually("the end is awaited", || noted() != before).await;
        before = noted();
        assert_eq!(before.len(), 16 * count.min(8));
        all.push((process, rests));
    }
    let done = Settlement::new(claimed[0].lease, Next::Done(b"7".to_vec()));
    works.settle(done).await;
    for (_, rests) in all.drain(2..) {
        for rest in rests {
            rest.ends_within(SOON).await;
        }
    }
    assert_eq!(bed.ask(&["EXISTS", &bed.key("awaited")]).int(), 0);
}

#[tokio::test]
async fn a_connection_that_was_made_anew_wakes_everybody_once() {
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    let process = bed.process().await;
    let rest = process.rests(Duty::Claim(wanted()));
    bed.until_idle(1).await;
    // The connection that hears messages, and with it what was said meanwhile.
    let killed = bed.ask(&["CLIENT", "KILL", "TYPE", "pubsub"]).int();
    assert_eq!(killed, 1);
    rest.ends_within(SOON).await;
    let rest = process.rests(Duty::Claim(wanted()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!rest.has_ended(), "once is enough");
    process.insert(vec![job()]).await;
    rest.ends_within(SOON).await;
}

#[tokio::test]
async fn timers_of_several_processes_for_the_same_jobs_do_not_all_fire() {
    const JOBS: u32 = 60;
    let Some(bed) = Bed::new(RedisStore::options().poll(LONG)) else {
        return;
    };
    // Each of the processes knows of the jobs from the server.
    let due = |number| Due::After(Duration::from_secs(1) + number * Duration::from_millis(20));
    let jobs = (0..JOBS).map(|number| job().due(due(number))).collect();
    let other = bed.process().await;
    other.insert(jobs).await;
    let claims = Arc::new(AtomicU32::new(0));
    let (started, mut starts) = tokio::sync::mpsc::unbounded_channel();
    let mut works = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (process, started) = (bed.process().await, started.clone());
        let claims = Arc::clone(&claims);
        works.spawn(async move {
            loop {
                claims.fetch_add(1, Ordering::Relaxed);
                for claimed in process.claim(4).await {
                    let done = Settlement::new(claimed.lease, Next::Done(Vec::new()));
                    process.settle(done).await;
                    started.send(claimed.late).expect("it is counted");
                }
                process
                    .rests(Duty::Claim(wanted()))
                    .ends_within(LONG * 2)
                    .await;
            }
        });
    }
    for _ in 0..JOBS {
        let late = timeout(SOON, starts.recv()).await;
        late.expect("it starts before the poll");
    }
    let claims = claims.load(Ordering::Relaxed);
    println!("{claims} claims for {JOBS} jobs");
    // With all timers at the same time it would be 7 for each job: those that find nothing ask
    // for the next one.
    assert!(claims < JOBS * 5, "{claims} claims for {JOBS} jobs");
}
