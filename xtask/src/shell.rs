//! Starts programs: announces them, finds them also where `PATH` lacks cargo's folder, and ends
//! those that hang.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::child::Child;

/// A command that takes longer hangs: three times what the longest takes on two busy cores with
/// nothing built.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
}

/// The folder where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// `program`, to be run at the root of the workspace.
pub(crate) fn program(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(root())
        .env("PATH", search_path())
        .stdin(Stdio::null());
    // Cargo describes this program in variables, which the one to run would take for its own.
    for (name, _) in env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if bytes.starts_with(b"CARGO_PKG_") || bytes.starts_with(b"CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// `cargo` with these words after it; they are separated by single spaces.
pub(crate) fn cargo(words: &str) -> Command {
    let mut command = program("cargo");
    command.args(words.split(' '));
    command
}

/// Where `program` is, or `None` when it is not installed.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&search_path())
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Runs `command`; the error names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let child = start(command)?;
    succeed(command, child.wait(LIMIT)?)
}

/// Runs `command`, shows what it prints on its standard output, and returns that too.
pub(crate) fn run_and_read(command: &mut Command) -> Result<String> {
    announce(command);
    let (status, output) = read(command, LIMIT, |line| println!("{line}"))?;
    succeed(command, status)?;
    Ok(output)
}

/// Runs `command`, which runs tests through cargo, and fails also when it found none: a filter
/// that matches nothing must not look like success.
pub(crate) fn run_tests(command: &mut Command) -> Result<()> {
    let output = run_and_read(command)?;
    let ran = output
        .lines()
        .any(|line| line.starts_with("test ") && line.ends_with("... ok"));
    ensure!(ran, "`{}` found no test to run", shown(command));
    Ok(())
}

/// Runs `command` in silence and returns what it printed on its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    output_within(command, LIMIT)
}

/// As [`output`], with a limit of its own.
pub(crate) fn output_within(command: &mut Command, limit: Duration) -> Result<String> {
    let (status, output) = read(command, limit, |_| ())?;
    succeed(command, status)?;
    Ok(output)
}

/// Whether `command` runs and succeeds; its output is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn read(
    command: &mut Command,
    limit: Duration,
    show: impl Fn(&str) + Send + 'static,
) -> Result<(ExitStatus, String)> {
    let mut child = start(command.stdout(Stdio::piped()))?;
    let stdout = BufReader::new(child.stdout());
    let reader = thread::spawn(move || -> io::Result<String> {
        let mut output = String::new();
        for line in stdout.lines() {
            let line = line?;
            show(&line);
            output.push_str(&line);
            output.push('\n');
        }
        Ok(output)
    });
    let status = child.wait(limit)?;
    let output = reader.join().expect("the reader does not panic")?;
    Ok((status, output))
}

/// Prints the command as a person would type it.
fn announce(command: &Command) {
    println!("$ {}", shown(command));
    io::stdout().flush().expect("standard output is open");
}

fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter(|(name, _)| *name != "PATH");
    let variables = variables
        .filter_map(|(name, value)| Some(format!("{}={}", name.display(), quoted(value?))));
    let words = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(quoted);
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.display().to_string();
    let plain = |char: char| char.is_alphanumeric() || "-_./=:,+".contains(char);
    if word.chars().all(plain) {
        word
    } else {
        format!("{word:?}")
    }
}

fn start(command: &mut Command) -> Result<Child> {
    Child::start(command).with_context(|| format!("cannot start `{}`", shown(command)))
}

fn succeed(command: &Command, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "`{}` ended with {status}", shown(command));
    Ok(())
}

/// The folder in which cargo keeps what it installed and fetched.
pub(crate) fn cargo_home() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| env::home_dir().map(|home| home.join(".cargo")))
}

/// `PATH`, with the folder where `cargo install` puts programs before it.
fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = cargo_home()
        .map(|home| home.join("bin"))
        .into_iter()
        .chain(env::split_paths(&path));
    env::join_paths(folders).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let err = run(program("false").arg("alarm")).unwrap_err();
        assert!(
            err.to_string().starts_with("`false alarm` ended with"),
            "{err}"
        );
    }

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("cargo");
        command
            .args(["test", "--", "a b"])
            .env("RUSTFLAGS", "--cfg loom")
            .env("N", "3");
        assert_eq!(
            shown(&command),
            r#"N=3 RUSTFLAGS="--cfg loom" cargo test -- "a b""#
        );
    }

    #[test]
    fn what_is_read_is_what_was_printed() {
        let output = output_within(program("printf").arg("one\ntwo\n"), LIMIT).unwrap();
        assert_eq!(output, "one\ntwo\n");
    }

    #[test]
    fn a_missing_program_is_not_found() {
        assert!(find("cargo").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }
}
