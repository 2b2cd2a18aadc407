//! The steps of continuous integration, in the order in which they run: quick ones first.

use anyhow::Result;

use crate::install::Tool;
use crate::{bench, examples, loom, memcheck, miri, shell, tidy};

/// The published package of the library.
pub(crate) const LIBRARY: &str = "marionette-tasks";

/// The features of the library, each of which must stand alone.
const FEATURES: [&str; 4] = ["serde", "metrics", "signal", "test-util"];

/// One named check.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) needs: &'static [Tool],
    pub(crate) run: fn() -> Result<Outcome>,
}

/// How a step that did not fail ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    /// It could not run here, for this reason.
    Skipped(String),
}

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        about: "the sources are formatted",
        needs: &[],
        run: || run("fmt --all --check"),
    },
    Step {
        name: "tidy",
        about: "our own checks of the sources",
        needs: &[],
        run: || tidy::main().map(|()| Outcome::Passed),
    },
    Step {
        name: "typos",
        about: "spelling",
        needs: &[Tool::Typos],
        run: typos,
    },
    Step {
        name: "clippy",
        about: "lints, with all features",
        needs: &[],
        run: || run("clippy --locked --workspace --all-targets --all-features -- --deny warnings"),
    },
    Step {
        name: "features",
        about: "lints, with the default features and with each feature alone",
        needs: &[],
        run: features,
    },
    Step {
        name: "test",
        about: "unit and integration tests, with all features",
        needs: &[Tool::Nextest],
        run: test,
    },
    Step {
        name: "doctest",
        about: "the examples in the documentation",
        needs: &[],
        run: || run("test --locked --workspace --all-features --doc"),
    },
    Step {
        name: "doc",
        about: "the documentation builds without a warning",
        needs: &[],
        run: doc,
    },
    Step {
        name: "examples",
        about: "the examples print what they should",
        needs: &[],
        run: || examples::compare(&[]).map(|()| Outcome::Passed),
    },
    Step {
        name: "oldest",
        about: "the SQLite store works with the oldest rusqlite that it allows",
        needs: &[],
        run: oldest,
    },
    Step {
        name: "loom",
        about: "models of our own synchronisation",
        needs: &[],
        run: loom::run,
    },
    Step {
        name: "miri",
        about: "the unsafe module under the interpreter (nightly toolchain)",
        needs: &[],
        run: miri::run,
    },
    Step {
        name: "memcheck",
        about: "the unsafe module under valgrind's memory checker",
        needs: &[Tool::Valgrind],
        run: memcheck::run,
    },
    Step {
        name: "deny",
        about: "licences, bans and sources of the dependencies",
        needs: &[Tool::Deny],
        run: || run("deny --log-level error check licenses bans sources"),
    },
    Step {
        name: "unused",
        about: "no dependency is unused",
        needs: &[Tool::Machete],
        run: || run("machete --with-metadata"),
    },
    Step {
        name: "instructions",
        about: "the hot paths stay within their instruction counts",
        needs: &[Tool::Valgrind, Tool::Gungraun],
        run: || bench::instructions().map(|()| Outcome::Passed),
    },
];

fn run(words: &str) -> Result<Outcome> {
    shell::run(&mut shell::cargo(words))?;
    Ok(Outcome::Passed)
}

/// In a target folder of its own, like its lock file: the two ends of the range exclude each other.
fn oldest() -> Result<Outcome> {
    run("run --quiet --locked --manifest-path xtask/oldest/Cargo.toml --target-dir target/oldest")
}

fn typos() -> Result<Outcome> {
    shell::run(&mut shell::program("typos"))?;
    Ok(Outcome::Passed)
}

fn features() -> Result<Outcome> {
    run(&format!(
        "clippy --locked --package {LIBRARY} --all-targets -- --deny warnings"
    ))?;
    run("clippy --locked --package marionette-sqlite --lib -- --deny warnings")?;
    for feature in FEATURES {
        run(&format!(
            "clippy --locked --package {LIBRARY} --lib --no-default-features \
             --features {feature} -- --deny warnings"
        ))?;
    }
    Ok(Outcome::Passed)
}

fn test() -> Result<Outcome> {
    if Tool::Nextest.is_here() {
        run("nextest run --locked --workspace --all-features")
    } else {
        println!("cargo-nextest is missing: falling back to cargo test");
        run("test --locked --workspace --all-features --all-targets --no-fail-fast")
    }
}

fn doc() -> Result<Outcome> {
    let mut command = shell::cargo("doc --locked --workspace --all-features --no-deps");
    shell::run(command.env("RUSTDOCFLAGS", "--deny warnings"))?;
    Ok(Outcome::Passed)
}
