//! Connections that are lost come back, and calls that were on their way are answered.

use std::time::Duration;

use marionette::store::{Name, StoreErrorKind};
use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisServer, Reply};
use tokio::task::JoinHandle;

use crate::common::{
    BACK, ask, both, claim, connect, connections, has_connections, heard, insert, is_back, now,
    warning,
};

/// Calls that run while a test does something to the server.
fn calls(store: &RedisStore, count: usize) -> Vec<JoinHandle<()>> {
    let call = |_| {
        let store = store.clone();
        tokio::spawn(async move { both(&store).await.expect("an answer") })
    };
    (0..count).map(call).collect()
}

async fn all(calls: Vec<JoinHandle<()>>) {
    for call in calls {
        call.await.unwrap();
    }
}

#[tokio::test]
async fn both_connections_are_killed_while_calls_run_and_no_call_notices() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    for _ in 0..5 {
        let calls = calls(&store, 20);
        for id in connections(&server) {
            server.command(&["CLIENT", "KILL", "ID", &id]);
        }
        all(calls).await;
    }
    has_connections(&server, 2).await;
    assert_eq!(heard(&server), 1);
}

#[tokio::test]
async fn connections_that_are_killed_while_nobody_calls_come_back_by_themselves() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    let before = has_connections(&server, 2).await;
    for id in &before {
        server.command(&["CLIENT", "KILL", "ID", id]);
    }
    let after = has_connections(&server, 2).await;
    assert!(after.iter().all(|id| !before.contains(id)));
    drop(store);
}

#[tokio::test]
async fn a_record_is_not_replaced_for_somebody_who_left_before_the_server_was_back() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut server) = settings.start() else {
        return;
    };
    let store = connect(&server).await;
    let records = store.records(Name::from_static("imports"));
    assert!(
        records
            .replace("file", None, Some(b"line 1"))
            .await
            .unwrap()
    );
    server.kill();
    let late = records.replace("file", Some(b"line 1"), Some(b"line 2"));
    let late = tokio::time::timeout(Duration::from_millis(300), late).await;
    late.expect_err("nobody can have answered");
    server.restart();
    is_back(&store).await;
    for _ in 0..20 {
        let value = records.get("file").await.unwrap();
        assert_eq!(value.as_deref(), Some(&b"line 1"[..]));
    }
}

#[tokio::test]
async fn a_server_that_was_killed_and_restarted_is_found_again_with_all_jobs() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut server) = settings.start() else {
        return;
    };
    let store = connect(&server).await;
    let id = insert(&store).await.unwrap();
    server.kill();
    let calls = calls(&store, 20);
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.restart();
    is_back(&store).await;
    all(calls).await;
    assert_eq!(claim(&store).await.unwrap(), [id]);
    has_connections(&server, 2).await;
    assert_eq!(heard(&server), 1);
    assert_eq!(warning(&store).await, None);
}

#[tokio::test]
async fn a_call_is_told_that_the_server_is_away() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    server.kill();
    let since = now();
    let error = both(&store).await.unwrap_err();
    assert!(since.elapsed() >= Duration::from_secs(10));
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let text = error.to_string();
    assert!(
        text.contains(&server.url()) && text.contains("refused"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_stands_still_for_6_s_costs_no_call() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    server.stand_still();
    let calls = calls(&store, 20);
    tokio::time::sleep(Duration::from_secs(6)).await;
    server.go_on();
    is_back(&store).await;
    all(calls).await;
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn calls_work_again_soon_after_a_server_stood_still_for_longer_than_they_wait() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    server.stand_still();
    let error = both(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains(&server.url()), "{error}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.go_on();
    is_back(&store).await;
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn a_server_that_was_restarted_empty_gets_a_store_again_and_says_so() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    insert(&store).await.unwrap();
    server.restart_empty();
    is_back(&store).await;
    let id = insert(&store).await.unwrap();
    assert_eq!(claim(&store).await.unwrap(), [id]);
    let warning = warning(&store).await.expect("a warning");
    assert!(warning.contains("has lost the data"), "{warning}");
}

#[tokio::test]
async fn a_server_that_somebody_emptied_gets_a_store_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    insert(&store).await.unwrap();
    server.command(&["FLUSHALL"]);
    insert(&store).await.unwrap();
    server.command(&["FLUSHALL"]);
    assert_eq!(claim(&store).await.unwrap(), []);
    let warning = warning(&store).await.expect("a warning");
    assert!(warning.contains("has lost the data"), "{warning}");
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_is_told_them_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    for _ in 0..10 {
        server.command(&["SCRIPT", "FLUSH"]);
        both(&store).await.unwrap();
    }
    let mut connection = server.connect().unwrap();
    let flush = tokio::task::spawn_blocking(move || {
        for _ in 0..200 {
            connection.command(&["SCRIPT", "FLUSH"]).unwrap();
            std::thread::park_timeout(Duration::from_millis(10));
        }
    });
    let mut jobs = 0;
    while !flush.is_finished() {
        let (inserted, beaten) = tokio::join!(insert(&store), both(&store));
        inserted.unwrap();
        beaten.unwrap();
        jobs += 1;
    }
    flush.await.unwrap();
    assert!(jobs > 0);
    assert_eq!(claim(&store).await.unwrap().len(), jobs.min(100));
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn a_server_that_was_demoted_is_used_again_once_it_is_the_master() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    let other = server.port().to_string();
    // Of itself: it stays a replica, and keeps what it has.
    server.command(&["REPLICAOF", "127.0.0.1", &other]);
    let calls = calls(&store, 5);
    tokio::time::sleep(Duration::from_secs(2)).await;
    server.command(&["REPLICAOF", "NO", "ONE"]);
    is_back(&store).await;
    all(calls).await;
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn a_password_that_was_changed_is_told_without_showing_it_and_may_be_changed_back() {
    let Some(server) = RedisServer::settings().password("hunter2").start() else {
        return;
    };
    let store = connect(&server).await;
    let mut connection = server.connect().unwrap();
    let mut set = |password| {
        let set = connection.command(&["CONFIG", "SET", "requirepass", password]);
        assert_eq!(set.unwrap(), Reply::Status("OK".into()));
        let kill = ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"];
        connection.command(&kill).unwrap();
        // The one that listens is of another type.
        let kill = ["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"];
        connection.command(&kill).unwrap();
    };
    // Connections that live go on.
    let mut rotate = server.connect().unwrap();
    rotate
        .command(&["CONFIG", "SET", "requirepass", "another"])
        .unwrap();
    both(&store).await.unwrap();
    set("another");
    // No call waits for as long as for a server that is away.
    let since = now();
    let error = ask(&store).await.unwrap_err();
    assert!(
        since.elapsed() < Duration::from_secs(8),
        "{:?}",
        since.elapsed()
    );
    let text = error.chain();
    assert!(
        text.contains("refuses the password of the address"),
        "{text}"
    );
    assert!(!format!("{text} {error:?}").contains("hunter2"), "{text}");
    set("hunter2");
    let since = now();
    while let Err(error) = both(&store).await {
        assert!(since.elapsed() < BACK, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn a_full_server_is_connected_to_and_drained() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    let id = insert(&store).await.unwrap();
    server.command(&["CONFIG", "SET", "maxmemory", "1"]);
    for id in connections(&server) {
        server.command(&["CLIENT", "KILL", "ID", &id]);
    }
    let error = insert(&store).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full, "{error}");
    let another = connect(&server).await;
    assert_eq!(claim(&another).await.unwrap(), [id]);
}

#[tokio::test]
async fn a_script_of_somebody_else_that_takes_long_costs_no_call() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    server.command(&["CONFIG", "SET", "busy-reply-threshold", "100"]);
    let mut connection = server.connect().unwrap();
    let busy = tokio::task::spawn_blocking(move || {
        connection
            .command(&["EVAL", "while true do end", "0"])
            .unwrap()
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let calls = calls(&store, 5);
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.command(&["SCRIPT", "KILL"]);
    is_back(&store).await;
    all(calls).await;
    assert!(matches!(busy.await.unwrap(), Reply::Error(_)));
    has_connections(&server, 2).await;
}
