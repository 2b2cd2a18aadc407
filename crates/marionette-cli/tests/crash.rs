//! Whatever is killed: nothing is lost, nothing that was done is done again, and no command lives
//! on without somebody who minds it.

mod common;

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;

use common::{FINISHES, HURRIES, Sandbox, pause, processes_with, said, signal, suspend, until};
use rustix::fs::{FlockOperation, flock};
use rustix::process::Signal;
use serde_json::json;

/// How often the runner is killed.
const KILLS: usize = 100;

#[test]
fn a_file_whose_runner_is_killed_a_hundred_times_is_run_once() {
    let seed = std::env::var("MARIONETTE_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed}: repeat it with MARIONETTE_SEED={seed}");
    let mut random = seed;
    let sandbox = Sandbox::new();
    let mut text = String::new();
    for task in 0..2_000 {
        writeln!(text, "sleep 0.03; echo {task} >> log").expect("a string takes it");
    }
    sandbox.write("tasks.txt", &text);
    let mut kills = 0;
    let last = loop {
        let mut child = sandbox.start(&["run", "-q", "-j", "4", "tasks.txt"]);
        // A random generator that is good enough to choose moments.
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        if kills < KILLS {
            pause(Duration::from_millis(20 + (random >> 33) % 180));
            if child.try_wait().expect("it can be asked").is_none() {
                child.kill().expect("it runs");
                child.wait().expect("it ends");
                kills += 1;
                // Killed after its last word it has finished, and another run would be a new one.
                let log = sandbox.read("log");
                if log.lines().collect::<HashSet<_>>().len() == 2_000 {
                    break None;
                }
                continue;
            }
        }
        break Some(said(child.wait_with_output().expect("it ends")));
    };
    if let Some(last) = last {
        assert_eq!(last.status, Some(0), "seed {seed}, {kills} kills: {last:?}");
    }
    let mut times: HashMap<String, usize> = HashMap::new();
    for line in sandbox.read("log").lines() {
        *times.entry(line.to_owned()).or_default() += 1;
    }
    assert_eq!(times.len(), 2_000, "seed {seed}: all were run");
    // A command that has written its line may be killed with its runner before it has ended: it was
    // not done, and runs again. That is a short moment, which few kills hit.
    let again = times.values().filter(|&&times| times > 1).count();
    assert!(
        again * 4 <= kills,
        "seed {seed}: {again} were run again in {kills} kills"
    );
    println!("{kills} kills, {again} of 2000 commands were begun again");
    until("nothing of it is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
}

#[test]
fn a_command_that_ended_before_its_runner_could_note_it_is_not_run_again() {
    let sandbox = Sandbox::new();
    let task = "echo >> begun; until test -e go; do sleep 0.01; done; echo done >> log\n";
    sandbox.write("tasks.txt", task);
    let mut runner = sandbox.start(&["run", "tasks.txt"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    suspend(runner.id());
    sandbox.write("go", "");
    until("only the runner and its minder are left", || {
        !sandbox.read("log").is_empty() && processes_with(&sandbox.store()).len() == 2
    });
    runner.kill().expect("it is there");
    runner.wait().expect("it ends");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "done\n");
}

#[test]
fn a_command_that_ended_before_its_minder_could_see_it_is_not_run_again() {
    let sandbox = Sandbox::new();
    let task = "echo $$ >> begun; until test -e go; do sleep 0.01; done; echo done >> log\n";
    sandbox.write("tasks.txt", task);
    let mut runner = sandbox.start(&["run", "tasks.txt"]);
    until("it has begun", || sandbox.read("begun").ends_with('\n'));
    // Both are stopped, so the minder learns at once that the command and the runner are gone.
    suspend(runner.id());
    let minder = minders(&sandbox)[0];
    suspend(minder);
    sandbox.write("go", "");
    until("only the runner and its minder are left", || {
        !sandbox.read("log").is_empty() && processes_with(&sandbox.store()).len() == 2
    });
    runner.kill().expect("it is there");
    runner.wait().expect("it ends");
    signal(minder, Signal::CONT);
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "done\n");
}

#[test]
fn commands_end_with_a_runner_that_is_killed() {
    let sandbox = Sandbox::new();
    // One that has children of its own, one that does not listen.
    sandbox.write(
        "tasks.txt",
        "sleep 300 & sleep 300 & echo >> begun; wait\n\
         trap '' TERM INT HUP; echo >> begun; while true; do sleep 1; done\n",
    );
    let mut child = sandbox.start(&["run", "-j", "2", "tasks.txt"]);
    until("both have begun", || {
        sandbox.read("begun").lines().count() == 2
    });
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    until("nothing of them is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
}

#[test]
fn nothing_is_begun_while_the_minder_of_a_killed_worker_clears_up() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&["add", "echo begun >> log"]).status, Some(0));
    // As a minder that takes its time: its file is locked, and its worker is no process.
    std::fs::create_dir(sandbox.path("tasks.db-minders")).expect("it can be made");
    let path = sandbox.write("tasks.db-minders/1", "2147483647");
    let minder = std::fs::File::open(&path).expect("it is there");
    flock(&minder, FlockOperation::LockExclusive).expect("nobody has it");
    let worker = sandbox.start(&["work", "--once"]);
    pause(Duration::from_secs(1));
    assert_eq!(sandbox.read("log"), "");
    drop(minder);
    let worker = said(worker.wait_with_output().expect("it ends"));
    assert_eq!(worker.status, Some(0), "{worker:?}");
    assert_eq!(sandbox.read("log"), "begun\n");
    assert!(!path.exists(), "it counts for nothing any more");
}

#[test]
fn commands_end_when_their_minder_is_killed() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "echo $$ >> begun; sleep 300\n");
    let child = sandbox.start(&["run", "tasks.txt"]);
    // It is begun again, and the third time it has failed.
    for nth in 1..=3 {
        until("it has begun", || {
            let begun = sandbox.read("begun");
            begun.ends_with('\n') && begun.lines().count() == nth
        });
        let minders = minders(&sandbox);
        assert_eq!(minders.len(), 1);
        let begun = sandbox.read("begun");
        let command: u32 = begun
            .lines()
            .next_back()
            .expect("it has begun")
            .parse()
            .expect("one");
        signal(minders[0], Signal::KILL);
        until("nothing of it is left", || {
            !processes_with(&sandbox.store()).contains(&command)
        });
    }
    let said = said(child.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out.contains("so was the minder of commands"),
        "{said:?}"
    );
    until("nothing of it is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
}

#[test]
fn commands_whose_runner_and_minder_were_killed_end_before_they_are_begun_again() {
    let sandbox = Sandbox::new();
    let task = "echo $$ >> begun; test -e go || sleep 300; echo done >> log\n";
    sandbox.write("tasks.txt", task);
    let mut runner = sandbox.start(&["run", "tasks.txt"]);
    until("it sleeps", || sandbox.is_in_its_sleep());
    let command: u32 = sandbox
        .read("begun")
        .trim()
        .parse()
        .expect("it is a number");
    // The runner must not see that its minder is gone, or it would clear up.
    suspend(runner.id());
    signal(minders(&sandbox)[0], Signal::KILL);
    runner.kill().expect("it runs");
    runner.wait().expect("it ends");
    assert!(
        processes_with(&sandbox.store()).contains(&command),
        "nobody was there to end it"
    );
    sandbox.write("go", "");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "done\n");
    assert_eq!(processes_with(&sandbox.store()), Vec::<u32>::new());
}

#[test]
fn a_minder_that_begins_after_its_worker_is_gone_begins_no_command() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path("tasks.db-minders");
    // As a worker that was killed at once leaves it: its last order is in the pipe, and no process
    // has its number. The next one has seen no minder, and runs that command.
    let worker = [folder.to_str().expect("it is text"), "2147483647"];
    let mut minder = sandbox.command(&["__minder"]);
    let minder = minder.args(worker).stdin(Stdio::piped()).spawn();
    let mut minder = minder.expect("the program starts");
    let command = json!({ "run": "echo >> begun", "cwd": sandbox.path("") });
    let attempt = json!({
        "command": command, "job": "a job", "number": 1, "output": sandbox.path("output")
    });
    let mut orders = minder.stdin.as_ref().expect("it is piped");
    writeln!(orders, "{}", json!({ "Start": [1, attempt] })).expect("it reads");
    until("it has left, or begun it", || {
        let has_left = minder.try_wait().expect("it can be asked").is_some();
        has_left || !sandbox.read("begun").is_empty()
    });
    assert_eq!(sandbox.read("begun"), "");
    let said = said(minder.wait_with_output().expect("it has ended"));
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
}

fn minders(sandbox: &Sandbox) -> Vec<u32> {
    let mut processes = processes_with(&sandbox.store());
    processes.retain(|process| {
        let words = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains("__minder")
    });
    processes
}

#[test]
fn what_a_command_leaves_behind_is_ended_with_it() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "sleep 300 & echo left behind\n");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(processes_with(&sandbox.store()), Vec::<u32>::new());
    assert_eq!(sandbox.outputs(), ["left behind\n"]);
}

#[test]
fn a_command_that_does_not_listen_is_made_to_end() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.toml",
        r#"
        [[task]]
        name = "deaf"
        run = "trap '' TERM; echo begun; sleep 300 & wait; sleep 300"
        timeout = "200ms"
        grace = "300ms"
        "#,
    );
    let said = sandbox.run(&["run", "tasks.toml"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out.contains("FAILED    deaf: timed out after 200ms"),
        "{said:?}"
    );
    assert_eq!(processes_with(&sandbox.store()), Vec::<u32>::new());
}

#[test]
fn the_first_signal_lets_finish_what_runs_and_the_next_run_goes_on() {
    let sandbox = Sandbox::new();
    let command = "echo begun >> begun; until test -e go; do sleep 0.01; done; echo done >> log\n";
    sandbox.write("tasks.txt", &command.repeat(20));
    let lines = |name: &str| sandbox.read(name).lines().count();
    for (asked, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let before = lines("begun");
        let child = sandbox.start_noting(&["run", "-j", "1", "tasks.txt"]);
        until("one has begun", || lines("begun") > before);
        sandbox.ask(&child, asked, FINISHES);
        sandbox.write("go", "");
        let said = said(child.wait_with_output().expect("it ends"));
        assert_eq!(said.status, Some(status), "{said:?}");
        assert_eq!(lines("begun"), lines("log"), "what had begun was finished");
        std::fs::remove_file(sandbox.path("go")).expect("it is there");
    }
    let going_on = format!("going on: {} of 20 ended before", lines("log"));
    sandbox.write("go", "");
    let said = sandbox.run(&["run", "-j", "1", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.err.contains(&going_on), "{said:?}");
    assert_eq!(sandbox.read("log"), "done\n".repeat(20));
}

#[test]
fn the_second_signal_ends_what_runs_and_no_attempt_is_lost_by_that() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "trap 'echo asked >> log; exit 0' TERM; echo >> begun; test -e go || sleep 300 & wait $!\n",
    );
    let child = sandbox.start_noting(&["run", "tasks.txt"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    sandbox.ask(&child, Signal::INT, FINISHES);
    sandbox.ask(&child, Signal::INT, HURRIES);
    let said = said(child.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(130), "{said:?}");
    assert_eq!(sandbox.read("log"), "asked\n");
    assert_eq!(processes_with(&sandbox.store()), Vec::<u32>::new());
    sandbox.write("go", "");
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    // It is the first attempt still: it was interrupted and has not failed.
    assert!(
        said.out
            .lines()
            .any(|line| line.contains("  done   ") && line.contains(" 1 "))
    );
}

#[test]
fn the_third_signal_leaves_at_once_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.toml",
        r#"
        [[task]]
        run = "trap '' TERM; echo >> begun; sleep 300; sleep 300"
        grace = "90s"
        "#,
    );
    let child = sandbox.start_noting(&["run", "tasks.toml"]);
    until("it has begun", || !sandbox.read("begun").is_empty());
    sandbox.ask(&child, Signal::TERM, FINISHES);
    sandbox.ask(&child, Signal::TERM, HURRIES);
    let begin = common::now();
    signal(child.id(), Signal::TERM);
    let said = said(child.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(143), "{said:?}");
    assert!(
        begin.elapsed() < Duration::from_secs(30),
        "the grace of 90 s is not waited for"
    );
    until("nothing of it is left", || {
        processes_with(&sandbox.store()).is_empty()
    });
}
