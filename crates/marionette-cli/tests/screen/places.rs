//! Names of files and folders, of stores, and what the environment says.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;

use crate::common::Sandbox;
use crate::seen::{HOSTILE, hostile_name, in_pipe, on_terminal};

/// Without what would make these words and variables another mistake.
fn check(sandbox: &Sandbox, words: &[&str], change: impl Fn(&mut std::process::Command)) {
    let words = [&["--color", "always"], words].concat();
    let what = format!("{words:?}");
    let command = || {
        let mut command = sandbox.command(&words);
        change(&mut command);
        command
    };
    for seen in [on_terminal(&mut command()), in_pipe(&mut command())] {
        seen.is_clean_and_in_line(&what);
        seen.ended_well(&what);
    }
}

#[test]
fn a_store_of_whatever_name_is_named_in_plain_characters() {
    let sandbox = Sandbox::new();
    let name = hostile_name();
    fs::create_dir(sandbox.path(&name)).expect("it can be made");
    fs::write(sandbox.path(&format!("{name}.txt")), "no database").expect("it can be made");
    let stores = [
        name.clone(),
        format!("{name}:"),
        format!("sqlite:~{name}"),
        format!("sqlite:{name}"),
        format!("sqlite:{name}.txt"),
        format!("sqlite:none/{name}"),
        format!("sqlite:/dev/null/{name}/"),
        format!("sqlite:/dev/null/{name}/x"),
        format!("sqlite:{name}/new.db"),
    ];
    let verbs: [&[&str]; 5] = [
        &["list"],
        &["add", "--delay", "1h", "true"],
        &["migrate"],
        &["work", "--once"],
        &["unit"],
    ];
    for store in &stores {
        for verb in verbs {
            check(&sandbox, &[&["--store", store], verb].concat(), |_| {});
            check(&sandbox, verb, |command| {
                command.env("MARIONETTE_STORE", store);
            });
        }
    }
}

#[test]
fn the_environment_is_quoted_in_plain_characters() {
    let sandbox = Sandbox::new();
    let verbs: [&[&str]; 4] = [
        &["list"],
        &["add", "--at", "18:00", "true"],
        &["--help"],
        &["run", "--", "no-such-{}", ":::", "a"],
    ];
    let path = format!("/none/{HOSTILE}");
    for (name, value) in [
        ("TZ", HOSTILE),
        ("HOME", &path),
        ("XDG_STATE_HOME", &path),
        ("PATH", &path),
        ("TERM", HOSTILE),
        ("COLUMNS", HOSTILE),
        ("COLUMNS", "0"),
        ("COLUMNS", "1"),
        ("COLUMNS", "99999999999999999999"),
        ("LINES", "0"),
        ("LANG", HOSTILE),
        ("RUST_BACKTRACE", HOSTILE),
        ("TMPDIR", &path),
    ] {
        for verb in verbs {
            check(&sandbox, verb, |command| {
                if name.ends_with("HOME") {
                    command
                        .env_remove("MARIONETTE_STORE")
                        .env_remove("XDG_STATE_HOME");
                }
                command.env(name, value);
            });
        }
    }
}

#[test]
fn a_folder_of_whatever_name_is_named_in_plain_characters() {
    let sandbox = Sandbox::new();
    let folder = sandbox.path(&hostile_name());
    let mut no_text = folder.clone().into_os_string().into_vec();
    no_text.extend(b"\xff\x9b31m");
    for folder in [folder.into_os_string(), OsString::from_vec(no_text)] {
        fs::create_dir(&folder).expect("it can be made");
        let verbs: [&[&str]; 8] = [
            &["add", "false"],
            &["run", "none.txt"],
            &["run", "tasks.txt"],
            &["run", "--dry-run", "tasks.txt"],
            &["--store", "sqlite:none/none.db", "list"],
            &["--store", "sqlite:here.db", "add", "--delay", "1h", "true"],
            &["--store", "sqlite:here.db", "unit"],
            &["list"],
        ];
        fs::write(std::path::Path::new(&folder).join("tasks.txt"), "false\n")
            .expect("it can be made");
        for verb in verbs {
            check(&sandbox, verb, |command| {
                command.current_dir(&folder);
            });
        }
    }
}
