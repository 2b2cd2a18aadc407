//! A store that answers with errors while a worker is at work, or has tasks that it never gives
//! out: it is said within a minute, a worker that shall end by itself ends with 2, and one that
//! shall not goes on.

use std::process::Command;

use crate::common::{Sandbox, said, signal, until};
use crate::shell::jobs;

/// Changes the store behind the back of whoever works with it; not where there is no `sqlite3`.
fn sql(sandbox: &Sandbox, statements: &str) -> bool {
    let mut shell = Command::new("sqlite3");
    shell.arg(sandbox.path("tasks.db"));
    shell.args([".timeout 20000", statements]);
    let Ok(done) = shell.output() else {
        eprintln!("SKIPPED: there is no sqlite3");
        return false;
    };
    assert!(done.status.success(), "{statements}: {done:?}");
    true
}

/// What breaks the store, and how that is mended.
const BREAKS: &str = "alter table marionette_instance rename to gone";
const MENDS: &str = "alter table gone rename to marionette_instance";

#[test]
fn what_fails_in_the_store_is_said_and_ends_who_ends_by_itself_and_passes() {
    let sandbox = Sandbox::new();
    // Nothing runs before the fault begins.
    let added = sandbox.run(&["add", "echo ran >> log"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    assert_eq!(sandbox.run(&["pause", "default"]).status, Some(0));
    let worker = sandbox.start_noting(&["work"]);
    let once = sandbox.start(&["work", "--until-idle"]);
    until("both are known", || {
        sandbox.run(&["instances", "--json"]).out.lines().count() == 2
    });
    // From now on the program refuses to open it: its schema is another.
    if !sql(&sandbox, &format!("{BREAKS}; delete from marionette_queue")) {
        for mut child in [worker, once] {
            child.kill().expect("it runs");
            child.wait().expect("it ends");
        }
        return;
    }
    let notes = || sandbox.read("notes");
    let once = said(once.wait_with_output().expect("it ends"));
    assert_eq!(once.status, Some(2), "{once:?}");
    let told = "nothing can be taken from the store for";
    assert!(once.err.contains(told), "{once:?}");
    assert!(once.err.contains("marionette_instance"), "{once:?}");
    until("the other one says it", || {
        notes().contains(told) && notes().contains("it is tried again and again")
    });
    sql(&sandbox, MENDS);
    until("it ran", || sandbox.read("log") == "ran\n");
    until("it says that it is over", || notes().contains("it goes on"));
    until("it is noted", || {
        jobs(&sandbox).iter().all(|job| job["state"] == "done")
    });
    assert_eq!(jobs(&sandbox)[0]["failed"], 0);
    signal(worker.id(), rustix::process::Signal::TERM);
    let ended = worker.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0), "{}", notes());
}

#[test]
fn a_store_whose_file_is_gone_ends_every_worker_with_2_and_one_message() {
    for verb in [
        &["work"][..],
        &["work", "--until-idle"],
        &["run", "tasks.txt"],
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("tasks.txt", "echo >> begun; sleep 300");
        if verb[0] == "work" {
            let added = sandbox.run(&["add", "echo >> begun; sleep 300"]);
            assert_eq!(added.status, Some(0), "{added:?}");
        }
        let worker = sandbox.start(verb);
        until("it has begun", || !sandbox.read("begun").is_empty());
        std::fs::remove_file(sandbox.path("tasks.db")).expect("it is there");
        let ended = said(worker.wait_with_output().expect("it ends"));
        assert_eq!(ended.status, Some(2), "{verb:?}: {ended:?}");
        let told = ended.err.lines().filter(|line| line.contains("tasks.db: "));
        assert_eq!(told.count(), 1, "{verb:?}: {ended:?}");
    }
}

#[test]
fn the_tasks_of_others_keep_no_worker_from_its_end() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["add", "true"]).status, Some(0));
    if !sql(&sandbox, "update marionette_lane set kind = 'mail'") {
        return;
    }
    assert_eq!(sandbox.run(&["add", "echo ran >> log"]).status, Some(0));
    for verb in ["--once", "--until-idle"] {
        let said = sandbox.run(&["work", verb]);
        assert_eq!(said.status, Some(0), "{said:?}");
    }
    assert_eq!(sandbox.read("log"), "ran\n");
}
