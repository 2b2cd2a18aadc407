//! Words on the command line, and the program's own name.

use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::common::Sandbox;
use crate::seen::{HOSTILE, check, hostile_name, on_terminal};

#[test]
fn no_word_is_quoted_as_it_is_in_what_is_said_of_it() {
    let sandbox = Sandbox::new();
    sandbox.run(&["add", "--delay", "1h", "true"]);
    let option = format!("--{HOSTILE}");
    let both = format!("{HOSTILE}={HOSTILE}");
    let (source, at, path) = (
        format!("A=file:{HOSTILE}"),
        format!("18:00 {HOSTILE}"),
        format!("/{HOSTILE}"),
    );
    let cases: &[&[&str]] = &[
        &[HOSTILE],
        &[&option],
        &["help", HOSTILE],
        &["list", &option],
        &["list", HOSTILE],
        &["list", "--kind", HOSTILE],
        &["list", "--state", HOSTILE],
        &["list", "--since", HOSTILE],
        &["list", "--text", HOSTILE],
        &["list", "--limit", HOSTILE],
        &["add", "--retries", HOSTILE, "true"],
        &["add", "--delay", HOSTILE, "true"],
        &["add", "--at", HOSTILE, "true"],
        &["add", "--at", &at, "true"],
        &["add", "--backoff", HOSTILE, "true"],
        &["add", "--env", HOSTILE, "true"],
        &["add", "--env", &both, "true"],
        &["add", "--env-from", HOSTILE, "true"],
        &["add", "--env-from", &both, "true"],
        &["add", "--env-from", &source, "--delay", "1h", "true"],
        &["add", "--queue", HOSTILE, "true"],
        &["add", "--name", HOSTILE, "--delay", "1h", "true"],
        &["add", "--secret", HOSTILE, "true"],
        &["add", "--output", HOSTILE, "true"],
        &["add", "--cwd", &path, "true"],
        &["add", "--file", HOSTILE],
        &["add", "--delay", "1h", "--", HOSTILE],
        &["--color", HOSTILE, "list"],
        &["show", HOSTILE],
        &["show", "0000", HOSTILE],
        &["follow", HOSTILE],
        &["cancel", HOSTILE],
        &["cancel", "--all", "--dry-run", "--reason", HOSTILE],
        &["retry", HOSTILE],
        &["delete", HOSTILE],
        &["reschedule", "0000", HOSTILE],
        &["reschedule", HOSTILE, "18:00"],
        &["pause", HOSTILE],
        &["resume", HOSTILE],
        &["prune", "--older", HOSTILE],
        &["stats", "--watch", HOSTILE],
        &["work", "--queue", HOSTILE],
        &["work", "--jobs", HOSTILE],
        &["unit", "--queue", HOSTILE],
        &["completions", HOSTILE],
        &["run", HOSTILE],
        &["run", "--format", HOSTILE, "-"],
        &["run", "--name", HOSTILE, "-"],
        &["run", "--resume", HOSTILE],
        &["run", "--drop", HOSTILE],
        &["run", "--dry-run", "--", HOSTILE, "{}", ":::", HOSTILE],
        &["run", "--dry-run", "--", "{/.}{9}", ":::", HOSTILE],
    ];
    for words in cases {
        check(&sandbox, words);
    }
    check(&sandbox, &["list"]);
    check(&sandbox, &["stats"]);
}

#[test]
fn a_program_of_that_name_that_is_not_there_or_fails_is_told_of() {
    let sandbox = Sandbox::new();
    check(&sandbox, &["run", "--", HOSTILE, "{}", ":::", HOSTILE]);
    check(&sandbox, &["add", "--", HOSTILE]);
    check(&sandbox, &["work", "--once"]);
    check(&sandbox, &["list"]);
    check(&sandbox, &["retry", "--all", "--yes"]);
}

#[test]
fn the_name_under_which_the_program_is_called_is_not_shown() {
    let sandbox = Sandbox::new();
    let path = sandbox.path(&hostile_name());
    symlink(env!("CARGO_BIN_EXE_marionette"), &path).expect("a link can be made");
    for words in [
        &["--help"][..],
        &["add", "-h"],
        &["--no-such-option"],
        &["run"],
        &[],
        &["man"],
    ] {
        let mut command = Command::new(&path);
        command.args(words).arg0(&path).env("LC_ALL", "C.UTF-8");
        let seen = on_terminal(&mut command);
        seen.is_clean_and_in_line(&format!("{words:?}"));
        assert!(!seen.text.contains("EVIL"), "{words:?}: {seen:?}");
    }
}

#[test]
fn a_wrong_option_is_told_like_all_else_that_is_wrong() {
    let sandbox = Sandbox::new();
    for words in [
        &["lisst"][..],
        &["add", "ls", "-x"],
        &["--color", "red", "list"],
        &["run"],
    ] {
        let said = sandbox.run(words);
        assert_eq!(said.status, Some(2), "{words:?}: {said:?}");
        assert!(said.err.starts_with("marionette: "), "{words:?}: {said:?}");
        assert!(!said.err.contains("error:"), "{words:?}: {said:?}");
        assert_eq!(said.out, "", "{words:?}");
    }
}
