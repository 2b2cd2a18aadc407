//! Payloads and results come back as they were, or are refused; the file shows them as texts.

mod common;

use common::{Place, claim, done, insert, job, known_instance, settle};
use marionette::inspect::Inspect;
use marionette::store::{Ended, Next, PAYLOAD_BYTES_MAX, Settled, Store, StoreErrorKind};
use marionette_sqlite::rusqlite::Connection;

fn payloads() -> Vec<Vec<u8>> {
    vec![
        Vec::new(),
        b"null".to_vec(),
        b"\0".to_vec(),
        b"{\"text\":\"a\\u0000b\0c\"}".to_vec(),
        b"\"\\ud800\"".to_vec(),
        vec![0xff, 0xfe, 0x00, 0x80],
        b"9007199254740993".to_vec(),
        b"18446744073709551615".to_vec(),
        b"-9223372036854775809".to_vec(),
        b"1e400".to_vec(),
        "\u{1f600} <img onerror=alert(1)> '; DROP TABLE marionette_job; --".into(),
        [b"[".repeat(1_000), b"]".repeat(1_000)].concat(),
        vec![b'x'; PAYLOAD_BYTES_MAX],
        vec![0xff; PAYLOAD_BYTES_MAX],
    ]
}

#[tokio::test]
async fn every_payload_and_every_result_comes_back() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    for payload in payloads() {
        let new = job().payload(payload.clone());
        let id = insert(&store, new).await;
        let claimed = claim(&store, &instance, 1).await.remove(0);
        assert!(claimed.payload == payload, "{} bytes", payload.len());
        let mut settlement = done(claimed.lease);
        settlement.next = Next::Done(payload.clone());
        assert_eq!(settle(&store, settlement).await, Settled::Applied);
        let details = store.job(id).await.expect("an answer").expect("it is kept");
        assert!(details.payload == payload);
        assert!(details.result.as_ref() == Some(&payload));
        let ended = store.ended(vec![id]).await.expect("an answer");
        assert!(ended == [Ended::Done(payload)]);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_harms_nothing() {
    let place = Place::new();
    let store = place.open().await;
    let instance = known_instance(&store).await;
    let large = vec![b'x'; PAYLOAD_BYTES_MAX + 1];
    let new = job().payload(large.clone());
    let refused = store.insert(vec![job(), new]).await;
    assert_eq!(
        refused.expect_err("it is too large").kind(),
        StoreErrorKind::Refused
    );
    assert!(claim(&store, &instance, 9).await.is_empty(), "all or none");
    insert(&store, job()).await;
    let claimed = claim(&store, &instance, 9).await.remove(0);
    let mut settlement = done(claimed.lease);
    settlement.next = Next::Done(large);
    let refused = store.settle(vec![settlement]).await;
    assert_eq!(
        refused.expect_err("it is too large").kind(),
        StoreErrorKind::Refused
    );
    assert_eq!(settle(&store, done(claimed.lease)).await, Settled::Applied);
}

#[tokio::test]
async fn a_payload_that_is_a_text_can_be_read_with_any_tool() {
    let place = Place::new();
    let store = place.open().await;
    insert(&store, job()).await;
    let connection = Connection::open(place.path()).expect("it is a database");
    let to = connection.query_row(
        "SELECT payload ->> 'to', typeof(payload) FROM marionette_job",
        [],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    );
    assert_eq!(
        to.expect("an answer"),
        ("ada".to_owned(), "text".to_owned())
    );
}
