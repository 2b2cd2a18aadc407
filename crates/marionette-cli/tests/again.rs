//! A file that is run again: by two at once, and after it has changed.

mod common;

use std::io::{BufRead, BufReader};

use common::{FINISHES, HURRIES, Sandbox, said, until};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn two_runs_of_one_file_at_once_are_one_too_many() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "echo >> begun; sleep 300\n");
    let first = sandbox.start_noting(&["run", "tasks.txt"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    // By whatever name the file goes.
    std::os::unix::fs::symlink("tasks.txt", sandbox.path("link.txt")).expect("it can be linked");
    for name in ["tasks.txt", "./tasks.txt", "link.txt"] {
        let second = sandbox.run(&["run", name]);
        assert_eq!(second.status, Some(2), "{second:?}");
        assert_eq!(
            second.err,
            format!("marionette: process {} runs {name}\n", first.id())
        );
    }
    sandbox.write("other.txt", "true\n");
    assert_eq!(sandbox.run(&["run", "other.txt"]).status, Some(0));
    sandbox.ask(&first, Signal::TERM, FINISHES);
    sandbox.ask(&first, Signal::TERM, HURRIES);
    let first = said(first.wait_with_output().expect("it ends"));
    assert_eq!(first.status, Some(143), "{first:?}");
    assert_eq!(sandbox.read("begun"), "\n");
}

#[test]
fn a_file_that_changed_has_its_new_tasks_run_and_its_old_ones_cancelled() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "echo a >> log\necho b >> begun; test -e go; sleep 300\n",
    );
    let mut first = sandbox.start(&["run", "-j", "1", "tasks.txt"]);
    until("the second has begun", || !sandbox.read("begun").is_empty());
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    sandbox.write("tasks.txt", "echo new >> log\n# moved\necho a >> log\n");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(sandbox.read("log"), "a\nnew\n", "{said:?}");
    assert!(
        said.err
            .contains("1 task cancelled that the file no longer has"),
        "{said:?}"
    );
    assert_eq!(sandbox.read("begun"), "b\n");
    let listed = sandbox.run(&["list", "--state", "cancelled", "--json"]);
    let task: Value = serde_json::from_str(&listed.out).expect("it is one task");
    let id = task["id"].as_str().expect("it is a text");
    let shown = sandbox.run(&["show", id]);
    let told = " via command: its file no longer has it";
    assert!(shown.out.contains(told), "{shown:?}");
}

#[test]
fn a_task_that_comes_back_into_the_file_is_run_after_all() {
    let sandbox = Sandbox::new();
    let (wait, task) = ("echo >> begun; sleep 300\n", "echo back >> log\n");
    let stop = |text: &str| {
        let before = sandbox.read("begun").len();
        sandbox.write("tasks.txt", text);
        let mut child = sandbox.start(&["run", "-j", "1", "tasks.txt"]);
        until("it waits", || sandbox.read("begun").len() > before);
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    };
    stop(&format!("{wait}{task}"));
    stop(wait);
    assert_eq!(sandbox.read("log"), "");
    sandbox.write("tasks.txt", task);
    sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(sandbox.read("log"), "back\n");
}

#[test]
fn a_task_that_a_person_cancels_stays_cancelled_whatever_the_reason_says() {
    let sandbox = Sandbox::new();
    let tasks = "echo >> begun; test -e go || sleep 300\necho b >> log\n";
    sandbox.write("tasks.txt", tasks);
    let mut first = sandbox.start(&["run", "-j", "1", "tasks.txt"]);
    until("the first has begun", || !sandbox.read("begun").is_empty());
    let reason = "its file no longer has it";
    let cancel = ["cancel", "--text", "echo b", "--yes", "--reason", reason];
    let said = sandbox.run(&cancel);
    assert_eq!(said.status, Some(0), "{said:?}");
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    sandbox.write("go", "");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert!(said.out.contains("1 done, 1 cancelled"), "{said:?}");
    assert_eq!(sandbox.read("log"), "");
}

#[test]
fn a_run_can_begin_anew_before_it_is_finished() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "echo a >> log\necho >> begun; test -e go || sleep 300\n",
    );
    let mut first = sandbox.start(&["run", "-j", "1", "tasks.txt"]);
    until("the second has begun", || !sandbox.read("begun").is_empty());
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    sandbox.write("go", "");
    let said = sandbox.run(&["run", "--anew", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "a\na\n");
}

#[test]
fn a_run_sees_what_an_operator_changes_meanwhile() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.toml",
        "[[task]]\nname = 'now'\nrun = 'test -e good && echo now >> log'\n\
         [[task]]\nname = 'later'\nrun = 'echo later >> log'\ndelay = '1h'\n",
    );
    let run = sandbox.start(&["run", "tasks.toml"]);
    let dead = || sandbox.run(&["list", "--state", "dead", "--json"]).out;
    until("the first has failed", || dead().contains("\"now\""));
    sandbox.write("good", "");
    let said = sandbox.run(&["retry", "--state", "dead", "--yes"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    until("it was tried again", || sandbox.read("log") == "now\n");
    let said = sandbox.run(&["cancel", "--state", "scheduled", "--yes"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let run = common::said(run.wait_with_output().expect("it ends"));
    assert_eq!(run.status, Some(1), "{run:?}");
    assert!(run.out.contains("1 done, 1 cancelled"), "{run:?}");
}

#[test]
fn a_run_in_which_nothing_moves_says_so_and_goes_on_by_itself() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    assert_eq!(sandbox.run(&["run", "tasks.txt"]).status, Some(0));
    // The next generation of the file has the next queue.
    let listed = sandbox.run(&["list", "--json"]).out;
    let job: Value = serde_json::from_str(listed.trim()).expect("there is one");
    let queue = job["queue"].as_str().expect("it has one");
    let queue = queue
        .strip_suffix(".1")
        .expect("it was the first")
        .to_owned()
        + ".2";
    assert_eq!(sandbox.run(&["pause", &queue]).status, Some(0));
    let mut run = sandbox.start(&["run", "tasks.txt"]);
    let mut notes = BufReader::new(run.stderr.take().expect("it was asked for")).lines();
    let note = notes
        .next()
        .expect("it says something")
        .expect("it is text");
    assert!(
        note.contains("nothing moves: the queue is paused"),
        "{note}"
    );
    assert_eq!(sandbox.run(&["resume", &queue]).status, Some(0));
    let run = said(run.wait_with_output().expect("it ends"));
    assert_eq!(run.status, Some(0), "{run:?}");
}
