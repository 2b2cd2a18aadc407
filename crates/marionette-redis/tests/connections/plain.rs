//! Servers and proxies that know the older protocol alone (RESP2).

use std::time::Duration;

use marionette::store::{Duty, Name, Store, StoreErrorKind, Wanted};
use marionette_redis::RedisStore;
use marionette_servers::{RedisServer, RedisSettings, Reply};

use crate::common::{both, claim, connect, has_connections, heard, insert, now, refusal};
use crate::peer::{Act, Peer};

/// A server on which somebody has taken `HELLO` away. Rights cannot do that: everybody may say it.
fn without_hello() -> RedisSettings {
    let settings = RedisServer::settings().argument("--rename-command");
    settings.argument("HELLO").argument("")
}

/// A store whose waits end by messages alone.
async fn patient(url: &str) -> RedisStore {
    let options = RedisStore::options().poll(Duration::from_secs(3600));
    options.connect(url).await.expect("a store")
}

/// Waits for a job, and inserts it once this process is known to be idle.
async fn is_woken(server: &RedisServer, store: &RedisStore) {
    let wait = || store.rest(Duty::Claim(Wanted::new([Name::from_static("mail")])));
    let (woken, ()) = tokio::join!(wait(), async {
        let since = now();
        while server.command(&["ZCARD", "{marionette}:idle"]) == Reply::Int(0) {
            assert!(since.elapsed() < Duration::from_secs(20));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        insert(store).await.unwrap();
    });
    woken.unwrap();
    assert_eq!(claim(store).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_server_without_hello_is_spoken_to_in_the_older_protocol() {
    let Some(server) = without_hello().start() else {
        return;
    };
    let store = patient(&server.url()).await;
    both(&store).await.unwrap();
    // One more, which listens.
    has_connections(&server, 3).await;
    assert_eq!(heard(&server), 1);
    is_woken(&server, &store).await;
    assert!(store.check().await.unwrap().is_clean());
    drop(store);
    has_connections(&server, 0).await;
}

#[tokio::test]
async fn connections_in_the_older_protocol_come_back_whichever_is_lost() {
    let Some(server) = without_hello().start() else {
        return;
    };
    let store = patient(&server.url()).await;
    let before = has_connections(&server, 3).await;
    for id in before {
        server.command(&["CLIENT", "KILL", "ID", &id]);
        both(&store).await.unwrap();
        let ids = has_connections(&server, 3).await;
        assert!(!ids.contains(&id));
        assert_eq!(heard(&server), 1);
    }
    is_woken(&server, &store).await;
}

#[tokio::test]
async fn a_password_is_told_in_the_older_protocol_and_not_shown() {
    let Some(server) = without_hello().password("hunter2").start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    assert_eq!(heard(&server), 1);
    let bare = format!("redis://127.0.0.1:{}", server.port());
    let wrong = [
        (bare.clone(), "asks for a password"),
        (bare.replace("//", "//:hunter3@"), "refuses the password"),
        (
            bare.replace("//", "//ada:hunter3@"),
            "refuses the user or the password",
        ),
    ];
    for (url, what) in wrong {
        let error = refusal(&url).await;
        assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
        let text = format!("{error} {error:?} {}", error.chain());
        assert!(text.contains(&bare) && text.contains(what), "{text}");
        assert!(!text.contains("hunter"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_does_not_know_hello_is_no_obstacle() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let answers = [
        "-ERR unknown command 'HELLO', with args beginning with: '3'\r\n",
        "-ERR unknown command `HELLO`, with args beginning with: `3`, \r\n",
        "-ERR invalid command hello\r\n",
        "-NOPROTO unsupported protocol version\r\n",
        "-NOPERM this user has no permissions to run the 'hello' command\r\n",
    ];
    for answer in answers {
        let peer = Peer::new(server.port(), move |command| match command {
            "HELLO 3" => Act::Say(answer),
            _ => Act::Pass,
        });
        let store = RedisStore::connect(peer.url()).await.unwrap();
        both(&store).await.unwrap();
        // The first one said it; then there were two for calls, and one that listens.
        assert_eq!(peer.accepted(), 4, "{answer}");
        drop(store);
        has_connections(&server, 0).await;
    }
}
