//! A host name that stops resolving, moves, and comes back.

use std::fs;
use std::process::Command;
use std::time::Duration;

use marionette::store::{InstanceId, InstanceInfo, Store, StoreError, StoreErrorKind};
use marionette_redis::RedisStore;
use marionette_servers::RedisServer;

use crate::bed::{BACK, connections, eventually, now};
use crate::lab::{is_inside, this_test};
use crate::proxy::Proxy;

/// What the names of this namespace are.
struct Names {
    file: tempfile::NamedTempFile,
}

impl Names {
    /// Nobody outside of these namespaces sees it.
    fn new() -> Self {
        let file = tempfile::NamedTempFile::new().expect("there is room for a file");
        let mut mount = Command::new("mount");
        mount.arg("--bind").arg(file.path()).arg("/etc/hosts");
        assert!(mount.status().expect("it was there").success());
        Self { file }
    }

    fn are(&self, text: &str) {
        fs::write(self.file.path(), text).expect("the file is ours");
    }
}

async fn beat(store: &RedisStore) -> Result<(), StoreError> {
    let instance = InstanceInfo::new(InstanceId::new(), "test", 1);
    store.renew(instance, vec![]).await.map(drop)
}

/// Both connections end, as when the machine behind the name goes.
fn goes(server: &RedisServer) {
    for kind in ["normal", "pubsub"] {
        server.command(&["CLIENT", "KILL", "TYPE", kind]);
    }
}

#[tokio::test]
async fn a_host_name_that_is_gone_for_a_while_and_moves_is_found_where_it_is_then() {
    if !is_inside(this_test!()) {
        return;
    }
    let loopback = ["link", "set", "lo", "up"];
    assert!(
        Command::new("ip")
            .args(loopback)
            .status()
            .unwrap()
            .success()
    );
    let names = Names::new();
    let Some(server) = RedisServer::start() else {
        return;
    };
    let first = Proxy::on("127.0.0.1:0", server.port());
    let second = Proxy::on(&format!("127.0.0.2:{}", first.port()), server.port());
    names.are("127.0.0.1 queue.test\n");
    let url = format!("redis://queue.test:{}", first.port());
    let store = RedisStore::connect(&url).await.expect("a store");
    beat(&store).await.expect("an answer");

    names.are("");
    goes(&server);
    let error = beat(&store).await.expect_err("it is nowhere");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
    assert!(error.chain().contains("queue.test"), "{}", error.chain());
    let before = first.accepted();

    for (address, proxy) in [("127.0.0.2", &second), ("127.0.0.1", &first)] {
        names.are(&format!("{address} queue.test\n"));
        let since = now();
        beat(&store).await.expect("an answer");
        assert!(since.elapsed() < BACK, "{:?}", since.elapsed());
        eventually("two connections", || connections(&server, "") == 2).await;
        assert!(proxy.accepted() >= 2);
        if address == "127.0.0.2" {
            assert_eq!(first.accepted(), before, "nobody asks at the old address");
        }
        goes(&server);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    beat(&store).await.expect("an answer");
}
