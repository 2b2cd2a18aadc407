//! Files of tasks, and what the commands in them say and are called.

use std::fs;

use crate::common::Sandbox;
use crate::seen::{HOSTILE, check, hostile_name};

/// The text as TOML and JSON write it in quotation marks.
fn quoted() -> String {
    let escaped = HOSTILE
        .chars()
        .map(|char| format!("\\u{:04x}", u32::from(char)));
    format!("\"{}\"", escaped.collect::<String>())
}

#[test]
fn what_is_wrong_in_a_file_is_shown_in_plain_characters() {
    let sandbox = Sandbox::new();
    let quoted = quoted();
    let wrong = [
        (
            "key.toml",
            format!("[[task]]\nrun = 'true'\n{quoted} = 1\n"),
        ),
        (
            "value.toml",
            format!("[[task]]\nrun = 'true'\nretries = {quoted}\n"),
        ),
        (
            "time.toml",
            format!("[[task]]\nrun = 'true'\ntimeout = {quoted}\n"),
        ),
        (
            "folder.toml",
            format!("[[task]]\nrun = 'true'\ncwd = {quoted}\n"),
        ),
        (
            "queue.toml",
            format!("[[task]]\nrun = 'true'\nqueue = {quoted}\n"),
        ),
        (
            "backoff.toml",
            format!("[[task]]\nrun = 'true'\nbackoff = {quoted}\n"),
        ),
        ("raw.toml", format!("{HOSTILE} = {HOSTILE}")),
        ("twice.toml", format!("{quoted} = 1\n{quoted} = 1\n")),
        ("key.jsonl", format!("{{\"run\": \"true\", {quoted}: 1}}\n")),
        ("raw.jsonl", format!("{{{HOSTILE}\n")),
        ("twice.jsonl", format!("{{{quoted}: 1, {quoted}: 1}}\n")),
        ("lines.txt", format!("'{}\n", HOSTILE.replace('\n', ""))),
        (
            "script.txt",
            format!("if {}\nthen true\n", HOSTILE.replace('\n', "")),
        ),
    ];
    for (name, text) in &wrong {
        sandbox.write(name, text);
        check(&sandbox, &["run", name]);
        check(&sandbox, &["add", "--file", name]);
    }
    fs::write(
        sandbox.path("bytes.toml"),
        b"[[task]]\nrun = '\x1b]52;c;A\x07\xff\x9b31m'\n",
    )
    .expect("it can be made");
    check(&sandbox, &["run", "bytes.toml"]);
}

#[test]
fn a_file_of_whatever_name_is_run_and_told_of_in_plain_characters() {
    let sandbox = Sandbox::new();
    let name = format!("{}.toml", hostile_name());
    let quoted = quoted();
    sandbox.write(
        &name,
        &format!("[[task]]\nname = {quoted}\ncommand = ['false', {quoted}]\n"),
    );
    check(&sandbox, &["run", "--dry-run", &name]);
    check(&sandbox, &["run", &name]);
    check(&sandbox, &["list"]);
    check(&sandbox, &["stats"]);
    check(&sandbox, &["retry", "--all", "--yes"]);
    check(&sandbox, &["cancel", "--all", "--yes"]);
    check(&sandbox, &["run", "--resume", &name]);
    check(&sandbox, &["run", "--drop", &name]);
    check(&sandbox, &["add", "--file", &name]);
    check(&sandbox, &["work", "--once"]);
}

#[test]
fn what_commands_write_is_shown_in_plain_characters() {
    let sandbox = Sandbox::new();
    let escaped =
        "\\033]52;c;A\\007\\302\\2338m\\342\\200\\256\\r\\b\\033[31mEVIL\\n\\033[8m\\2331m";
    sandbox.write(
        "tasks.txt",
        &format!("printf '{escaped}'; printf '{escaped}' >&2; exit 3\n"),
    );
    check(&sandbox, &["run", "tasks.txt"]);
    check(&sandbox, &["list"]);
    let listed = sandbox.run(&["list", "--json"]);
    let last = listed.out.lines().next().expect("there are some");
    let task: serde_json::Value = serde_json::from_str(last).expect("it is JSON");
    let id = task["id"].as_str().expect("it has an id");
    check(&sandbox, &["show", id]);
    check(&sandbox, &["show", "--full", id]);
    check(&sandbox, &["follow", id]);
    check(&sandbox, &["follow", "--no-wait", id]);
}
