//! What `retry` promises is run, tasks of a file are found by its name, and tasks by theirs.

mod common;

use common::{Said, Sandbox, said, until};
use rustix::process::Signal;
use serde_json::Value;

/// One task that is done, and one that fails until there is a flag.
const FILE: &str = "echo once >> once\ntest -e flag && echo ran >> log\n";

fn listed(sandbox: &Sandbox, conditions: &[&str]) -> Vec<Value> {
    let said = sandbox.run(&[&["list", "--json"], conditions].concat());
    let value = |line| serde_json::from_str(line).expect("each line is JSON");
    said.out.lines().map(value).collect()
}

fn good(sandbox: &Sandbox, arguments: &[&str]) -> Said {
    let said = sandbox.run(arguments);
    assert_eq!(said.status, Some(0), "{arguments:?}: {said:?}");
    said
}

#[test]
fn a_task_of_a_file_that_is_retried_is_run_when_the_file_is_run_again() {
    let sandbox = Sandbox::new();
    sandbox.write("rr.txt", FILE);
    assert_eq!(sandbox.run(&["run", "rr.txt"]).status, Some(1));
    sandbox.write("flag", "");
    let retried = good(&sandbox, &["retry", "--state", "dead", "--yes"]);
    assert_eq!(retried.out, "retried 1 task\n");
    assert!(
        retried.err.contains("it waits for `marionette run rr.txt`"),
        "{retried:?}"
    );
    // Other workers have nothing to do with it.
    good(&sandbox, &["work", "--once"]);
    let said = good(&sandbox, &["run", "rr.txt"]);
    assert!(
        said.err.contains("going on: 1 of 2 ended before"),
        "{said:?}"
    );
    assert_eq!(sandbox.read("log"), "ran\n");
    assert_eq!(
        sandbox.read("once"),
        "once\n",
        "what was done is not run again"
    );
    good(&sandbox, &["run", "rr.txt"]);
    assert_eq!(sandbox.read("once"), "once\nonce\n", "then it begins anew");
}

#[test]
fn a_task_of_the_turn_before_is_run_as_well() {
    let sandbox = Sandbox::new();
    sandbox.write("rr.txt", FILE);
    for _ in 0..2 {
        assert_eq!(sandbox.run(&["run", "rr.txt"]).status, Some(1));
    }
    sandbox.write("flag", "");
    let dead = listed(&sandbox, &["--state", "dead"]);
    let before = dead.iter().find(|job| job["run"] == "rr.txt (before)");
    let id = before.expect("it is kept")["id"]
        .as_str()
        .expect("a text")
        .to_owned();
    let retried = good(&sandbox, &["retry", &id]);
    assert!(
        retried.err.contains("it waits for `marionette run rr.txt`"),
        "{retried:?}"
    );
    sandbox.run(&["run", "rr.txt"]);
    assert_eq!(
        sandbox.read("once"),
        "once\n".repeat(2),
        "no new turn began"
    );
    assert_eq!(sandbox.read("log"), "ran\n");
    assert_eq!(
        listed(&sandbox, &["--state", "waiting"]),
        Vec::<Value>::new()
    );
}

#[test]
fn retry_says_who_runs_it_now() {
    let sandbox = Sandbox::new();
    sandbox.write("rr.txt", "false\necho >> begun; test -e go || sleep 300\n");
    let run = sandbox.start(&["run", "-j", "1", "rr.txt"]);
    until("the second waits", || !sandbox.read("begun").is_empty());
    let retried = good(&sandbox, &["retry", "false"]);
    let expected = format!(
        "it waits in the run of rr.txt, which process {} runs",
        run.id()
    );
    assert!(retried.err.contains(&expected), "{retried:?}");
    common::signal(run.id(), Signal::KILL);
    said(run.wait_with_output().expect("it ends"));

    good(&sandbox, &["add", "--name", "added", "false"]);
    assert_eq!(sandbox.run(&["work", "--once"]).status, Some(1));
    let retried = good(&sandbox, &["retry", "added"]);
    assert!(
        retried.err.contains("it waits for `marionette work`"),
        "{retried:?}"
    );
    let told = good(&sandbox, &["retry", "--state", "dead", "--yes", "--json"]);
    assert!(
        told.out.contains("\"waits\":[]"),
        "nothing was changed: {told:?}"
    );
}

#[test]
fn the_file_of_a_task_is_named_wherever_it_is_shown() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("sub")).expect("it can be made");
    sandbox.write("sub/nightly.txt", "echo >> begun; sleep 300\necho other\n");
    let mut run = sandbox.start(&["run", "-j", "1", "sub/nightly.txt"]);
    until("it has begun", || !sandbox.read("sub/begun").is_empty());
    run.kill().expect("it runs");
    run.wait().expect("it ends");
    let name = "sub/nightly.txt";
    for verb in ["list", "stats"] {
        let said = good(&sandbox, &[verb]);
        assert!(said.out.contains(name), "{said:?}");
        assert!(!said.out.contains("run."), "{said:?}");
    }
    let id = listed(&sandbox, &["--text", "other"])[0]["id"]
        .as_str()
        .expect("a text")
        .to_owned();
    let said = good(&sandbox, &["show", &id]);
    let expected = "Run       sub/nightly.txt; `marionette run sub/nightly.txt` goes on with it";
    assert!(said.out.contains(expected), "{said:?}");
    // From elsewhere its path is the whole one.
    let mut elsewhere = sandbox.command(&["show", &id]);
    let elsewhere = said_of(elsewhere.current_dir("/"));
    let path = sandbox.path(name).canonicalize().expect("it is there");
    assert!(
        elsewhere
            .out
            .contains(&format!("`marionette run {}`", path.display())),
        "{elsewhere:?}"
    );
}

fn said_of(command: &mut std::process::Command) -> Said {
    said(command.output().expect("it starts"))
}

#[test]
fn the_summary_of_a_run_has_ids_that_can_be_shown() {
    let sandbox = Sandbox::new();
    sandbox.write("rr.txt", FILE);
    let ran = sandbox.run(&["run", "rr.txt"]);
    let lines: Vec<_> = ran.out.lines().collect();
    let head = lines
        .iter()
        .position(|line| line.starts_with("ID"))
        .expect("there is a table");
    for line in &lines[head + 1..=head + 2] {
        let id = line.split_whitespace().next().expect("it begins with one");
        assert_eq!(good(&sandbox, &["show", id]).status, Some(0));
    }
}

#[test]
fn a_name_serves_as_an_id_where_it_is_the_only_one() {
    let sandbox = Sandbox::new();
    // Two that could be pieces of ids, and one that could be nothing but a name.
    for name in ["nightly backup", "cafe", "ad"] {
        good(&sandbox, &["add", "--name", name, "echo out; test -e flag"]);
    }
    assert_eq!(sandbox.run(&["work", "--once"]).status, Some(1));
    for name in ["nightly backup", "cafe", "ad"] {
        assert!(good(&sandbox, &["show", name]).out.contains(name));
        assert!(sandbox.run(&["follow", name]).out.contains("out"));
        assert_eq!(good(&sandbox, &["retry", name]).out, "retried 1 task\n");
        assert_eq!(good(&sandbox, &["cancel", name]).out, "cancelled 1 task\n");
    }
    assert_eq!(good(&sandbox, &["delete", "cafe"]).out, "deleted 1 task\n");
    let gone = sandbox.run(&["delete", "cafe"]);
    assert_eq!(gone.status, Some(1), "{gone:?}");

    good(&sandbox, &["add", "--name", "nightly backup", "true"]);
    let both = sandbox.run(&["delete", "nightly backup"]);
    assert_eq!(both.status, Some(2), "{both:?}");
    for job in listed(&sandbox, &["--text", "nightly"]) {
        let id = job["id"].as_str().expect("a text");
        assert!(both.err.contains(id), "{both:?}");
    }
    // A piece of a name is no name.
    assert_eq!(sandbox.run(&["show", "nightly"]).status, Some(2));
}

#[test]
fn the_tasks_of_a_run_are_listed_in_the_order_of_its_file() {
    let sandbox = Sandbox::new();
    let names: Vec<_> = (0..30).map(|nth| format!("echo {nth}")).collect();
    sandbox.write("rr.txt", &names.join("\n"));
    good(&sandbox, &["run", "-q", "rr.txt"]);
    good(&sandbox, &["add", "echo newest"]);
    let listed = listed(&sandbox, &["--limit", "20"]);
    let listed: Vec<_> = listed
        .iter()
        .map(|job| job["name"].as_str().expect("a text"))
        .collect();
    assert_eq!(listed[0], "echo newest");
    assert_eq!(listed[1..], names[..19]);
}
