//! Machines without machines: network namespaces that are joined by a bridge, with a server beside
//! the bridge. They end with the test, however it ends: its processes have a namespace too, and the
//! kernel ends all of them with the first.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use marionette::store::JobState;
use marionette_conformance::history::{Event, Events, Finals, History};
use marionette_redis::RedisStore;
use marionette_servers::{AppendOnly, RedisServer};

use marionette::inspect::Inspect;

use crate::bed::{PATIENCE, connections, eventually, now};
use crate::program::{HISTORY, NUMBER, ROLE, SERVER, ends_with_its_parent, options};

const INSIDE: &str = "MARIONETTE_TROUBLE_INSIDE";
/// New namespaces for what follows, which ends with `unshare`.
const ALONE: [&str; 5] = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];
/// What tells whether the namespaces can be used.
const PROBE: &str = "ip link add m0 type veth peer name m1 && ip link add m2 type bridge";
/// Waits for its end of a cable, and becomes the program.
const BOOT: &str = r#"read -r _; ip link set lo up; ip address add "$1" dev m1; ip link set m1 up
    shift; exec "$@""#;

/// The name of the test that this stands in.
macro_rules! this_test {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here);
        let test = path.split("::{{closure}}").next().unwrap_or(path);
        test.split_once("::").map_or(test, |(_program, test)| test)
    }};
}

pub(crate) use this_test;

/// The example of a fleet. It is built with all tests, and not with one that is built alone.
pub(crate) fn example() -> Option<PathBuf> {
    let test = env::current_exe().expect("this program is a file");
    let built = test.parent().and_then(|folder| folder.parent());
    let example = built.expect("it is in a folder").join("examples/fleet");
    if !example.is_file() {
        eprintln!("SKIPPED: the example on two machines: build it with all tests of the package");
        return None;
    }
    Some(example)
}

/// Whether this is the inside of namespaces. If it is not, runs this test again inside of some, and
/// panics if it fails; where there can be none, the output says so.
pub(crate) fn is_inside(test: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        std::thread::spawn(ends_with_its_parent);
        // It goes with the namespace.
        let folder = env::temp_dir();
        let mount = ["-t", "tmpfs", "tmpfs"].map(OsStr::new);
        run("mount", mount.into_iter().chain([folder.as_os_str()]));
        return true;
    }
    if !RedisServer::settings().is_here() {
        return false;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(ALONE);
        command
    };
    let why = match unshare().args(["sh", "-c", PROBE]).output() {
        Ok(probe) if probe.status.success() => None,
        Ok(probe) => Some(String::from_utf8_lossy(&probe.stderr).trim().to_owned()),
        Err(error) => Some(format!("there is no unshare: {error}")),
    };
    if let Some(why) = why {
        eprintln!("SKIPPED: {test}: it needs network namespaces, so root, ip and unshare: {why}");
        return false;
    }
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let this = env::current_exe().expect("this program is a file");
    let mut inside = unshare();
    inside
        .arg(this)
        .args([test, "--exact", "--nocapture"])
        .env(INSIDE, "yes")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::piped());
    let mut inside = inside.spawn().expect("it was there a moment ago");
    // It ends when this pipe does.
    let _pipe = inside.stdin.take();
    let ended = inside.wait().expect("it is our child");
    assert!(ended.success(), "{test}, inside of namespaces: {ended}");
    false
}

fn run(program: &str, words: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let mut command = Command::new(program);
    let done = command.args(words).output();
    let done = done.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(done.status.success(), "{command:?}: {done:?}");
}

fn ip(words: &str) {
    run("ip", words.split(' '));
}

/// A server, and a network around it.
pub(crate) struct Lab {
    pub(crate) server: RedisServer,
    /// The same data, seen from a place that nobody cuts off.
    pub(crate) store: RedisStore,
    pub(crate) history: Arc<History>,
    folder: tempfile::TempDir,
    started: u64,
}

/// A namespace with one program, which ends with this.
pub(crate) struct Machine {
    pub(crate) number: u64,
    pub(crate) process: Child,
}

impl Lab {
    /// `None` outside of namespaces.
    pub(crate) async fn new(test: &str) -> Option<Self> {
        if !is_inside(test) {
            return None;
        }
        ip("link set lo up");
        ip("link add bridge type bridge");
        // Otherwise it takes that of a cable, and another when that is pulled.
        ip("link set bridge address 02:00:00:00:00:01 up");
        ip("address add 10.77.0.1/24 dev bridge");
        let server = RedisServer::settings()
            .append_only(AppendOnly::EverySecond)
            .argument("--bind")
            .argument("10.77.0.1 127.0.0.1")
            .argument("--protected-mode")
            .argument("no")
            // How soon it lets go of machines that it does not hear any more; default is 300 s.
            .argument("--tcp-keepalive")
            .argument("2")
            .start()?;
        let store = options().connect(server.url()).await;
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let history = History::append_to(&folder.path().join("history"), 0);
        Some(Self {
            server,
            store: store.expect("the server runs"),
            history: Arc::new(history.expect("the folder is writable")),
            folder,
            started: 0,
        })
    }

    /// The address of the server on the network.
    pub(crate) fn url(&self) -> String {
        format!("redis://10.77.0.1:{}", self.server.port())
    }

    /// Starts this program again on a machine of its own.
    pub(crate) fn machine(&mut self, role: &str) -> Machine {
        self.machine_for(role, &self.url())
    }

    pub(crate) fn machine_for(&mut self, role: &str, server: &str) -> Machine {
        let mut program = Command::new(env::current_exe().expect("this program is a file"));
        program
            .args(["program::begins", "--exact", "--nocapture"])
            .env_remove(INSIDE)
            .env(ROLE, role)
            .env(HISTORY, self.history_path())
            .env(NUMBER, (self.started + 1).to_string())
            .env(SERVER, server)
            .stdout(Stdio::null());
        self.start(&program)
    }

    /// Starts a program on a machine of its own.
    pub(crate) fn start(&mut self, program: &Command) -> Machine {
        self.started += 1;
        let number = self.started;
        let mut command = Command::new("unshare");
        command
            .args(["--net", "sh", "-c", BOOT, "machine"])
            .arg(format!("10.77.0.{}/24", 10 + number))
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let mut process = command.spawn().expect("it was there a moment ago");
        let pid = process.id();
        let net = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let since = now();
        while net("self") == net(&pid.to_string()) {
            assert!(since.elapsed() < PATIENCE, "a namespace is made");
            std::thread::yield_now();
        }
        ip(&format!(
            "link add m{number} type veth peer name m1 netns {pid}"
        ));
        ip(&format!("link set m{number} up master bridge"));
        let pipe = process.stdin.as_mut().expect("it is a pipe");
        pipe.write_all(b"go\n").expect("it waits for the cable");
        Machine { number, process }
    }

    fn history_path(&self) -> PathBuf {
        self.folder.path().join("history")
    }

    pub(crate) fn events(&self) -> Events {
        Events::read(&self.history_path()).expect("it is there")
    }

    /// `kill -9`.
    pub(crate) fn kill(&self, machine: &mut Machine) {
        machine.process.kill().expect("it runs");
        machine.process.wait().expect("it is our child");
        self.history.write(&Event::Gone(machine.number));
    }

    /// How many connections the server has from a machine.
    pub(crate) fn connections(&self, machine: &Machine) -> usize {
        connections(&self.server, &format!("{}:", machine.address()))
    }

    /// Waits until all that was accepted is done, and asserts that nothing was lost, completed
    /// twice, or run twice at once, and that nothing is damaged.
    pub(crate) async fn end(&self) {
        let mut open = u64::MAX;
        let mut since = now();
        while open > 0 {
            let counts = self.store.counts().await.expect("the server runs");
            let left = counts.iter().filter(|count| !count.state.is_end());
            let left = left.map(|count| count.jobs).sum();
            if left < open {
                (open, since) = (left, now());
            }
            assert!(since.elapsed() < PATIENCE, "all jobs end: {counts:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let events = self.events();
        let finals = Finals::of(&events, &self.store).await;
        let finals = finals.expect("the server runs");
        let faults = events.faults(&finals);
        assert!(faults.is_empty(), "{faults:#?}");
        assert_eq!(finals.count(JobState::Done), events.accepted().len());
        let report = self.store.check().await.expect("the server runs");
        assert!(report.is_clean(), "{report}");
    }
}

impl Machine {
    pub(crate) fn address(&self) -> String {
        format!("10.77.0.{}", 10 + self.number)
    }

    /// Packets from and to it vanish; it does not notice that the cable was pulled.
    pub(crate) fn cut(&self) {
        ip(&format!("link set m{} nomaster", self.number));
    }

    pub(crate) fn heal(&self) {
        ip(&format!("link set m{} master bridge", self.number));
    }

    pub(crate) fn signal(&self, signal: &str) {
        run("kill", [signal, &self.process.id().to_string()]);
    }

    /// How many connections it has, as its own system sees it.
    pub(crate) fn sockets(&self) -> usize {
        let table = format!("/proc/{}/net/tcp", self.process.id());
        let table = fs::read_to_string(table).unwrap_or_default();
        let is_established = |line: &&str| line.split_whitespace().nth(3) == Some("01");
        table.lines().filter(is_established).count()
    }

    /// Waits until it has two connections, for itself and for the server.
    pub(crate) async fn has_two_connections(&self, lab: &Lab) {
        eventually("two connections", || {
            self.sockets() == 2 && lab.connections(self) == 2
        })
        .await;
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
