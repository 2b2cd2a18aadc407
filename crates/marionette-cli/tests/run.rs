//! `marionette run`: every task of a file to its end, and what is said of it.

mod common;

use std::io::Write;
use std::process::Stdio;

use common::{Sandbox, said};

#[test]
fn every_command_of_a_file_runs_once_and_the_exit_status_says_whether_all_are_done() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "# two commands\necho one >> log\n\necho two >> log\n",
    );
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let log = sandbox.read("log");
    let mut lines: Vec<_> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["one", "two"]);
    assert!(said.out.contains("2 done"), "{said:?}");
    assert!(!said.out.contains('\x1b'), "no colours in a pipe: {said:?}");

    sandbox.write("bad.txt", "true\nfalse\n");
    let said = sandbox.run(&["run", "bad.txt"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out.contains("FAILED    false: exit status 1"),
        "{said:?}"
    );
    assert!(said.out.contains("1 done, 1 failed"), "{said:?}");
}

#[test]
fn with_one_worker_a_file_runs_line_by_line() {
    let sandbox = Sandbox::new();
    let lines = (0..40).map(|line| format!("echo {line} >> ran\n"));
    sandbox.write("tasks.txt", &lines.collect::<String>());
    let said = sandbox.run(&["run", "tasks.txt", "-j", "1"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let ran = sandbox.read("ran");
    assert!(
        ran.lines().eq((0..40).map(|line| line.to_string())),
        "{ran}"
    );
}

#[test]
fn the_reason_of_a_failure_is_its_last_word_on_standard_error() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "echo out; echo first >&2; printf 'no such \\033[31mhost\\n\\n' >&2; exit 7\n\
         kill -9 $$\n",
    );
    let said = sandbox.run(&["run", "tasks.txt"]);
    assert!(said.out.contains("exit status 7: no such host"), "{said:?}");
    assert!(
        said.out.contains("killed by SIGKILL (signal 9)"),
        "{said:?}"
    );
}

#[test]
fn a_task_is_retried_timed_out_and_started_later_as_its_file_says() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.toml",
        r#"
        [defaults]
        backoff = "10ms"

        [[task]]
        name = "flaky"
        run = 'echo "try $MARIONETTE_ATTEMPT"; test "$MARIONETTE_ATTEMPT" = 3'
        retries = 5

        [[task]]
        name = "slow"
        run = "sleep 60"
        timeout = "100ms"

        [[task]]
        name = "later"
        command = ["sh", "-c", "echo later"]
        delay = "300ms"
        "#,
    );
    let said = sandbox.run(&["run", "tasks.toml"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out
            .contains("retry     flaky: exit status 1: try 2 (attempt 2;"),
        "{said:?}"
    );
    assert!(
        said.out.contains("FAILED    slow: timed out after 100ms"),
        "{said:?}"
    );
    assert!(said.out.contains("2 done, 1 failed"), "{said:?}");
    assert_eq!(
        sandbox.outputs(),
        ["later\n", "try 1\n", "try 2\n", "try 3\n"]
    );
}

#[test]
fn programs_read_what_happened_as_json() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    let said = sandbox.run(&["run", "--json", "tasks.txt"]);
    let events: Vec<serde_json::Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let kinds: Vec<_> = events.iter().map(|event| &event["event"]).collect();
    assert_eq!(kinds, ["started", "done", "summary"]);
    assert_eq!(events[2]["done"], 1);
    let time = events[0]["time"].as_str().expect("it has a time");
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
}

#[test]
fn quiet_means_silent_unless_something_went_wrong() {
    let sandbox = Sandbox::new();
    sandbox.write("good.txt", "true\n");
    let said = sandbox.run(&["run", "-q", "good.txt"]);
    assert_eq!((said.out.as_str(), said.err.as_str()), ("", ""));
    sandbox.write("bad.txt", "true\nfalse\n");
    let said = sandbox.run(&["run", "-q", "bad.txt"]);
    assert!(said.out.contains("FAILED    false"), "{said:?}");
}

#[test]
fn standard_input_is_a_file_of_commands() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["run", "-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("it was asked for");
    stdin
        .write_all(b"echo from a pipe > log\n")
        .expect("it reads");
    drop(stdin);
    let said = said(child.wait_with_output().expect("it ends"));
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "from a pipe\n");
}

#[test]
fn a_finished_file_begins_anew_and_only_the_failed_can_be_tried_again() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "echo a >> log\ntest -e good\n");
    assert_eq!(sandbox.run(&["run", "tasks.txt"]).status, Some(1));
    sandbox.write("good", "");
    let said = sandbox.run(&["run", "--retry-failed", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    assert_eq!(sandbox.read("log"), "a\n");
    assert_eq!(sandbox.run(&["run", "tasks.txt"]).status, Some(0));
    assert_eq!(sandbox.read("log"), "a\na\n");
}

#[test]
fn secrets_reach_the_command_and_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.write("key", "from-a-file\n");
    let key = sandbox.path("key");
    sandbox.write(
        "tasks.toml",
        &format!(
            r#"
            [[task]]
            command = ["sh", "-c", 'echo "$0 $1 $TOKEN" >> log; echo "bad: $0" >&2; exit 1',
                {{ secret = "hunter2" }}, {{ from = "file:{}" }}]
            env = {{ TOKEN = {{ from = "env:MY_TOKEN" }} }}
            "#,
            key.display()
        ),
    );
    let output = sandbox
        .command(&["run", "tasks.toml"])
        .env("MY_TOKEN", "t0ken")
        .output();
    let said = said(output.expect("it starts"));
    assert_eq!(sandbox.read("log"), "hunter2 from-a-file t0ken\n");
    assert!(said.out.contains("exit status 1: bad: ***"), "{said:?}");
    assert!(!said.out.contains("hunter2"), "{said:?}");
    let mut stored = Vec::new();
    for name in ["tasks.db", "tasks.db-wal"] {
        stored.extend(std::fs::read(sandbox.path(name)).unwrap_or_default());
    }
    let stored = String::from_utf8_lossy(&stored);
    assert!(stored.contains("env:MY_TOKEN"), "the reference is stored");
    assert!(!stored.contains("t0ken") && !stored.contains("from-a-file"));
}

#[test]
fn a_command_has_the_environment_of_the_worker_and_nothing_of_it_is_stored() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "echo \"$CANARY $MARIONETTE_ATTEMPT\" > log\n");
    let output = sandbox
        .command(&["run", "tasks.txt"])
        .env("CANARY", "tweet-tweet")
        .output();
    assert!(output.expect("it starts").status.success());
    assert_eq!(sandbox.read("log"), "tweet-tweet 1\n");
    let stored = std::fs::read(sandbox.path("tasks.db")).expect("it is there");
    assert!(!String::from_utf8_lossy(&stored).contains("tweet-tweet"));
}

#[test]
fn the_store_and_all_beside_it_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "echo hello\n");
    let home = sandbox.path("home");
    let output = sandbox
        .command(&["run", "tasks.txt"])
        .env_remove("MARIONETTE_STORE")
        .env("XDG_STATE_HOME", &home)
        .output();
    let said = said(output.expect("it starts"));
    assert_eq!(said.status, Some(0), "{said:?}");
    let mut folders = vec![home.join("marionette")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for path in common::entries(&folder) {
            let metadata = path.metadata().expect("it is there");
            let mode = metadata.permissions().mode() & 0o777;
            assert_eq!(mode & 0o077, 0, "{} is {mode:o}", path.display());
            seen += 1;
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    assert!(seen >= 5, "only {seen} files");
}

#[test]
fn ten_thousand_commands_in_one_file_are_all_run() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", &"true\n".repeat(10_000));
    let said = sandbox.run(&["run", "-q", "--json", "tasks.txt"]);
    assert_eq!(said.status, Some(0));
    assert!(
        said.out
            .contains(r#""done":10000,"event":"summary","failed":0"#)
    );
}

#[test]
fn a_gibibyte_of_output_is_bounded_to_both_its_ends() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tasks.txt",
        "echo begin; head -c 1073741824 /dev/zero; echo; echo end\n",
    );
    let said = sandbox.run(&["run", "-q", "tasks.txt"]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let [text] = sandbox.outputs().try_into().expect("there is one attempt");
    assert!(text.starts_with("begin\n") && text.ends_with("\nend\n"));
    assert!(text.contains("bytes are left out"));
    assert!(text.len() < 2 * 1024 * 1024 + 100, "{} bytes", text.len());
}

#[test]
fn the_example_of_the_readme_does_what_it_says() {
    let sandbox = Sandbox::new();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // In a copy of what it reads, since it writes beside it.
    for folder in ["examples", "crates", "xtask"] {
        std::fs::create_dir(sandbox.path(folder)).expect("it can be made");
    }
    let copy = |name: &str| {
        std::fs::copy(root.join(name), sandbox.path(name)).expect("it is there");
    };
    copy("examples/checks.toml");
    copy("ARCHITECTURE.md");
    sandbox.write("crates/a.rs", "fn a() {}\n");
    sandbox.write("xtask/b.rs", "fn b() {}\n");
    let said = sandbox.run(&["run", "examples/checks.toml"]);
    assert_eq!(said.status, Some(1), "{said:?}");
    assert!(
        said.out
            .contains("FAILED    slow: is timed out: timed out after 2s"),
        "{said:?}"
    );
    assert!(said.out.contains("7 done, 1 failed"), "{said:?}");
    assert!(sandbox.path("target/checks.tar.gz").exists());
}
