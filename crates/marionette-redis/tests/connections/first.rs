//! What is wrong with a server is told when a store is connected.

use marionette::store::StoreErrorKind;
use marionette_redis::RedisStore;
use marionette_servers::{RedisServer, Reply};

use crate::common::{both, claim, connect, has_connections, heard, insert, refusal, warning};
use crate::peer::{Act, Peer};

/// The text of a refusal.
async fn refused(url: &str) -> String {
    let error = refusal(url).await;
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    error.to_string()
}

#[tokio::test]
async fn a_process_has_two_connections_and_one_channel() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    has_connections(&server, 2).await;
    let again = connect(&server).await;
    both(&again).await.unwrap();
    has_connections(&server, 4).await;
    assert_eq!(heard(&server), 2);
    drop(again);
    has_connections(&server, 2).await;
    assert_eq!(heard(&server), 1);
}

#[tokio::test]
async fn an_address_that_nobody_listens_on_is_named() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    server.kill();
    let error = refusal(&server.url()).await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let text = error.chain();
    assert!(text.contains(&server.url()), "{text}");
    assert!(text.contains("refused"), "{text}");
    let error = refusal("redis://no-such-host.invalid").await;
    let text = error.chain();
    assert!(text.contains("redis://no-such-host.invalid:6379"), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_told_and_not_shown() {
    let Some(server) = RedisServer::settings().password("hunter2").start() else {
        return;
    };
    both(&connect(&server).await).await.unwrap();
    let bare = format!("redis://127.0.0.1:{}", server.port());
    let text = refused(&bare).await;
    assert!(
        text.contains(&bare) && text.contains("asks for a password"),
        "{text}"
    );
    let text = refused(&bare.replace("//", "//:hunter3@")).await;
    assert!(
        text.contains("refuses the password of the address"),
        "{text}"
    );
    assert!(!text.contains("hunter"), "{text}");
    let text = refused(&bare.replace("//", "//ada:hunter3@")).await;
    assert!(text.contains("refuses the user or the password"), "{text}");
    assert!(!text.contains("hunter"), "{text}");
}

#[tokio::test]
async fn a_replica_is_refused_with_the_address_of_its_master() {
    let Some(master) = RedisServer::start() else {
        return;
    };
    let Some(replica) = RedisServer::settings().replica_of(&master).start() else {
        return;
    };
    let text = refused(&replica.url()).await;
    let its_master = format!("is a replica; its master is 127.0.0.1:{}", master.port());
    assert!(text.contains(&its_master), "{text}");
}

#[tokio::test]
async fn a_server_that_may_delete_jobs_is_refused_with_its_policy() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    server.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    let text = refused(&server.url()).await;
    assert!(text.contains("the maxmemory-policy allkeys-lru"), "{text}");
    // Whoever is connected goes on, and says so.
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    both(&store).await.unwrap();
    let warning = warning(&store).await.expect("a warning");
    assert!(
        warning.contains("allkeys-lru") || warning.contains("appendonly"),
        "{warning}"
    );
}

#[tokio::test]
async fn a_store_is_in_the_database_of_its_address() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let third = RedisStore::connect(format!("{}/3", server.url()))
        .await
        .unwrap();
    insert(&third).await.unwrap();
    let first = connect(&server).await;
    assert_eq!(claim(&first).await.unwrap(), []);
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(claim(&third).await.unwrap().len(), 1);
    let text = refused(&format!("{}/16", server.url())).await;
    assert!(text.contains("has no database 16"), "{text}");
}

#[tokio::test]
async fn a_store_is_reached_through_a_socket() {
    let Some(server) = RedisServer::settings().unix_socket().start() else {
        return;
    };
    let url = format!("redis+unix://{}", server.unix_socket().display());
    let store = RedisStore::connect(&url).await.unwrap();
    insert(&store).await.unwrap();
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]);
    assert_eq!(claim(&store).await.unwrap().len(), 1);
    let error = refusal("redis+unix:///no/such/socket").await;
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(
        error.to_string().contains("redis+unix:///no/such/socket"),
        "{error}"
    );
}

#[tokio::test]
async fn a_store_of_another_layout_is_refused() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    server.command(&["HSET", "{marionette}:names", "#v", "2", "#u", "data"]);
    let text = refused(&server.url()).await;
    assert!(
        text.contains("has layout 2, and this library knows layout 1"),
        "{text}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_tell_its_settings_is_used_with_a_warning() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let peer = Peer::new(server.port(), |command| match command {
        "INFO" | "INFO MEMORY" => Act::Say("-NOPERM this user may not run 'info'\r\n"),
        _ => Act::Pass,
    });
    let store = RedisStore::connect(peer.url()).await.unwrap();
    both(&store).await.unwrap();
    let warning = warning(&store).await.expect("a warning");
    assert!(
        warning.contains("does not tell its settings (INFO)"),
        "{warning}"
    );
    assert!(matches!(server.command(&["PING"]), Reply::Status(_)));
}

#[tokio::test]
async fn a_name_that_would_tear_the_keys_of_a_store_apart_is_refused() {
    for name in ["", "a}b", "{}", "two words", &"x".repeat(129)] {
        let options = RedisStore::options().name(name);
        let error = options
            .connect("redis://localhost:1")
            .await
            .expect_err("no store");
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{name}");
        assert!(
            error.to_string().contains("cannot have the name"),
            "{error}"
        );
    }
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn an_address_with_tls_needs_its_feature() {
    let text = refused("rediss://ada:hunter2@localhost").await;
    assert_eq!(
        text,
        "rediss://localhost:6379/0 needs the feature `tls` of marionette-redis"
    );
}
