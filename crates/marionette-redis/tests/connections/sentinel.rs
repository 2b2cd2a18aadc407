//! A master that is found through sentinels, and found again when it is another.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use marionette::store::StoreErrorKind;
use marionette_redis::RedisStore;
use marionette_servers::{Connection, RedisServer, Reply};

use crate::common::{
    answered_or_late, both, claim, has_connections, heard, insert, is_back, now, refusal,
};
use crate::peer::{Act, Peer, free_port};

/// A sentinel that calls a master down after half a second. It ends when this is dropped, and after
/// two minutes whatever happens.
struct Sentinel {
    process: Child,
    port: u16,
    _directory: tempfile::TempDir,
}

impl Sentinel {
    fn start(master: &RedisServer) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = free_port();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main 500\n\
             sentinel failover-timeout main 3000\n",
            directory.path().display(),
            master.port()
        );
        let file = directory.path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let program = std::env::var_os("MARIONETTE_REDIS_SERVER");
        let process = Command::new("timeout")
            .args(["--foreground", "120"])
            .arg(program.unwrap_or_else(|| "redis-server".into()))
            .arg(file)
            .arg("--sentinel")
            .stdout(Stdio::null())
            .spawn();
        Self {
            process: process.expect("timeout(1) is there"),
            port,
            _directory: directory,
        }
    }

    fn ask(&self, words: &[&str]) -> Option<Reply> {
        let mut connection = Connection::open(self.port, Duration::from_secs(5)).ok()?;
        connection.command(words).ok()
    }

    /// The port of the server that it calls the master.
    fn master(&self) -> Option<u16> {
        match self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"])? {
            Reply::Array(words) => words[1].text().parse().ok(),
            _ => None,
        }
    }

    /// Waits until it knows the replica: before that it has nobody to put in the master's place.
    async fn knows_a_replica(&self) {
        until("the sentinel knows the replica", || {
            let replicas = self.ask(&["SENTINEL", "REPLICAS", "main"]);
            matches!(replicas, Some(Reply::Array(replicas)) if !replicas.is_empty())
        })
        .await;
    }

    fn url(&self) -> String {
        // The first one is gone: the next one is asked.
        format!(
            "redis+sentinel://127.0.0.1:{},127.0.0.1:{}/main",
            free_port(),
            self.port
        )
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        // `timeout` passes the signal on.
        let pid = self.process.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().ok();
        self.process.wait().ok();
    }
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
    let sentinel = Sentinel::start(&master);
    sentinel.knows_a_replica().await;
    let store = RedisStore::connect(sentinel.url()).await.unwrap();
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
    let sentinel = Sentinel::start(&master);
    until("the sentinel answers", || sentinel.master().is_some()).await;
    let url = sentinel.url().replace("/main", "/other");
    let error = refusal(&url).await;
    assert_eq!(error.kind(), StoreErrorKind::Refused, "{error}");
    assert!(
        error.to_string().contains("knows no master other"),
        "{error}"
    );
    let url = format!("redis://127.0.0.1:{}", sentinel.port);
    let error = refusal(&url).await;
    assert!(error.to_string().contains("is a sentinel"), "{error}");
}
