//! The program under a limit that a shell has set, and what became of its tasks.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::common::{Said, Sandbox, said};

/// The program with these arguments, started by a shell behind this line.
pub(crate) fn limited(sandbox: &Sandbox, line: &str, arguments: &[&str]) -> Command {
    of_program(sandbox, env!("CARGO_BIN_EXE_marionette"), line, arguments)
}

/// As [`limited`], for a copy of the program.
pub(crate) fn of_program(
    sandbox: &Sandbox,
    program: &str,
    line: &str,
    arguments: &[&str],
) -> Command {
    let like = sandbox.command(&[]);
    let mut shell = Command::new("sh");
    let variables = like.get_envs();
    shell.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    shell.arg("-c").arg(format!("{line}; exec \"$0\" \"$@\""));
    shell.arg(program).args(arguments);
    shell.current_dir(sandbox.path("")).stdin(Stdio::null());
    shell.stdout(Stdio::piped()).stderr(Stdio::piped());
    shell
}

/// It runs to its end under this limit.
pub(crate) fn run(sandbox: &Sandbox, line: &str, arguments: &[&str]) -> Said {
    said(
        limited(sandbox, line, arguments)
            .output()
            .expect("it starts"),
    )
}

/// Makes it run as this user, who may read the program and owns the sandbox.
pub(crate) fn as_user(command: &mut Command, user: u32) {
    command.uid(user).gid(user);
}

/// All tasks of the sandbox, whatever became of them.
pub(crate) fn jobs(sandbox: &Sandbox) -> Vec<Value> {
    let listed = sandbox.run(&["list", "--all", "--json"]).out;
    let lines = listed.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect()
}

/// No task has failed or died, and each that is not done waits as if nothing had been.
pub(crate) fn none_was_harmed(sandbox: &Sandbox, what: &str) {
    for job in jobs(sandbox) {
        let state = job["state"].as_str().expect("a text");
        let waits = ["done", "ready", "scheduled", "running"].contains(&state);
        assert!(waits && job["failed"] == 0, "{what}: {job}");
    }
}

/// How many are done.
pub(crate) fn done(sandbox: &Sandbox) -> usize {
    let jobs = jobs(sandbox);
    jobs.iter().filter(|job| job["state"] == "done").count()
}
