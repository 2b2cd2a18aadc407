//! A service changes its store and nothing else: the same jobs, with the same options, have the
//! same ends and the same messages in memory, in a file and on a server.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime};

use marionette::backoff::Constant;
use marionette::inspect::{By, Count, Filter, Page, Which};
use marionette::store::{
    Claim, Due, InstanceId, InstanceInfo, JobState, Name, NewJob, Store, Wanted,
};
use marionette::{Context, Job, MemoryStore, TaskError, TaskId, TaskManager};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const PAUSE: Duration = Duration::from_millis(5);
const LATER: Name = Name::from_static("later");

/// Whether the job that snoozes has done so in the present store.
static HAS_SNOOZED: AtomicBool = AtomicBool::new(false);

/// What a job does, once it runs.
#[derive(Debug, Serialize, Deserialize)]
enum Deed {
    Add(u32, u32),
    /// Fails this often, then succeeds.
    FailAtFirst(u32),
    Fail(String),
    FailForGood,
    Snooze,
    Cancel,
    Panic,
    /// Does not end by itself.
    Hang,
    /// Queues another job, and awaits it.
    Delegate,
}

impl Job for Deed {
    const KIND: &'static str = "deed";
    type Output = String;
}

async fn do_it(deed: Deed, cx: Context) -> Result<String, TaskError> {
    match deed {
        Deed::Add(a, b) => Ok((a + b).to_string()),
        Deed::FailAtFirst(times) if cx.attempt() <= times => Err("not yet".into()),
        Deed::FailAtFirst(_) => Ok(format!("attempt {}", cx.attempt())),
        Deed::Fail(why) => Err(why.into()),
        Deed::FailForGood => Err(TaskError::fatal("it makes no sense")),
        Deed::Snooze if !HAS_SNOOZED.fetch_xor(true, Relaxed) => Err(TaskError::snooze(PAUSE)),
        Deed::Snooze => Ok("slept well".to_owned()),
        Deed::Cancel => Err(TaskError::cancelled("it is too late")),
        Deed::Panic => panic!("a mistake"),
        Deed::Hang => std::future::pending().await,
        Deed::Delegate => {
            let added = cx.jobs().queue(Deed::Add(20, 22)).await?;
            Ok(format!("another says {}", added.await?))
        }
    }
}

/// An error with all its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What becomes of the jobs, as far as it is the same each time.
async fn story(store: Arc<dyn Store>) -> Vec<String> {
    let tasks = TaskManager::builder()
        .store(Arc::clone(&store))
        .queues(["default", "first"])
        .queue_limit("later", 2)
        .handle(do_it)
        .build()
        .expect("it is sound");
    let mut story = refusals(&tasks).await;
    tasks.start();
    let mut handles = Vec::new();
    for deed in [
        Deed::Add(1, 2),
        Deed::FailAtFirst(2),
        Deed::Fail("no route".to_owned()),
        Deed::FailForGood,
        Deed::Snooze,
        Deed::Cancel,
        Deed::Panic,
        Deed::Hang,
        Deed::Delegate,
    ] {
        let told = format!("{deed:?}");
        let handle = tasks.queue(deed).retries(2).backoff(Constant::new(PAUSE));
        let limit = if matches!(told.as_str(), "Hang") {
            PAUSE
        } else {
            PAUSE * 100_000
        };
        let handle = handle.timeout(limit).name(told.clone()).priority(-1);
        handles.push((told, handle.await.expect("there is room")));
    }
    let soon = tasks
        .delay(PAUSE, Deed::Add(3, 4))
        .in_queue("first")
        .keep_result(PAUSE * 1000);
    handles.push(("soon".to_owned(), soon.await.expect("there is room")));
    for (told, handle) in handles {
        let id = handle.id();
        let said = match handle.await {
            Ok(value) => value,
            Err(error) => chain(&error),
        };
        story.push(format!("{told}: {said}; {}", details(&*store, id).await));
    }
    story.extend(changes(&*store).await);
    tasks.stop().await;
    story.extend(counts(&*store).await);
    story
}

/// What cannot be stored, and a queue that is full.
async fn refusals(tasks: &TaskManager<Arc<dyn Store>>) -> Vec<String> {
    let mut story = Vec::new();
    for _ in 0..2 {
        let job = tasks.queue(Deed::Add(0, 0)).in_queue("later");
        job.await.expect("there is room");
    }
    let full = tasks
        .queue(Deed::Add(0, 0))
        .in_queue("later")
        .try_now()
        .await;
    story.push(chain(&full.expect_err("it is full")));
    let name = tasks.queue(Deed::Add(0, 0)).in_queue("a b").await;
    story.push(chain(&name.expect_err("it is no name")));
    let large = tasks.queue(Deed::Fail("x".repeat(17 << 20))).await;
    story.push(chain(&large.expect_err("it is too large")));
    story
}

/// All that a person sees of a job, but for times and ids.
async fn details(store: &dyn Store, id: TaskId) -> String {
    let details = store.job(id).await.expect("an answer").expect("it is kept");
    let summary = details.summary;
    let attempts = details.attempts.iter();
    let attempts: Vec<_> = attempts
        .map(|attempt| {
            format!(
                "{} {:?} {:?}",
                attempt.number, attempt.outcome, attempt.error
            )
        })
        .collect();
    let result = details
        .result
        .map(|result| String::from_utf8_lossy(&result).into_owned());
    format!(
        "{:?} {:?} {} {} {} {:?} {:?} {result:?} {attempts:?}",
        summary.state,
        summary.end,
        summary.queue,
        summary.priority,
        summary.failed,
        summary.reason,
        details.options.name,
    )
}

/// What people do to the jobs that wait.
async fn changes(store: &dyn Store) -> Vec<String> {
    let by = || By::new("ada", "test");
    let filter = || Filter::new().queues([LATER]);
    store.pause_queue(LATER, by()).await.expect("a pause");
    let listed = store.list(filter(), Page::first(1)).await.expect("a list");
    let first = listed.jobs[0].id;
    let reason = "nobody needs it".to_owned();
    let ids = || Which::Ids(vec![first]);
    let cancelled = store.cancel(ids(), reason, by()).await.expect("a change");
    let again = store.retry(ids(), by()).await.expect("a change");
    let deleted = store
        .delete(Which::Matching(filter()), by())
        .await
        .expect("a change");
    let dead = Filter::new().states([JobState::Dead]);
    let retried = store
        .retry(Which::Matching(dead), by())
        .await
        .expect("a change");
    vec![format!(
        "{cancelled} {again} {deleted} {retried} {:?}",
        listed.next.is_some()
    )]
}

async fn counts(store: &dyn Store) -> Vec<String> {
    let counts = store.counts().await.expect("an answer");
    // Those that were retried may or may not have run before the stop.
    let told = |count: &Count| match count.state {
        JobState::Done | JobState::Cancelled => Some(format!(
            "{:?} {} {} {}",
            count.state, count.kind, count.queue, count.jobs
        )),
        _ => None,
    };
    let mut told: Vec<_> = counts.iter().filter_map(told).collect();
    told.sort();
    told
}

/// In memory, in a file of the folder, and on a server if there is one.
async fn stores(folder: &Path, server: Option<&RedisServer>) -> Vec<Arc<dyn Store>> {
    let file = SqliteStore::open(folder.join("tasks.db")).await;
    let mut stores: Vec<Arc<dyn Store>> = vec![Arc::new(MemoryStore::new())];
    stores.push(Arc::new(file.expect("there is room")));
    if let Some(server) = server {
        let store = RedisStore::connect(server.url()).await.expect("it runs");
        stores.push(Arc::new(store));
    }
    stores
}

/// Whatever their ids are: those of a list of commands depend on its lines.
#[tokio::test]
async fn jobs_of_one_call_run_in_its_order_in_every_store() {
    const COUNT: usize = 30;
    let kind = Name::from_static("line");
    let folder = tempfile::tempdir().expect("there is room");
    let server = RedisServer::start();
    for store in stores(folder.path(), server.as_ref()).await {
        // All over the place, and always the same.
        let ids = (1_u128..).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15 << 60));
        let mut ids = ids.map(|number| TaskId::from(Uuid::from_u128(number)));
        let instance = InstanceInfo::new(InstanceId::new(), "server", 1);
        let renewed = store.renew(instance.clone(), Vec::new()).await;
        renewed.expect("a renewal");
        for due in [Due::Now, Due::After(PAUSE), Due::At(SystemTime::UNIX_EPOCH)] {
            let ids: Vec<_> = ids.by_ref().take(COUNT).collect();
            let job = |&id| NewJob::new(kind.clone(), Vec::new()).id(id).due(due);
            store
                .insert(ids.iter().map(job).collect())
                .await
                .expect("there is room");
            let mut claimed = Vec::new();
            while claimed.len() < COUNT {
                let claim = Claim::new(instance.id, Wanted::new([kind.clone()]), COUNT);
                let more = store.claim(claim).await.expect("an answer");
                claimed.extend(more.into_iter().map(|claimed| claimed.lease.job));
            }
            assert_eq!(claimed, ids, "{due:?}");
        }
    }
}

#[tokio::test]
async fn the_same_jobs_have_the_same_ends_in_every_store() {
    let expected = story(Arc::new(MemoryStore::new())).await;
    let all = expected.join("\n");
    for said in [
        "no route",
        "it makes no sense",
        "it is too late",
        "a mistake",
        "42",
    ] {
        assert!(all.contains(said), "{said} is missing in: {all}");
    }
    let folder = tempfile::tempdir().expect("there is room");
    let file = SqliteStore::open(folder.path().join("tasks.db")).await;
    assert_eq!(
        story(Arc::new(file.expect("there is room"))).await,
        expected
    );
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = RedisStore::connect(server.url()).await.expect("it runs");
    assert_eq!(story(Arc::new(store.clone())).await, expected);
    let report = store.check().await.expect("a report");
    assert!(report.is_clean(), "{report}");
}
