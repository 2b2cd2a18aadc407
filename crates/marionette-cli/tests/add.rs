//! `marionette add` and `marionette work`.

mod common;

use std::io::{BufRead, BufReader};

use common::{Sandbox, said, signal, until};
use rustix::process::Signal;

#[test]
fn what_was_added_is_run_by_who_works() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["add", "echo \"line $X\" >> log", "--env", "X=for the shell"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(
        said.out.contains("runs as soon as a worker is free"),
        "{said:?}"
    );
    let said = sandbox.run(&["add", "--", "sh", "-c", "echo \"$0\" >> log", "a program"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "");
    let said = sandbox.run(&["work", "--once", "-j", "1"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "line for the shell\na program\n");
    assert!(said.err.contains("2 done, 0 failed"), "{said:?}");
}

#[test]
fn what_is_for_later_waits_and_is_told_with_its_time() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&[
        "add",
        "--at",
        "tomorrow 06:00",
        "--retries",
        "3",
        "--",
        "date",
    ]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(said.out.contains(" 06:00:00, in "), "{said:?}");
    let said = sandbox.run(&["add", "--queue", "other", "--at", "now", "true"]);
    assert!(
        said.out.ends_with("  runs as soon as a worker is free\n"),
        "{said:?}"
    );
    let said = sandbox.run(&[
        "add",
        "--at",
        "2020-01-01 10:00",
        "--expires",
        "1ms",
        "date",
    ]);
    let at_once = "runs as soon as a worker is free: 2020-01-01 10:00:00 was ";
    assert!(said.out.contains(at_once), "{said:?}");
    assert!(said.err.contains("it runs at once"), "{said:?}");
    let said = sandbox.run(&["add", "--delay", "10m", "date"]);
    assert!(said.out.contains("  runs in 10m, at "), "{said:?}");
    let said = sandbox.run(&["work", "--once"]);
    assert!(said.err.contains("stopped: 0 done, 0 failed"), "{said:?}");
    let said = sandbox.run(&["add", "--delay", "300ms", "echo later > log"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let daemon = sandbox.start(&["work"]);
    until("it was run", || sandbox.read("log") == "later\n");
    signal(daemon.id(), Signal::TERM);
    let said = common::said(daemon.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(0), "{said:?}");
}

#[test]
fn what_is_wrong_with_an_argument_is_told_with_its_name() {
    let sandbox = Sandbox::new();
    for (arguments, expected) in [
        (
            &["add", "--delay", "soon", "true"][..],
            "'soon' for '--delay <TIME>'",
        ),
        (
            &["add", "--at", "noonish", "true"],
            "--at: \"noonish\" is not a time",
        ),
        (
            &["add", "--timeout", "0s", "true"],
            "it must be more than nothing",
        ),
        (
            &["add", "--env", "HOME", "true"],
            "nothing is taken from your environment",
        ),
        (
            &["add", "--env-from", "A=b", "true"],
            "is neither `env:NAME` nor `file:/PATH`",
        ),
        (
            &["add", "--cwd", "nowhere", "true"],
            "there is no folder nowhere",
        ),
        (
            &["add", "--secret", "2", "--", "echo", "a"],
            "the command has 2 words",
        ),
        (
            &["add", "--queue", "a b", "true"],
            "the name `a b` has ' ', which is none of",
        ),
        (&["add", "--name", " ", "true"], "the name is empty"),
        (
            &["add", "--", "ls", "{}", ":::", "a"],
            "marionette run -- optipng {} ::: *.png",
        ),
        (&["add"], "<COMMAND>..."),
        (&["add", "ls", "-x"], "unexpected argument '-x'"),
        (&["add", "--file", "nowhere.txt"], "cannot read nowhere.txt"),
        (
            &["work", "--jobs", "0"],
            "'0' for '--jobs <NUMBER>': \"0\" is not a whole number of 1 or more",
        ),
        (&["list", "-n", "0"], "is not a whole number of 1 or more"),
        (
            &["stats", "--watch", "0"],
            "is not a whole number of 1 or more",
        ),
    ] {
        let said = sandbox.run(arguments);
        assert_eq!(said.status, Some(2), "{arguments:?}: {said:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {}", said.err);
    }
    assert!(!sandbox.path("tasks.db").exists(), "nothing was stored");
}

#[test]
fn a_file_of_tasks_can_be_added_each_in_its_queue() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.jsonl",
        "{\"run\": \"echo mail >> log\", \"queue\": \"mail\"}\n{\"run\": \"echo other >> log\"}\n",
    );
    let said = sandbox.run(&["add", "--file", "tasks.jsonl"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert!(
        said.err.contains("`marionette work --queue mail` runs it"),
        "{said:?}"
    );
    sandbox.run(&["work", "--once", "--queue", "mail"]);
    assert_eq!(sandbox.read("log"), "mail\n");
}

#[test]
fn a_worker_that_is_killed_has_its_jobs_run_by_the_next() {
    let sandbox = Sandbox::new();
    sandbox.run(&[
        "add",
        "echo >> begun; test -e go || sleep 300; echo done >> log",
    ]);
    let mut first = sandbox.start(&["work"]);
    until("it sleeps", || sandbox.is_in_its_sleep());
    first.kill().expect("it runs");
    first.wait().expect("it ends");
    sandbox.write("go", "");
    let second = sandbox.start(&["work"]);
    until("it was run", || sandbox.read("log") == "done\n");
    signal(second.id(), Signal::INT);
    let second = said(second.wait_with_output().expect("it ends"));
    assert_eq!(second.status, Some(0), "{second:?}");
    assert_eq!(sandbox.read("begun").lines().count(), 2);
}

#[test]
fn a_secret_argument_is_never_shown() {
    let sandbox = Sandbox::new();
    let arguments = [
        "add",
        "--secret",
        "2",
        "--",
        "sh",
        "-c",
        "echo hunter2 >&2; exit 1",
    ];
    let added = sandbox.run(&[&["--json"][..], &arguments[..]].concat());
    assert_eq!(added.status, Some(0), "{added:?}");
    assert!(added.out.contains(r#""name":"sh -c ***""#), "{added:?}");
    let said = sandbox.run(&["work", "--once"]);
    assert!(said.out.contains("FAILED    sh -c ***"), "{said:?}");
}

#[test]
fn a_secret_is_taken_out_of_what_the_command_wrote_wherever_that_is_shown() {
    let sandbox = Sandbox::new();
    let script = "echo word $0; echo token $TOKEN; echo file $KEY; exit 3";
    sandbox.write("key", "k3y-in-a-file\n");
    let tasks = format!(
        "[[task]]\nname = \"leaky\"\n\
         command = [\"sh\", \"-c\", \"{script}\", {{ secret = \"hunter2\" }}]\n\
         env = {{ TOKEN = {{ secret = \"t0ken\" }}, KEY = {{ from = \"file:{}\" }} }}\n",
        sandbox.path("key").display()
    );
    sandbox.write("tasks.toml", &tasks);
    let ran = sandbox.run(&["run", "tasks.toml"]);
    assert_eq!(ran.status, Some(1), "{ran:?}");
    // The last line is the reason, in the log, in the summary and in the store.
    assert!(ran.out.contains("exit status 3: file ***"), "{ran:?}");
    let shown = sandbox.run(&["show", "leaky", "--full"]);
    assert!(shown.out.contains("word ***\n  token ***\n"), "{shown:?}");
    let told = sandbox.run(&["show", "leaky", "--full", "--json"]);
    let followed = sandbox.run(&["follow", "leaky"]);
    assert!(
        followed.out.contains("word ***\ntoken ***\n"),
        "{followed:?}"
    );
    let raw = sandbox.run(&["follow", "leaky", "--raw"]);
    for said in [
        &ran,
        &shown,
        &told,
        &followed,
        &raw,
        &sandbox.run(&["list"]),
    ] {
        for secret in ["hunter2", "t0ken", "k3y-in-a-file"] {
            assert!(!said.out.contains(secret), "{said:?}");
            assert!(!said.err.contains(secret), "{said:?}");
        }
    }
}

#[test]
fn what_a_task_writes_can_be_followed_while_it_runs() {
    let sandbox = Sandbox::new();
    let task = "echo try $MARIONETTE_ATTEMPT; printf '\\033[2J\\n'; \
                until test -e go; do sleep 0.01; done; echo end; test $MARIONETTE_ATTEMPT = 2";
    let added = sandbox.run(&["add", "--retries", "1", "--backoff", "10ms", "-q", task]);
    let id = added.out.trim();
    let nothing = sandbox.run(&["follow", "--no-wait", id]);
    assert_eq!(
        (nothing.status, nothing.out.as_str()),
        (Some(0), ""),
        "{nothing:?}"
    );
    let worker = sandbox.start(&["work", "--until-idle"]);
    let mut follower = sandbox.start(&["follow", id]);
    let mut out = BufReader::new(follower.stdout.take().expect("it was asked for")).lines();
    let mut next = || out.next().map(|line| line.expect("it is text"));
    assert_eq!(next().as_deref(), Some("try 1"));
    assert_eq!(next().as_deref(), Some("\\x1b[2J"));
    sandbox.write("go", "");
    for expected in ["end", "try 2", "\\x1b[2J", "end"] {
        assert_eq!(next().as_deref(), Some(expected));
    }
    assert_eq!(next(), None);
    assert!(follower.wait().expect("it ends").success());
    assert!(worker.wait_with_output().expect("it ends").status.success());
}

#[test]
fn options_behind_a_command_need_two_dashes_and_that_is_said() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["add", "./report.sh", "--send"]);
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.err.contains("marionette add -- ./report.sh --send"),
        "{said:?}"
    );
    let said = sandbox.run(&["add", "ls", "-l"]);
    assert!(!said.err.contains("tip:"), "{said:?}");
    let said = sandbox.run(&["--json", "add", "--prio", "5", "true"]);
    assert!(
        said.err.contains("a similar argument exists: '--priority'"),
        "{said:?}"
    );
    assert_eq!(
        sandbox.run(&["add", "--", "./report.sh", "--send"]).status,
        Some(0)
    );
}

#[test]
fn who_adds_while_nobody_works_is_told_how_to_work() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["add", "true"]);
    assert_eq!(
        said.err,
        "marionette: no instance is running; `marionette work` starts one\n"
    );
    let mut worker = sandbox.start(&["work"]);
    until("it lives", || {
        sandbox.run(&["instances", "--json"]).out.contains("id")
    });
    assert_eq!(sandbox.run(&["add", "true"]).err, "");
    worker.kill().expect("it runs");
    worker.wait().expect("it ends");
}

#[test]
fn an_argument_that_is_no_text_is_named() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["add", "--", "ls"]);
    command.arg(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9"));
    let said = said(command.output().expect("it starts"));
    assert_eq!(said.status, Some(2), "{said:?}");
    assert!(
        said.err.contains("It is this one: caf\\xe9"),
        "{}",
        said.err
    );
}
