//! What sweeps find and put right, and what they warn of.

use std::time::Duration;

use marionette::store::{Due, Duty, Store};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

use crate::bed::{Bed, job, wanted};

/// With a short lease the store looks more often for what is wrong.
fn often() -> marionette_redis::RedisOptions {
    RedisStore::options().lease(Duration::from_millis(200))
}

#[tokio::test]
async fn a_job_that_is_in_no_place_and_a_lane_that_no_claim_finds_are_put_right() {
    let Some(bed) = Bed::new(often()) else { return };
    let process = bed.process().await;
    process.insert((0..50).map(|_| job()).collect()).await;
    let held = process.claim(10).await;
    assert_eq!(held.len(), 10);
    // As if a right had been taken away in the middle of a script.
    bed.ask(&["ZREMRANGEBYRANK", &bed.key("waiting"), "0", "9"]);
    bed.ask(&["DEL", &bed.key("hints")]);
    assert!(process.claim(50).await.is_empty());
    let mut found = 0;
    for _ in 0..100 {
        process.beat().await;
        let leases = held.iter().map(|claimed| claimed.lease).collect();
        let renewed = process.store.renew(process.instance.clone(), leases).await;
        renewed.expect("a sign of life");
        process.store.sweep().await.expect("a sweep");
        found += process.claim(50).await.len();
        if found == 40 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        found, 40,
        "each of those that waited, and none of those that ran"
    );
}

#[tokio::test]
async fn a_server_that_was_emptied_is_told_of_and_the_store_goes_on() {
    let options = RedisStore::options().sweep(Duration::from_millis(100));
    let server = RedisServer::start();
    let Some(bed) = server.and_then(|_| Bed::new(options)) else {
        return;
    };
    let process = bed.process().await;
    process.insert(vec![job()]).await;
    process.store.sweep().await.expect("a sweep");
    bed.ask(&["FLUSHALL"]);
    let swept = process.store.sweep().await.expect("a sweep");
    let warning = swept.warning.expect("the data are gone");
    assert!(warning.contains("lost the data of the store"), "{warning}");
    process.beat().await;
    process.insert(vec![job()]).await;
    assert_eq!(process.claim(2).await.len(), 1);
}

#[tokio::test]
async fn a_server_without_an_append_only_file_is_a_warning() {
    let Some(bed) = Bed::new(RedisStore::options()) else {
        return;
    };
    let process = bed.process().await;
    let swept = process.store.sweep().await.expect("a sweep");
    let warning = swept.warning.expect("the server of a test keeps nothing");
    assert!(warning.contains("appendonly"), "{warning}");
}

#[tokio::test]
async fn idle_processes_that_died_are_forgotten_and_hide_no_other() {
    let Some(bed) = Bed::new(often().poll(Duration::from_secs(20))) else {
        return;
    };
    let idle = bed.key("idle");
    // The living one is anywhere among them.
    for number in 0..200 {
        let dead = format!("mail//{:016x}", number * (u64::MAX / 200));
        bed.ask(&["ZADD", &idle, "0", &dead]);
        bed.ask(&["ZADD", &idle, "0", &dead.replace("mail", "never")]);
    }
    let process = bed.process().await;
    for due in [Duration::from_millis(100), Duration::ZERO] {
        let rest = process.rests(Duty::Claim(wanted()));
        bed.until_idle(1).await;
        process.insert(vec![job().due(Due::After(due))]).await;
        rest.ends_within(Duration::from_secs(5)).await;
        process.claim(1).await;
    }
    process.store.sweep().await.expect("a sweep");
    let left = bed.ask(&["ZCARD", &idle]).int();
    assert!(left <= 1, "{left} are left");
}

#[tokio::test]
async fn rows_that_cannot_be_read_keep_no_sweep_from_its_work() {
    let Some(bed) = Bed::new(often()) else { return };
    let process = bed.process().await;
    let jobs = [job(), job()];
    let [body, state] = [jobs[0].id, jobs[1].id].map(|id| id.uuid().into_bytes());
    process.insert(jobs.to_vec()).await;
    let spoil = |words: [&[u8]; 4]| drop(bed.server.command(&words));
    spoil([b"HSET", bed.key("bodies").as_bytes(), &body, b"?"]);
    spoil([b"HSET", bed.key("states").as_bytes(), &state, b"?"]);
    spoil([b"ZADD", bed.key("waiting").as_bytes(), b"0", b"short"]);
    // It looks at everything each time, and so often.
    for _ in 0..30 {
        process.beat().await;
        process.store.sweep().await.expect("a sweep");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}
