//! Jobs inside the caller's own transaction.

mod common;

use common::{Place, claim, job, known_instance};
use marionette::store::{Inserted, NewJob, PAYLOAD_BYTES_MAX, StoreError, StoreErrorKind};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

fn shop(place: &Place) -> Connection {
    let connection = Connection::open(place.path()).expect("it is a database");
    connection
        .execute_batch("CREATE TABLE IF NOT EXISTS orders (item TEXT)")
        .expect("it can be written");
    connection
}

fn begin(connection: &mut Connection) -> Transaction<'_> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = connection.transaction_with_behavior(behavior);
    transaction.expect("nobody else writes for long")
}

fn orders(connection: &Connection) -> i64 {
    let count = connection.query_row("SELECT count(*) FROM orders", [], |row| row.get(0));
    count.expect("an answer")
}

fn order(store: &SqliteStore, transaction: &Connection, jobs: Vec<NewJob>) -> Vec<Inserted> {
    let item = "INSERT INTO orders (item) VALUES ('tea')";
    transaction.execute(item, []).expect("it can be written");
    store
        .insert_in(transaction, jobs)
        .expect("they are accepted")
}

#[tokio::test]
async fn a_job_is_there_if_and_only_if_the_transaction_is_committed() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    order(&store, &transaction, vec![job()]);
    transaction.rollback().expect("it can be rolled back");
    assert!(claim(&store, &instance, 9).await.is_empty());
    assert_eq!(orders(&shop), 0);
    let transaction = begin(&mut shop);
    let new = job();
    let twice = vec![new.clone(), new.clone()];
    let inserted = order(&store, &transaction, twice);
    assert_eq!(inserted, [Inserted::Accepted, Inserted::Known]);
    transaction.commit().expect("it can be committed");
    store.wake();
    let claimed = claim(&store, &instance, 9).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease.job, new.id);
    assert_eq!(orders(&shop), 1);
}

#[tokio::test]
async fn a_lane_that_was_rolled_back_is_made_anew() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    order(&store, &transaction, vec![job()]);
    transaction.rollback().expect("it can be rolled back");
    common::insert(&store, job()).await;
    assert_eq!(claim(&store, &instance, 9).await.len(), 1);
}

#[tokio::test]
async fn a_full_queue_is_full_there_too() {
    let place = Place::new();
    let store = place.open().await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    let limited = || job().queue_limit(2);
    let jobs = vec![limited(), limited(), limited()];
    let inserted = order(&store, &transaction, jobs);
    assert_eq!(
        inserted,
        [Inserted::Accepted, Inserted::Accepted, Inserted::Full]
    );
}

#[tokio::test]
async fn a_transaction_in_another_file_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    let store = place.open().await;
    let mut shop = shop(&other);
    let transaction = begin(&mut shop);
    let err = store.insert_in(&transaction, vec![job()]);
    assert_eq!(
        err.expect_err("the job would be elsewhere").kind(),
        StoreErrorKind::Refused
    );
}

#[tokio::test]
async fn whatever_is_in_a_transaction_will_do() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let mut shop = shop(&place);

    shop.execute_batch("BEGIN IMMEDIATE")
        .expect("nobody else writes");
    let mut ids = vec![job(), job()];
    store.insert_in(&shop, &ids).expect("a slice will do");
    shop.execute_batch("COMMIT").expect("it can be committed");

    let mut transaction = begin(&mut shop);
    let dropped = transaction.savepoint().expect("it is in a transaction");
    store
        .insert_in(&dropped, [job()])
        .expect("a savepoint will do");
    drop(dropped);
    let kept = transaction.savepoint().expect("it is in a transaction");
    ids.push(job());
    store
        .insert_in(&kept, ids[2..].iter())
        .expect("an iterator will do");
    kept.commit().expect("it can be released");
    transaction.commit().expect("it can be committed");

    let dropped = begin(&mut shop);
    store.insert_in(&dropped, [job()]).expect("it is accepted");
    drop(dropped);

    let claimed = claim(&store, &instance, 9).await;
    let claimed: Vec<_> = claimed.iter().map(|claimed| claimed.lease.job).collect();
    assert_eq!(claimed, ids.iter().map(|job| job.id).collect::<Vec<_>>());
}

/// The error of an insertion, which has to say this.
fn refused(
    store: &SqliteStore,
    connection: &Connection,
    jobs: &[NewJob],
    what: &str,
) -> StoreError {
    let err = store.insert_in(connection, jobs);
    let err = err.expect_err("it cannot be accepted");
    assert!(err.to_string().contains(what), "{err}");
    err
}

#[tokio::test]
async fn a_connection_that_is_in_no_transaction_or_may_only_read_is_refused() {
    let place = Place::new();
    let store = place.open().await;
    let idle = shop(&place);
    let idle = refused(&store, &idle, &[job()], "BEGIN IMMEDIATE");
    assert_eq!(idle.kind(), StoreErrorKind::Refused);

    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let reader = Connection::open_with_flags(place.path(), flags).expect("it is a database");
    reader.execute_batch("BEGIN").expect("it can read");
    let reads = refused(&store, &reader, &[job()], "may only read");
    assert_eq!(reads.kind(), StoreErrorKind::Refused);

    let memory = Connection::open_in_memory().expect("there is room");
    memory.execute_batch("BEGIN").expect("it is new");
    let elsewhere = refused(&store, &memory, &[job()], "the store is in");
    assert_eq!(elsewhere.kind(), StoreErrorKind::Refused);
}

#[tokio::test]
async fn a_transaction_that_was_overtaken_says_how_to_begin_it() {
    let place = Place::new();
    let store = place.open().await;
    let late = shop(&place);
    late.execute_batch("BEGIN").expect("it can begin");
    assert_eq!(orders(&late), 0);
    common::insert(&store, job()).await;
    assert!(refused(&store, &late, &[job()], "BEGIN IMMEDIATE").is_unavailable());
    late.execute_batch("ROLLBACK; BEGIN").expect("it can begin");
    store.insert_in(&late, [job()]).expect("nobody was faster");
}

#[tokio::test]
async fn what_is_refused_leaves_nothing_in_the_transaction() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    let bad = job().payload(vec![b' '; PAYLOAD_BYTES_MAX + 1]);
    refused(&store, &transaction, &[job(), bad], "its payload has");
    let other = job().payload(b"[]".to_vec());
    let taken = other.clone().payload(Vec::new());
    let inserted = order(&store, &transaction, vec![other.clone(), taken]);
    assert_eq!(inserted, [Inserted::Accepted, Inserted::Taken]);
    transaction.commit().expect("it can be committed");
    let claimed = claim(&store, &instance, 9).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].payload, other.payload);
}
