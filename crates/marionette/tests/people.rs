//! What people see of a store: the instances that live, and who changed what.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::jobs::{Faulty, act, mail, send};
use common::{HOUR, SECOND, wall};
use marionette::inspect::{
    ACTIVITIES_MAX, ACTIVITY_IDS_MAX, Activity, ActivityFilter, ActivityKind, By, CHANGED_JOBS_MAX,
    Inspect, Which,
};
use marionette::store::{Duty, InstanceId, InstanceInfo, Name, NewJob, Store, Timing, Wanted};
use marionette::{MemoryStore, TaskId, TaskManager};
use tokio::time::{sleep, timeout};

#[tokio::test]
async fn an_instance_tells_what_it_runs_where_and_since_when() {
    let store = MemoryStore::new();
    let builder = TaskManager::builder().server_name("mailer").workers(3);
    let builder = builder.build_info("mailer 2.4.1").handle(send).handle(act);
    let builder = builder.store(store.clone()).queues(["mails", "news"]);
    let before = wall();
    let both = [builder.clone().build(), builder.all_queues().build()];
    let both = both.map(|tasks| tasks.expect("it is sound"));
    for tasks in &both {
        tasks.start();
        let sent = tasks.queue(mail("ada")).in_queue("mails").await;
        sent.expect("it is accepted").await.expect("it succeeds");
    }
    let mut live = Vec::new();
    // The first may have sent both mails before the second is there.
    while live.len() < 2 {
        tokio::task::yield_now().await;
        live = store.instances().await.expect("it answers");
    }
    for tasks in both {
        tasks.stop().await;
    }
    assert_eq!(live.len(), 2);
    let stopped = store.instances().await.expect("it answers");
    assert!(stopped.is_empty(), "{stopped:?}");
    let mut queues = Vec::new();
    for InstanceInfo {
        server,
        workers,
        process,
        host,
        kinds,
        queues: of_this,
        build,
        library,
        started,
        ..
    } in live.into_iter().map(|live| live.info)
    {
        assert_eq!((&*server, workers), ("mailer", 3));
        assert_eq!(process, std::process::id());
        assert_eq!(kinds, ["act", "send_mail"]);
        assert_eq!(build.as_deref(), Some("mailer 2.4.1"));
        assert_eq!(library.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        let started = started.expect("it tells");
        assert!(started >= before - SECOND && started <= wall() + SECOND);
        if cfg!(target_os = "linux") {
            let host = host.expect("Linux tells it");
            assert!(!host.is_empty() && host.trim() == host, "{host:?}");
        }
        queues.push(of_this);
    }
    queues.sort();
    assert_eq!(
        queues,
        [vec![], vec!["mails".to_owned(), "news".to_owned()]]
    );
}

#[test]
fn what_an_instance_tells_of_its_place_is_cut() {
    let long = "ä".repeat(1_000);
    let info = InstanceInfo::new(InstanceId::new(), "mailer", 1);
    let info = info.host(&*long).build(&*long).library(&*long);
    for told in [info.host, info.build, info.library] {
        assert_eq!(told, Some("ä".repeat(128)));
    }
}

#[test]
fn the_name_and_the_way_of_a_change_are_cut_also_when_they_are_read() {
    let long = "ä".repeat(1_000);
    let made = By::new(&*long, &*long);
    let json = serde_json::json!({"name": long, "via": long});
    let read: By = serde_json::from_value(json).expect("it is one");
    for by in [made, read] {
        assert_eq!((by.name(), by.via()), (&*"ä".repeat(64), &*"ä".repeat(64)));
    }
}

const X: Name = Name::from_static("x");
const MAIL: Name = Name::from_static("send_mail");

fn by() -> By {
    By::new("ada", "test")
}

/// The latest activities, as many as a store shows.
async fn latest(store: &MemoryStore) -> Vec<Activity> {
    let filter = ActivityFilter::new().limit(usize::MAX);
    store.activity(filter).await.expect("it answers")
}

/// Inserts this many jobs, and returns their ids.
async fn insert(store: &MemoryStore, jobs: usize) -> Vec<TaskId> {
    let jobs = (0..jobs).map(|_| NewJob::new(MAIL, b"{}".to_vec()));
    let jobs: Vec<_> = jobs.collect();
    let ids = jobs.iter().map(|job| job.id).collect();
    store.insert(jobs).await.expect("they are accepted");
    ids
}

#[tokio::test(start_paused = true)]
async fn a_handle_cancels_in_the_name_of_its_manager() {
    let store = MemoryStore::new();
    let tasks = TaskManager::builder().server_name("mailer");
    let tasks = tasks.store(store.clone()).build().expect("it is sound");
    let handle = tasks.queue(mail("ada")).await.expect("it is accepted");
    assert!(handle.cancel("no need").await.expect("it answers"));
    let told = latest(&store).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].kind, ActivityKind::Cancelled);
    assert_eq!(told[0].by.to_string(), "mailer via handle");
    assert_eq!(told[0].reason.as_deref(), Some("no need"));
}

#[tokio::test(start_paused = true)]
async fn of_many_activities_the_latest_are_kept_and_listed_page_by_page() {
    let store = MemoryStore::new();
    for _ in 0..ACTIVITIES_MAX / 2 + 10 {
        let paused = store.pause_queue(X, by()).await;
        paused.expect("a change");
        let resumed = store.resume_queue(X, by()).await;
        resumed.expect("a change");
    }
    assert_eq!(latest(&store).await.len(), 1_000, "the longest page");
    let (mut all, mut filter) = (0, ActivityFilter::new().limit(usize::MAX));
    loop {
        let page = store.activity(filter.clone()).await.expect("it answers");
        let Some(last) = page.last() else { break };
        filter.before = Some(last.number);
        all += page.len();
    }
    assert_eq!(all, ACTIVITIES_MAX);
    let none = ActivityFilter::new().limit(0);
    let one = store.activity(none).await.expect("it answers");
    assert_eq!(one.len(), 1, "the shortest page");
}

#[tokio::test(start_paused = true)]
async fn of_many_changed_jobs_the_latest_are_known() {
    const JOBS: usize = 10_000;
    let store = MemoryStore::new();
    let ids = insert(&store, JOBS).await;
    let rounds = CHANGED_JOBS_MAX / JOBS + 2;
    for _ in 0..rounds {
        let changed = store.reschedule(Which::Ids(ids.clone()), wall() + HOUR, by());
        assert_eq!(changed.await.expect("a change"), JOBS as u64);
    }
    let told = latest(&store).await;
    assert_eq!(
        told.len(),
        CHANGED_JOBS_MAX / JOBS,
        "the oldest two are gone"
    );
    for activity in told {
        assert_eq!(activity.jobs, JOBS as u64);
        assert_eq!(activity.ids.len(), ACTIVITY_IDS_MAX);
    }
}

#[tokio::test(start_paused = true)]
async fn activities_are_forgotten_with_the_failed_jobs_of_their_time() {
    let store = MemoryStore::options().keep_failed(HOUR).build();
    let ids = insert(&store, 1).await;
    let cancelled = store.cancel(Which::Ids(ids), "no need".into(), by());
    assert_eq!(cancelled.await.expect("a change"), 1);
    sleep(59 * 60 * SECOND).await;
    assert_eq!(latest(&store).await.len(), 1);
    sleep(60 * SECOND).await;
    assert_eq!(latest(&store).await, []);
}

#[tokio::test]
async fn activities_are_forgotten_by_the_real_clock_too() {
    let kept = Duration::from_millis(10);
    let store = MemoryStore::options().keep_failed(kept).build();
    let paused = store.pause_queue(X, by()).await;
    paused.expect("a change");
    sleep(2 * kept).await;
    assert_eq!(latest(&store).await, []);
    assert_eq!(store.paused_queues().await.expect("it answers").len(), 1);
}

/// What a store tells of itself and does, asked as any store is.
async fn told(store: &impl Store, wanted: &Wanted) -> (Timing, bool, usize, u64, bool) {
    let rests = timeout(HOUR, store.rest(Duty::Sweep)).await.is_err();
    let activities = store.activity(ActivityFilter::new()).await;
    let unclaimed = store.unclaimed(wanted.clone(), Duration::ZERO).await;
    let unclaimed = unclaimed.expect("it answers");
    (
        store.timing(),
        store.is_volatile(),
        activities.expect("it answers").len(),
        unclaimed.iter().map(|count| count.jobs).sum(),
        rests,
    )
}

#[tokio::test(start_paused = true)]
async fn a_store_behind_an_arc_does_what_it_did_before() {
    let store = MemoryStore::options().lease(HOUR).poll(SECOND).build();
    insert(&store, 3).await;
    let paused = store.pause_queue(X, by()).await;
    paused.expect("a change");
    let wanted = Wanted::new([Name::from_static("another_kind")]);
    let expected = told(&store, &wanted).await;
    let (timing, is_volatile, activities, unclaimed, rests) = expected;
    assert_ne!(timing, Timing::default());
    assert_eq!(
        (is_volatile, activities, unclaimed, rests),
        (true, 1, 3, true)
    );
    let shared: Arc<dyn Store> = Arc::new(store);
    assert_eq!(told(&shared, &wanted).await, expected);
    let tasks = TaskManager::builder().store(shared).build();
    let tasks = tasks.expect("it is sound").erased();
    assert!(tasks.store_as::<MemoryStore>().is_some());
    assert!(tasks.store_as::<Faulty>().is_none());
}
