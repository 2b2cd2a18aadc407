//! Runs the examples as a reader would, and compares their output with the expected one.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::args::Args;
use crate::diff::diff;
use crate::shell;
use crate::step::TESTED;
use crate::stopwatch::Stopwatch;

/// An example is a demonstration; one that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// Where examples lie.
const HOMES: [Home; 2] = [
    Home("crates/marionette/examples"),
    Home("crates/marionette-sqlite/examples"),
];

#[derive(Clone, Copy)]
struct Home(&'static str);

struct Example {
    home: Home,
    name: String,
}

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
    let examples = chosen(names)?;
    ensure!(
        !examples.is_empty(),
        "no example has an expected output; write one with --bless NAME"
    );
    build()?;
    let mut failed = Vec::new();
    for example in examples {
        let name = &example.name;
        let expected = fs::read_to_string(example.expected())
            .with_context(|| format!("example {name} has no expected output"))?;
        let stopwatch = Stopwatch::start();
        match example.print() {
            Ok(actual) if actual == expected => println!("ok {name} ({})", stopwatch.read()),
            Ok(actual) => {
                println!(
                    "DIFFERS {name} (- expected, + printed)\n{}",
                    diff(&expected, &actual)
                );
                failed.push(example.name);
            }
            Err(err) => {
                println!("FAILED {name}: {err:#}");
                failed.push(example.name);
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
    let examples = chosen(names)?;
    build()?;
    for example in examples {
        fs::create_dir_all(example.home.folder().join("expected"))?;
        fs::write(example.expected(), example.print()?)?;
        println!("wrote {}", example.expected().display());
    }
    Ok(())
}

/// The tests have built them before.
fn build() -> Result<()> {
    shell::run(&mut shell::cargo(&format!("build {TESTED} --examples")))
}

/// The named examples, or all that have an expected output.
fn chosen(names: &[String]) -> Result<Vec<Example>> {
    let mut chosen = Vec::new();
    for home in HOMES {
        let has = |name: &&String| home.folder().join(format!("{name}.rs")).is_file();
        let own = if names.is_empty() {
            home.with_expected_output()?
        } else {
            names.iter().filter(has).cloned().collect()
        };
        chosen.extend(own.into_iter().map(|name| Example { home, name }));
    }
    let known = |name: &&String| !chosen.iter().any(|example| example.name == **name);
    if let Some(unknown) = names.iter().find(known) {
        bail!("there is no example `{unknown}`");
    }
    Ok(chosen)
}

impl Example {
    fn expected(&self) -> PathBuf {
        let name = format!("{}.txt", self.name);
        self.home.folder().join("expected").join(name)
    }

    fn print(&self) -> Result<String> {
        let program = shell::target().join("debug/examples").join(&self.name);
        let mut command = shell::program(program);
        command.env_remove("RUST_LOG");
        shell::output_within(&mut command, LIMIT)
    }
}

impl Home {
    fn folder(self) -> PathBuf {
        shell::root().join(self.0)
    }

    /// The names of the files in `expected`, each of which must belong to an example. Examples
    /// without one are named, so that nobody takes them for checked.
    fn with_expected_output(self) -> Result<Vec<String>> {
        let examples = stems(&self.folder())?;
        let expected = stems(&self.folder().join("expected"))?;
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
