//! A task hangs where it was told to look, to run or to write: no other one is kept from its
//! limits by it, nor the worker from its end, and what was given up never runs.

#![cfg(target_os = "linux")]

mod common;

use std::process::Child;
use std::time::Duration;

use common::silent::{Answers, Silent};
use common::{FINISHES, HURRIES, Said, Sandbox, now, processes_with, said, suspend, until};
use rustix::process::Signal;
use serde_json::Value;

/// Far less than for ever, and far more than a busy machine needs for the limits of these tasks.
const FAR: Duration = Duration::from_secs(100);

fn add(sandbox: &Sandbox, options: &[&str], words: &[&str]) {
    let added = sandbox.run(&[&["add", "--grace", "1s"], options, &["--"], words].concat());
    assert_eq!(added.status, Some(0), "{added:?}");
}

/// The tasks with this state.
fn tasks(sandbox: &Sandbox, state: &str) -> Vec<Value> {
    let listed = sandbox.run(&["list", "--state", state, "--json"]).out;
    let lines = listed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("it is JSON"))
        .collect()
}

/// Adds one task for each way to hang, with these options.
fn add_all_that_hang(sandbox: &Sandbox, silent: &Silent, options: &[&str]) -> usize {
    let (folder, program) = (silent.path(""), silent.path("program"));
    let source = format!("TOKEN=file:{program}");
    let path = format!("PATH={folder}:/usr/bin:/bin");
    let hanging: [(&[&str], &[&str]); 5] = [
        (&["--env-from", &source], &["echo", "source"]),
        (&["--cwd", &folder], &["echo", "folder"]),
        (&[], &[&program, "as a word"]),
        (&["--env", &path], &["program", "in PATH"]),
        // It begins, and then nothing ends it, not even the system.
        (&[], &["cat", &program]),
    ];
    for (own, words) in hanging {
        add(sandbox, &[options, own].concat(), words);
    }
    hanging.len()
}

/// Stops a worker by two signals; it ends soon.
fn stop_twice(sandbox: &Sandbox, worker: Child) -> Said {
    let begin = now();
    sandbox.ask(&worker, Signal::TERM, FINISHES);
    sandbox.ask(&worker, Signal::TERM, HURRIES);
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert!(begin.elapsed() < FAR, "{ended:?}");
    ended
}

#[test]
fn a_task_that_hangs_keeps_no_other_one_from_its_limits() {
    for answers in [Answers::Nothing, Answers::Names] {
        let sandbox = Sandbox::new();
        // Whoever adds a task looks whether its folder is there.
        let Some(silent) = Silent::mount(&sandbox.path("silent"), Answers::All) else {
            return;
        };
        let limited = ["--timeout", "1s"];
        let hanging = add_all_that_hang(&sandbox, &silent, &limited);
        silent.answer(answers);
        add(&sandbox, &limited, &["sleep", "300"]);
        add(&sandbox, &limited, &["sh", "-c", "echo good >> log"]);
        let begin = now();
        let worked = sandbox.run(&["work", "--once", "-j", "3"]);
        assert!(begin.elapsed() < FAR, "{worked:?}");
        assert_eq!(worked.status, Some(1), "{worked:?}");
        assert_eq!(sandbox.read("log"), "good\n", "{worked:?}");
        let dead = tasks(&sandbox, "dead");
        // A folder of which nothing has to be read does not hang.
        let fine = usize::from(answers == Answers::Names);
        assert_eq!(dead.len(), hanging + 1 - fine, "{worked:?}");
        for task in dead {
            assert_eq!(task["reason"], "timed out after 1s", "{task}");
        }
        if answers == Answers::Nothing {
            let outputs = sandbox.outputs().concat();
            for told in [
                "its values were still being looked up",
                "still being opened",
                "its program was still being looked for",
            ] {
                assert!(outputs.contains(told), "{outputs}");
            }
        }
    }
}

#[test]
fn two_signals_end_a_worker_whose_tasks_hang_and_cost_no_attempt() {
    let sandbox = Sandbox::new();
    let Some(silent) = Silent::mount(&sandbox.path("silent"), Answers::All) else {
        return;
    };
    let hanging = add_all_that_hang(&sandbox, &silent, &[]);
    silent.answer(Answers::Nothing);
    let worker = sandbox.start_noting(&["work", "-j", "8"]);
    until("all are claimed", || {
        tasks(&sandbox, "running").len() == hanging
    });
    let ended = stop_twice(&sandbox, worker);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let ready = tasks(&sandbox, "ready");
    assert_eq!(ready.len(), hanging, "{ended:?}");
    assert!(ready.iter().all(|task| task["failed"] == 0), "{ready:?}");
    drop(silent);
    until("nothing of them is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
}

#[test]
fn what_was_given_up_while_the_system_started_it_never_runs() {
    let sandbox = Sandbox::new();
    let Some(silent) = Silent::mount(&sandbox.path("silent"), Answers::Names) else {
        return;
    };
    // The thread that hangs has started this one before, which stays.
    let line = "echo >> begun; until test -e go; do sleep 0.1; done; echo stayed >> log";
    add(&sandbox, &[], &["sh", "-c", line]);
    let worker = sandbox.start(&["work", "--until-idle", "-j", "2"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    let again = ["--timeout", "1s", "--retries", "50", "--backoff", "100ms"];
    add(&sandbox, &again, &[&silent.path("program"), "once"]);
    until("it was given up", || {
        let listed = sandbox.run(&["list", "--json"]).out;
        let tasks = listed.lines();
        let mut tasks = tasks.map(|task| serde_json::from_str::<Value>(task).expect("it is JSON"));
        tasks.any(|task| task["failed"].as_u64() >= Some(2))
    });
    silent.answer(Answers::All);
    until("it has run", || !sandbox.read("log").is_empty());
    sandbox.write("go", "");
    let ended = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(sandbox.read("log"), "ran\nstayed\n", "{ended:?}");
    assert!(ended.out.contains("done"), "{ended:?}");
}

#[test]
fn a_task_whose_output_cannot_be_written_ends_all_the_same() {
    let sandbox = Sandbox::new();
    let Some(probe) = Silent::mount(&sandbox.path("probe"), Answers::All) else {
        return;
    };
    drop(probe);
    // The worker looks at the outputs when it starts, and is there before they hang.
    let worker = sandbox.start_noting(&["work", "-j", "4"]);
    until("it is there", || {
        let notes = sandbox.read("notes");
        notes.contains("working on the queue")
    });
    let silent = Silent::mount(&sandbox.path("tasks.db-output"), Answers::Names);
    let silent = silent.expect("the probe was mounted too");
    let limited = ["--timeout", "1s"];
    add(&sandbox, &[], &["sh", "-c", "echo said; echo ran >> log"]);
    add(&sandbox, &limited, &["yes"]);
    add(&sandbox, &limited, &["sleep", "300"]);
    until("those with a limit have ended", || {
        tasks(&sandbox, "dead").len() == 2
    });
    until("so has the one without", || {
        tasks(&sandbox, "done").len() == 1
    });
    assert_eq!(sandbox.read("log"), "ran\n");
    // The longer one would wait for as long as nobody asks it to end.
    add(&sandbox, &[], &["sh", "-c", "yes; :"]);
    until("it runs", || tasks(&sandbox, "running").len() == 1);
    stop_twice(&sandbox, worker);
    drop(silent);
    let id = tasks(&sandbox, "done")[0]["id"].as_str().map(str::to_owned);
    let shown = sandbox
        .run(&["show", &id.expect("it has one"), "--json"])
        .out;
    assert!(shown.contains("output_is_cut"), "{shown}");
}

#[test]
fn a_minder_that_hangs_keeps_no_worker_from_its_end() {
    let sandbox = Sandbox::new();
    add(&sandbox, &[], &["sh", "-c", "echo >> begun; sleep 300; :"]);
    let worker = sandbox.start_noting(&["work"]);
    until("it sleeps", || sandbox.is_in_its_sleep());
    let minder = processes_with(&sandbox.store())
        .into_iter()
        .find(|process| {
            let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            words.split(|&byte| byte == 0).nth(1) == Some(b"__minder")
        });
    suspend(minder.expect("there is one"));
    let ended = stop_twice(&sandbox, worker);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    until("nothing is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
    assert_eq!(tasks(&sandbox, "ready").len(), 1, "{ended:?}");
}
