//! The warnings in the log about a store that needs attention, each given once.

mod common;

use std::fmt;
use std::fs::OpenOptions;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Place, insert, job, name};
use marionette::store::Store;
use marionette::{Context, Job, TaskError, TaskManager};
use marionette_sqlite::SqliteStore;
use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as Layers, SubscriberExt};

/// The messages of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl Warnings {
    /// How many of them have these words.
    fn with(&self, words: &str) -> usize {
        let told = self.0.lock().expect("nobody panics");
        told.iter().filter(|text| text.contains(words)).count()
    }
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Layers<'_, S>) {
        if *event.metadata().level() <= Level::WARN {
            event.record(&mut Message(&self.0));
        }
    }
}

struct Message<'a>(&'a Mutex<Vec<String>>);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            let mut told = self.0.lock().expect("nobody panics");
            told.push(format!("{value:?}"));
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Report;

impl Job for Report {
    const KIND: &'static str = "report";
    type Output = ();
}

async fn report(_: Report, _: Context) -> Result<(), TaskError> {
    Ok(())
}

fn manager(store: &SqliteStore) -> TaskManager<SqliteStore> {
    let builder = TaskManager::builder().store(store.clone()).handle(report);
    builder.build().expect("it is sound")
}

async fn soon(is_so: impl Fn() -> bool) {
    let looks = async {
        while !is_so() {
            pause(20).await;
        }
    };
    let looks = tokio::time::timeout(Duration::from_secs(20), looks);
    looks.await.expect("it comes to be so");
}

#[allow(clippy::disallowed_methods)] // The threads of the store live in real time.
async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

async fn opened(place: &Place) -> SqliteStore {
    let options = SqliteStore::options().lease(Duration::from_millis(300));
    let options = options.sweep(Duration::from_millis(30));
    options.open(place.path()).await.expect("it can be opened")
}

#[tokio::test]
async fn jobs_that_nobody_here_has_a_handler_for_are_told_of_once_for_each_kind() {
    let place = Place::new();
    let store = opened(&place).await;
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _listening = tracing::subscriber::set_default(subscriber);
    for _ in 0..3 {
        insert(&store, job()).await;
    }
    let gone = job().kind(name("gone"));
    insert(&store, gone).await;
    let tasks = manager(&store);
    tasks.start();
    let done = tasks.queue(Report).await.expect("it is stored");
    done.await.expect("it runs");
    assert_eq!(warnings.with("no handler"), 0, "they have not waited yet");
    soon(|| warnings.with("no handler") == 2).await;
    pause(2000).await;
    assert_eq!(
        warnings.with("jobs of the kind `mail` wait in the queue `default`"),
        1
    );
    assert_eq!(warnings.with("`gone`"), 1);
    assert_eq!(warnings.with("`report`"), 0);
    tasks.stop().await;
}

#[tokio::test]
async fn a_log_that_is_larger_than_its_file_and_than_256_mib_is_told_of_once() {
    const MIB: u64 = 1024 * 1024;
    let place = Place::new();
    let store = opened(&place).await;
    let warnings = Warnings::default();
    let subscriber = tracing_subscriber::registry().with(warnings.clone());
    let _listening = tracing::subscriber::set_default(subscriber);
    insert(&store, job()).await;
    let log = OpenOptions::new()
        .write(true)
        .open(place.path().with_extension("db-wal"));
    let log = log.expect("it is there");
    // A hole takes no room; to the store it is a log that has not been written so far.
    log.set_len(256 * MIB).expect("a file may be as large");
    let swept = store.sweep().await.expect("it answers");
    assert_eq!(swept.warning, None);
    log.set_len(300 * MIB).expect("a file may be as large");
    let tasks = manager(&store);
    tasks.start();
    soon(|| warnings.with("write-ahead log") > 0).await;
    pause(500).await;
    assert_eq!(warnings.with("has 300 MiB, and the database has 0"), 1);
    tasks.stop().await;
}
