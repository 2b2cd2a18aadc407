//! The changes that people made are kept for a while, up to a number of them.

mod common;

use std::time::Duration;

use common::{Place, by, insert, job, name};
use marionette::inspect::{ActivityFilter, ActivityKind, Inspect, Which};
use marionette::store::Store;
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::Connection;

fn count(place: &Place, table: &str) -> i64 {
    let connection = Connection::open(place.path()).expect("it is a database");
    let query = format!("SELECT count(*) FROM {table}");
    let count = connection.query_row(&query, [], |row| row.get(0));
    count.expect("the table is there")
}

#[tokio::test]
async fn activities_are_forgotten_with_the_failed_jobs_of_their_time() {
    let place = Place::new();
    let store = place.open().await;
    let id = insert(&store, job()).await;
    let cancelled = store.cancel(Which::from(id), "no need".into(), by()).await;
    assert_eq!(cancelled.expect("a change"), 1);
    store.sweep().await.expect("a sweep");
    assert_eq!(count(&place, "marionette_activity"), 1);
    assert_eq!(count(&place, "marionette_changed"), 1);
    // A store that keeps them for less time is opened, so that no slow machine is late.
    let options = SqliteStore::options().keep_failed(Duration::from_millis(10));
    let store = options.open(place.path()).await.expect("there is room");
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.sweep().await.expect("a sweep");
    assert_eq!(count(&place, "marionette_activity"), 0);
    assert_eq!(count(&place, "marionette_changed"), 0);
}

#[tokio::test]
async fn of_many_activities_the_latest_are_kept() {
    let place = Place::new();
    let store = place.open().await;
    let connection = Connection::open(place.path()).expect("it is a database");
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10005)
        INSERT INTO marionette_activity (kind, at, by_name, by_via, jobs)
        SELECT 'deleted', 9000000000000000, 'ada', 'test', 1 FROM n";
    connection.execute_batch(many).expect("it can be written");
    store.pause_queue(name("x"), by()).await.expect("a change");
    assert_eq!(count(&place, "marionette_activity"), 10_000);
    let latest = store.activity(ActivityFilter::new().limit(1)).await;
    assert_eq!(latest.expect("an answer")[0].kind, ActivityKind::Paused);
}

#[tokio::test]
async fn of_many_changed_jobs_the_latest_are_known() {
    let place = Place::new();
    let store = place.open().await;
    let connection = Connection::open(place.path()).expect("it is a database");
    let many = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
        INSERT INTO marionette_activity (kind, at, by_name, by_via, jobs)
        SELECT 'deleted', 9000000000000000, 'ada', 'test', 300 FROM n;
        WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100300)
        INSERT INTO marionette_changed (job, activity)
        SELECT CAST(printf('%016d', i) AS BLOB), 1 + i / 300 FROM n";
    connection.execute_batch(many).expect("it can be written");
    store.pause_queue(name("x"), by()).await.expect("a change");
    let changed = count(&place, "marionette_changed");
    assert!((99_000..=100_000).contains(&changed), "{changed}");
    let kept = count(&place, "marionette_activity");
    assert!((390..=400).contains(&kept), "{kept}");
}

#[tokio::test]
async fn an_activity_of_a_kind_of_a_later_version_is_left_out() {
    let place = Place::new();
    let store = place.open().await;
    let pause = async |queue: &str| {
        let paused = store.pause_queue(name(queue), by()).await;
        paused.expect("a change");
    };
    pause("x").await;
    let connection = Connection::open(place.path()).expect("it is a database");
    let later = "INSERT INTO marionette_activity (kind, at, by_name, by_via, jobs)
        VALUES ('merged', 1, 'ada', 'test', 1)";
    connection.execute_batch(later).expect("it can be written");
    pause("y").await;
    let activities = store.activity(ActivityFilter::new()).await;
    let queues: Vec<_> = activities
        .expect("an answer")
        .into_iter()
        .map(|activity| (activity.kind, activity.queue))
        .collect();
    let paused = |queue: &str| (ActivityKind::Paused, Some(name(queue)));
    assert_eq!(queues, [paused("y"), paused("x")]);
}
