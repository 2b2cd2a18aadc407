//! What a process does that is going to be killed.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use marionette::inspect::{By, Inspect, Which};
use marionette::store::{Inserted, NewJob, Store};
use marionette_conformance::history::{Event, History};
use marionette_sqlite::SqliteStore;

use crate::work::{Way, job, manager};

/// What a child is for.
pub(crate) const ROLE: &str = "MARIONETTE_CRASH_ROLE";
/// The folder of the store and of the history.
pub(crate) const FOLDER: &str = "MARIONETTE_CRASH_FOLDER";
/// The number of the process in the history.
pub(crate) const NUMBER: &str = "MARIONETTE_CRASH_NUMBER";
/// The length of a lease, in milliseconds.
pub(crate) const LEASE: &str = "MARIONETTE_CRASH_LEASE";
/// Whether what is done is pruned at once.
pub(crate) const PRUNES: &str = "MARIONETTE_CRASH_PRUNES";
/// The fail point at which it aborts, and at the how-manieth time.
#[cfg(feature = "failpoints")]
pub(crate) const FAIL_AT: &str = "MARIONETTE_CRASH_FAIL_AT";

fn word(name: &str) -> Option<String> {
    env::var(name).ok()
}

fn number(name: &str) -> Option<u64> {
    word(name)?.parse().ok()
}

/// No test: this is where a child begins. Without a role it is over at once.
#[test]
fn child() {
    let Some(role) = word(ROLE) else { return };
    std::thread::spawn(ends_with_its_parent);
    #[cfg(feature = "failpoints")]
    crate::failpoints::arm();
    let folder = PathBuf::from(word(FOLDER).expect("its parent says where"));
    let process = number(NUMBER).expect("its parent says which");
    let history = History::append_to(&folder.join("history"), process);
    let history = Arc::new(history.expect("the folder is writable"));
    let threads = if role == "blocked" { 1 } else { 2 };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build();
    runtime.expect("a runtime can be made").block_on(async {
        let store = open(&folder).await;
        match role.as_str() {
            "produce" => produce(&store, &history).await,
            "work" | "blocked" => {
                let _tasks = manager(store, &history);
                std::future::pending::<()>().await;
            }
            "everything" => everything(store, &history).await,
            other => panic!("nobody is a {other}"),
        }
    });
}

/// The parent holds the other end of the pipe, and never writes into it.
fn ends_with_its_parent() {
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    std::process::abort();
}

/// Opens the store as every process of these tests does.
pub(crate) async fn open(folder: &std::path::Path) -> SqliteStore {
    let lease = Duration::from_millis(number(LEASE).unwrap_or(15_000));
    let mut options = SqliteStore::options().lease(lease);
    if word(PRUNES).is_some_and(|prunes| prunes == "yes") {
        options = options.keep_done(Duration::ZERO);
    }
    let opened = options.open(folder.join("tasks.db")).await;
    opened.expect("the store can be opened, whatever happened before")
}

/// Inserts a batch, and writes down what is known of it.
pub(crate) async fn insert(store: &SqliteStore, history: &History, jobs: Vec<NewJob>) {
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    for id in &ids {
        history.write(&Event::AcceptBegin(*id));
    }
    let inserted = store.insert(jobs).await.expect("there is room");
    for (id, inserted) in ids.into_iter().zip(inserted) {
        assert_eq!(inserted, Inserted::Accepted);
        history.write(&Event::Accepted(id));
    }
}

/// Several producers, as fast as they can.
async fn produce(store: &SqliteStore, history: &Arc<History>) {
    for batch in [1, 1, 3, 20] {
        let (store, history) = (store.clone(), Arc::clone(history));
        tokio::spawn(async move {
            loop {
                let jobs = (0..batch).map(|_| job(0, Way::Waits)).collect();
                insert(&store, &history, jobs).await;
                // On a fast disk they would accept more than anybody can run in a test.
                tokio::time::sleep(Duration::from_millis(3 + 2 * batch)).await;
            }
        });
    }
    std::future::pending::<()>().await;
}

/// All that a store is asked for, again and again.
async fn everything(store: SqliteStore, history: &Arc<History>) {
    let _tasks = manager(store.clone(), history);
    loop {
        let jobs: Vec<NewJob> = vec![
            job(1, Way::Waits),
            job(0, Way::FailsOnce),
            job(2, Way::Waits),
        ];
        let cancelled = jobs[2].id;
        insert(&store, history, jobs).await;
        let which = Which::Ids(vec![cancelled]);
        // It may be done by now.
        let cancel = store.cancel(which, "nobody wants it".to_owned(), By::new("ada", "test"));
        cancel.await.expect("the store answers");
        store.sweep().await.expect("the store sweeps");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
