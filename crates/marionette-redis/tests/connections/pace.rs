//! How soon a connection that is lost is made again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use marionette_redis::RedisStore;
use marionette_servers::{Act, Border, Passing, Proxy, RedisServer};

use crate::common::{ask, now};

/// Whether this is what [`ask`] sends.
fn is_question(passing: &Passing) -> bool {
    let script = passing.script.as_deref();
    script.is_some_and(|script| script.starts_with("Says how jobs have ended"))
}

#[tokio::test]
async fn a_server_that_answers_is_connected_to_again_soon_however_often_that_is_needed() {
    const CALLS: usize = 40;
    let Some(server) = RedisServer::start() else {
        return;
    };
    // Each call is lost once, and answered on the next connection.
    let cuts = Arc::new(AtomicBool::new(false));
    let proxy = Proxy::new(&server, move |passing| {
        let is_sent = is_question(passing) && passing.border == Border::Sent;
        if is_sent && !cuts.fetch_xor(true, Ordering::SeqCst) {
            return Act::Cut;
        }
        Act::Pass
    });
    let store = RedisStore::connect(proxy.url()).await.expect("a store");
    let (before, since) = (proxy.accepted(), now());
    for _ in 0..CALLS {
        ask(&store).await.expect("an answer");
    }
    assert_eq!(proxy.accepted() - before, CALLS);
    // At most 100 ms for each. With pauses that grow to 2 s it takes twice as long as this.
    let took = since.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test]
async fn a_server_that_answers_no_call_is_connected_to_less_and_less_often() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    for border in [Border::Sent, Border::Answered] {
        let proxy = Proxy::new(&server, move |passing| {
            if is_question(passing) && passing.border == border {
                return Act::Cut;
            }
            Act::Pass
        });
        let store = RedisStore::connect(proxy.url()).await.expect("a store");
        let before = proxy.accepted();
        let asked = tokio::time::timeout(Duration::from_secs(4), ask(&store)).await;
        asked.expect_err("it has no answer");
        let made = proxy.accepted() - before;
        assert!((2..30).contains(&made), "{made} connections within 4 s");
    }
}
