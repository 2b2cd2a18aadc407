//! A server that ends with this process.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::clock::{self, Limit, PATIENCE};
use crate::ports;
use crate::settings::{AppendOnly, RedisSettings};
use crate::watcher::Watcher;
use crate::wire::{Connection, Reply};

/// A server on a port of the loopback, with its data in a temporary directory. It ends when this is
/// dropped, and when the process ends that started it, however that happens.
#[derive(Debug)]
pub struct RedisServer {
    settings: RedisSettings,
    directory: TempDir,
    port: u16,
    /// `None` while it is killed.
    running: Option<Running>,
}

/// A server that runs. The watcher goes after the process has.
#[derive(Debug)]
struct Running {
    process: Child,
    _watcher: Watcher,
}

impl RedisServer {
    /// Starts a server that writes nothing to the disk. `None` if there is no `redis-server`: the
    /// output of the test then says so.
    ///
    /// # Panics
    ///
    /// As [`RedisSettings::start`].
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::settings().start()
    }

    /// The settings, to be changed before it is started.
    pub fn settings() -> RedisSettings {
        RedisSettings::default()
    }

    /// The program that it is.
    pub(crate) fn program_name(&self) -> &OsStr {
        &self.settings.program
    }

    pub(crate) fn with(settings: RedisSettings) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("marionette-redis-")
            .tempdir()
            .expect("there is room for a directory");
        let mut server = Self {
            settings,
            directory,
            port: ports::free(),
            running: None,
        };
        // Somebody may have taken the port since it was looked for.
        while let Err(log) = server.try_start() {
            assert!(log.contains("Address already in use"), "no server: {log}");
            server.port = ports::free();
        }
        server
    }

    /// A name for a store that nobody else has.
    #[must_use]
    pub fn any_name() -> String {
        format!("test-{:016x}", fastrand::u64(..))
    }

    /// The port of the loopback that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, with its password if it has one.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.settings.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}", self.port),
            None => format!("redis://127.0.0.1:{}", self.port),
        }
    }

    /// Where its data and its log lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The socket that it also listens on if it was started with
    /// [`unix_socket`](RedisSettings::unix_socket).
    #[must_use]
    pub fn unix_socket(&self) -> PathBuf {
        self.directory().join("socket")
    }

    /// What it has written about itself.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory().join("log")).unwrap_or_default()
    }

    /// Its process, while it runs.
    #[must_use]
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().map(|running| running.process.id())
    }

    /// Sends a command and waits for its answer. What the server refuses is an answer too.
    ///
    /// # Panics
    ///
    /// If it does not answer.
    pub fn command<A: AsRef<[u8]>>(&self, words: &[A]) -> Reply {
        let answer = self.connect().and_then(|mut to| to.command(words));
        answer.expect("the server answers")
    }

    /// A connection, for many commands.
    ///
    /// # Errors
    ///
    /// If it does not run, or stands still.
    pub fn connect(&self) -> std::io::Result<Connection> {
        let mut connection = Connection::open(self.port, PATIENCE)?;
        if let Some(password) = &self.settings.password {
            connection.command(&["AUTH", password])?;
        }
        Ok(connection)
    }

    /// Kills it, as a crash would: what it has not written is lost.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            // It may have ended by itself.
            running.process.kill().ok();
            running.process.wait().ok();
        }
    }

    /// Starts it once more, on the same port and with the files that it has; kills it first if it
    /// runs.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let limit = Limit::new();
        while let Err(log) = self.try_start() {
            // A connection of its former life may hold the port for a moment.
            let again = log.contains("Address already in use") && !limit.is_over();
            assert!(again, "the server does not start again: {log}");
            clock::pause();
        }
    }

    /// Restarts it without its files: it knows nothing any more.
    ///
    /// # Panics
    ///
    /// As [`restart`](Self::restart).
    pub fn restart_empty(&mut self) {
        self.kill();
        for entry in fs::read_dir(self.directory()).expect("the directory is ours") {
            let path = entry.expect("the directory is ours").path();
            if path.is_dir() {
                fs::remove_dir_all(path).expect("the directory is ours");
            } else {
                fs::remove_file(path).expect("the directory is ours");
            }
        }
        self.restart();
    }

    /// Lets it stand still (`SIGSTOP`) until [`go_on`](Self::go_on): connections stay, and nobody
    /// answers.
    pub fn stand_still(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on (`SIGCONT`).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process().expect("the server runs").to_string();
        let mut command = Command::new("kill");
        let done = command.args([signal, &process]).status();
        assert!(done.is_ok_and(|status| status.success()), "kill {signal}");
    }

    /// Starts it and waits until it answers, else gives its log of this time.
    fn try_start(&mut self) -> Result<(), String> {
        let before = self.log().len();
        let mut process = self.program().spawn().expect("the program was found");
        let watcher = Watcher::new(process.id(), self.directory());
        let limit = Limit::new();
        loop {
            // Answering is not enough: another server may have the port.
            let ended = process.try_wait().expect("the process is ours").is_some();
            if ended || limit.is_over() {
                process.kill().ok();
                process.wait().ok();
                return Err(self.log().split_off(before));
            }
            if self.is_up(process.id()) {
                self.running = Some(Running {
                    process,
                    _watcher: watcher,
                });
                return Ok(());
            }
            clock::pause();
        }
    }

    /// Whether the server of this process answers.
    fn is_up(&self, process: u32) -> bool {
        let Ok(mut connection) = self.connect() else {
            return false;
        };
        let ours = format!("process_id:{process}\r\n");
        match connection.command(&["INFO", "server"]) {
            Ok(Reply::Bulk(info)) => String::from_utf8_lossy(&info).contains(&ours),
            _ => false,
        }
    }

    fn program(&self) -> Command {
        let settings = &self.settings;
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.directory().join("log"));
        let mut command = Command::new(&settings.program);
        command
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args([
                "--maxmemory-policy",
                "noeviction",
                "--daemonize",
                "no",
                "--dir",
            ])
            .arg(self.directory());
        let (append_only, fsync) = match settings.append_only {
            AppendOnly::Off => ("no", "everysec"),
            AppendOnly::EverySecond => ("yes", "everysec"),
            AppendOnly::Always => ("yes", "always"),
        };
        command.args(["--appendonly", append_only, "--appendfsync", fsync]);
        if let Some(password) = &settings.password {
            command.args(["--requirepass", password]);
        }
        if settings.unix_socket {
            command.arg("--unixsocket").arg(self.unix_socket());
        }
        command
            .args(&settings.arguments)
            .stdin(Stdio::null())
            .stdout(log.expect("the directory is ours"))
            .stderr(Stdio::null())
            // A signal for the group of the test leaves it to the watcher.
            .process_group(0);
        command
    }
}

impl RedisSettings {
    /// Copies all that this server has.
    pub fn replica_of(self, server: &RedisServer) -> Self {
        let place = format!("127.0.0.1 {}", server.port());
        self.argument("--replicaof").argument(place)
    }

    /// Starts the server, and waits until it answers. `None` if there is no such program: the
    /// output of the test then says what was left out, and how to have it.
    ///
    /// # Panics
    ///
    /// If the program is there and does not start; the text has its log.
    #[must_use]
    pub fn start(self) -> Option<RedisServer> {
        self.is_here().then(|| RedisServer::with(self))
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}
