//! Packets that vanish while the sockets stay open: on all connections, on one of them, and large
//! ones that are slow.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use marionette::store::{
    Claim, Inserted, InstanceId, InstanceInfo, Name, NewJob, Store, StoreError, StoreErrorKind,
    Wanted,
};
use marionette::{Context, Job, TaskError, TaskManager};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use crate::bed::{BACK, connections, eventually, now};
use crate::proxy::Proxy;

/// The connections of a store, in the order in which they are made.
const BULK: usize = 0;
const PULSE: usize = 1;

async fn through(proxy: &Proxy) -> RedisStore {
    let store = RedisStore::connect(proxy.url()).await.expect("a store");
    beat(&store).await.expect("a sign of life");
    assert_eq!(proxy.accepted(), 2);
    store
}

/// A call on the connection for signs of life.
async fn beat(store: &RedisStore) -> Result<(), StoreError> {
    let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
    store.renew(instance, vec![]).await.map(drop)
}

/// A call on the one for jobs.
async fn insert(store: &RedisStore) -> Result<(), StoreError> {
    let job = NewJob::new(Name::from_static("mail"), b"{}".to_vec());
    let inserted = store.insert(vec![job]).await?;
    assert!([Inserted::Accepted, Inserted::Known].contains(&inserted[0]));
    Ok(())
}

type Calls = Vec<JoinHandle<Result<(), StoreError>>>;

/// Calls on both that run while a test does something.
fn calls(store: &RedisStore) -> Calls {
    let call = |number| {
        let store = store.clone();
        tokio::spawn(async move {
            if number % 2 == 0 {
                insert(&store).await
            } else {
                beat(&store).await
            }
        })
    };
    (0..20).map(call).collect()
}

async fn two_connections(server: &RedisServer) {
    eventually("two connections", || connections(server, "") == 2).await;
}

#[tokio::test]
async fn connections_that_fell_silent_are_left_and_no_call_fails() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let store = through(&proxy).await;
    proxy.hold([BULK, PULSE]);
    for call in calls(&store) {
        call.await.unwrap().expect("an answer");
    }
    assert_eq!(proxy.accepted(), 4);
    // What had vanished arrives after all.
    proxy.heal();
    two_connections(&server).await;
}

#[tokio::test]
async fn calls_are_told_that_nothing_gets_through_and_work_within_5_s_of_the_healing() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let store = through(&proxy).await;
    proxy.hold_all();
    for call in calls(&store) {
        let error = call.await.unwrap().expect_err("no answer");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains(&proxy.url()), "{error}");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    proxy.heal();
    let since = now();
    insert(&store).await.expect("an answer");
    beat(&store).await.expect("an answer");
    assert!(since.elapsed() < BACK, "{:?}", since.elapsed());
    two_connections(&server).await;
}

#[derive(Serialize, Deserialize)]
struct Mail;

impl Job for Mail {
    const KIND: &'static str = "mail";
    type Output = ();
}

/// A worker, and when it began each job.
fn worker(store: RedisStore) -> (TaskManager<RedisStore>, Arc<Mutex<Vec<Instant>>>) {
    let begun = Arc::<Mutex<Vec<Instant>>>::default();
    let note = Arc::clone(&begun);
    let tasks = TaskManager::builder()
        .store(store)
        .handle(move |_: Mail, _: Context| {
            note.lock().unwrap().push(now());
            async { Ok::<_, TaskError>(()) }
        })
        .build()
        .expect("the settings are right");
    tasks.start();
    (tasks, begun)
}

#[tokio::test]
async fn a_subscription_that_is_deaf_costs_a_poll_and_is_made_anew_within_7_s() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let store = RedisStore::connect(proxy.url()).await.expect("a store");
    let (tasks, begun) = worker(store);
    let producer = TaskManager::builder()
        .store(RedisStore::connect(server.url()).await.expect("a store"))
        .build()
        .expect("the settings are right");
    producer.queue(Mail).await.expect("accepted");
    eventually("it works", || begun.lock().unwrap().len() == 1).await;

    proxy.hold([PULSE]);
    let since = now();
    let (mut slowest, mut anew) = (Duration::ZERO, None);
    while since.elapsed() < Duration::from_secs(9) {
        let before = begun.lock().unwrap().len();
        let queued = now();
        producer.queue(Mail).await.expect("accepted");
        eventually("it runs", || begun.lock().unwrap().len() > before).await;
        slowest = slowest.max(queued.elapsed());
        if anew.is_none() && proxy.accepted() > 2 {
            anew = Some(since.elapsed());
        }
    }
    println!("the slowest took {slowest:?}; heard again after {anew:?}");
    assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    let anew = anew.expect("it is made anew");
    assert!(anew < Duration::from_secs(7), "{anew:?}");
    let report = tasks.stop().await;
    assert!(report.to_string().contains("done"), "{report}");
}

#[tokio::test]
async fn jobs_whose_packets_vanish_hold_up_no_sign_of_life() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    let store = through(&proxy).await;
    proxy.hold([BULK]);
    let call = tokio::spawn({
        let store = store.clone();
        async move { insert(&store).await }
    });
    let mut beats = 0;
    while !call.is_finished() {
        let since = now();
        beat(&store).await.expect("a sign of life");
        assert!(since.elapsed() < Duration::from_secs(4));
        beats += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    call.await.unwrap().expect("an answer");
    assert!(beats > 10, "{beats}");
    assert_eq!(proxy.accepted(), 3, "the good one was kept");
    proxy.heal();
    two_connections(&server).await;
}

#[tokio::test]
async fn sixty_four_mib_of_jobs_flow_through_small_buffers_and_hold_up_no_sign_of_life() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    proxy.buffer(64 * 1024);
    let store = through(&proxy).await;
    let beats = tokio::spawn({
        let store = store.clone();
        async move {
            let mut slowest = Duration::ZERO;
            loop {
                let since = now();
                beat(&store).await.expect("a sign of life");
                slowest = slowest.max(since.elapsed());
                // A third of the default lease.
                assert!(slowest < Duration::from_secs(5), "{slowest:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let insert = |_| {
        let store = store.clone();
        let job = NewJob::new(Name::from_static("mail"), vec![b'0'; 1024 * 1024 - 64]);
        tokio::spawn(async move { store.insert(vec![job]).await.expect("an answer") })
    };
    let inserts: Vec<_> = (0..64).map(insert).collect();
    for insert in inserts {
        assert_eq!(insert.await.unwrap(), [Inserted::Accepted]);
    }
    let instance = InstanceInfo::new(InstanceId::new(), "test", 64);
    store.renew(instance.clone(), vec![]).await.unwrap();
    let mut claimed = 0;
    while claimed < 64 {
        let wanted = Wanted::new(vec![Name::from_static("mail")]);
        let claim = Claim::new(instance.id, wanted, 64);
        let some = store.claim(claim).await.expect("an answer");
        assert!(!some.is_empty(), "{claimed}");
        claimed += some.len();
    }
    assert_eq!(claimed, 64);
    assert!(!beats.is_finished(), "{:?}", beats.await);
    beats.abort();
    assert_eq!(proxy.accepted(), 2);
}

#[tokio::test]
async fn a_server_that_takes_a_connection_late_is_connected_to() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let proxy = Proxy::new(server.port());
    proxy.accept_after(Duration::from_millis(800));
    let store = through(&proxy).await;
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    let since = now();
    insert(&store).await.expect("an answer");
    assert!(since.elapsed() < BACK, "{:?}", since.elapsed());
    two_connections(&server).await;
}
