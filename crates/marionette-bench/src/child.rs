//! The parent's side of a measurement: a child process, and what it answers.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use marionette_yardstick::figures::{self, Outcome};

/// The command that starts this program as a child.
pub(crate) fn this_program() -> Command {
    Command::new(env::current_exe().expect("the program has a path"))
}

/// The target folder that this program was built into.
pub(crate) fn beside_this_program() -> PathBuf {
    let program = env::current_exe().expect("the program has a path");
    let folder = program.ancestors().nth(2);
    folder.expect("it lies in a folder of a profile").to_owned()
}

/// Starts a child, waits, and reads its answer.
pub(crate) fn ask(command: &mut Command) -> Outcome {
    let output = match command.output() {
        Ok(output) => output,
        Err(err) => return Outcome::Failed(format!("the child did not start: {err}")),
    };
    match figures::read(&String::from_utf8_lossy(&output.stdout)) {
        Some(figures) if output.status.success() => Outcome::Measured(figures),
        _ => Outcome::Failed(complaint(&String::from_utf8_lossy(&output.stderr))),
    }
}

/// The line of a failed child that says what happened: the one after "panicked at".
fn complaint(stderr: &str) -> String {
    let mut lines = stderr.lines().filter(|line| !line.is_empty());
    let last = stderr.lines().rfind(|line| !line.is_empty());
    let panic = lines
        .find(|line| line.contains("panicked at"))
        .and_then(|_| lines.next());
    panic.or(last).unwrap_or("no answer").to_owned()
}
