//! A cluster of three: one node has the whole store.

use std::time::Duration;

use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisServer, Reply};

use crate::common::{answered_or_late, both, claim, insert, is_back, now};
use crate::peer::free_port;

struct Cluster {
    nodes: Vec<RedisServer>,
}

impl Cluster {
    /// Three masters that share the slots. `None` if there is no server.
    async fn start() -> Option<Self> {
        let mut nodes = Vec::new();
        let mut buses = Vec::new();
        for _ in 0..3 {
            let bus = free_port().to_string();
            let arguments = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let settings = RedisServer::settings().append_only(AppendOnly::Always);
            let add =
                |settings: marionette_servers::RedisSettings, word: &&str| settings.argument(*word);
            nodes.push(arguments.iter().fold(settings, add).start()?);
            buses.push(bus);
        }
        let slots = [("0", "5460"), ("5461", "10922"), ("10923", "16383")];
        for (node, (first, last)) in nodes.iter().zip(slots) {
            node.command(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
        }
        for (node, bus) in nodes.iter().zip(&buses) {
            let port = node.port().to_string();
            nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]);
        }
        let cluster = Self { nodes };
        cluster.is_whole().await;
        Some(cluster)
    }

    /// Waits until all nodes know that all slots are served.
    async fn is_whole(&self) {
        let since = now();
        let is_ok = |node: &RedisServer| match node.command(&["CLUSTER", "INFO"]) {
            Reply::Bulk(info) => {
                let info = String::from_utf8_lossy(&info);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            }
            // It still reads its files.
            _ => false,
        };
        while !self.nodes.iter().all(is_ok) {
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "no cluster in a minute"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The node that has the store.
    fn owner(&self) -> usize {
        let has_it =
            |node: &RedisServer| matches!(node.command(&["DBSIZE"]), Reply::Int(keys) if keys > 0);
        self.nodes.iter().position(has_it).expect("a node has it")
    }
}

#[tokio::test]
async fn a_store_is_used_through_any_node_of_a_cluster_and_after_the_end_of_its_own() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let mut stores = Vec::new();
    for node in &cluster.nodes {
        let store = RedisStore::connect(node.url()).await.unwrap();
        both(&store).await.unwrap();
        stores.push(store);
    }
    let id = insert(&stores[0]).await.unwrap();
    assert_eq!(claim(&stores[1]).await.unwrap(), [id]);
    let id = insert(&stores[2]).await.unwrap();

    let owner = cluster.owner();
    cluster.nodes[owner].kill();
    let calls: Vec<_> = stores
        .iter()
        .map(|store| {
            let store = store.clone();
            tokio::spawn(async move { both(&store).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.nodes[owner].restart();
    cluster.is_whole().await;
    for store in &stores {
        is_back(store).await;
    }
    for call in calls {
        answered_or_late(call.await.unwrap());
    }
    assert_eq!(claim(&stores[0]).await.unwrap(), [id]);
}
