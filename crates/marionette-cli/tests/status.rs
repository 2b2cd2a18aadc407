//! The exit status of every command in every situation, as `marionette --help` promises it.

mod common;

use common::{FINISHES, HURRIES, Sandbox, said, signal, until};
use rustix::process::Signal;

const ID: &str = "01234567-0000-7000-8000-000000000000";

/// Each of these commands ends with this status.
#[track_caller]
fn all_end_with(sandbox: &Sandbox, status: i32, commands: &[&[&str]]) {
    for arguments in commands {
        let said = sandbox.run(arguments);
        assert_eq!(said.status, Some(status), "{arguments:?}: {said:?}");
    }
}

/// The id of a task that was added.
fn added(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let said = sandbox.run(&[&["add", "-q"], arguments].concat());
    assert_eq!(said.status, Some(0), "{said:?}");
    said.out.trim().to_owned()
}

#[test]
fn a_worker_that_stops_by_itself_tells_whether_all_went_well() {
    for mode in ["--once", "--until-idle"] {
        for (tasks, status) in [
            (&[][..], 0),
            (&[&["true"][..]], 0),
            (&[&["true"], &["false"]], 1),
            (&[&["--timeout", "50ms", "sleep 300"]], 1),
            (&[&["--expires", "1ms", "true"]], 1),
            // What fails first and is done in the end is done.
            (
                &[&[
                    "--retries",
                    "1",
                    "--backoff",
                    "none",
                    "test $MARIONETTE_ATTEMPT = 2",
                ]],
                0,
            ),
        ] {
            let sandbox = Sandbox::new();
            for task in tasks {
                added(&sandbox, task);
            }
            let said = sandbox.run(&["work", mode]);
            assert_eq!(said.status, Some(status), "{mode} {tasks:?}: {said:?}");
            // What failed before is told to nobody twice.
            let again = sandbox.run(&["work", mode]);
            assert_eq!(again.status, Some(0), "{mode} {tasks:?}: {again:?}");
        }
    }
    let sandbox = Sandbox::new();
    added(&sandbox, &["--delay", "1h", "true"]);
    all_end_with(&sandbox, 0, &[&["work", "--once"]]);
}

#[test]
fn a_daemon_that_is_told_to_stop_has_done_its_duty() {
    for stop in [Signal::TERM, Signal::INT] {
        let sandbox = Sandbox::new();
        added(&sandbox, &["false"]);
        let daemon = sandbox.start(&["work"]);
        until("it failed", || {
            let failed = sandbox.run(&["list", "--state", "failed", "--json"]);
            !failed.out.is_empty()
        });
        signal(daemon.id(), stop);
        let said = said(daemon.wait_with_output().expect("it ends"));
        assert_eq!(said.status, Some(0), "{stop:?}: {said:?}");
    }
}

#[test]
fn a_worker_that_was_to_finish_and_is_stopped_says_by_which_signal() {
    for (stop, status) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let sandbox = Sandbox::new();
        added(&sandbox, &["test -e go || sleep 300"]);
        let mut worker = sandbox.start_noting(&["work", "--until-idle"]);
        until("it sleeps", || sandbox.is_in_its_sleep());
        sandbox.ask(&worker, stop, FINISHES);
        sandbox.ask(&worker, stop, HURRIES);
        let ended = worker.wait().expect("it ends");
        assert_eq!(ended.code(), Some(status), "{}", sandbox.read("notes"));
        sandbox.write("go", "");
        all_end_with(&sandbox, 0, &[&["work", "--until-idle"]]);
    }
}

#[test]
fn a_run_and_a_task_that_is_followed_end_as_their_tasks_do() {
    let sandbox = Sandbox::new();
    sandbox.write("good.txt", "true\n");
    sandbox.write("bad.txt", "true\nfalse\n");
    let good = added(&sandbox, &["true"]);
    let bad = added(&sandbox, &["false"]);
    let gone = added(&sandbox, &["--delay", "1h", "true"]);
    all_end_with(
        &sandbox,
        0,
        &[
            &["run", "good.txt"],
            &["cancel", &gone],
            &["list"],
            &["list", "--text", "nothing has this"],
            &["stats"],
            &["instances"],
            &["pause", "mail"],
            &["resume", "mail"],
            &["prune", "--older", "1d", "--yes"],
            &["migrate"],
            &["unit", "--user"],
            &["retry", "--all", "--yes"],
            &["reschedule", "--all", "--yes", "--dry-run", "now"],
            &["completions", "bash"],
            &["man"],
            &["--help"],
            &["--version"],
            &["help", "work"],
        ],
    );
    all_end_with(&sandbox, 1, &[&["run", "bad.txt"], &["work", "--once"]]);
    all_end_with(
        &sandbox,
        0,
        &[
            &["follow", &good],
            &["show", &good, &bad],
            &["follow", "--no-wait", &bad],
        ],
    );
    all_end_with(
        &sandbox,
        1,
        &[
            &["follow", &bad],
            &["follow", &gone],
            &["follow", ID],
            &["show", ID],
            &["show", &good, ID],
            &["retry", &good],
            &["retry", ID],
            &["cancel", ID],
            &["delete", ID],
            &["reschedule", ID, "now"],
            &["reschedule", &good, "now"],
        ],
    );
}

#[test]
fn what_cannot_begin_is_told_apart_from_what_failed() {
    let sandbox = Sandbox::new();
    sandbox.write("broken.toml", "[[task]]\nrun = 5\n");
    let good = added(&sandbox, &["true"]);
    added(&sandbox, &["false"]);
    all_end_with(&sandbox, 1, &[&["work", "--once"]]);
    all_end_with(
        &sandbox,
        2,
        &[
            &[],
            &["wrok"],
            &["run"],
            &["run", "nowhere.txt"],
            &["run", "broken.toml"],
            &["add"],
            &["add", "--at", "noonish", "true"],
            &["work", "--once", "--until-idle"],
            &["list", "--state", "faild"],
            &["list", "--since", "soonish"],
            &["show", "12"],
            &["reschedule", "--all", "--yes", "soonish"],
            &["retry"],
            &["retry", "--all"],
            &["delete", &good, "--state", "done"],
            &["completions", "nosuchshell"],
        ],
    );
}

#[test]
fn a_store_that_cannot_be_used_is_trouble_for_every_command() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    sandbox.write("tasks.db", &"Dear diary, ".repeat(1_000));
    all_end_with(
        &sandbox,
        2,
        &[
            &["run", "tasks.txt"],
            &["add", "true"],
            &["work", "--once"],
            &["work"],
            &["list"],
            &["show", ID],
            &["follow", ID],
            &["retry", ID],
            &["cancel", ID],
            &["delete", ID],
            &["reschedule", ID, "now"],
            &["pause", "mail"],
            &["resume", "mail"],
            &["stats"],
            &["instances"],
            &["prune", "--older", "1d", "--yes"],
            &["migrate"],
        ],
    );
}
