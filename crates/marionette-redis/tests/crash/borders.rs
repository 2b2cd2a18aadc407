//! A process dies right before a script is called, right after the server has answered and before
//! it hears of it, and right after it has. Others finish its work, and the store is clean.

use std::collections::VecDeque;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::inspect::{ActivityFilter, By, Filter, Inspect, Page, Which};
use marionette::store::{
    Attempted, Claim, Due, InstanceId, InstanceInfo, Name, Next, PastOutcome, Settlement, Store,
    Wanted,
};
use marionette_conformance::crash::{Parent, Told, Way, insert, job};
use marionette_conformance::history::History;
use marionette_redis::RedisStore;
use marionette_servers::{Act, Border, Passing, Proxy, RedisServer};
use tokio::runtime::Builder;

use crate::child::{GROUND, open};

/// Dead instances are found soon: nobody works at the same time.
const LEASE: Duration = Duration::from_secs(1);
/// How long it may take until a script is called.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many processes die at once. They wait for leases most of the time.
const AT_ONCE: usize = 8;
/// The id of a job that cannot be read.
const SPOILT: &str = "MARIONETTE_CRASH_SPOILT";

#[allow(clippy::disallowed_methods)] // Processes die in real time.
fn now() -> Instant {
    Instant::now()
}

fn by() -> By {
    By::new("ada", "test")
}

/// What a child does: it calls every script, again and again.
pub(crate) fn call_scripts(told: Told) {
    let runtime = Builder::new_current_thread().enable_all().build();
    let spoilt = std::env::var(SPOILT).expect("its parent says which");
    let spoilt: TaskId = spoilt.parse().expect("an id");
    runtime.expect("a runtime can be made").block_on(async {
        let store = open(told.place).await;
        let me = InstanceInfo::new(InstanceId::new(), "scripts", 4);
        loop {
            work(&store, &told.history, &me).await;
            look(&store).await;
            let change = store.delete(Which::Ids(vec![spoilt]), by()).await;
            change.expect("the store answers");
        }
    });
}

fn wanted() -> Wanted {
    Wanted::new([Name::from_static("work")])
}

/// Accepts jobs and ends them, in each way.
async fn work(store: &RedisStore, history: &History, me: &InstanceInfo) {
    store.renew(me.clone(), vec![]).await.expect("a renewal");
    let jobs: Vec<_> = (0..4).map(|_| job(0, Way::Waits)).collect();
    let unwanted = jobs[3].id;
    insert(store, history, jobs).await;
    // Nobody is idle, so it goes by a script of its own.
    insert(store, history, vec![job(0, Way::Waits)]).await;
    let why = "nobody wants it".to_owned();
    let cancelled = store.cancel(Which::Ids(vec![unwanted]), why, by()).await;
    cancelled.expect("the store answers");
    let claim = Claim::new(me.id, wanted(), 10).suspects(10);
    let claimed = store.claim(claim).await.expect("the instance is known");
    let mut done = Vec::new();
    for claimed in claimed {
        let attempt = history.start(claimed.lease.job);
        attempt.effect();
        let tried = Attempted::new(PastOutcome::Done, Duration::from_millis(1));
        done.push(Settlement::new(claimed.lease, Next::Done(b"1".to_vec())).attempt(tried));
    }
    if let Some(last) = done.pop() {
        let tried = Attempted::new(PastOutcome::Snoozed, Duration::from_millis(1));
        let snooze = Next::Snooze(Due::After(Duration::from_millis(1)));
        let snoozed = vec![Settlement::new(last.lease, snooze).attempt(tried)];
        store.settle(snoozed).await.expect("it is in order");
    }
    store.settle(done).await.expect("they are in order");
    store.sweep().await.expect("a sweep");
    let nobody = Wanted::new([Name::from_static("nothing")]);
    let waited = tokio::time::timeout(Duration::from_millis(3), store.wait(nobody));
    let _ = waited.await;
    store.leave(me.id).await.expect("it may leave");
}

/// What people do.
async fn look(store: &RedisStore) {
    let aside = Name::from_static("aside");
    let jobs = store.list(Filter::new(), Page::first(3)).await;
    let jobs = jobs.expect("a list").jobs;
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    store.job(ids[0]).await.expect("a job");
    store.ended(ids).await.expect("an answer");
    store.counts().await.expect("counts");
    store
        .pause_queue(aside.clone(), by())
        .await
        .expect("a pause");
    store.resume_queue(aside, by()).await.expect("its end");
    store
        .activity(ActivityFilter::new())
        .await
        .expect("activities");
    let notes = store.records(Name::from_static("notes"));
    let seen = notes.get("note").await.expect("an answer");
    let new = if seen.is_some() {
        None
    } else {
        Some(&b"new"[..])
    };
    let replaced = notes.replace("note", seen.as_deref(), new).await;
    replaced.expect("an answer");
    // The job that cannot be read is a fault.
    store.check().await.expect("a report");
}

/// A script, and where its caller dies.
type Case = (String, Border);

#[test]
fn a_process_that_dies_at_the_border_of_any_script_leaves_all_to_others() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let begun = now();
    let scripts = scripts(&server);
    let cases = scripts.iter().flat_map(|script| {
        Border::ALL
            .into_iter()
            .map(|border| (script.clone(), border))
    });
    let cases: Mutex<VecDeque<Case>> = Mutex::new(cases.collect());
    let count = cases.lock().unwrap().len();
    let missed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().unwrap().pop_front() else {
                        return;
                    };
                    if !dies_at(&server, &case) {
                        missed.lock().unwrap().push(case);
                    }
                }
            });
        }
    });
    println!(
        "{count} deaths at {} scripts in {:?}",
        scripts.len(),
        begun.elapsed()
    );
    let missed = missed.into_inner().unwrap();
    assert!(missed.is_empty(), "not reached: {missed:#?}");
}

/// The scripts that a store loads.
fn scripts(server: &RedisServer) -> Vec<String> {
    let proxy = Proxy::new(server, |_| Act::Pass);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let store = RedisStore::options().name(RedisServer::any_name());
    let store = runtime.block_on(store.connect(proxy.url()));
    drop(store.expect("the server runs"));
    let mut scripts = proxy.scripts();
    let count = scripts.len();
    scripts.sort();
    scripts.dedup();
    assert_eq!(
        scripts.len(),
        count,
        "each begins with a comment of its own"
    );
    assert!(count >= 20, "{scripts:?}");
    scripts
}

/// Lets a process call scripts until it comes to this border, and checks what it left behind.
/// Returns whether it came there.
fn dies_at(server: &RedisServer, (script, border): &Case) -> bool {
    let (reached, is_reached) = mpsc::channel();
    let (killed, is_killed) = mpsc::channel();
    let proxy = Proxy::new(server, |_| Act::Pass);
    let parent = Parent::new(&GROUND).with_lease(LEASE);
    let name = RedisServer::any_name();
    let mut parent = parent.at(server.url(), &name);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let spoilt = runtime.block_on(prepare(&parent, server, &name));
    proxy.now(until(script, *border, parent.rng.u32(1..=3), move || {
        // Nothing passes before the process is dead.
        let _ = reached.send(()).map(|()| is_killed.recv());
    }));
    parent = parent.at(proxy.url(), &name);
    let process = parent.start_with("scripts", &[(SPOILT, &spoilt.to_string())]);
    let came = is_reached.recv_timeout(PATIENCE).is_ok();
    parent.kill(process);
    let _ = killed.send(());
    drop(proxy);
    parent = parent.at(server.url(), &name);
    runtime.block_on(async {
        let store = parent.open().await;
        let deleted = store.delete(Which::Ids(vec![spoilt]), by()).await;
        deleted.expect("the server runs");
        drop(store);
        let books = parent.end().await;
        println!("{border:?}: {script}: {books}");
    });
    if !came {
        eprintln!("{border:?}: {script} is not reached: {}", parent.again());
    }
    came
}

/// How the scripts begin that are called once in the life of a process, or not for long.
const RARE: [&str; 5] = [
    "Looks at what is there when a process connects",
    "Accepts one job",
    "Takes jobs from an instance",
    "Looks at some jobs and some lanes",
    "Deletes a job whose rows",
];

/// Passes everything until a script comes to a border for this time, then calls `reached` and ends
/// all connections.
fn until(
    script: &str,
    border: Border,
    times: u32,
    reached: impl Fn() + Send + 'static,
) -> impl FnMut(&Passing) -> Act + Send + 'static {
    let is_rare = RARE.iter().any(|begin| script.starts_with(begin));
    let (script, mut is_over) = (script.to_owned(), false);
    let mut left = if is_rare { 1 } else { times };
    move |passing| {
        if is_over {
            return Act::Cut;
        }
        if passing.border != border || passing.script.as_ref() != Some(&script) {
            return Act::Pass;
        }
        left -= 1;
        if left > 0 {
            return Act::Pass;
        }
        is_over = true;
        reached();
        Act::Cut
    }
}

/// Makes a store with a job that cannot be read, and an instance that dies with two jobs.
async fn prepare(parent: &Parent, server: &RedisServer, name: &str) -> TaskId {
    let store = parent.open().await;
    let dead = InstanceInfo::new(InstanceId::new(), "dead", 4);
    store.renew(dead.clone(), vec![]).await.expect("a renewal");
    let jobs = vec![job(0, Way::Waits), job(0, Way::Waits)];
    insert(&store, &parent.history, jobs).await;
    let claim = Claim::new(dead.id, wanted(), 2);
    let claimed = store.claim(claim).await.expect("it is known");
    assert_eq!(claimed.len(), 2);
    let spoilt = TaskId::new();
    let bodies = format!("{{{name}}}:bodies");
    let uuid = spoilt.uuid();
    server.command(&[b"HSET", bodies.as_bytes(), uuid.as_bytes(), b"no body"]);
    spoilt
}
