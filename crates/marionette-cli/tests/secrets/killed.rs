//! Commands with secrets whose end comes from outside: cancelled, with their minder, with their
//! worker.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::common::{Sandbox, processes_with, signal, until};
use crate::place::{Search, all_that_is_said, jobs, search};
use crate::values::{Giveaways, noise};

/// A command that prints its secret and waits.
fn add(sandbox: &Sandbox, secret: &str) -> String {
    let key = sandbox.write("key", secret);
    let script = "echo \"begun $S\"; printf 'half %.10s' \"$S\" >&2; touch begun; sleep 300";
    let from = json!({"from": format!("file:{}", key.display())});
    let task = json!({"name": "waits", "command": ["/bin/sh", "-c", script], "env": {"S": from}});
    sandbox.write("task.jsonl", &task.to_string());
    let added = sandbox.run(&["add", "-q", "--file", "task.jsonl"]);
    assert_eq!(added.status, Some(0), "{added:?}");
    added.out.trim().to_owned()
}

fn state(sandbox: &Sandbox) -> String {
    let job: Value = jobs(sandbox).swap_remove(0);
    job["state"].as_str().expect("it has one").to_owned()
}

fn look(sandbox: &Sandbox, secret: &str, worker: std::process::Child) {
    let worker = crate::common::said(worker.wait_with_output().expect("it ends"));
    let mut said = vec![("work".to_owned(), worker)];
    said.extend(all_that_is_said(sandbox));
    // The command itself writes half of it, which stays in its output.
    let half = &secret[..10];
    for (_, said) in &mut said {
        said.out = said.out.replace(&format!("half {half}"), "half of it");
    }
    search(sandbox, &Giveaways::of([secret]), Search::Said, &said);
    let mut outputs = crate::place::outputs(sandbox);
    outputs.retain(|output| output.contains(&secret[10..]) || output.contains("begun h"));
    assert!(outputs.is_empty(), "{outputs:?}");
}

#[test]
fn a_command_that_is_cancelled_says_nothing_of_its_secret() {
    let (sandbox, secret) = (Sandbox::new(), noise(41, 24));
    let id = add(&sandbox, &secret);
    let worker = sandbox.start(&["work", "--until-idle"]);
    until("it has begun", || sandbox.path("begun").exists());
    assert_eq!(sandbox.run(&["cancel", "--yes", &id]).status, Some(0));
    until("it is cancelled", || state(&sandbox) == "cancelled");
    look(&sandbox, &secret, worker);
}

#[test]
fn a_command_whose_minder_is_killed_says_nothing_of_its_secret() {
    let (sandbox, secret) = (Sandbox::new(), noise(42, 24));
    add(&sandbox, &secret);
    let worker = sandbox.start(&["work", "--until-idle"]);
    // As often as makes it a failure of the task.
    for _ in 0..3 {
        until("it has begun", || sandbox.path("begun").exists());
        std::fs::remove_file(sandbox.path("begun")).expect("it is there");
        let minder = || {
            let mut found = processes_with(&sandbox.store()).into_iter();
            found.find(|process| {
                let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
                words.split(|byte| *byte == 0).nth(1) == Some(b"__minder")
            })
        };
        signal(minder().expect("it has a minder"), Signal::KILL);
    }
    until("it has failed", || state(&sandbox) == "dead");
    look(&sandbox, &secret, worker);
}

#[test]
fn a_command_whose_worker_is_killed_says_nothing_of_its_secret() {
    let (sandbox, secret) = (Sandbox::new(), noise(43, 24));
    add(&sandbox, &secret);
    for _ in 0..3 {
        let mut worker = sandbox.start(&["work"]);
        until("it has begun", || sandbox.path("begun").exists());
        signal(worker.id(), Signal::KILL);
        worker.wait().expect("it ends");
        until("it is gone", || processes_with(&sandbox.store()).is_empty());
        std::fs::remove_file(sandbox.path("begun")).expect("it is there");
    }
    let worker = sandbox.start(&["work", "--until-idle"]);
    until("it is put aside", || state(&sandbox) == "quarantined");
    look(&sandbox, &secret, worker);
}
