//! Commands with secrets that cannot even be started.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Sandbox, said};
use crate::place::{Search, all_that_is_said, jobs, search};
use crate::values::{Giveaways, noise};

/// Runs these tasks, and returns their reasons once nothing was found of the secrets.
fn reasons(sandbox: &Sandbox, tasks: &[Value], secrets: &[&str]) -> Vec<String> {
    let lines: Vec<_> = tasks.iter().map(Value::to_string).collect();
    sandbox.write("tasks.jsonl", &lines.join("\n"));
    let mut command = sandbox.command(&["run", "tasks.jsonl"]);
    let bytes = [secrets[0].as_bytes(), b"\xff"].concat();
    command.env("NOT_UTF_8", OsString::from_vec(bytes));
    let ran = said(command.output().expect("the program starts"));
    assert_eq!(ran.status, Some(1), "{ran:?}");
    let mut said = all_that_is_said(sandbox);
    said.push(("run".to_owned(), ran));
    search(
        sandbox,
        &Giveaways::of(secrets.iter().copied()),
        Search::AllButStore,
        &said,
    );
    let jobs = jobs(sandbox);
    let reasons = (0..tasks.len()).map(|number| {
        let job = jobs.iter().find(|job| job["name"] == *number.to_string());
        let job = job.unwrap_or_else(|| panic!("{number} has a job: {jobs:?}"));
        job["reason"].as_str().expect("it failed").to_owned()
    });
    reasons.collect()
}

/// A program under this name, which the system does not run.
fn unfit(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).expect("the folder can be written to");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

#[test]
fn a_program_that_is_a_secret_is_not_named() {
    let sandbox = Sandbox::new();
    let name = noise(21, 20);
    let key = sandbox.write("key", &name);
    let in_folder = |name: &str| sandbox.path(name).display().to_string();
    unfit(&sandbox.path(&name), "true\n", 0o644);
    unfit(&sandbox.path(&format!("{name}-text")), "true\n", 0o755);
    unfit(
        &sandbox.path(&format!("{name}-windows")),
        "#!/bin/sh\r\n",
        0o755,
    );
    fs::create_dir(sandbox.path(&format!("{name}-folder"))).expect("it can be made");
    let programs = [
        json!({"secret": name}),
        json!({"from": format!("file:{}", key.display())}),
        json!({"secret": format!("/nowhere/{name}")}),
        json!({"secret": in_folder(&name)}),
        json!({"secret": in_folder(&format!("{name}-text"))}),
        json!({"secret": in_folder(&format!("{name}-windows"))}),
        json!({"secret": in_folder(&format!("{name}-folder"))}),
        json!({"secret": format!("{}/x", in_folder(&name))}),
    ];
    let tasks: Vec<_> = (0..)
        .zip(programs)
        .map(|(number, program)| json!({"name": format!("{number}"), "command": [program, "a"]}))
        .collect();
    for reason in reasons(&sandbox, &tasks, &[&name]) {
        assert!(reason.starts_with("cannot start: the program `***`, which is a secret: "));
    }
    // Two characters would not be looked for in a text.
    let short = Sandbox::new();
    let task = json!({"name": "0", "command": [{"secret": "qz"}, "a"]});
    let reason = reasons(&short, &[task], &[&name]).concat();
    assert!(reason.contains("***") && !reason.contains("qz"), "{reason}");
}

#[test]
fn a_plain_text_that_contains_a_secret_is_told_without_it() {
    let sandbox = Sandbox::new();
    let secret = noise(22, 20);
    let key = json!({"secret": secret});
    let gone = sandbox.path(&format!("gone-{secret}"));
    fs::create_dir(&gone).expect("it can be made");
    let env = |name: &str, value: Value| json!({"S": key, name: value});
    let path = json!(format!("/{secret}"));
    let tasks = [
        json!({"name": "0", "command": [format!("/nowhere/{secret}"), key]}),
        json!({"name": "1", "command": [format!("no-{secret}"), key]}),
        json!({"name": "2", "command": ["no-such"], "env": env("PATH", path.clone())}),
        json!({"name": "3", "command": ["no-such"], "env": env("PATH", key.clone())}),
        json!({"name": "4", "run": "no-such", "env": env("PATH", path)}),
        json!({"name": "5", "run": format!(": {secret}; false"), "env": env("A", json!("b"))}),
        json!({"name": "6", "command": ["true"], "env": env("A", json!(
            {"from": format!("file:/nowhere/{secret}")}))}),
        json!({"name": "7", "command": ["sh", "-c", format!("echo {secret}; false"), key]}),
    ];
    let reasons = reasons(&sandbox, &tasks, &[&secret]);
    for (number, told) in [
        (0, "there is no program `/nowhere/***`"),
        (1, "there is no program `no-***` (PATH is `"),
        (2, "there is no program `no-such` (PATH is `/***`;"),
        (3, "there is no program `no-such` (PATH is `***`;"),
        (4, "not found (PATH is `/***`;"),
        (5, "exit status 1"),
        (6, "cannot look up A: /nowhere/***: No such file"),
        (7, "exit status 1: ***"),
    ] {
        assert!(
            reasons[number].contains(told),
            "{number}: {}",
            reasons[number]
        );
    }
    let dry = sandbox.run(&["run", "--dry-run", "tasks.jsonl"]);
    let json = sandbox.run(&["run", "--dry-run", "--json", "tasks.jsonl"]);
    for said in [dry, json] {
        assert!(
            !said.out.contains(&secret) && said.out.contains("***"),
            "{said:?}"
        );
    }
    // In the folder, and in the name of the task.
    let waiting = Sandbox::new();
    let task =
        json!({"name": format!("say {secret}"), "run": "true", "cwd": gone, "env": {"S": key}});
    waiting.write("one.jsonl", &task.to_string());
    let mut said = vec![(
        "add".to_owned(),
        waiting.run(&["add", "--json", "--file", "one.jsonl"]),
    )];
    fs::remove_dir(&gone).expect("it is empty");
    said.push(("work".to_owned(), waiting.run(&["work", "--once"])));
    said.push(("list".to_owned(), waiting.run(&["list", "--json", "--all"])));
    search(&waiting, &Giveaways::of([&*secret]), Search::Said, &said);
    let reason = jobs(&waiting)[0]["reason"].to_string();
    assert!(reason.contains("gone-*** is not there"), "{reason}");
}

#[test]
fn a_secret_that_cannot_be_used_is_refused_without_a_word_of_it() {
    let sandbox = Sandbox::new();
    let secret = noise(23, 20);
    let file = |name: &str, bytes: &[u8]| {
        let path = sandbox.path(name);
        fs::write(&path, bytes).expect("the folder can be written to");
        json!({"from": format!("file:{}", path.display())})
    };
    let sources = [
        file("latin", &[secret.as_bytes(), b"\xe9\n"].concat()),
        file("cut", &[secret.as_bytes(), b"\xf0\x9f"].concat()),
        file(
            "zero",
            &[secret.as_bytes(), b"\0", secret.as_bytes()].concat(),
        ),
        json!({"from": "env:NOT_UTF_8"}),
        json!({"from": "env:NOT_SET"}),
        json!({"from": "file:/nowhere/at-all"}),
        json!({"from": "file:/"}),
    ];
    let told = [
        "it is not UTF-8",
        "it is not UTF-8",
        "it contains a zero byte",
        "the worker has no usable NOT_UTF_8 in its environment: it is not UTF-8",
        "the worker has no usable NOT_SET in its environment: it is not set",
        "/nowhere/at-all: ",
        "/: ",
    ];
    let mut tasks = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let (word, variable) = (2 * number, 2 * number + 1);
        let all = json!({"secret": secret});
        tasks.push(json!({"name": word.to_string(), "command": ["echo", all, source]}));
        let env = json!({"S": source, "T": all});
        tasks.push(json!({"name": variable.to_string(), "run": "echo $S", "env": env}));
    }
    let reasons = reasons(&sandbox, &tasks, &[&secret]);
    for (number, reason) in reasons.iter().enumerate() {
        assert!(reason.contains(told[number / 2]), "{number}: {reason}");
        assert_eq!(
            reason.contains("cannot look up S: "),
            number % 2 == 1,
            "{reason}"
        );
    }
}
