//! Several machines with one store and the same files.

use std::io::Read;
use std::process::Child;
use std::time::Duration;

use rustix::process::Signal;

use crate::common::{FINISHES, now, said, signal, until};
use crate::{Machine, host, server};

/// A list of tasks that note their numbers.
fn tasks(count: usize, then: &str) -> String {
    let task = |number| format!("echo {number} >> ran; {then}\n");
    (0..count).map(task).collect()
}

/// The numbers that were noted, each once, and how many these are more often.
fn ran(machine: &Machine) -> (Vec<usize>, usize) {
    let noted = machine.sandbox.read("ran");
    let mut noted: Vec<usize> = noted.lines().map(|line| line.parse().unwrap()).collect();
    noted.sort_unstable();
    let all = noted.len();
    noted.dedup();
    let again = all - noted.len();
    (noted, again)
}

fn some_have_run(machine: &Machine) {
    until("some have run", || {
        machine.sandbox.read("ran").lines().count() > 2
    });
}

fn rest_of(child: &mut Child) -> String {
    let mut text = String::new();
    let mut err = child.stderr.take().expect("it was asked for");
    err.read_to_string(&mut text).expect("it is text");
    text
}

#[test]
fn a_run_whose_machine_died_goes_on_on_another_one() {
    let Some(server) = server() else { return };
    let one = Machine::new(&server);
    let other = one.another("another");
    one.sandbox.write("tasks.txt", &tasks(12, "sleep 0.2"));
    let mut run = one
        .command(&["run", "tasks.txt", "-j", "1"])
        .spawn()
        .unwrap();
    some_have_run(&one);
    signal(run.id(), Signal::KILL);
    run.wait().unwrap();
    let began = now();
    let said = other.run(&["run", "tasks.txt", "-j", "4"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    // A lease is 15 s, and it may have been watched from a moment after the last beat on.
    assert!(
        began.elapsed() > Duration::from_secs(14),
        "it was taken too early"
    );
    let waited = format!(
        "process {} on {} began tasks.txt and gives no sign",
        run.id(),
        host()
    );
    assert!(said.err.contains(&waited), "{said:?}");
    assert!(said.err.contains("going on: "), "{said:?}");
    assert!(said.out.contains("12 done"), "{said:?}");
    // The task that ran there was watched meanwhile, and is not waited for once more.
    assert!(!said.err.contains("nothing moves"), "{said:?}");
    let (noted, again) = ran(&one);
    assert_eq!(noted, (0..12).collect::<Vec<_>>());
    // The one that ran when its machine died may begin again.
    assert!(again <= 1, "{again}");
    // All has ended, so the next run is a new one, also on the first machine.
    let said = one.run(&["run", "--dry-run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    one.sandbox.write("ran", "");
    assert!(one.succeeds(&["run", "tasks.txt"]).contains("12 done"));
    assert_eq!(ran(&one), ((0..12).collect(), 0));
}

#[test]
fn of_two_machines_with_one_file_the_second_is_told_how_to_help_the_first() {
    let Some(server) = server() else { return };
    let one = Machine::new(&server);
    let other = one.another("another");
    one.sandbox.write("tasks.txt", &tasks(20, "sleep 0.3"));
    let run = one
        .command(&["run", "tasks.txt", "-j", "1"])
        .spawn()
        .unwrap();
    some_have_run(&one);
    let refused = other.run(&["run", "tasks.txt"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    let who = format!("process {} on {} runs tasks.txt; `", run.id(), host());
    let (_, help) = refused.err.split_once(&who).expect("it says who");
    let (help, _) = help.split_once('`').expect("it says how to help");
    let words: Vec<_> = help.split(' ').skip(1).collect();
    let helped = other.run(&words);
    assert_eq!(helped.status, Some(0), "{helped:?}");
    assert!(helped.out.contains("done"), "{helped:?}");
    let run = said(run.wait_with_output().unwrap());
    assert_eq!(run.status, Some(0), "{run:?}");
    assert!(run.out.contains("20 done"), "{run:?}");
    assert_eq!(ran(&one), ((0..20).collect(), 0));
}

#[test]
fn a_run_that_was_stopped_goes_on_on_another_machine_at_once() {
    let Some(server) = server() else { return };
    let one = Machine::new(&server);
    let other = one.another("another");
    one.sandbox.write("tasks.txt", &tasks(8, "sleep 0.2"));
    let notes = std::fs::File::create(one.sandbox.path("notes")).unwrap();
    let mut run = one.command(&["run", "tasks.txt", "-j", "1"]);
    let run = run.stderr(notes).spawn().unwrap();
    some_have_run(&one);
    one.sandbox.ask(&run, Signal::TERM, FINISHES);
    let run = said(run.wait_with_output().unwrap());
    assert_eq!(run.status, Some(143), "{run:?}");
    let said = other.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.err.contains("going on: "), "{said:?}");
    assert!(!said.err.contains("no sign of life"), "{said:?}");
    assert_eq!(ran(&one), ((0..8).collect(), 0));
}

#[test]
fn a_run_that_another_machine_has_taken_over_stops_and_says_so() {
    let Some(server) = server() else { return };
    let one = Machine::new(&server);
    let other = one.another("another");
    one.sandbox
        .write("tasks.txt", "echo 0 >> ran; test -e go || sleep 300\n");
    let mut run = one
        .command(&["run", "tasks.txt", "-j", "1"])
        .spawn()
        .unwrap();
    until("it has begun", || !one.sandbox.read("ran").is_empty());
    signal(run.id(), Signal::STOP);
    one.sandbox.write("go", "");
    // It waits for a lease, and is gone on with.
    let said = other.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.err.contains("gives no sign of life"), "{said:?}");
    signal(run.id(), Signal::CONT);
    let told = rest_of(&mut run);
    assert_eq!(run.wait().unwrap().code(), Some(2), "{told}");
    assert!(told.contains("has gone on with this run"), "{told}");
}

#[test]
fn another_file_of_the_same_path_is_not_taken_for_the_one_that_is_left() {
    let Some(server) = server() else { return };
    let one = Machine::new(&server);
    let other = one.another("another");
    one.sandbox
        .write("tasks.txt", "echo 0 >> ran\necho 1 >> ran; sleep 300\n");
    let notes = std::fs::File::create(one.sandbox.path("notes")).unwrap();
    let mut run = one.command(&["run", "tasks.txt", "-j", "1"]);
    let run = run.stderr(notes).spawn().unwrap();
    until("the one that lasts has begun", || {
        one.sandbox.read("ran").contains('1')
    });
    one.sandbox.ask(&run, Signal::TERM, FINISHES);
    one.sandbox.ask(&run, Signal::TERM, crate::common::HURRIES);
    run.wait_with_output().unwrap();
    one.sandbox.write("tasks.txt", "echo 7 >> other\n");
    let refused = other.run(&["run", "tasks.txt"]);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(
        refused
            .err
            .contains("--as NAME gives the run of this one a name"),
        "{refused:?}"
    );
    assert!(
        refused.err.contains("--anew cancels what is left"),
        "{refused:?}"
    );
    assert_eq!(one.sandbox.read("other"), "");
    other.succeeds(&["run", "--as", "mine", "tasks.txt"]);
    assert_eq!(one.sandbox.read("other"), "7\n");
    other.succeeds(&["run", "--anew", "tasks.txt"]);
    assert_eq!(one.sandbox.read("other"), "7\n7\n");
}

#[test]
fn stores_of_different_names_on_one_server_have_nothing_in_common() {
    let Some(server) = server() else { return };
    let url = server.url();
    let shop = Machine::new(&server).with_store(format!("{url}/0?name=shop"));
    let mail = shop
        .another("state")
        .with_store(format!("{url}/0?name=mail"));
    shop.succeeds(&["add", "--name", "order", "true"]);
    assert!(shop.succeeds(&["list"]).contains("order"));
    assert!(!mail.succeeds(&["list"]).contains("order"));
    let bodies = |name| {
        server
            .command(&["HLEN", &format!("{{{name}}}:bodies")])
            .int()
    };
    assert_eq!((bodies("shop"), bodies("mail")), (1, 0));
    for (parameters, wrong) in [
        ("?name=", "a name that is empty"),
        ("?name=a%20b", "cannot have the name \"a b\""),
        (
            "?title=shop",
            "has the unknown parameter title: the known ones are db, name and durability",
        ),
        ("?password=hush", "has the unknown parameter password"),
        ("?name=a&name=b", "has the parameter name twice"),
        ("/x", "has the database \"x\", which is no number"),
    ] {
        let wrongly = shop
            .another("state")
            .with_store(format!("{url}{parameters}"));
        let said = wrongly.run(&["list"]);
        assert_eq!(said.status, Some(2), "{parameters}: {said:?}");
        assert!(said.err.contains(wrong), "{parameters}: {said:?}");
        assert!(!said.err.contains("hush"), "{parameters}: {said:?}");
    }
}
