//! The clock of the server is stepped by an hour while it runs, ahead and back. The server has a
//! clock of its own for that: a small library that is made here and loaded before the system's.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::Inspect;
use marionette::store::{
    Claim, Claimed, Due, InstanceId, InstanceInfo, JobState, Name, NewJob, Next, Renewal, Settled,
    Settlement, Store, Wanted,
};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;
use tempfile::TempDir;

use crate::bed::now;

/// Adds the seconds in the file `STEP` to the clock that can be stepped.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long step(void) {
    long seconds = 0;
    const char *path = getenv("STEP");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (file) {
        if (fscanf(file, "%ld", &seconds) != 1) seconds = 0;
        fclose(file);
    }
    return seconds;
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    if (!failed && clock == CLOCK_REALTIME) time->tv_sec += step();
    return failed;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
"#;

/// A server whose clock can be stepped.
struct Stepped {
    server: RedisServer,
    step: PathBuf,
    _folder: TempDir,
}

impl Stepped {
    /// `None` without a compiler, or if the program of the server does not take the library.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let path = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(path(name), text).expect("it is ours");
        write("shim.c", SHIM);
        write("step", "0");
        let mut compile = Command::new("cc");
        compile.args(["-shared", "-fPIC", "-O1", "-o"]);
        let compiled = compile
            .arg(path("shim.so"))
            .arg(path("shim.c"))
            .output()
            .map_err(|error| error.to_string());
        let is_made = compiled.as_ref().is_ok_and(|made| made.status.success());
        if !is_made {
            eprintln!("SKIPPED: a clock that is stepped: cc makes no library: {compiled:?}");
            return None;
        }
        let real = std::env::var("MARIONETTE_REDIS_SERVER");
        let real = real.unwrap_or_else(|_| "redis-server".to_owned());
        let (shim, step) = (path("shim.so"), path("step"));
        let (shim, shown) = (shim.display(), step.display());
        let text = format!("#!/bin/sh\nSTEP={shown} LD_PRELOAD={shim} exec {real} \"$@\"\n");
        write("server", &text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(path("server"), mode).expect("it is ours");
        RedisServer::settings().is_here().then_some(())?;
        let settings = RedisServer::settings().program(path("server"));
        let stepped = Self {
            server: settings.start()?,
            step,
            _folder: folder,
        };
        let before = stepped.seconds();
        stepped.step(3600);
        let is_taken = stepped.seconds() >= before + 3600;
        stepped.step(0);
        if !is_taken {
            eprintln!("SKIPPED: a clock that is stepped: {real} has its own way to the clock");
        }
        is_taken.then_some(stepped)
    }

    /// From now on the clock is so many seconds ahead of the real one.
    fn step(&self, seconds: i64) {
        let next = self.step.with_extension("next");
        fs::write(&next, seconds.to_string()).expect("the folder is ours");
        fs::rename(&next, &self.step).expect("the folder is ours");
        // All that the server does in one turn has the time at which the turn began.
        self.seconds();
    }

    /// The time of the server.
    fn seconds(&self) -> i64 {
        self.server.command(&["TIME"]).list()[0].int()
    }
}

struct Worker {
    store: RedisStore,
    info: InstanceInfo,
}

impl Worker {
    async fn new(server: &RedisServer) -> Self {
        let store = RedisStore::options()
            .lease(Duration::from_secs(6))
            .sweep(Duration::from_millis(500))
            .connect(server.url())
            .await
            .expect("a store");
        let info = InstanceInfo::new(InstanceId::new(), "test", 10);
        let worker = Self { store, info };
        worker.renew(&[]).await;
        worker
    }

    async fn renew(&self, held: &[Claimed]) -> Vec<Renewal> {
        let leases = held.iter().map(|claimed| claimed.lease).collect();
        let renewed = self.store.renew(self.info.clone(), leases).await;
        renewed.expect("the server runs")
    }

    async fn insert(&self, due: Due) -> TaskId {
        let job = NewJob::new(Name::from_static("mail"), b"{}".to_vec()).due(due);
        let id = job.id;
        let inserted = self.store.insert(vec![job]).await.expect("it runs");
        assert!(inserted[0].is_accepted(), "{inserted:?}");
        id
    }

    async fn claim(&self) -> Vec<Claimed> {
        let wanted = Wanted::new([Name::from_static("mail")]);
        let claim = Claim::new(self.info.id, wanted, 10);
        self.store.claim(claim).await.expect("it runs")
    }

    /// The ids of what can be claimed now.
    async fn ids(&self) -> Vec<TaskId> {
        let claimed = self.claim().await;
        claimed.iter().map(|claimed| claimed.lease.job).collect()
    }

    async fn settle(&self, claimed: &Claimed, next: Next) -> Settled {
        let settlement = Settlement::new(claimed.lease, next);
        let settled = self.store.settle(vec![settlement]).await;
        settled.expect("it runs")[0]
    }
}

const HOUR: i64 = 60 * 60;

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// For longer than a lease one worker gives signs of life, and another looks for the dead.
async fn nobody_dies(worker: &Worker, other: &Worker, held: &[Claimed]) {
    let since = now();
    while since.elapsed() < Duration::from_secs(8) {
        let renewed = worker.renew(held).await;
        assert_eq!(renewed, vec![Renewal::Kept; held.len()]);
        other.renew(&[]).await;
        other.store.sweep().await.expect("it runs");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let instances = other.store.instances().await.expect("it runs");
    assert_eq!(instances.len(), 2, "{instances:?}");
}

#[tokio::test]
async fn a_clock_that_is_stepped_ahead_kills_nobody_and_runs_what_is_due_by_it() {
    let Some(stepped) = Stepped::start() else {
        return;
    };
    let worker = Worker::new(&stepped.server).await;
    let other = Worker::new(&stepped.server).await;
    worker.insert(Due::Now).await;
    let held = worker.claim().await;
    let soon = worker
        .insert(Due::After(Duration::from_secs(30 * 60)))
        .await;
    let later = worker
        .insert(Due::After(Duration::from_secs(90 * 60)))
        .await;
    stepped.step(HOUR);
    nobody_dies(&worker, &other, &held).await;
    assert_eq!(other.ids().await, [soon]);
    let new = worker.insert(Due::Now).await;
    assert_eq!(other.ids().await, [new]);
    let settled = worker.settle(&held[0], Next::Done(b"null".to_vec())).await;
    assert_eq!(settled, Settled::Applied);
    let details = worker.store.job(later).await.expect("it runs");
    assert_eq!(details.unwrap().summary.state, JobState::Scheduled);
    assert!(worker.store.check().await.expect("it runs").is_clean());
}

#[tokio::test]
async fn a_clock_that_is_stepped_back_kills_nobody_and_no_token_comes_again() {
    let Some(stepped) = Stepped::start() else {
        return;
    };
    let worker = Worker::new(&stepped.server).await;
    let other = Worker::new(&stepped.server).await;
    let first = worker.insert(Due::Now).await;
    let held = worker.claim().await;
    let waits = worker.insert(Due::Now).await;
    stepped.step(-HOUR);
    // It is due in an hour, by the clock of the server.
    assert_eq!(other.ids().await, []);
    nobody_dies(&worker, &other, &held).await;
    let new = worker.insert(Due::After(Duration::from_secs(1))).await;
    assert_eq!(other.ids().await, []);
    pass(2).await;
    assert_eq!(other.ids().await, [new]);

    // What is given back is due at once, and its next lease is above the first.
    let back = worker.settle(&held[0], Next::Retry(Due::Now)).await;
    assert_eq!(back, Settled::Applied);
    let again = other.claim().await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].lease.job, first);
    assert!(again[0].lease.token > held[0].lease.token);
    let done = other.settle(&again[0], Next::Done(b"null".to_vec())).await;
    assert_eq!(done, Settled::Applied);

    stepped.step(0);
    pass(1).await;
    assert_eq!(worker.ids().await, [waits]);
    assert!(worker.store.check().await.expect("it runs").is_clean());
}
