//! What commands get from whoever started the worker, beside its environment.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

use serde_json::json;

use crate::common::{Sandbox, said};

#[test]
fn a_command_gets_no_file_that_whoever_started_the_worker_left_open() {
    let sandbox = Sandbox::new();
    let left_open = File::create(sandbox.path("left-open")).expect("it can be made");
    // A copy that the program inherits, as a shell leaves one open with `9>file`.
    rustix::io::fcntl_setfd(left_open.as_fd(), rustix::io::FdFlags::empty()).expect("it is open");
    let number = left_open.as_raw_fd();
    let line = format!(
        "ls -l /proc/self/fd /proc/$$/fd > open; (echo written >&{number}) 2>/dev/null; true"
    );
    let mut command = sandbox.command(&["run", "-q", "-"]);
    command.stdin(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    drop(left_open);
    let mut stdin = child.stdin.take().expect("it was asked for");
    std::io::Write::write_all(&mut stdin, line.as_bytes()).expect("it reads");
    drop(stdin);
    let ran = said(child.wait_with_output().expect("it ends"));
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert_eq!(sandbox.read("left-open"), "");
    let open = sandbox.read("open");
    assert!(!open.contains("left-open"), "{open}");
}

#[test]
fn a_line_is_run_by_the_shell_of_the_system_whatever_path_its_task_sets() {
    let sandbox = Sandbox::new();
    let fake = sandbox.write("sh", "#!/bin/sh\necho fake\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(fake, mode).expect("it is ours");
    let path = sandbox.path("").display().to_string();
    let task = json!({"run": "echo real; nothing-of-the-kind", "env": {"PATH": path}});
    sandbox.write("task.jsonl", &task.to_string());
    let ran = sandbox.run(&["run", "task.jsonl"]);
    assert!(ran.out.contains("exit status 127: sh: "), "{ran:?}");
    // Beside what the shell complains of, which comes through another pipe.
    let output = crate::place::outputs(&sandbox).concat();
    assert!(output.lines().any(|line| line == "real"), "{output}");
}
