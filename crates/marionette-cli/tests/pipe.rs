//! Lists that are not in a file: what was done of one runs once, however the next list differs.

mod common;

use std::io::Write as _;
use std::process::{Child, Stdio};

use common::{Said, Sandbox, said, until};

/// Waits until a test lets it go on.
const WAITS: &str = "echo >> begun; test -e go || sleep 300; echo waits >> log";

/// The program with these arguments and this list on its standard input.
fn start(sandbox: &Sandbox, arguments: &[&str], lines: &[&str]) -> Child {
    let mut command = sandbox.command(arguments);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    for line in lines {
        writeln!(stdin, "{line}").expect("it reads");
    }
    child
}

fn run(sandbox: &Sandbox, arguments: &[&str], lines: &[&str]) -> Said {
    let child = start(sandbox, arguments, lines);
    said(child.wait_with_output().expect("it ends"))
}

/// Runs a list one by one, and kills the runner once the command that waits has begun.
fn kill_at_wait(sandbox: &Sandbox, arguments: &[&str], lines: &[&str]) {
    let arguments: Vec<_> = ["run", "-j", "1"]
        .iter()
        .chain(arguments)
        .copied()
        .collect();
    let mut runner = start(sandbox, &arguments, lines);
    until("it waits", || !sandbox.read("begun").is_empty());
    // What was done is written a moment later.
    let before = lines.iter().take_while(|line| **line != WAITS).count();
    until("the store knows of what was done", || {
        let done = sandbox.run(&["list", "--json", "--state", "done"]).out;
        done.lines().count() == before
    });
    runner.kill().expect("it runs");
    runner.wait().expect("it ends");
}

/// What the commands have noted, sorted.
fn log(sandbox: &Sandbox) -> Vec<String> {
    let mut lines: Vec<_> = sandbox.read("log").lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

#[test]
fn nothing_that_was_done_runs_again_when_a_list_grows_shrinks_and_changes_its_order() {
    let sandbox = Sandbox::new();
    let [a, b, c, new] = ["a", "b", "c", "new"].map(|name| format!("echo {name} >> log"));
    kill_at_wait(&sandbox, &["-"], &[&a, &b, WAITS, &c]);
    assert_eq!(log(&sandbox), ["a", "b"]);
    sandbox.write("go", "");
    let said = run(&sandbox, &["run", "-"], &[&c, &new, &b, WAITS]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(log(&sandbox), ["a", "b", "c", "new", "waits"]);
    assert!(
        said.err.contains("going on: 1 of 4 ended before"),
        "{said:?}"
    );
    // All of it has ended, so the next one begins anew.
    let said = run(&sandbox, &["run", "-"], &[&a]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(log(&sandbox), ["a", "a", "b", "c", "new", "waits"]);
}

#[test]
fn what_a_shorter_list_leaves_out_is_told_and_cancelled() {
    let sandbox = Sandbox::new();
    kill_at_wait(&sandbox, &["-"], &[WAITS, "echo c >> log", "echo d >> log"]);
    sandbox.write("go", "");
    let said = run(&sandbox, &["run", "-"], &["echo d >> log"]);
    assert!(
        said.err
            .contains("2 tasks cancelled that the list no longer has"),
        "{said:?}"
    );
    assert_eq!(log(&sandbox), ["d"]);
}

#[test]
fn another_list_leaves_an_unfinished_one_as_it_is_and_tells_how_to_go_on_with_it() {
    let sandbox = Sandbox::new();
    kill_at_wait(&sandbox, &["-"], &["echo a >> log", WAITS, "echo c >> log"]);
    sandbox.write("go", "");
    let other = run(&sandbox, &["run", "-"], &["echo other >> log"]);
    assert_eq!(other.status, Some(0), "{other:?}");
    assert!(
        other
            .err
            .contains("2 tasks of another list in this folder are left"),
        "{other:?}"
    );
    assert!(
        other.err.contains("`marionette run --resume -`"),
        "{other:?}"
    );
    assert!(other.err.contains("`marionette run --drop -`"), "{other:?}");
    assert_eq!(log(&sandbox), ["a", "other"]);

    let resumed = sandbox.run(&["run", "--resume", "-"]);
    assert_eq!(resumed.status, Some(0), "{resumed:?}");
    assert!(
        resumed.err.contains("going on: 1 of 3 ended before"),
        "{resumed:?}"
    );
    assert_eq!(log(&sandbox), ["a", "c", "other", "waits"]);

    let again = sandbox.run(&["run", "--resume", "-"]);
    assert_eq!(again.status, Some(2), "{again:?}");
    assert!(
        again.err.contains("there is no run to go on with"),
        "{again:?}"
    );
}

#[test]
fn an_unfinished_list_can_be_dropped() {
    let sandbox = Sandbox::new();
    kill_at_wait(&sandbox, &["-"], &["echo a >> log", WAITS, "echo c >> log"]);
    let dropped = sandbox.run(&["run", "--drop", "-"]);
    assert_eq!(dropped.status, Some(0), "{dropped:?}");
    assert!(dropped.err.contains("2 tasks cancelled"), "{dropped:?}");
    let next = run(&sandbox, &["run", "-"], &["echo c >> log"]);
    assert_eq!(next.status, Some(0), "{next:?}");
    assert_eq!(next.err, "");
    assert_eq!(log(&sandbox), ["a", "c"]);
}

#[test]
fn different_lists_of_one_folder_run_at_once_and_the_same_list_does_not() {
    let sandbox = Sandbox::new();
    let first = start(&sandbox, &["run", "-"], &[WAITS]);
    until("it waits", || !sandbox.read("begun").is_empty());
    let other = run(&sandbox, &["run", "-"], &["echo other >> log"]);
    assert_eq!(other.status, Some(0), "{other:?}");
    let same = run(&sandbox, &["run", "-"], &[WAITS]);
    assert_eq!(same.status, Some(2), "{same:?}");
    let process = first.id();
    assert_eq!(
        same.err,
        format!("marionette: process {process} runs standard input\n")
    );
    let resumed = sandbox.run(&["run", "--resume", "-"]);
    assert_eq!(resumed.status, Some(2), "{resumed:?}");
    let expected = format!("process {process} runs the list in");
    assert!(resumed.err.contains(&expected), "{resumed:?}");
    common::signal(process, rustix::process::Signal::KILL);
    assert_eq!(
        said(first.wait_with_output().expect("it ends")).status,
        None
    );
}

#[test]
fn a_name_tells_lists_apart_that_have_tasks_in_common() {
    let sandbox = Sandbox::new();
    let lines = ["echo a >> log", WAITS];
    kill_at_wait(&sandbox, &["--as", "nightly", "-"], &lines);
    let other = run(&sandbox, &["run", "--as", "other", "-"], &lines[..1]);
    assert_eq!(other.status, Some(0), "{other:?}");
    assert_eq!(other.err, "");
    sandbox.write("go", "");
    let same = run(&sandbox, &["run", "--as", "nightly", "-"], &lines);
    assert_eq!(same.status, Some(0), "{same:?}");
    assert_eq!(log(&sandbox), ["a", "a", "waits"]);
}

#[test]
fn a_list_that_runs_now_is_not_dropped_and_the_answer_says_who_runs_it() {
    let sandbox = Sandbox::new();
    let mut runner = start(&sandbox, &["run", "-"], &[WAITS]);
    until("it waits", || !sandbox.read("begun").is_empty());
    let said = sandbox.run(&["run", "--drop", "-"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    let who = format!("process {} runs the list in ", runner.id());
    assert!(said.err.contains(&who), "{said:?}");
    runner.kill().expect("it runs");
    runner.wait().expect("it ends");
    let said = sandbox.run(&["run", "--drop", "-"]);
    assert!(said.err.contains("1 task cancelled"), "{said:?}");
}
