//! What is wrong with a server is told when a store is connected.

use marionette::store::StoreErrorKind;
use marionette_servers::RedisServer;

use crate::common::{both, connect, has_connections, refusal};

#[tokio::test]
async fn a_process_has_two_connections() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let store = connect(&server).await;
    both(&store).await.unwrap();
    has_connections(&server, 2).await;
    let again = connect(&server).await;
    both(&again).await.unwrap();
    has_connections(&server, 4).await;
    drop(again);
    has_connections(&server, 2).await;
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
}
