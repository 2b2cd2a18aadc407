//! Every block of `console` in every document is run, and what it shows is compared; every line of
//! `marionette` in a block of `sh` is run as well, and has to be one that is not refused (those of
//! this package's README are tested in `readme.rs`). What needs more than a folder, such as a
//! server, is in blocks of `text`, which are left alone.
//!
//! All blocks of a document run in one folder, from top to bottom.

#[path = "../common/mod.rs"]
mod common;
mod compare;
mod markdown;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use common::{Sandbox, entries};
use compare::Ids;
use markdown::Block;

/// How long a line may take, so that one that goes on for ever is named.
const LIMIT: Duration = Duration::from_secs(60);

/// What a terminal shows of this line of a shell, and its exit status.
fn run(sandbox: &Sandbox, line: &str) -> (String, Option<i32>) {
    let ours = sandbox.command(&[]);
    let programs = sandbox.path("bin");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{{ {line}\n}} 2>&1")])
        .current_dir(sandbox.path("work"))
        .stdin(Stdio::null());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
        .env("HOME", sandbox.path("work"))
        .env("PATH", format!("{}:{path}", programs.display()));
    let output = ended(&mut shell);
    let text = String::from_utf8(output.stdout).expect("it is text");
    (text, output.status.code())
}

/// Runs it, and kills all of it if it takes too long: then it has no exit status.
fn ended(shell: &mut Command) -> Output {
    let shell = shell.process_group(0).stdout(Stdio::piped()).spawn();
    let shell = shell.expect("there is a shell");
    let group = rustix::process::Pid::from_child(&shell);
    let (ends, ended) = mpsc::channel::<()>();
    let watcher = thread::spawn(move || {
        if ended.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        }
    });
    let output = shell.wait_with_output().expect("it is a process of ours");
    drop(ends);
    watcher.join().expect("it does not panic");
    output
}

/// A folder with what the documents speak of: the program, and the example with what it reads.
fn folder() -> Sandbox {
    let sandbox = Sandbox::new();
    let folders = ["bin", "work/examples", "work/crates", "work/xtask"];
    for folder in folders.into_iter().chain(["work/.config/systemd/user"]) {
        fs::create_dir_all(sandbox.path(folder)).expect("it can be made");
    }
    let program = Path::new(env!("CARGO_BIN_EXE_marionette"));
    std::os::unix::fs::symlink(program, sandbox.path("bin/marionette")).expect("it can be made");
    for name in ["examples/checks.toml", "ARCHITECTURE.md"] {
        let copy = sandbox.path("work").join(name);
        fs::copy(root().join(name), copy).expect("it is there");
    }
    sandbox.write("work/crates/a.rs", "fn a() {}\n");
    sandbox.write("work/xtask/b.rs", "fn b() {}\n");
    sandbox
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The documents of the repository: at its root, in `docs`, and beside the manifest of each crate.
fn documents() -> Vec<PathBuf> {
    let folders = [root(), root().join("docs")];
    let crates = entries(&root().join("crates"));
    folders
        .into_iter()
        .chain(crates)
        .flat_map(|folder| entries(&folder))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect()
}

/// The faults of a document.
fn faults(name: &str, blocks: &[Block<'_>]) -> Vec<String> {
    let sandbox = folder();
    let mut ids = Ids::default();
    let mut faults = Vec::new();
    for block in blocks {
        let place = format!("{name}:{}", block.line);
        if block.language == "console" {
            for step in block.steps() {
                let (shown, status) = run(&sandbox, &ids.translated(step.command));
                if status.is_none() {
                    faults.push(format!("{place}: $ {}\ndoes not end", step.command));
                }
                if let Err(fault) = ids.compare(&step.expected, &shown) {
                    faults.push(format!("{place}: $ {}\n{fault}\n\n{shown}", step.command));
                }
            }
        } else {
            for line in block.text.lines().filter_map(markdown::ours) {
                let (shown, status) = run(&sandbox, &line);
                match status {
                    Some(0 | 1) => {}
                    Some(_) => faults.push(format!("{place}: {line}\nis refused:\n{shown}")),
                    None => faults.push(format!("{place}: {line}\ndoes not end:\n{shown}")),
                }
            }
        }
    }
    faults
}

#[test]
fn every_console_block_of_every_document_shows_what_the_program_shows() {
    let root = fs::canonicalize(root()).expect("it is there");
    let texts = documents().into_iter().map(|path| {
        let text = fs::read_to_string(&path).expect("it can be read");
        let path = fs::canonicalize(&path).expect("it is there");
        let name = path.strip_prefix(&root).expect("it is in the repository");
        (name.display().to_string(), text)
    });
    let threads: Vec<_> = texts
        .map(|(name, text)| {
            thread::spawn(move || {
                let mut blocks = markdown::blocks(&text);
                let of_a_package = name.starts_with("crates");
                blocks.retain(|block| match block.language {
                    "console" => true,
                    "sh" => !of_a_package,
                    _ => false,
                });
                let consoles = blocks.iter().filter(|block| block.language == "console");
                (consoles.count(), faults(&name, &blocks))
            })
        })
        .collect();
    let mut consoles = 0;
    let mut faults = Vec::new();
    for thread in threads {
        let (count, found) = thread.join().expect("it compares");
        consoles += count;
        faults.extend(found);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
    assert!(consoles > 0, "there are blocks of `console`");
}
