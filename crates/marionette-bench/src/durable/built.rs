//! The contenders, each built from its folder into one beside this program.
//!
//! They cannot be dependencies of this program: their SQLite and ours link the same library, which
//! no lock file may hold twice, and one of them is written for Node.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::child;

/// Where their sources are.
const CONTENDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contenders");

/// The files of one for Node.
const SCRIPTS: [&str; 3] = ["main.mjs", "workload.mjs", "contender.mjs"];

/// What says which packages one for Node needs.
const LISTS: [&str; 2] = ["package.json", "package-lock.json"];

/// What `npm` writes when all of them are installed.
const INSTALLED: &str = "node_modules/.package-lock.json";

/// The program that [`with_cargo`] builds.
pub(super) fn program(name: &str) -> Command {
    let program = format!("contender-{name}");
    Command::new(target(name).join("release").join(program))
}

/// The program that [`with_npm`] makes ready.
pub(super) fn script(name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(target(name).join(SCRIPTS[0]));
    command
}

/// Builds one in Rust, with the lock file in its folder.
///
/// # Errors
///
/// Why it cannot be built: the first line of an error, or the last line of all.
pub(super) fn with_cargo(name: &str) -> Result<(), String> {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let mut build = Command::new(cargo);
    let build = build.args(["build", "--release", "--locked", "--target-dir"]);
    said("cargo", build.arg(target(name)).current_dir(source(name)))
}

/// Installs what one for Node needs, with the lock file in its folder, unless it is there. The
/// scripts of what is installed do not run.
///
/// # Errors
///
/// Why it cannot be made ready: there is no Node, or the first line of an error.
pub(super) fn with_npm(name: &str) -> Result<(), String> {
    said("node", Command::new("node").arg("--version"))?;
    let (source, target) = (source(name), target(name));
    let copy = |files: &[&str]| {
        let copy = |file: &&str| fs::copy(source.join(file), target.join(file)).map(drop);
        let copied = files.iter().try_for_each(copy);
        copied.map_err(|err| format!("it cannot be made ready: {err}"))
    };
    let made = fs::create_dir_all(&target);
    made.map_err(|err| format!("{}: {err}", target.display()))?;
    copy(&SCRIPTS)?;
    let same = |file: &str| fs::read(source.join(file)).ok() == fs::read(target.join(file)).ok();
    if LISTS.iter().all(|file| same(file)) && target.join(INSTALLED).exists() {
        return Ok(());
    }
    copy(&LISTS)?;
    let mut install = Command::new("npm");
    let install = install.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    said("npm", install.current_dir(&target))
}

/// Runs a builder; an error is the line of its output that says most.
fn said(name: &str, command: &mut Command) -> Result<(), String> {
    let output = command.output();
    let output = output.map_err(|err| format!("it cannot be built: {name}: {err}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let is_error = |line: &&str| line.starts_with("error") || line.starts_with("npm error");
    let line = said.lines().find(is_error).or(said.lines().last());
    let line = line.map_or(format!("{name} said nothing"), str::to_owned);
    Err(format!("it cannot be built: {line}"))
}

fn source(name: &str) -> PathBuf {
    Path::new(CONTENDERS).join(name)
}

/// A folder of its own, beside what this program was built into.
fn target(name: &str) -> PathBuf {
    child::beside_this_program().join("contenders").join(name)
}
