//! What bytes survive: P1 of the test plan, without the codec.

use marionette::store::{
    ERROR_BYTES_MAX, Ended, Next, PAYLOAD_BYTES_MAX, PastOutcome, Settlement, StoreErrorKind,
};

use crate::bed::{Bed, failure, ids, job};
use crate::case::{Case, claims};

pub(crate) fn cases() -> Vec<Case> {
    claims![
        a_payload_comes_back_byte_for_byte,
        a_payload_of_one_byte_too_many_is_refused,
        a_result_comes_back_byte_for_byte,
        a_result_of_one_byte_too_many_is_refused_and_nothing_is_written,
        the_text_of_an_error_survives,
        an_odd_text_in_the_options_survives,
    ]
}

fn table() -> Vec<(&'static str, Vec<u8>)> {
    let depth = 1_000;
    vec![
        ("empty", Vec::new()),
        ("a NUL", b"\0".to_vec()),
        ("NULs in JSON", b"\"a\0b\\u0000c\"".to_vec()),
        ("invalid UTF-8", vec![0xff, 0xfe, 0xc3, 0x28]),
        ("a lone surrogate", b"\"\\ud800\" \xed\xa0\x80".to_vec()),
        ("2^53 + 1", b"9007199254740993".to_vec()),
        ("u64::MAX", u64::MAX.to_string().into_bytes()),
        ("not a number", b"NaN".to_vec()),
        (
            "depth 1,000",
            ["[".repeat(depth), "]".repeat(depth)].concat().into_bytes(),
        ),
        (
            "keys out of order, twice",
            b"{\"b\":1,\"a\":2,\"b\":3}".to_vec(),
        ),
        ("quotes", b"'; DROP TABLE jobs; --\"\\".to_vec()),
        ("every byte", (0..=255).collect()),
        ("1 MiB", vec![0x80; PAYLOAD_BYTES_MAX]),
    ]
}

async fn a_payload_comes_back_byte_for_byte(bed: Bed) {
    for (what, payload) in table() {
        let new = job().payload(payload.clone());
        let id = bed.insert_one(new).await;
        let claimed = bed.claim_one(id).await;
        assert!(claimed.payload == payload, "{what}, as claimed");
        assert!(bed.details(id).await.payload == payload, "{what}, as shown");
    }
}

async fn a_payload_of_one_byte_too_many_is_refused(bed: Bed) {
    let big = job().payload(vec![b'x'; PAYLOAD_BYTES_MAX + 1]);
    let error = bed
        .store
        .insert(vec![job(), big])
        .await
        .expect_err("it is too big");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error:?}");
    assert_eq!(bed.all().await, []);
}

async fn a_result_comes_back_byte_for_byte(bed: Bed) {
    for (what, result) in table() {
        let claimed = bed.claimed().await;
        bed.settle(claimed.lease, Next::Done(result.clone())).await;
        let id = claimed.lease.job;
        let ended = bed.store.ended(vec![id]).await.expect("an answer");
        assert!(ended == [Ended::Done(result.clone())], "{what}, as awaited");
        assert!(
            bed.details(id).await.result == Some(result),
            "{what}, as shown"
        );
    }
}

async fn a_result_of_one_byte_too_many_is_refused_and_nothing_is_written(bed: Bed) {
    let one = bed.claimed().await;
    let other = bed.claimed().await;
    let done = |lease, result| Settlement::new(lease, Next::Done(result));
    let big = vec![b'x'; PAYLOAD_BYTES_MAX + 1];
    let both = vec![done(one.lease, Vec::new()), done(other.lease, big)];
    let error = bed.store.settle(both).await.expect_err("it is too big");
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error:?}");
    let ids = ids(&[one, other]);
    let ended = bed.store.ended(ids).await.expect("an answer");
    assert_eq!(ended, [Ended::NotYet, Ended::NotYet]);
}

async fn the_text_of_an_error_survives(bed: Bed) {
    let texts = [
        String::new(),
        "é".repeat(ERROR_BYTES_MAX / 2),
        "first\nsecond\r\n\u{1b}[31m\u{202e}\u{fffd}🦀".to_owned(),
        "'\"\\%s{}$1".to_owned(),
    ];
    for text in texts {
        let claimed = bed.claimed().await;
        let id = claimed.lease.job;
        bed.settle_attempt(claimed.lease, failure(&text), Next::Bury)
            .await;
        assert_eq!(bed.details(id).await.attempts[0].error, Some(text));
    }
    // Some stores cannot keep a NUL in a text. It must not keep them from writing the rest.
    let claimed = bed.claimed().await;
    let id = claimed.lease.job;
    let mut attempt = failure("before\0after");
    attempt.outcome = PastOutcome::Panicked;
    bed.settle_attempt(claimed.lease, attempt, Next::Bury).await;
    let error = bed
        .details(id)
        .await
        .attempts
        .remove(0)
        .error
        .expect("it had one");
    assert!(
        error.starts_with("before") && error.ends_with("after"),
        "{error:?}"
    );
}

async fn an_odd_text_in_the_options_survives(bed: Bed) {
    let mut new = job();
    new.options.name = Some("a\0b'\"\\🦀".to_owned());
    new.options.error = Some("\0".to_owned());
    let options = new.options.clone();
    let id = bed.insert_one(new).await;
    assert_eq!(bed.claim_one(id).await.options, options);
    assert_eq!(bed.details(id).await.options, options);
}
