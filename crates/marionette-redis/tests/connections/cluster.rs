//! A cluster of three: one node has the whole store.

use std::time::Duration;

use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisCluster, RedisServer};

use crate::common::{answered_or_late, both, claim, insert, is_back};

#[tokio::test]
async fn a_store_is_used_through_any_node_of_a_cluster_and_after_the_end_of_its_own() {
    let settings = RedisServer::settings().append_only(AppendOnly::Always);
    let Some(mut cluster) = RedisCluster::start(&settings) else {
        return;
    };
    let mut stores = Vec::new();
    for node in cluster.nodes() {
        let store = RedisStore::connect(node.url()).await.unwrap();
        both(&store).await.unwrap();
        stores.push(store);
    }
    let id = insert(&stores[0]).await.unwrap();
    assert_eq!(claim(&stores[1]).await.unwrap(), [id]);
    let id = insert(&stores[2]).await.unwrap();

    let owner = cluster.owner("marionette");
    cluster.nodes_mut()[owner].kill();
    let calls: Vec<_> = stores
        .iter()
        .map(|store| {
            let store = store.clone();
            tokio::spawn(async move { both(&store).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.nodes_mut()[owner].restart();
    cluster.wait_until_whole();
    for store in &stores {
        is_back(store).await;
    }
    for call in calls {
        answered_or_late(call.await.unwrap());
    }
    assert_eq!(claim(&stores[0]).await.unwrap(), [id]);
}
