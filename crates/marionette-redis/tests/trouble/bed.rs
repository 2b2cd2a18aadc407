//! What all tests here need: the real clock, and looks at a server from outside.

use std::time::{Duration, Instant};

use marionette_servers::{RedisServer, Reply};

/// How soon work has to go on once a server can be reached again.
pub(crate) const BACK: Duration = Duration::from_secs(5);

/// For what has to happen, on a machine that is very busy.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);

#[allow(clippy::disallowed_methods)] // These tests are about real time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits until this is so. Returns after how long it was.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let since = now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    since.elapsed()
}

/// How many connections of ours from this address the server has; from any if it is empty.
pub(crate) fn connections(server: &RedisServer, address: &str) -> usize {
    let Reply::Bulk(list) = server.command(&["CLIENT", "LIST"]) else {
        panic!("no list of clients");
    };
    let list = String::from_utf8_lossy(&list).into_owned();
    let from = format!(" addr={address}");
    let ours = |line: &&str| line.contains(" name=marionette ") && line.contains(&from);
    list.lines().filter(ours).count()
}
