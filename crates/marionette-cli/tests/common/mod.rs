//! The real program in a folder of its own.

#![allow(dead_code)] // Each test file uses some of it.

pub(crate) mod janitor;
#[cfg(target_os = "linux")]
pub(crate) mod silent;
pub(crate) mod terminal;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use janitor::Janitor;

/// What it notes after a first signal.
pub(crate) const FINISHES: &str = "what runs may finish";
/// What it notes after a second one.
pub(crate) const HURRIES: &str = "what runs is asked to end";

/// A folder with a store, in which the program runs.
pub(crate) struct Sandbox {
    // Before the folder, which must not go while something still writes into it.
    _janitor: Janitor,
    folder: tempfile::TempDir,
}

/// What a run of the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        Self {
            _janitor: Janitor::of(folder.path()),
            folder,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the folder can be written to");
        path
    }

    /// The file's text; empty if there is none.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(crate) fn store(&self) -> String {
        format!("sqlite:{}", self.path("tasks.db").display())
    }

    /// The program with these arguments, not started yet.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_marionette"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env(janitor::VARIABLE, self.folder.path())
            .env("MARIONETTE_STORE", self.store())
            .env_remove("NO_COLOR")
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "Europe/Berlin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().expect("the program starts")
    }

    /// As [`start`](Self::start), with what it notes in the file `notes` instead of a pipe.
    pub(crate) fn start_noting(&self, arguments: &[&str]) -> Child {
        let notes = fs::File::create(self.path("notes")).expect("the folder can be written to");
        let mut command = self.command(arguments);
        command.stderr(notes).spawn().expect("the program starts")
    }

    /// Sends a signal to a program whose notes are in the file `notes`, and waits until it has
    /// noted what follows from that. A second signal before would be one with the first.
    pub(crate) fn ask(&self, process: &Child, with: rustix::process::Signal, follows: &str) {
        signal(process.id(), with);
        until(follows, || self.read("notes").contains(follows));
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        said(
            self.command(arguments)
                .output()
                .expect("the program starts"),
        )
    }

    /// As [`run`](Self::run), with this on its standard input.
    pub(crate) fn run_with(&self, arguments: &[&str], input: &[u8]) -> Said {
        let mut command = self.command(arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // An error says that it was refused before it was read.
        let _ = stdin.write_all(input);
        drop(stdin);
        said(child.wait_with_output().expect("it ends"))
    }

    /// Whether these are there: the program, its minder, and the shell of one command with a child.
    /// Before that, the command may still look at what a test writes next.
    pub(crate) fn is_in_its_sleep(&self) -> bool {
        processes_with(&self.store()).len() == 4
    }

    /// The text of all that the commands of this store wrote.
    pub(crate) fn outputs(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for shard in entries(&self.path("tasks.db-output")) {
            for attempt in entries(&shard).iter().flat_map(|job| entries(job)) {
                texts.push(fs::read_to_string(attempt).expect("it is text"));
            }
        }
        texts.sort();
        texts
    }
}

pub(crate) fn said(output: Output) -> Said {
    Said {
        status: output.status.code(),
        out: String::from_utf8(output.stdout).expect("it is text"),
        err: String::from_utf8(output.stderr).expect("it is text"),
    }
}

pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("it can be listed").path())
        .collect();
    paths.sort();
    paths
}

/// Waits until something is so, and fails after a minute.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = now();
    while !is_so() {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "not within a minute: {what}"
        );
        pause(Duration::from_millis(5));
    }
}

#[allow(clippy::disallowed_methods)] // These tests are about real processes in real time.
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, signal: rustix::process::Signal) {
    let process = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let process = process.expect("it is a process");
    rustix::process::kill_process(process, signal).expect("it is there");
}

/// Stops a process, and returns when none of its threads runs any more.
///
/// The signal alone is not enough: it reaches one thread, and until that one has told the others,
/// they go on.
pub(crate) fn suspend(process: u32) {
    signal(process, rustix::process::Signal::STOP);
    until("all its threads have stopped", || {
        entries(Path::new(&format!("/proc/{process}/task")))
            .iter()
            .all(|thread| state(thread) == Some('T'))
    });
}

/// The letter for the state of a process or a thread, by its folder under `/proc`.
fn state(folder: &Path) -> Option<char> {
    let text = fs::read_to_string(folder.join("stat")).ok()?;
    // The name before it stands in brackets, and may itself have brackets and spaces.
    text.rsplit_once(')')?.1.trim_start().chars().next()
}

/// The processes that have this text in their environment, and are no zombies.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for path in entries(Path::new("/proc")) {
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        let Some(number) = number else { continue };
        let environment = fs::read(path.join("environ")).unwrap_or_default();
        if String::from_utf8_lossy(&environment).contains(text) {
            found.push(number);
        }
    }
    found
}
