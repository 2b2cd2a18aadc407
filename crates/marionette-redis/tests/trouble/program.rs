//! The programs of the machines: this program again, with other words in its environment. They
//! write into one history what they do.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use marionette::store::{Inserted, JobOptions, Name, NewJob, Store};
use marionette::{Context, Job, TaskError, TaskId, TaskManager};
use marionette_conformance::history::{Event, History};
use marionette_redis::{RedisOptions, RedisStore};
use serde::{Deserialize, Serialize};

/// What a program is for.
pub(crate) const ROLE: &str = "MARIONETTE_TROUBLE_ROLE";
/// The file of the history.
pub(crate) const HISTORY: &str = "MARIONETTE_TROUBLE_HISTORY";
/// The number of the program in the history.
pub(crate) const NUMBER: &str = "MARIONETTE_TROUBLE_NUMBER";
/// The address of the server.
pub(crate) const SERVER: &str = "MARIONETTE_TROUBLE_SERVER";

/// A fifth of it is the time in which a worker that was cut off must have given its jobs up.
pub(crate) const LEASE: Duration = Duration::from_secs(6);
pub(crate) const SWEEP: Duration = Duration::from_secs(1);
/// How many jobs a worker runs at once, and for how long.
const WORKERS: usize = 4;
const RUNS: Duration = Duration::from_millis(200);

#[derive(Serialize, Deserialize)]
struct Work {
    /// The job's own id, in which the history writes of it.
    id: String,
}

impl Job for Work {
    const KIND: &'static str = "work";
    type Output = ();
}

pub(crate) fn options() -> RedisOptions {
    RedisStore::options().lease(LEASE).sweep(SWEEP)
}

fn word(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// No test: this is where a program of a machine begins. Without a role it is over at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn begins() {
    let Some(role) = word(ROLE) else { return };
    std::thread::spawn(ends_with_its_parent);
    let file = word(HISTORY).expect("its parent says where");
    let number = word(NUMBER).and_then(|number| number.parse().ok());
    let number = number.expect("its parent says which");
    let history = History::append_to(Path::new(&file), number);
    let history = Arc::new(history.expect("the folder is writable"));
    let server = word(SERVER).expect("its parent says which");
    let store = options().connect(server).await.expect("the server runs");
    match role.as_str() {
        "work" => {
            let _tasks = work(store, &history);
            std::future::pending::<()>().await;
        }
        "produce" => loop {
            produce(&store, &history, 10).await;
            tokio::time::sleep(Duration::from_millis(400)).await;
        },
        other => panic!("nobody is a {other}"),
    }
}

/// The parent holds the other end of the pipe.
pub(crate) fn ends_with_its_parent() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::exit(1);
}

/// A manager that works on the store.
pub(crate) fn work(store: RedisStore, history: &Arc<History>) -> TaskManager<RedisStore> {
    history.write(&Event::Limit(WORKERS));
    let history = Arc::clone(history);
    let handle = move |work: Work, _: Context| {
        let history = Arc::clone(&history);
        async move {
            let job: TaskId = work.id.parse().map_err(|_| "an id is an id")?;
            let attempt = history.start(job);
            tokio::time::sleep(RUNS).await;
            attempt.effect();
            Ok::<_, TaskError>(())
        }
    };
    let tasks = TaskManager::builder()
        .store(store)
        .workers(WORKERS)
        .handle(handle)
        .build()
        .expect("the settings are right");
    tasks.start();
    tasks
}

/// Has this number of jobs accepted, each in a call of its own, repeated until there is an answer.
pub(crate) async fn produce(store: &RedisStore, history: &History, count: usize) {
    for _ in 0..count {
        let job = job();
        history.write(&Event::AcceptBegin(job.id));
        loop {
            match store.insert(vec![job.clone()]).await {
                Ok(inserted) => {
                    let known = [Inserted::Accepted, Inserted::Known];
                    assert!(known.contains(&inserted[0]), "{inserted:?}");
                    break history.write(&Event::Accepted(job.id));
                }
                Err(error) => assert!(error.is_unavailable(), "{error}"),
            }
        }
    }
}

/// A job that any worker here can run.
pub(crate) fn job() -> NewJob {
    let id = TaskId::new();
    let work = Work { id: id.to_string() };
    let payload = serde_json::to_vec(&work).expect("it is plain data");
    // It may be given back as often as machines are cut off.
    let mut options = JobOptions::default();
    options.retries = 8;
    NewJob::new(Name::from_static(Work::KIND), payload)
        .id(id)
        .options(options)
}
