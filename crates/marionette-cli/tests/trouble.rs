//! A worker that cannot work says so, and says when that is over; no task has failed by it.

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use common::{Sandbox, processes_with, said, signal, until};
use rustix::process::Signal;
use serde_json::Value;

/// The user who owns nothing.
const NOBODY: u32 = 65534;

fn add(sandbox: &Sandbox, command: &str) {
    assert_eq!(sandbox.run(&["add", command]).status, Some(0));
}

/// The only task there is.
fn job(sandbox: &Sandbox) -> Value {
    let listed = sandbox.run(&["list", "--json"]);
    serde_json::from_str(listed.out.trim()).unwrap_or_else(|_| panic!("one: {listed:?}"))
}

fn minder(sandbox: &Sandbox) -> u32 {
    let is_minder = |process: &u32| {
        let words = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).nth(1) == Some(b"__minder")
    };
    let mut minders = processes_with(&sandbox.store())
        .into_iter()
        .filter(is_minder);
    minders.next().expect("there is one")
}

fn stop(worker: Child) -> common::Said {
    signal(worker.id(), Signal::TERM);
    said(worker.wait_with_output().expect("it ends"))
}

#[test]
fn a_worker_says_at_once_what_it_needs_and_cannot_have() {
    for name in ["workers", "minders", "output", "runs"] {
        let sandbox = Sandbox::new();
        add(&sandbox, "echo ran >> log");
        let path = sandbox.path(&format!("tasks.db-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::write(&path, "no folder").expect("it can be made");
        sandbox.write("tasks.txt", "echo ran >> log\n");
        for arguments in [&["work"][..], &["work", "--once"], &["run", "tasks.txt"]] {
            let said = sandbox.run(arguments);
            assert_eq!(said.status, Some(2), "{name}, {arguments:?}: {said:?}");
            let is_named = said.err.contains(&format!("tasks.db-{name}"));
            assert!(is_named, "{name}, {arguments:?}: {said:?}");
        }
        assert_eq!(sandbox.read("log"), "");
        assert_eq!(job(&sandbox)["failed"], 0);
    }
}

#[test]
fn a_worker_says_whose_folder_it_may_not_use() {
    let sandbox = Sandbox::new();
    add(&sandbox, "echo ran >> log");
    let folder = sandbox.path("tasks.db-workers");
    let _ = fs::create_dir(&folder);
    let mut command = sandbox.command(&["work", "--once"]);
    let is_root = rustix::process::geteuid().is_root();
    if is_root {
        // Another user gets everything but this folder, and the program where it can be read.
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
        let program = sandbox.path("marionette");
        // By a program of its own: what another test starts meanwhile would have a copy of ours
        // open for writing, and the system runs no such file.
        let copy = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_marionette"))
            .arg(&program)
            .status();
        assert!(copy.expect("cp can be started").success(), "there is room");
        let all = common::entries(&sandbox.path(""));
        let theirs = all.into_iter().filter(|path| *path != folder);
        for path in theirs.chain([sandbox.path("")]) {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        let mut theirs = Command::new(program);
        let variables = command.get_envs();
        theirs.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        theirs.args(["work", "--once"]).uid(NOBODY).gid(NOBODY);
        theirs.current_dir(sandbox.path("")).stdin(Stdio::null());
        theirs.stdout(Stdio::piped()).stderr(Stdio::piped());
        command = theirs;
    } else {
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).expect("it is ours");
    }
    let said = said(command.output().expect("it starts"));
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).expect("it is ours");
    assert_eq!(said.status, Some(2), "{said:?}");
    let expected = format!(
        "cannot make a file in {}: permission denied",
        folder.display()
    );
    assert!(said.err.contains(&expected), "{said:?}");
    assert_eq!(
        said.err.contains("(it belongs to root)"),
        is_root,
        "{said:?}"
    );
}

#[test]
fn a_worker_that_loses_what_it_needs_says_so_once_and_goes_on_once_it_is_back() {
    let sandbox = Sandbox::new();
    let worker = sandbox.start_noting(&["work"]);
    let notes = || sandbox.read("notes");
    until("it works", || notes().contains("working on"));
    let (folder, moved) = (sandbox.path("tasks.db-minders"), sandbox.path("moved"));
    fs::rename(&folder, &moved).expect("it can be moved");
    fs::write(&folder, "no folder").expect("it can be made");
    add(&sandbox, "echo ran >> log");
    until("it says so", || {
        notes().contains("cannot see which minders of commands are there")
    });
    assert_eq!(job(&sandbox)["failed"], 0);
    fs::remove_file(&folder).expect("it is there");
    fs::rename(&moved, &folder).expect("it can be moved");
    until("it ran", || sandbox.read("log") == "ran\n");
    until("it says that it is over", || {
        notes().contains("commands can be started again")
    });
    let ended = stop(worker);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(
        notes().matches("cannot see which minders").count(),
        1,
        "{}",
        notes()
    );
    assert_eq!(job(&sandbox)["failed"], 0);
}

#[test]
fn a_worker_that_ends_by_itself_and_could_not_work_ends_with_2() {
    let sandbox = Sandbox::new();
    add(
        &sandbox,
        "echo begun >> begun; until test -e go; do sleep 0.01; done",
    );
    let worker = sandbox.start(&["work", "--once", "-j", "1"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    let folder = sandbox.path("tasks.db-minders");
    fs::rename(&folder, sandbox.path("moved")).expect("it can be moved");
    fs::write(&folder, "no folder").expect("it can be made");
    add(&sandbox, "echo ran >> log");
    sandbox.write("go", "");
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.err.contains("cannot see which minders"), "{ended:?}");
    assert_eq!(sandbox.read("log"), "");
}

#[test]
fn a_worker_without_room_for_more_files_costs_no_task_an_attempt() {
    let sandbox = Sandbox::new();
    let tasks: Vec<_> = (0..40)
        .map(|nth| format!("sleep 0.3; echo {nth} >> log"))
        .collect();
    sandbox.write("tasks.txt", &tasks.join("\n"));
    let program = env!("CARGO_BIN_EXE_marionette");
    let mut shell = Command::new("sh");
    let variables = sandbox.command(&[]);
    let variables = variables
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    shell.envs(variables).current_dir(sandbox.path(""));
    shell.args([
        "-c",
        &format!("ulimit -n 45; exec {program} run -j 40 tasks.txt"),
    ]);
    let ended = said(shell.stdin(Stdio::null()).output().expect("it starts"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(sandbox.read("log").lines().count(), 40, "{ended:?}");
    assert!(ended.out.contains("40 done"), "{ended:?}");
    let listed = sandbox.run(&["list", "--all", "--json"]).out;
    let ids: Vec<String> = listed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"))
        .map(|job| job["id"].as_str().expect("a text").to_owned())
        .collect();
    let arguments = ["show", "--json"]
        .into_iter()
        .chain(ids.iter().map(String::as_str));
    let shown = sandbox.run(&arguments.collect::<Vec<_>>());
    let outcomes = |what: &str| {
        shown
            .out
            .matches(&format!("\"outcome\":\"{what}\""))
            .count()
    };
    assert!(
        outcomes("snoozed") > 0,
        "it had room for all at once: {ended:?}"
    );
    assert_eq!((outcomes("done"), outcomes("failed")), (40, 0));
}

#[test]
fn whoever_waits_for_a_paused_queue_is_told() {
    let sandbox = Sandbox::new();
    add(&sandbox, "echo ran >> log");
    assert_eq!(sandbox.run(&["pause", "default"]).status, Some(0));
    let worker = sandbox.start_noting(&["work"]);
    let expected = "tasks wait in the queue default, which is paused";
    until("it is told", || sandbox.read("notes").contains(expected));
    assert_eq!(sandbox.run(&["resume", "default"]).status, Some(0));
    until("it ran", || sandbox.read("log") == "ran\n");
    let over = "nothing waits in a paused queue any more";
    until("it is told that it is over", || {
        sandbox.read("notes").contains(over)
    });
    stop(worker);
}

#[test]
fn a_task_whose_minder_is_killed_each_time_fails_in_the_end() {
    let sandbox = Sandbox::new();
    add(&sandbox, "echo >> begun; kill -9 $PPID; sleep 300");
    let ended = sandbox.run(&["work", "--once"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(
        ended.out.contains("so was the minder of commands, 3 times"),
        "{ended:?}"
    );
    assert_eq!(sandbox.read("begun").lines().count(), 3);
    assert_eq!(job(&sandbox)["failed"], 1);
}

#[test]
fn a_minder_that_somebody_kills_costs_no_attempt() {
    let sandbox = Sandbox::new();
    add(
        &sandbox,
        "echo >> begun; test -e go || sleep 300; echo done >> log",
    );
    let worker = sandbox.start(&["work", "--once"]);
    until("it sleeps", || sandbox.is_in_its_sleep());
    sandbox.write("go", "");
    signal(minder(&sandbox), Signal::KILL);
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(sandbox.read("log"), "done\n");
    assert_eq!(job(&sandbox)["failed"], 0);
}

/// Another program that holds the store's lock for writing, until its input ends.
fn holds_the_lock(sandbox: &Sandbox) -> Option<Child> {
    let mut shell = Command::new("sqlite3");
    shell.arg(sandbox.path("tasks.db"));
    shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    let Ok(mut shell) = shell.spawn() else {
        println!("LEFT OUT: there is no sqlite3");
        return None;
    };
    let input = shell.stdin.as_mut().expect("it was asked for");
    input
        .write_all(b".timeout 10000\nBEGIN IMMEDIATE;\nSELECT 'held';\n")
        .expect("it reads");
    let mut said = BufReader::new(shell.stdout.take().expect("it was asked for"));
    let mut line = String::new();
    said.read_line(&mut line).expect("it is text");
    assert_eq!(line, "held\n");
    Some(shell)
}

#[test]
fn a_store_that_does_not_answer_for_a_lease_is_told_and_ends_who_ends_by_itself() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox
            .run(&["add", "--delay", "2s", "echo ran >> log"])
            .status,
        Some(0)
    );
    let worker = sandbox.start_noting(&["work"]);
    let notes = || sandbox.read("notes");
    until("it works", || notes().contains("working on"));
    let once = sandbox.start(&["work", "--until-idle"]);
    until("both are known", || {
        sandbox.run(&["instances", "--json"]).out.lines().count() == 2
    });
    let Some(mut shell) = holds_the_lock(&sandbox) else {
        stop(once);
        stop(worker);
        return;
    };
    let expected = "nothing can be taken from the store for";
    until("it is told", || notes().contains(expected));
    let once = said(once.wait_with_output().expect("it ends"));
    assert_eq!(once.status, Some(2), "{once:?}");
    assert!(once.err.contains(expected), "{once:?}");
    drop(shell.stdin.take());
    shell.wait().expect("it ends");
    until("it ran", || sandbox.read("log") == "ran\n");
    until("it is told that it is over", || {
        notes().contains("the store answers again")
    });
    stop(worker);
    assert_eq!(notes().matches(expected).count(), 1, "{}", notes());
    assert_eq!(job(&sandbox)["failed"], 0);
}
