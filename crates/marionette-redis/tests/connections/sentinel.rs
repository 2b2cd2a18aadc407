//! A master that is found through sentinels, and found again when it is another.

use std::time::Duration;

use marionette::store::StoreErrorKind;
use marionette_redis::RedisStore;
use marionette_servers::{RedisSentinel, RedisServer, Reply};

use crate::common::{
    answered_or_late, both, claim, has_connections, heard, insert, is_back, now, refusal,
};
use crate::peer::{Act, Peer, free_port};

/// After how long a server that does not answer is down.
const DOWN: Duration = Duration::from_millis(500);

/// The address of its master, with a sentinel before it that is gone: the next one is asked.
fn url(sentinel: &RedisSentinel) -> String {
    let port = free_port();
    let gone = format!("//127.0.0.1:{port},");
    sentinel.url().replacen("//", &gone, 1)
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let since = now();
    while !is() {
        assert!(
            since.elapsed() < Duration::from_secs(60),
            "not in a minute: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn copies(master: &RedisServer, replica: &RedisServer) {
    until("the replica has what the master has", || {
        let offset = |server: &RedisServer| match server.command(&["ROLE"]) {
            Reply::Array(role) => role.iter().rev().find_map(|word| match word {
                Reply::Int(offset) => Some(*offset),
                _ => None,
            }),
            _ => None,
        };
        offset(master) == offset(replica)
    })
    .await;
}

#[tokio::test]
async fn another_master_is_found_after_a_failover_with_all_jobs() {
    let Some(mut master) = RedisServer::start() else {
        return;
    };
    let Some(replica) = RedisServer::settings().replica_of(&master).start() else {
        return;
    };
    let sentinel = RedisSentinel::start(&master, DOWN);
    until("the sentinel knows the replica", || {
        sentinel.knows_a_replica()
    })
    .await;
    let store = RedisStore::connect(url(&sentinel)).await.unwrap();
    let id = insert(&store).await.unwrap();
    has_connections(&master, 2).await;
    copies(&master, &replica).await;

    master.kill();
    let call = tokio::spawn({
        let store = store.clone();
        async move { both(&store).await }
    });
    until("the sentinel names the replica", || {
        sentinel.master() == Some(replica.port())
    })
    .await;
    is_back(&store).await;
    answered_or_late(call.await.unwrap());
    assert_eq!(claim(&store).await.unwrap(), [id]);
    has_connections(&replica, 2).await;
    assert_eq!(heard(&replica), 1);
}

/// What a sentinel answers if this server is the master.
fn naming(server: &RedisServer) -> impl Fn(&str) -> Act + use<> {
    let port = server.port().to_string();
    let answer = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
    let answer: &str = answer.leak();
    move |_| Act::Say(answer)
}

#[tokio::test]
async fn a_master_that_no_longer_is_one_for_its_sentinels_is_left_though_it_still_says_so() {
    let Some(first) = RedisServer::start() else {
        return;
    };
    let Some(second) = RedisServer::start() else {
        return;
    };
    let sentinel = Peer::new(first.port(), naming(&first));
    let url = sentinel.url().replace("redis:", "redis+sentinel:") + "/main";
    let store = RedisStore::connect(url).await.unwrap();
    has_connections(&first, 2).await;
    sentinel.now(naming(&second));
    // Nobody calls anything.
    has_connections(&first, 0).await;
    has_connections(&second, 2).await;
    both(&store).await.unwrap();
}

#[tokio::test]
async fn a_master_that_no_sentinel_knows_is_named() {
    let Some(master) = RedisServer::start() else {
        return;
    };
    let sentinel = RedisSentinel::start(&master, DOWN);
    until("the sentinel answers", || sentinel.master().is_some()).await;
    let other = url(&sentinel).replace("/main", "/other");
    let error = refusal(&other).await;
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    assert!(
        error.to_string().contains("knows no master other"),
        "{error}"
    );
    let url = format!("redis://127.0.0.1:{}", sentinel.port());
    let error = refusal(&url).await;
    assert!(error.to_string().contains("is a sentinel"), "{error}");
}
