//! Nothing of a command is left once a worker begins, after the one that ran it was killed together
//! with its minder, whatever has become of the task since.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::process::{Child, Command};

use common::{Sandbox, processes_with, signal, until};
use rustix::process::Signal;

/// Commands that begin, note the number of a process of theirs, and stay.
const COMMANDS: [&str; 5] = [
    "echo $$ >> begun; sleep 300",
    "setsid sh -c 'echo $$ >> begun; sleep 300' & wait",
    "(trap '' TERM HUP INT; echo $$ >> begun; sleep 300 & wait) & wait",
    // What it writes is its own number, which it has from the system alone.
    "env -i sh -c 'echo $$ >> begun; sleep 300' & wait",
    // A script that has the name by which this program knows a minder.
    "echo 'echo $$ >> begun; sleep 300; :' > __minder; sh __minder & wait",
];

/// What may become of the task before the next worker begins.
const FATES: [&[&str]; 3] = [
    &[],
    &["cancel", "--queue", "default", "--yes"],
    &["pause", "default"],
];

fn words(process: u32) -> Vec<u8> {
    fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default()
}

fn minder_of(sandbox: &Sandbox) -> u32 {
    let is_minder = |process: &u32| {
        let words = words(*process);
        let mut words = words.split(|&byte| byte == 0);
        words
            .next()
            .is_some_and(|program| program.ends_with(b"/exe"))
            && words.next() == Some(b"__minder")
    };
    let all = processes_with(&sandbox.store());
    let mut minders = all.into_iter().filter(is_minder);
    minders.next().expect("there is one")
}

/// Kills a worker and its minder, of which neither can do anything about the other's end.
fn kill_both(mut worker: Child, minder: u32) {
    common::suspend(worker.id());
    signal(minder, Signal::KILL);
    until("its minder is gone", || words(minder).is_empty());
    worker.kill().expect("it runs");
    worker.wait().expect("it ends");
}

/// Whether a process is there and has not ended.
fn runs(process: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(')').map(|(_, behind)| behind.trim_start());
    state.is_some_and(|state| !state.starts_with(['Z', 'X']))
}

fn begun(sandbox: &Sandbox) -> Vec<String> {
    sandbox.read("begun").lines().map(str::to_owned).collect()
}

#[test]
fn nothing_is_left_when_the_next_worker_begins_whatever_became_of_the_task() {
    for fate in FATES {
        let sandbox = Sandbox::new();
        for command in COMMANDS {
            assert_eq!(sandbox.run(&["add", command]).status, Some(0));
        }
        let worker = sandbox.start(&["work", "-j", "5"]);
        until("all have begun", || begun(&sandbox).len() == COMMANDS.len());
        kill_both(worker, minder_of(&sandbox));
        let left = begun(&sandbox);
        assert!(left.iter().all(|process| runs(process)), "{left:?}");
        if !fate.is_empty() {
            let said = sandbox.run(fate);
            assert_eq!(said.status, Some(0), "{fate:?}: {said:?}");
        }
        // It works on another queue: nobody tries those tasks again.
        let mut next = sandbox.start_noting(&["work", "--queue", "other"]);
        until("it works", || sandbox.read("notes").contains("working on"));
        let left: Vec<_> = left.into_iter().filter(|process| runs(process)).collect();
        assert!(left.is_empty(), "{fate:?}: {left:?} run on");
        next.kill().expect("it runs");
        next.wait().expect("it ends");
    }
}

#[test]
fn nothing_is_left_of_a_task_that_the_store_does_not_know_any_more() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["add", COMMANDS[0]]).status, Some(0));
    let worker = sandbox.start(&["work"]);
    until("it has begun", || begun(&sandbox).len() == 1);
    kill_both(worker, minder_of(&sandbox));
    let mut shell = Command::new("sqlite3");
    shell.arg(sandbox.path("tasks.db"));
    shell.arg("delete from marionette_job");
    match shell.status() {
        Ok(status) => assert!(status.success()),
        Err(_) => return eprintln!("SKIPPED: there is no sqlite3"),
    }
    sandbox.write("tasks.txt", "true");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(!runs(&begun(&sandbox)[0]));
}

#[test]
fn a_worker_that_lives_ends_what_another_one_left() {
    let sandbox = Sandbox::new();
    let mut other = sandbox.start_noting(&["work", "--queue", "other"]);
    until("it works", || sandbox.read("notes").contains("working on"));
    assert_eq!(sandbox.run(&["add", COMMANDS[0]]).status, Some(0));
    let others = minder_of(&sandbox);
    let worker = sandbox.start(&["work"]);
    until("it has begun", || begun(&sandbox).len() == 1);
    let minders = processes_with(&sandbox.store());
    let mut minders = minders.into_iter().filter(|process| {
        let words = words(*process);
        *process != others && words.split(|&byte| byte == 0).nth(1) == Some(b"__minder")
    });
    let minder = minders.next().expect("there is one");
    assert_eq!(sandbox.run(&["pause", "default"]).status, Some(0));
    kill_both(worker, minder);
    until("nothing is left", || !runs(&begun(&sandbox)[0]));
    assert_eq!(begun(&sandbox).len(), 1, "its queue is paused");
    other.kill().expect("it runs");
    other.wait().expect("it ends");
}

#[test]
fn a_command_that_was_left_behind_on_purpose_lives_on_after_a_success() {
    let sandbox = Sandbox::new();
    let daemon = "setsid sh -c 'echo $$ >> begun; exec sleep 300' >/dev/null 2>&1 & \
                  until test -s begun; do sleep 0.01; done";
    assert_eq!(sandbox.run(&["add", daemon]).status, Some(0));
    let said = sandbox.run(&["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let said = sandbox.run(&["work", "--once"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(runs(&begun(&sandbox)[0]), "nobody wants it ended");
}

#[test]
fn what_has_left_the_group_of_a_command_is_ended_with_it() {
    for (command, ends) in [
        ("--timeout=1s", &[][..]),
        ("--grace=0s", &["cancel", "--all", "--yes"]),
    ] {
        let sandbox = Sandbox::new();
        let leaves = "setsid sh -c 'trap \"\" TERM; echo $$ >> begun; sleep 300' \
                      >/dev/null 2>&1 & wait";
        assert_eq!(sandbox.run(&["add", command, leaves]).status, Some(0));
        let worker = sandbox.start(&["work", "--once"]);
        until("it has begun", || begun(&sandbox).len() == 1);
        if !ends.is_empty() {
            let said = sandbox.run(ends);
            assert_eq!(said.status, Some(0), "{said:?}");
        }
        let ended = worker.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(1), "{ended:?}");
        assert!(!runs(&begun(&sandbox)[0]), "{command}: it runs on");
    }
}
