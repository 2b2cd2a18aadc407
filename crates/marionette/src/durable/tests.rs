//! Sessions over the store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::durable::Durable;
use crate::engine::Engine;
use crate::manager::TaskManager;
use crate::memory_store::MemoryStore;
use crate::store::{Ended, JobState, Name, NewJob, Store};
use crate::task::registry::Registry;
use crate::{Context, Job, TaskError, TaskId};

#[derive(Serialize, Deserialize)]
struct Add(u32);

impl Job for Add {
    const KIND: &'static str = "add";
    type Output = u32;
}

fn manager(registry: Registry) -> (TaskManager<MemoryStore>, Arc<Durable>, MemoryStore) {
    let store = MemoryStore::new();
    let engine = Arc::new(Engine::new(
        crate::Config::default(),
        Duration::from_secs(5),
        crate::clock::Wall::default(),
        crate::schedule::timekeeper::Precision::default(),
    ));
    let durable = Arc::new(Durable::new(
        Arc::new(store.clone()),
        Arc::clone(&engine),
        Arc::new(registry),
        Arc::new([]),
    ));
    let shared = Some(Arc::clone(&durable));
    let tasks = TaskManager::from_parts(engine, shared, Arc::new(store.clone()));
    (tasks, durable, store)
}

fn job(number: u32) -> NewJob {
    NewJob::new(Name::from_static("add"), number.to_string().into_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_job_runs_and_its_end_is_told() {
    let mut registry = Registry::default();
    registry
        .handlers
        .add::<Add, _>(|Add(number), _: Context| async move { Ok(number + 1) });
    let (tasks, durable, store) = manager(registry);
    tasks.start();
    let job = job(41);
    let id = job.id;
    store.insert(vec![job]).await.expect("it is accepted");
    assert_eq!(
        durable.ended(id).await.expect("it ends"),
        Ended::Done(b"42".to_vec())
    );
    assert_eq!((tasks.stats().done, tasks.stop().await.queued), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_job_is_retried_by_its_options_and_buried_with_every_error() {
    let tried = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&tried);
    let mut registry = Registry::default();
    registry.handlers.add::<Add, _>(move |_: Add, cx: Context| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { Err::<u32, TaskError>(format!("no {}", cx.attempt()).into()) }
    });
    let (tasks, durable, store) = manager(registry);
    tasks.start();
    let mut job = job(1);
    job.options.retries = 2;
    let id = job.id;
    store.insert(vec![job]).await.expect("it is accepted");
    let Ended::Otherwise {
        state, attempts, ..
    } = durable.ended(id).await.expect("it ends")
    else {
        panic!("it fails");
    };
    assert_eq!(state, JobState::Dead);
    let errors: Vec<_> = attempts.iter().map(|past| past.error.as_deref()).collect();
    assert_eq!(errors, [Some("no 1"), Some("no 2"), Some("no 3")]);
    assert_eq!(tried.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_releases_what_it_interrupts_without_cost() {
    let mut registry = Registry::default();
    registry
        .handlers
        .add::<Add, _>(|_: Add, _: Context| std::future::pending());
    let (tasks, _, store) = manager(registry);
    tasks.start();
    let jobs: Vec<_> = (0..10).map(job).collect();
    let id = jobs[0].id;
    store.insert(jobs).await.expect("they are accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = tasks.stop_within(Duration::from_secs(1)).await;
    assert_eq!(report.interrupted.len(), 4, "{report}");
    let details = crate::store::inspect::Inspect::job(&store, id)
        .await
        .expect("it answers");
    let summary = details.expect("it is there").summary;
    assert_eq!((summary.state, summary.failed), (JobState::Ready, 0));
}

#[tokio::test(start_paused = true)]
async fn a_manager_that_is_dropped_gives_its_jobs_back() {
    let mut registry = Registry::default();
    registry
        .handlers
        .add::<Add, _>(|_: Add, _: Context| std::future::pending());
    let (tasks, durable, store) = manager(registry);
    tasks.start();
    let jobs: Vec<_> = (0..10).map(job).collect();
    let id = jobs[0].id;
    store.insert(jobs).await.expect("they are accepted");
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(tasks);
    assert!(durable.ended(id).await.is_err());
    tokio::time::sleep(Duration::from_millis(10)).await;
    let details = crate::store::inspect::Inspect::job(&store, id)
        .await
        .expect("it answers");
    assert_eq!(details.expect("it is there").summary.state, JobState::Ready);
}

#[tokio::test(start_paused = true)]
async fn a_running_job_hears_that_somebody_cancelled_it() {
    let mut registry = Registry::default();
    registry
        .handlers
        .add::<Add, _>(|_: Add, cx: Context| async move {
            cx.cancelled().await;
            Err::<u32, TaskError>("stopped half-way".into())
        });
    let (tasks, durable, store) = manager(registry);
    tasks.start();
    let job = job(1);
    let id = job.id;
    store.insert(vec![job]).await.expect("it is accepted");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let which = crate::store::inspect::Which::Ids(vec![id]);
    let cancelled =
        crate::store::inspect::Inspect::cancel(&store, which, "no need".into(), durable.by()).await;
    assert_eq!(cancelled.expect("it answers"), 1);
    let Ended::Otherwise { state, reason, .. } = durable.ended(id).await.expect("it ends") else {
        panic!("it was cancelled");
    };
    assert_eq!(
        (state, reason.as_deref()),
        (JobState::Cancelled, Some("no need"))
    );
    drop(tasks);
}

#[test]
fn jobs_of_a_runtime_that_is_gone_are_not_kept_for_ever() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let mut registry = Registry::default();
    registry
        .handlers
        .add::<Add, _>(|_: Add, _: Context| std::future::pending());
    let (tasks, durable, store) = manager(registry);
    runtime.block_on(async {
        tasks.start();
        store.insert(vec![job(1)]).await.expect("it is accepted");
        while tasks.stats().running == 0 {
            tokio::task::yield_now().await;
        }
    });
    let session = durable.session().expect("it was started");
    assert_eq!(session.held.len(), 1);
    drop(runtime);
    assert_eq!(session.held.len(), 0);
    assert!(session.ending.is_cancelled(), "its renewer would go on");
}

#[tokio::test(start_paused = true)]
async fn a_suspect_makes_place_for_the_next_one_only_once_it_is_settled() {
    let outbox = Arc::new(crate::cell::leased_job::Outbox::default());
    let lease = crate::store::Lease {
        job: TaskId::new(),
        instance: crate::store::InstanceId::new(),
        row: 1,
        token: 1,
    };
    let leased = crate::cell::leased_job::LeasedJob::new(lease, true, Arc::clone(&outbox));
    leased.release();
    assert_eq!((outbox.in_hand(), outbox.suspects()), (0, 1));
    leased.close();
    leased.close();
    drop(leased);
    assert_eq!(outbox.suspects(), 0);
}

#[test]
fn an_answer_about_an_older_lease_leaves_the_newer_one_of_the_job() {
    let lease = |instance, token| crate::store::Lease {
        job: TaskId::from(uuid::Uuid::nil()),
        instance,
        row: 1,
        token,
    };
    let [mine, another] = [(); 2].map(|()| crate::store::InstanceId::new());
    let newer = lease(mine, 2);
    let outbox = Arc::new(crate::cell::leased_job::Outbox::default());
    let leased = Arc::new(crate::cell::leased_job::LeasedJob::new(
        newer, false, outbox,
    ));
    let held = crate::durable::held::Held::default();
    held.insert(&leased, None, crate::clock::Tick::from_nanos(1));
    for older in [lease(mine, 1), lease(another, 2)] {
        assert!(!held.has(&older) && !held.is_in_hand(&older));
        held.lose(&older);
        held.remove([older].iter());
        assert!(held.has(&newer) && held.is_in_hand(&newer));
    }
}
