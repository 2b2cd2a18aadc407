//! A command is alone: it has no terminal, ignores no signal, and can be asked by nobody for
//! anything.

#![cfg(target_os = "linux")]

mod common;

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use common::{Sandbox, said, until};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// What a command tells of itself, in lines.
const TELL: &str = "\
    (exec </dev/tty) 2>/dev/null && echo terminal; \
    read -r stat </proc/self/stat; set -- ${stat##*)}; echo \"session $4 terminal $5\"; \
    grep -E '^Sig(Blk|Ign)' /proc/self/status";

/// Runs the program in a session with a terminal, as a shell would; returns what it wrote there.
fn on_own_terminal(sandbox: &Sandbox, setup: &str, arguments: &[&str]) -> Option<String> {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let theirs = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
    let theirs: OwnedFd = theirs.expect("it can be opened");
    let end = || Stdio::from(theirs.try_clone().expect("it can be cloned"));
    let plain = sandbox.command(arguments);
    let script = format!("{setup} (exec </dev/tty) || exit 99; exec \"$@\"");
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait", "sh", "-c", &script, "sh"])
        .arg(plain.get_program())
        .args(arguments)
        .current_dir(sandbox.path(""));
    for (name, value) in plain.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(end()).stdout(end()).stderr(end());
    let Ok(mut child) = command.spawn() else {
        eprintln!("SKIPPED: there is no `setsid`, so there is no terminal of one's own");
        return None;
    };
    drop((command, theirs));
    let mut bytes = Vec::new();
    // It ends with an error once nobody has the other end any more.
    let _ = std::io::Read::read_to_end(&mut std::fs::File::from(ours), &mut bytes);
    let ended = child.wait().expect("it was started");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_ne!(ended.code(), Some(99), "it has its terminal: {text}");
    Some(text)
}

/// Asserts what a command has told of itself.
fn is_alone(told: &str) {
    let mut lines = told.lines();
    let session = lines.next().unwrap_or_default();
    assert!(session.starts_with("session "), "{told}");
    assert!(session.ends_with(" terminal 0"), "{told}");
    let masks: Vec<_> = lines.collect();
    assert_eq!(masks.len(), 2, "{told}");
    for mask in masks {
        let mask = mask.rsplit('\t').next().unwrap_or_default();
        let mask = u64::from_str_radix(mask, 16).expect("it is a number");
        // Two signals are the C library's own, and nobody can catch them.
        assert_eq!(mask & !(3 << 31), 0, "{told}");
    }
}

#[test]
fn a_command_has_no_terminal_and_ignores_no_signal_whatever_its_worker_does() {
    for setup in [
        "",
        "trap '' HUP INT QUIT TERM;",
        "trap '' USR1 USR2 ALRM PIPE CHLD TSTP TTIN TTOU WINCH XFSZ;",
    ] {
        for verb in [&["work", "--once"][..], &["run", "tasks.toml"]] {
            let sandbox = Sandbox::new();
            if verb[0] == "run" {
                let task = format!("[[task]]\ncommand = ['sh', '-c', '''{TELL}''', 'sh']\n");
                sandbox.write("tasks.toml", &task);
            } else {
                let added = sandbox.run(&["add", "--", "sh", "-c", TELL, "sh"]);
                assert_eq!(added.status, Some(0), "{added:?}");
            }
            let Some(shown) = on_own_terminal(&sandbox, setup, verb) else {
                return;
            };
            let told = sandbox.outputs().concat();
            assert!(!told.is_empty(), "{setup} {verb:?}: {shown}");
            is_alone(&told);
        }
    }
}

#[test]
fn a_command_that_asks_at_the_terminal_fails_at_once_and_nothing_of_it_is_seen_there() {
    let sandbox = Sandbox::new();
    for line in [
        "read x </dev/tty",
        "echo past the log >/dev/tty",
        "stty sane </dev/tty",
    ] {
        assert_eq!(sandbox.run(&["add", line]).status, Some(0));
    }
    let Some(shown) = on_own_terminal(&sandbox, "", &["work", "--once"]) else {
        return;
    };
    assert!(shown.contains("0 done, 3 failed"), "{shown}");
    let begin = |line: &str| line.trim_end() == "past the log";
    assert!(!shown.lines().any(begin), "{shown}");
    let listed = sandbox.run(&["list", "--state", "dead"]).out;
    assert_eq!(listed.matches("/dev/tty").count(), 6, "{listed}");
}

#[test]
fn a_minder_leads_a_session_that_no_file_of_a_task_gives_a_terminal() {
    let sandbox = Sandbox::new();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("there are terminals");
    grantpt(&ours).expect("it is ours");
    unlockpt(&ours).expect("it is ours");
    let name = ptsname(&ours, Vec::new()).expect("it has a name");
    let name = name.into_string().expect("it is text");
    let source = format!("TOKEN=file:{name}");
    let added = sandbox.run(&["add", "--env-from", &source, "true"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    let worker = sandbox.start(&["work"]);
    until("it was refused", || {
        let listed = sandbox.run(&["list", "--state", "dead"]).out;
        listed.contains("it is a device")
    });
    assert_eq!(
        sandbox.run(&["add", "--", "sh", "-c", TELL, "sh"]).status,
        Some(0)
    );
    until("another one has run", || {
        sandbox.outputs().concat().lines().count() == 3
    });
    is_alone(&sandbox.outputs().concat());
    common::signal(worker.id(), rustix::process::Signal::TERM);
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
}
