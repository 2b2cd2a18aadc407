//! Connections that are lost come back, and calls that were on their way are answered.

use marionette_servers::{RedisServer, Reply};

use crate::common::{both, connect, connections, has_connections, is_back};

#[tokio::test]
async fn both_connections_are_killed_while_calls_run_and_no_call_notices() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    for _ in 0..5 {
        let calls: Vec<_> = (0..20)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move { both(&store).await })
            })
            .collect();
        for id in connections(&server) {
            server.command(&["CLIENT", "KILL", "ID", &id]);
        }
        for call in calls {
            call.await.unwrap().unwrap();
        }
    }
    has_connections(&server, 2).await;
}

#[tokio::test]
async fn a_server_that_was_killed_and_restarted_is_found_again() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    server.kill();
    server.restart();
    is_back(&store).await;
    has_connections(&server, 2).await;
    assert_eq!(server.command(&["PING"]), Reply::Status("PONG".into()));
}
