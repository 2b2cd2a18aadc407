//! Signs of life, and the jobs of instances that give none.

use std::time::Duration;

use marionette::inspect::{By, Inspect};
use marionette::store::{Duty, JobState, Next, Renewal, Settlement, Store, Swept};
use marionette_redis::RedisStore;

use crate::bed::{Bed, Process, job, now, wanted};

const LEASE: Duration = Duration::from_secs(1);

fn fast() -> marionette_redis::RedisOptions {
    RedisStore::options()
        .lease(LEASE)
        .sweep(Duration::from_millis(200))
}

#[tokio::test]
async fn the_job_of_a_dead_instance_waits_again_after_a_lease_and_a_sweep_and_not_before() {
    let Some(bed) = Bed::new(fast()) else { return };
    let (dead, lives) = (bed.process().await, bed.process().await);
    let job = job();
    let id = job.id;
    lives.insert(vec![job]).await;
    assert_eq!(dead.claim(1).await.len(), 1);
    dead.beat().await;
    let died = now();
    let claimed = loop {
        lives.beat().await;
        lives.store.sweep().await.expect("a sweep");
        let claimed = lives.claim(1).await;
        if !claimed.is_empty() {
            break claimed;
        }
        lives.store.rest(Duty::Sweep).await.expect("a rest");
    };
    let passed = now() - died;
    assert_eq!((claimed[0].lease.job, claimed[0].crashes), (id, 1));
    assert!(passed >= LEASE, "{passed:?}");
    // Only as much more as a machine needs that does much else.
    assert!(passed < LEASE * 4, "{passed:?}");
}

#[tokio::test]
async fn a_sweep_comes_as_soon_as_an_instance_has_been_silent_for_a_lease() {
    let options = fast().sweep(Duration::from_secs(60));
    let Some(bed) = Bed::new(options) else { return };
    let (dead, lives) = (bed.process().await, bed.process().await);
    lives.insert(vec![job()]).await;
    assert_eq!(dead.claim(1).await.len(), 1);
    let began = now();
    lives.store.sweep().await.expect("a sweep");
    while lives.claim(1).await.is_empty() {
        lives.store.rest(Duty::Sweep).await.expect("a rest");
        lives.beat().await;
        lives.store.sweep().await.expect("a sweep");
        assert!(
            now() - began < Duration::from_secs(30),
            "it waits for the next sweep"
        );
    }
}

#[tokio::test]
async fn a_lease_that_is_not_named_lapses_and_those_that_are_named_do_not() {
    let Some(bed) = Bed::new(fast()) else { return };
    let process = bed.process().await;
    process.insert((0..3).map(|_| job()).collect()).await;
    let claimed = process.claim(3).await;
    let named = [claimed[0].lease, claimed[1].lease];
    let lost = claimed[2].lease;
    let began = now();
    let mut released = 0;
    while released == 0 {
        // Each call names one of them: a round may take several.
        for lease in named {
            let renewed = process.store.renew(process.instance.clone(), vec![lease]);
            assert_eq!(renewed.await.expect("an answer"), [Renewal::Kept]);
        }
        let swept = process.store.sweep().await.expect("a sweep");
        assert_eq!(swept.quarantined, 0);
        released += swept.released;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(now() - began < LEASE * 20, "it never lapses");
    }
    assert!(now() - began >= LEASE);
    assert_eq!(released, 1);
    let again = process.claim(3).await;
    assert_eq!(again.len(), 1);
    assert_eq!((again[0].lease.job, again[0].crashes), (lost.job, 0));
    process
        .settle(Settlement::new(named[0], Next::Done(Vec::new())))
        .await;
    let job = process.store.job(named[0].job).await.expect("an answer");
    assert_eq!(job.expect("it is known").summary.state, JobState::Done);
}

#[tokio::test]
async fn ten_thousand_leases_are_renewed_in_the_order_in_which_they_are_named() {
    let Some(bed) = Bed::new(RedisStore::options()) else {
        return;
    };
    let process = bed.process().await;
    process.insert((0..6_000).map(|_| job()).collect()).await;
    let mut leases = Vec::new();
    while leases.len() < 6_000 {
        let claimed = process.claim(1_000).await;
        leases.extend(claimed.iter().map(|claimed| claimed.lease));
    }
    let other = marionette::store::InstanceId::new();
    let named: Vec<_> = leases
        .iter()
        .enumerate()
        .map(|(place, lease)| {
            let mut lease = *lease;
            match place % 3 {
                1 => lease.instance = other,
                2 => lease.token += 1,
                _ => {}
            }
            lease
        })
        .collect();
    let renewed = process.store.renew(process.instance.clone(), named).await;
    for (place, renewal) in renewed.expect("an answer").iter().enumerate() {
        let expected = if place % 3 == 0 {
            Renewal::Kept
        } else {
            Renewal::Lost
        };
        assert_eq!(*renewal, expected, "{place}");
    }
}

/// Lets an instance die with the only job that may be claimed, and others sweep at the same time.
/// Returns how many of their sweeps took the job, and how many put it into quarantine.
async fn crash(bed: &Bed, sweepers: &[&Process]) -> (u64, u64) {
    let dead = bed.process().await;
    assert_eq!(dead.claim(1).await.len(), 1);
    for sweeper in sweepers {
        sweeper.store.sweep().await.expect("a sweep");
    }
    // Only the sweepers give signs of life.
    let until = now() + LEASE + LEASE / 4;
    while now() < until {
        for sweeper in sweepers {
            sweeper.beat().await;
        }
        tokio::time::sleep(LEASE / 20).await;
    }
    let mut sweeps = tokio::task::JoinSet::new();
    for sweeper in sweepers {
        let store = sweeper.store.clone();
        sweeps.spawn(async move { store.sweep().await.expect("a sweep") });
    }
    let swept = sweeps.join_all().await;
    let sum = |count: fn(&Swept) -> u64| swept.iter().map(count).sum();
    (sum(|swept| swept.released), sum(|swept| swept.quarantined))
}

#[tokio::test]
async fn of_many_who_sweep_at_once_one_takes_the_job_and_the_third_time_it_is_quarantined() {
    let Some(bed) = Bed::new(fast()) else { return };
    let (first, second, third) = (
        bed.process().await,
        bed.process().await,
        bed.process().await,
    );
    let sweepers = [&first, &second, &third];
    let job = job();
    let id = job.id;
    first.insert(vec![job]).await;
    for crashes in 1..=3 {
        let expected = if crashes < 3 { (1, 0) } else { (0, 1) };
        assert_eq!(crash(&bed, &sweepers).await, expected);
        let details = first.store.job(id).await.expect("an answer");
        let details = details.expect("it is known");
        assert_eq!(details.summary.crashes, crashes);
        assert_eq!(details.attempts.len(), usize::try_from(crashes).unwrap());
        if crashes == 3 {
            let last = details.attempts.last().and_then(|last| last.instance);
            let last = last.expect("it is known");
            let why = format!("its instance died 3 times while it had it; the last was {last}");
            assert_eq!(details.summary.reason, Some(why));
        }
    }
}

#[tokio::test]
async fn a_suspect_of_which_nobody_was_told_is_found_by_the_next_poll() {
    let poll = Duration::from_millis(500);
    let Some(bed) = Bed::new(fast().poll(poll)) else {
        return;
    };
    let (idle, sweeper) = (bed.process().await, bed.process().await);
    sweeper.insert(vec![job()]).await;
    let rest = {
        let dead = bed.process().await;
        assert_eq!(dead.claim(1).await.len(), 1);
        sweeper.store.sweep().await.expect("a sweep");
        let rest = idle.rests(Duty::Claim(wanted()));
        tokio::time::sleep(LEASE + LEASE / 4).await;
        rest
    };
    assert!(!rest.has_ended(), "there is nothing to do");
    // The suspect is given back while no process counts as idle.
    bed.ask(&["HDEL", &bed.key("names"), "#i"]);
    bed.ask(&["DEL", &bed.key("rooms")]);
    sweeper.beat().await;
    idle.beat().await;
    let swept = sweeper.store.sweep().await.expect("a sweep");
    assert_eq!(swept.released, 1);
    rest.ends_within(Duration::from_secs(10)).await;
    let claimed = idle.claim(1).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].crashes, 1);
}

#[tokio::test]
async fn a_pause_of_the_only_queue_with_suspects_leaves_no_claim_that_looks_for_them() {
    let Some(bed) = Bed::new(fast()) else { return };
    let sweeper = bed.process().await;
    sweeper.insert(vec![job()]).await;
    assert_eq!(crash(&bed, &[&sweeper]).await, (1, 0));
    let looks = || bed.ask(&["HEXISTS", &bed.key("names"), "#x"]).int();
    assert_eq!(looks(), 1);
    let queue = job().queue;
    let by = || By::new("ada", "test");
    let paused = sweeper.store.pause_queue(queue.clone(), by()).await;
    paused.expect("it is paused");
    assert_eq!(looks(), 0);
    let resumed = sweeper.store.resume_queue(queue, by()).await;
    resumed.expect("it is resumed");
    assert_eq!(looks(), 1);
    assert_eq!(sweeper.claim(1).await[0].crashes, 1);
}
