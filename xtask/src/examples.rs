//! The examples of the library, run as a reader would run them, and what they print compared with
//! what they should print.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::args::Args;
use crate::diff::diff;
use crate::shell;
use crate::step::LIBRARY;
use crate::stopwatch::Stopwatch;

/// An example is a demonstration; one that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn main(mut args: Args) -> Result<()> {
    let bless = args.flag("--bless");
    let names = args.words()?;
    if bless {
        write(&names)
    } else {
        compare(&names)
    }
}

/// Runs the named examples, or all that have an expected output, and fails at any difference.
pub(crate) fn compare(names: &[String]) -> Result<()> {
    let names = if names.is_empty() {
        with_expected_output()?
    } else {
        names.to_vec()
    };
    ensure!(
        !names.is_empty(),
        "no example has an expected output; write one with --bless NAME"
    );
    build()?;
    let mut failed = Vec::new();
    for name in names {
        let expected = fs::read_to_string(expected(&name))
            .with_context(|| format!("example {name} has no expected output"))?;
        let stopwatch = Stopwatch::start();
        match print_of(&name) {
            Ok(actual) if actual == expected => println!("ok {name} ({})", stopwatch.read()),
            Ok(actual) => {
                println!(
                    "DIFFERS {name} (- expected, + printed)\n{}",
                    diff(&expected, &actual)
                );
                failed.push(name);
            }
            Err(err) => {
                println!("FAILED {name}: {err:#}");
                failed.push(name);
            }
        }
    }
    ensure!(
        failed.is_empty(),
        "these examples failed: {}",
        failed.join(" ")
    );
    Ok(())
}

/// Runs the named examples, or all that have an expected output, and keeps what they print.
fn write(names: &[String]) -> Result<()> {
    let names = if names.is_empty() {
        with_expected_output()?
    } else {
        names.to_vec()
    };
    build()?;
    fs::create_dir_all(folder().join("expected"))?;
    for name in names {
        fs::write(expected(&name), print_of(&name)?)?;
        println!("wrote {}", expected(&name).display());
    }
    Ok(())
}

fn build() -> Result<()> {
    shell::run(&mut shell::cargo(&format!(
        "build --locked --package {LIBRARY} --all-features --examples"
    )))
}

fn print_of(name: &str) -> Result<String> {
    let mut command = shell::cargo("run --quiet --locked --all-features");
    command.args(["--package", LIBRARY, "--example", name]);
    command.env_remove("RUST_LOG");
    shell::output_within(&mut command, LIMIT)
}

/// The names of the files in `expected`, each of which must belong to an example. Examples without
/// one are named, so that nobody takes them for checked.
fn with_expected_output() -> Result<Vec<String>> {
    let examples = stems(&folder())?;
    let expected = stems(&folder().join("expected"))?;
    if let Some(stray) = expected.iter().find(|name| !examples.contains(name)) {
        bail!("expected/{stray}.txt belongs to no example; remove it");
    }
    for name in examples
        .iter()
        .filter(|name| *name != "expected" && !expected.contains(name))
    {
        println!("not compared, since expected/{name}.txt does not exist: {name}");
    }
    Ok(expected)
}

/// The names, without extensions, of what lies in `folder`, sorted; nothing when it does not exist.
fn stems(folder: &Path) -> Result<Vec<String>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut stems = Vec::new();
    for entry in entries {
        let path = entry?.path();
        stems.extend(
            path.file_stem()
                .and_then(|stem| stem.to_str())
                .map(str::to_owned),
        );
    }
    stems.sort();
    Ok(stems)
}

fn folder() -> PathBuf {
    shell::root().join("crates/marionette/examples")
}

fn expected(name: &str) -> PathBuf {
    folder().join("expected").join(format!("{name}.txt"))
}
