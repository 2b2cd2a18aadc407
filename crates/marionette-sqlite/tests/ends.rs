//! How a job ended is a word in its row, and no text in the file is longer than the limit.

mod common;

use common::{Place, by, claim, done, failed, insert, job, known_instance, settle};
use marionette::TaskId;
use marionette::inspect::{Inspect, Which};
use marionette::store::{ERROR_BYTES_MAX, EndKind, Next, Settlement};
use marionette_sqlite::rusqlite::Connection;

fn connect(place: &Place) -> Connection {
    Connection::open(place.path()).expect("it is a database")
}

/// The word for the end of a job in its row.
fn word(place: &Place, id: TaskId) -> Option<String> {
    let query = "SELECT end_kind FROM marionette_job WHERE id = ?1";
    let word = connect(place).query_row(query, [&id.uuid().as_bytes()[..]], |row| row.get(0));
    word.expect("the job is there")
}

#[tokio::test]
async fn each_end_has_its_word_in_the_file() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let cancel = |kind| Next::Cancel {
        reason: "no need".to_owned(),
        kind,
    };
    for (next, expected) in [
        (Next::Bury, "failed"),
        (cancel(EndKind::Cancelled), "cancelled"),
        (cancel(EndKind::Expired), "expired"),
        (cancel(EndKind::GivenUp), "given_up"),
    ] {
        let id = insert(&store, job()).await;
        let lease = claim(&store, &instance, 1).await.remove(0).lease;
        settle(&store, Settlement::new(lease, next)).await;
        assert_eq!(word(&place, id).as_deref(), Some(expected));
    }

    let id = insert(&store, job()).await;
    let cancelled = store.cancel(Which::from(id), "no need".into(), by()).await;
    assert_eq!(cancelled.expect("a change"), 1);
    assert_eq!(word(&place, id).as_deref(), Some("cancelled"), "a person");
    let retried = store.retry(Which::from(id), by()).await;
    assert_eq!(retried.expect("a change"), 1);
    assert_eq!(word(&place, id), None, "it begins anew");
    let lease = claim(&store, &instance, 1).await.remove(0).lease;
    settle(&store, done(lease)).await;
    assert_eq!(word(&place, id), None, "it is done");

    let id = insert(&store, job()).await;
    let spoil = "UPDATE marionette_job SET options = 'no JSON' WHERE id = ?1";
    let spoilt = connect(&place).execute(spoil, [&id.uuid().as_bytes()[..]]);
    assert_eq!(spoilt, Ok(1));
    assert!(claim(&store, &instance, 1).await.is_empty());
    assert_eq!(word(&place, id).as_deref(), Some("quarantined"));
}

#[tokio::test]
async fn no_text_in_the_file_is_longer_than_the_limit() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let long = "é".repeat(ERROR_BYTES_MAX);
    insert(&store, job()).await;
    let lease = claim(&store, &instance, 1).await.remove(0).lease;
    let cancel = Next::Cancel {
        reason: long.clone(),
        kind: EndKind::Cancelled,
    };
    settle(&store, failed(lease, &long, cancel)).await;
    let running = insert(&store, job()).await;
    assert_eq!(claim(&store, &instance, 1).await.len(), 1);
    let waiting = insert(&store, job()).await;
    let both = Which::Ids(vec![running, waiting]);
    let cancelled = store.cancel(both, long, by()).await;
    assert_eq!(cancelled.expect("a change"), 2);
    for (table, column, texts) in [
        ("job", "reason", 2),
        ("job", "cancel", 1),
        ("attempt", "error", 1),
        ("activity", "reason", 1),
    ] {
        let query = format!(
            "SELECT count({column}), max(length(CAST({column} AS BLOB))) FROM marionette_{table}"
        );
        let told = connect(&place).query_row(&query, [], |row| Ok((row.get(0)?, row.get(1)?)));
        let (count, bytes): (i64, i64) = told.expect("an answer");
        assert_eq!(count, texts, "{table} {column}");
        let bytes = usize::try_from(bytes).expect("it is a length");
        assert!(
            (8_000..=ERROR_BYTES_MAX).contains(&bytes),
            "{table} {column}: {bytes}"
        );
    }
}
