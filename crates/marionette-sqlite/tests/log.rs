//! The write-ahead log does not stay as large as it once was.

mod common;

use std::fs;
use std::time::Duration;

use common::{Place, insert, job, known_instance};
use marionette::store::Store;
use marionette_sqlite::rusqlite::Connection;

const MIB: u64 = 1024 * 1024;

/// How long the log is.
fn length(place: &Place) -> u64 {
    let log = fs::metadata(place.path().with_extension("db-wal"));
    log.expect("it is there").len()
}

#[tokio::test]
#[allow(clippy::disallowed_methods)] // The thread that writes lives in real time.
async fn a_log_that_grew_beside_a_long_reader_shrinks_when_all_is_quiet() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    insert(&store, job()).await;
    let reader = Connection::open(place.path()).expect("it is a database");
    reader.execute_batch("BEGIN").expect("it can read");
    let read = "SELECT count(*) FROM marionette_job";
    let count = reader.query_row(read, [], |row| row.get::<_, i64>(0));
    assert_eq!(count.expect("it answers"), 1);
    for _ in 0..40 {
        let large = job().payload(vec![b'x'; 512 * 1024]);
        insert(&store, large).await;
    }
    assert!(
        length(&place) > 20 * MIB,
        "{}: a reader needs it",
        length(&place)
    );
    reader.execute_batch("COMMIT").expect("it has read");
    // All that is left are signs of life, as an idle instance gives them.
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        store
            .renew(instance.clone(), vec![])
            .await
            .expect("it lives");
        if length(&place) <= 8 * MIB {
            return;
        }
    }
    panic!("{} bytes are left after five seconds", length(&place));
}
