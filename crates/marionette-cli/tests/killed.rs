//! A test that is killed leaves nothing behind: no worker, no minder, no command, no folder.

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{Sandbox, janitor, processes_with, until};

/// Makes this program the test that is killed.
const ROLE: &str = "MARIONETTE_TEST_IS_KILLED";

/// Nothing by itself; for the test below it starts what there is to start, and waits for its end.
#[test]
fn one_that_is_killed() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "sleep 300 & echo >> begun; wait\n\
         trap '' TERM INT HUP; echo >> begun; while true; do sleep 1; done\n",
    );
    assert_eq!(
        sandbox.run(&["add", "echo >> begun; sleep 300"]).status,
        Some(0)
    );
    let mut runner = sandbox.start(&["run", "-j", "2", "tasks.txt"]);
    let mut worker = sandbox.start(&["work"]);
    until("all have begun", || {
        sandbox.read("begun").lines().count() == 3
    });
    println!("\nin {}", sandbox.path("").display());
    // Neither ends by itself.
    runner.wait().expect("it was started");
    worker.wait().expect("it was started");
}

#[test]
fn nothing_is_left_of_a_test_that_is_killed() {
    let this = std::env::current_exe().expect("it has a path");
    let mut test = Command::new(this)
        .args(["--exact", "one_that_is_killed", "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let said = BufReader::new(test.stdout.take().expect("it is piped"));
    let folder = said.lines().find_map(|line| {
        let line = line.expect("it is text");
        line.strip_prefix("in ").map(str::to_owned)
    });
    let folder = folder
        .expect("it says where")
        .trim_end_matches('/')
        .to_owned();
    let left = format!("{}={folder}", janitor::VARIABLE);
    // Two of the program, a minder for each, and the commands. One that is just being started has
    // no environment for a moment.
    until("all of it is there", || processes_with(&left).len() >= 7);
    test.kill().expect("it runs");
    test.wait().expect("it ends");
    until("nothing of it is left", || {
        processes_with(&left).is_empty() && !Path::new(&folder).exists()
    });
}

#[test]
fn a_worker_that_was_killed_is_not_listed_as_one_that_lives() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.run(&["add", "echo >> begun; sleep 300"]).status,
        Some(0)
    );
    let mut worker = sandbox.start(&["work"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    let live = sandbox.run(&["instances", "--json"]).out;
    assert!(
        live.contains(&format!("\"process\":{}", worker.id())),
        "{live}"
    );
    let listed = sandbox.run(&["list"]).out;
    assert!(!listed.contains("its instance has died"), "{listed}");
    worker.kill().expect("it runs");
    worker.wait().expect("it ends");
    let said = sandbox.run(&["instances"]);
    assert!(said.err.contains("no instance is running"), "{said:?}");
    for verb in [&["list"][..], &["list", "--json"]] {
        let listed = sandbox.run(verb).out;
        assert!(
            listed.contains("its instance has died; it waits for another one"),
            "{listed}"
        );
    }
    // Nobody has given it back yet, and another worker does.
    let mut other = sandbox.start(&["work"]);
    until("it was begun again", || {
        sandbox.read("begun").lines().count() == 2
    });
    let listed = sandbox.run(&["list"]).out;
    assert!(!listed.contains("its instance has died"), "{listed}");
    other.kill().expect("it runs");
    other.wait().expect("it ends");
}
