//! No room for another process or thread: `ulimit -u`, and the limit of a control group.

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Command;

use crate::common::{self, Sandbox, said};
use crate::shell::{as_user, done, none_was_harmed, of_program};

/// A user of whom nothing else runs.
const USER: u32 = 61_012;

const TASKS: usize = 4;

/// A sandbox of that user with tasks in it, and the program where that user can read it.
fn theirs() -> Option<(Sandbox, PathBuf)> {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can start a worker as another user");
        return None;
    }
    let sandbox = Sandbox::new();
    let lines: Vec<_> = (0..TASKS).map(|nth| format!("echo {nth} >> log")).collect();
    sandbox.write("tasks.txt", &lines.join("\n"));
    let program = sandbox.path("marionette");
    // By a program of its own: what another test starts meanwhile would have a copy of ours open
    // for writing, and the system runs no such file.
    let mut copy = Command::new("cp");
    copy.arg(env!("CARGO_BIN_EXE_marionette")).arg(&program);
    assert!(copy.status().expect("cp can be started").success());
    for path in [sandbox.path(""), sandbox.path("tasks.txt")] {
        chown(&path, Some(USER), Some(USER)).expect("root may");
    }
    Some((sandbox, program))
}

#[test]
fn at_no_limit_of_processes_does_a_task_lose_an_attempt_or_is_left_without_a_word() {
    let Some((sandbox, program)) = theirs() else {
        return;
    };
    let start = |line: &str, arguments: &[&str]| {
        let program = program.to_str().expect("it is UTF-8");
        let mut command = of_program(&sandbox, program, line, arguments);
        as_user(&mut command, USER);
        said(command.output().expect("it starts"))
    };
    for verb in [
        &["work", "--once", "-j", "4"][..],
        &["run", "-j", "4", "tasks.txt"],
    ] {
        for processes in (1..=20).step_by(3).chain([200]) {
            for path in common::entries(&sandbox.path("")) {
                if path.file_name().is_some_and(|name| {
                    name.to_string_lossy().starts_with("tasks.db") || name == "log"
                }) {
                    let _ = fs::remove_dir_all(&path);
                    let _ = fs::remove_file(&path);
                }
            }
            if verb[0] == "work" {
                let added = start("true", &["add", "--file", "tasks.txt"]);
                assert_eq!(added.status, Some(0), "{added:?}");
            }
            let said = start(
                &format!("ulimit -u {processes} 2>/dev/null || ulimit -p {processes}"),
                verb,
            );
            let what = format!("{verb:?} with {processes} processes: {said:?}");
            if sandbox.path("tasks.db").exists() {
                none_was_harmed(&sandbox, &what);
            }
            match said.status {
                Some(0) => assert_eq!(done(&sandbox), TASKS, "{what}"),
                Some(2) => assert!(said.err.contains("(ulimit -u)"), "{what}"),
                _ => panic!("{what}"),
            }
        }
    }
}
