//! A disk that is full, a file that cannot be written, and a file whose end is torn: what was
//! accepted is not lost, and work goes on by itself once the server takes it.

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use marionette::inspect::Inspect;
use marionette::store::{Inserted, Store, StoreErrorKind};
use marionette_conformance::history::{Event, Events, Finals, History};
use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisServer, RedisSettings, Reply};
use tempfile::TempDir;

use crate::bed::{BACK, PATIENCE, eventually, now};
use crate::program::{job, options, produce, work};

/// A server that goes on when a file cannot grow, as it does when the disk is full: the signal for
/// that is ignored.
fn server(settings: RedisSettings) -> Option<(RedisServer, TempDir)> {
    let prlimit = Command::new("prlimit").stdout(Stdio::null()).status();
    if let Err(error) = prlimit {
        eprintln!("SKIPPED: a disk that is full: there is no prlimit: {error}");
        return None;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let program = folder.path().join("server");
    let real = std::env::var("MARIONETTE_REDIS_SERVER");
    let real = real.unwrap_or_else(|_| "redis-server".to_owned());
    let text = format!("#!/bin/sh\ntrap '' XFSZ\nexec {real} \"$@\"\n");
    fs::write(&program, text).expect("the folder is ours");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, mode).expect("the folder is ours");
    RedisServer::settings().is_here().then_some(())?;
    Some((settings.program(program).start()?, folder))
}

/// No file of the server may be longer than this, in bytes.
fn limit(server: &RedisServer, bytes: &str) {
    let process = server.process().expect("it runs").to_string();
    let mut limit = Command::new("prlimit");
    limit.args(["--pid", &process, &format!("--fsize={bytes}:")]);
    assert!(limit.status().expect("it was there").success());
}

/// A store, a worker on it, and what both write down.
struct Shop {
    store: RedisStore,
    history: Arc<History>,
    folder: TempDir,
}

impl Shop {
    async fn open(server: &RedisServer) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let history = History::append_to(&folder.path().join("history"), 1);
        Self {
            store: options().connect(server.url()).await.expect("a store"),
            history: Arc::new(history.expect("the folder is writable")),
            folder,
        }
    }

    fn events(&self) -> Events {
        Events::read(&self.folder.path().join("history")).expect("it is there")
    }

    fn done(&self) -> usize {
        let is_effect = |event: &Event| matches!(event, Event::Effect(..));
        self.events().count(is_effect)
    }

    /// Waits until the server refuses a job because of its disk.
    async fn is_refused(&self) {
        let since = now();
        loop {
            match self.store.insert(vec![job()]).await {
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
                    let text = error.to_string();
                    return assert!(text.contains("MISCONF"), "{text}");
                }
            }
            assert!(since.elapsed() < PATIENCE, "the disk is full");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until all has ended, and nothing was lost, completed twice or damaged.
    async fn end(&self) {
        let events = self.events();
        let since = now();
        loop {
            let counts = self.store.counts().await.expect("the server runs");
            if counts.iter().all(|count| count.state.is_end()) {
                break;
            }
            assert!(since.elapsed() < PATIENCE, "all jobs end: {counts:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let finals = Finals::of(&events, &self.store).await;
        let faults = self.events().faults(&finals.expect("the server runs"));
        assert!(faults.is_empty(), "{faults:#?}");
        let report = self.store.check().await.expect("the server runs");
        assert!(report.is_clean(), "{report}");
    }
}

/// The server takes writes again.
async fn is_mended(server: &RedisServer) {
    eventually("the server takes writes", || {
        server.command(&["SET", "somebody else's", "1"]) == Reply::Status("OK".to_owned())
    })
    .await;
}

/// The disk is full for a while under a worker; returns the shop, in which all is done.
async fn is_full_for_a_while(server: &RedisServer) -> Shop {
    let shop = Shop::open(server).await;
    let _tasks = work(shop.store.clone(), &shop.history);
    produce(&shop.store, &shop.history, 30).await;
    eventually("it works", || shop.done() > 3).await;
    limit(server, "1");
    shop.is_refused().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    limit(server, "unlimited");
    is_mended(server).await;
    let before = shop.done();
    produce(&shop.store, &shop.history, 10).await;
    let took = eventually("it works", || shop.done() > before).await;
    println!("it works {took:?} after the server takes writes");
    assert!(took < BACK, "it works only after {took:?}");
    shop.end().await;
    shop
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_stops_work_until_it_can() {
    let settings = RedisServer::settings().argument("--save").argument("1 1");
    let Some((server, _program)) = server(settings) else {
        return;
    };
    is_full_for_a_while(&server).await;
}

#[tokio::test]
async fn an_append_only_file_that_cannot_be_written_stops_work_until_it_can() {
    let settings = RedisServer::settings().append_only(AppendOnly::EverySecond);
    let Some((mut server, _program)) = server(settings) else {
        return;
    };
    let shop = is_full_for_a_while(&server).await;
    // And all of it is in the file, which had half a command at its end.
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.restart();
    shop.end().await;
}

#[tokio::test]
async fn a_server_that_ends_because_it_cannot_sync_has_all_that_it_accepted() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some((mut server, _program)) = server(settings) else {
        return;
    };
    let shop = Shop::open(&server).await;
    let _tasks = work(shop.store.clone(), &shop.history);
    produce(&shop.store, &shop.history, 30).await;
    eventually("it works", || shop.done() > 3).await;
    limit(&server, "1");
    eventually("it has ended", || server.connect().is_err()).await;
    server.restart();
    produce(&shop.store, &shop.history, 10).await;
    shop.end().await;
}

/// The file to which the server appends.
fn appended(server: &RedisServer) -> PathBuf {
    let folder = server.directory().join("appendonlydir");
    folder.join("appendonly.aof.1.incr.aof")
}

#[tokio::test]
async fn a_file_whose_end_is_torn_loses_no_more_than_its_end() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut server) = settings.start() else {
        return;
    };
    let store = options().connect(server.url()).await.expect("a store");
    let jobs: Vec<_> = (0..20).map(|_| job()).collect();
    for job in &jobs {
        let inserted = store.insert(vec![job.clone()]).await;
        assert_eq!(inserted.expect("it runs"), [Inserted::Accepted]);
    }
    server.kill();
    let file = File::options().append(true).open(appended(&server));
    let mut file = file.expect("the server has written it");
    let length = file.metadata().expect("it is there").len();
    file.set_len(length - 10).expect("it is ours");
    // The server cuts off what is torn by itself.
    server.restart();
    let kept = is_there(&store, &jobs).await;
    assert_eq!(kept, 19, "all but the last");

    server.kill();
    file.write_all(b"*3\r\n$4\r\nHSET\r\n@@@@ what the disk made of it @@@@\r\n")
        .expect("it is ours");
    let mut mend = Command::new("redis-check-aof");
    let mend = mend
        .arg("--fix")
        .arg(appended(&server))
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    let Ok(mut mend) = mend.spawn() else {
        eprintln!("SKIPPED: a damaged file: there is no redis-check-aof");
        return;
    };
    let mut asks = mend.stdin.take().expect("it is a pipe");
    asks.write_all(b"y\n").expect("it asks first");
    assert!(mend.wait().expect("it ends").success());
    server.restart();
    assert_eq!(is_there(&store, &jobs).await, 19);
    let inserted = store.insert(jobs.clone()).await.expect("it runs");
    let new = inserted.iter().filter(|it| **it == Inserted::Accepted);
    assert_eq!(new.count(), 1, "the last one again, and no other");
}

/// How many of these jobs there are, in a store without damage.
async fn is_there(store: &RedisStore, jobs: &[marionette::store::NewJob]) -> usize {
    let mut kept = 0;
    for job in jobs {
        let found = store.job(job.id).await.expect("the server runs");
        kept += usize::from(found.is_some());
    }
    let report = store.check().await.expect("the server runs");
    assert!(report.is_clean(), "{report}");
    kept
}
