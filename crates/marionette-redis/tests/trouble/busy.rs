//! A server that is busy, paused, emptied, away for long, or closes connections as fast as it can:
//! a worker keeps what it has, and goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use marionette::inspect::{Count, Inspect};
use marionette::store::{Inserted, InstanceId, InstanceInfo, JobState, Store};
use marionette::{Context, Job, TaskError, TaskManager};
use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisServer, Reply};
use serde::{Deserialize, Serialize};

use crate::bed::{BACK, PATIENCE, connections, eventually, now};
use crate::program::job;

#[derive(Serialize, Deserialize)]
struct Report {
    millis: u64,
}

impl Job for Report {
    const KIND: &'static str = "report";
    type Output = ();
}

/// A manager that works on a server with the default settings, and what it has done.
struct Worker {
    tasks: TaskManager<RedisStore>,
    begun: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl Worker {
    async fn new(server: &RedisServer) -> Self {
        let (begun, done) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let counts = (Arc::clone(&begun), Arc::clone(&done));
        let tasks = TaskManager::builder()
            .store(RedisStore::connect(server.url()).await.expect("a store"))
            .workers(4)
            .handle(move |report: Report, _: Context| {
                let (begun, done) = counts.clone();
                async move {
                    begun.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(report.millis)).await;
                    done.fetch_add(1, Ordering::SeqCst);
                    Ok::<_, TaskError>(())
                }
            })
            .build()
            .expect("the settings are right");
        tasks.start();
        Self { tasks, begun, done }
    }

    async fn queue(&self, millis: u64) {
        let queued = self.tasks.queue(Report { millis }).await;
        queued.expect("the server has it");
    }

    fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    fn done(&self) -> usize {
        self.done.load(Ordering::SeqCst)
    }

    /// A new job is run, which has to be soon.
    async fn works_soon(&self) {
        let (since, before) = (now(), self.done());
        self.queue(1).await;
        eventually("it works", || self.done() > before).await;
        let took = since.elapsed();
        println!("it works again after {took:?}");
        assert!(took < BACK, "it works only after {took:?}");
    }

    /// Waits until the store knows that these jobs are done, which is a little later.
    async fn are_settled(&self, jobs: usize) {
        let since = now();
        loop {
            let counts = self.tasks.store().counts().await.expect("the server runs");
            let done = counts.iter().filter(|count| count.state == JobState::Done);
            if done.map(|count| count.jobs).sum::<u64>() == jobs as u64 {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "all is done: {counts:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Each of so many jobs was done, in one attempt, and nothing is damaged.
    async fn end(self, server: &RedisServer, jobs: usize) {
        eventually("all is done", || self.done() >= jobs).await;
        assert_eq!(self.begun(), jobs, "nobody lost a lease");
        eventually("two connections", || connections(server, "") == 2).await;
        self.are_settled(jobs).await;
        let store = self.tasks.store().clone();
        println!("{}", self.tasks.stop().await);
        let report = store.check().await.expect("the server runs");
        assert!(report.is_clean(), "{report}");
    }
}

#[tokio::test]
async fn a_script_of_somebody_else_that_runs_for_8_s_takes_no_job_from_a_worker() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = Worker::new(&server).await;
    worker.queue(10_000).await;
    eventually("it has begun", || worker.begun() == 1).await;
    let mut connection = server.connect().expect("it runs");
    let script = std::thread::spawn(move || {
        let endless = ["EVAL", "while true do end", "0"];
        connection.command(&endless).expect("an answer")
    });
    // It runs for a tenth of the time, lest it take a processor from others for 8 s.
    for _ in 0..20 {
        server.stand_still();
        tokio::time::sleep(Duration::from_millis(360)).await;
        server.go_on();
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let killed = server.command(&["SCRIPT", "KILL"]);
    assert_eq!(killed, Reply::Status("OK".to_owned()), "it is busy by now");
    assert!(matches!(script.join().unwrap(), Reply::Error(_)));
    worker.works_soon().await;
    worker.end(&server, 2).await;
}

#[tokio::test]
async fn writes_that_are_paused_for_10_s_take_no_job_from_a_worker() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = Worker::new(&server).await;
    worker.queue(12_000).await;
    eventually("it has begun", || worker.begun() == 1).await;
    server.command(&["CLIENT", "PAUSE", "10000", "WRITE"]);
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    worker.works_soon().await;
    worker.end(&server, 2).await;
}

#[tokio::test]
async fn a_server_that_was_away_for_25_s_has_its_worker_back_within_5_s() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut server) = settings.start() else {
        return;
    };
    let worker = Worker::new(&server).await;
    worker.queue(1).await;
    worker.are_settled(1).await;
    server.kill();
    tokio::time::sleep(Duration::from_secs(25)).await;
    server.restart();
    worker.works_soon().await;
    worker.end(&server, 2).await;
}

#[tokio::test]
async fn a_server_that_is_emptied_under_load_runs_what_comes_then_and_says_so_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let worker = Worker::new(&server).await;
    for _ in 0..3 {
        for _ in 0..40 {
            worker.queue(20).await;
        }
        let cleared = server.command(&["FLUSHALL"]);
        assert_eq!(cleared, Reply::Status("OK".to_owned()));
        worker.works_soon().await;
    }
    let store = worker.tasks.store().clone();
    let warning = store.sweep().await.expect("it runs").warning;
    let warning = warning.expect("the data are gone");
    assert!(warning.contains("lost the data of the store"), "{warning}");
    eventually("two connections", || connections(&server, "") == 2).await;
    let since = now();
    let is_over = |it: &Count| it.state == JobState::Done;
    loop {
        let counts = store.counts().await.expect("it runs");
        if counts.iter().all(is_over) {
            break;
        }
        assert!(since.elapsed() < PATIENCE, "all is done: {counts:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    worker.tasks.stop().await;
    assert!(store.check().await.expect("it runs").is_clean());
}

#[tokio::test]
async fn connections_that_are_closed_under_ten_thousand_calls_cost_no_call() {
    let settings = RedisServer::settings().unix_socket();
    let Some(server) = settings.start() else {
        return;
    };
    let socket = format!("redis+unix://{}", server.unix_socket().display());
    for url in [server.url(), socket] {
        let store = RedisStore::connect(url).await.expect("a store");
        let is_over = Arc::new(AtomicBool::new(false));
        let caller = |number: usize| {
            let (store, is_over) = (store.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
                let mut calls = 0;
                while !is_over.load(Ordering::Relaxed) {
                    if number.is_multiple_of(4) {
                        let renewed = store.renew(instance.clone(), vec![]).await;
                        renewed.expect("an answer");
                    } else {
                        let inserted = store.insert(vec![job()]).await.expect("an answer");
                        let accepted = [Inserted::Accepted, Inserted::Known];
                        assert!(accepted.contains(&inserted[0]));
                    }
                    calls += 1;
                }
                calls
            })
        };
        let callers: Vec<_> = (0..256).map(caller).collect();
        let since = now();
        while since.elapsed() < Duration::from_secs(2) {
            // As fast as connections come back, calls would do nothing but wait.
            tokio::time::sleep(Duration::from_millis(500)).await;
            for kind in ["normal", "pubsub"] {
                server.command(&["CLIENT", "KILL", "TYPE", kind]);
            }
        }
        is_over.store(true, Ordering::Relaxed);
        let mut calls = 0;
        for caller in callers {
            calls += caller.await.expect("it does not panic");
        }
        println!("{calls} calls in {:?}", since.elapsed());
        eventually("two connections", || connections(&server, "") == 2).await;
        assert!(store.check().await.expect("it runs").is_clean());
    }
}
