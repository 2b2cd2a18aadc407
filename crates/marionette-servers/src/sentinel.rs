//! A sentinel, which says which server is the master.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::ports;
use crate::server::RedisServer;
use crate::watcher::Watcher;
use crate::wire::{Connection, Reply};

/// A sentinel that calls its master `main`. It ends when this is
/// dropped, and when the process ends that started it, however that happens.
#[derive(Debug)]
pub struct RedisSentinel {
    process: Child,
    port: u16,
    _directory: TempDir,
    _watcher: Watcher,
}

impl RedisSentinel {
    /// Starts a sentinel of this master, which puts another in its place once it has not answered
    /// for `down`. It is the program of the master.
    ///
    /// # Panics
    ///
    /// If the program is gone.
    #[must_use]
    pub fn start(master: &RedisServer, down: Duration) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("marionette-sentinel-")
            .tempdir()
            .expect("there is room for a directory");
        let port = ports::free();
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor main 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds main {}\n\
             sentinel failover-timeout main 3000\n",
            directory.path().display(),
            master.port(),
            down.as_millis()
        );
        let file = directory.path().join("sentinel.conf");
        fs::write(&file, settings).expect("the directory is ours");
        let mut command = Command::new(master.program_name());
        command
            .arg(file)
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        let process = command.spawn().expect("the master has started");
        Self {
            port,
            _watcher: Watcher::new(process.id(), directory.path()),
            process,
            _directory: directory,
        }
    }

    /// The port of the loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of its master, as a store has it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/main", self.port)
    }

    /// Asks it something. `None` while it does not answer.
    #[must_use]
    pub fn ask(&self, words: &[&str]) -> Option<Reply> {
        let mut connection = Connection::open(self.port, Duration::from_secs(5)).ok()?;
        connection.command(words).ok()
    }

    /// The port of the server that it calls the master.
    #[must_use]
    pub fn master(&self) -> Option<u16> {
        match self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"])? {
            Reply::Array(words) => words.get(1)?.text().parse().ok(),
            _ => None,
        }
    }

    /// Whether it knows a replica: before that it has nobody to put in the master's place.
    #[must_use]
    pub fn knows_a_replica(&self) -> bool {
        let replicas = self.ask(&["SENTINEL", "REPLICAS", "main"]);
        matches!(replicas, Some(Reply::Array(replicas)) if !replicas.is_empty())
    }
}

impl Drop for RedisSentinel {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
