//! Jobs inside the caller's own transaction.

mod common;

use common::{Place, claim, job, known_worker};
use marionette::store::{Inserted, NewJob};
use marionette_sqlite::SqliteStore;
use marionette_sqlite::rusqlite::{Connection, Transaction, TransactionBehavior};

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

fn order(store: &SqliteStore, transaction: &Transaction<'_>, jobs: Vec<NewJob>) -> Vec<Inserted> {
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
    let worker = known_worker(&store).await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    order(&store, &transaction, vec![job()]);
    transaction.rollback().expect("it can be rolled back");
    assert!(claim(&store, &worker, 9).await.is_empty());
    assert_eq!(orders(&shop), 0);
    let transaction = begin(&mut shop);
    let new = job();
    let twice = vec![new.clone(), new.clone()];
    assert_eq!(order(&store, &transaction, twice), [Inserted::Accepted; 2]);
    transaction.commit().expect("it can be committed");
    store.wake();
    let claimed = claim(&store, &worker, 9).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].lease.job, new.id);
    assert_eq!(orders(&shop), 1);
}

#[tokio::test]
async fn a_lane_that_was_rolled_back_is_made_anew() {
    let place = Place::new();
    let store = place.open().await;
    let worker = known_worker(&store).await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    order(&store, &transaction, vec![job()]);
    transaction.rollback().expect("it can be rolled back");
    common::insert(&store, job()).await;
    assert_eq!(claim(&store, &worker, 9).await.len(), 1);
}

#[tokio::test]
async fn a_full_queue_is_full_there_too() {
    let place = Place::new();
    let store = place.open().await;
    let mut shop = shop(&place);
    let transaction = begin(&mut shop);
    let limited = || NewJob {
        queue_limit: Some(2),
        ..job()
    };
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
    assert!(err.expect_err("the job would be elsewhere").is_refused());
}
