//! Runs all tests, each in the build that checks most, and lists what they left out.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Mutex;

use anyhow::Result;

use crate::args::Args;
use crate::examples;
use crate::install::Tool;
use crate::servers;
use crate::shell;
use crate::step::{self, LIBRARY, Outcome, Step, TESTED};

/// The start of the line in which a test says what this machine lacks.
const SKIPPED: &str = "SKIPPED: ";

/// What the tests of this run left out. Such a test has passed, so nobody would see its line where
/// it was printed.
static LEFT_OUT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "test",
        about: "unit and integration tests, with all features",
        needs: &[Tool::Nextest, Tool::SqliteShell, Tool::Redis],
        run: all,
    },
    Step {
        name: "defaults",
        about: "the tests of the library as its users build it, with the default features",
        needs: &[Tool::Nextest],
        run: || run(&format!("--locked --package {LIBRARY}")),
    },
    Step {
        name: "simulation",
        about: "thousands of simulated worlds and all states of a model, with all assertions",
        needs: &[Tool::Nextest],
        run: simulation,
    },
    Step {
        name: "doctest",
        about: "the examples in the documentation",
        needs: &[],
        run: || step::cargo("test --locked --workspace --all-features --doc"),
    },
    Step {
        name: "examples",
        about: "the examples print what they should",
        needs: &[],
        run: || examples::compare(&[]).map(|()| Outcome::Passed),
    },
];

pub(crate) fn main(args: Args) -> Result<()> {
    let done = step::main(STEPS, args);
    let left_out = LEFT_OUT.lock().expect("nobody panics with it");
    if !left_out.is_empty() {
        println!("\nLEFT OUT, since this machine lacks what it takes:");
        for line in left_out.iter() {
            println!("- {line}");
        }
    }
    done
}

/// The tests of the stores wait for a disk, a server or a clock most of the time, so more of them
/// run at once than those of the rest.
fn all() -> Result<Outcome> {
    if !Tool::Nextest.is_here() {
        return run(TESTED);
    }
    let stores = "package(/^marionette-(redis|sqlite)$/)";
    let rest = run(&format!("{TESTED} -E !{stores}"));
    let stores = run(&format!("{TESTED} {} -E {stores}", servers::WAITING));
    // Both have run, whatever came of the first.
    rest.and(stores)
}

fn run(of: &str) -> Result<Outcome> {
    if !Tool::Nextest.is_here() {
        println!("cargo-nextest is missing: falling back to cargo test");
        return step::cargo(&format!("test --all-targets --no-fail-fast {of}"));
    }
    // Only the report keeps the output of a test that passed.
    let report = shell::target().join("nextest/default/junit.xml");
    fs::remove_file(&report).ok();
    let done = step::cargo(&format!("nextest run {of}"));
    if let Ok(report) = fs::read_to_string(&report) {
        let mut left_out = LEFT_OUT.lock().expect("nobody panics with it");
        left_out.extend(skipped(&report));
    }
    done
}

/// The reasons in the `SKIPPED` lines of a report in XML.
fn skipped(report: &str) -> impl Iterator<Item = String> {
    let said = |line: &str| {
        let (before, said) = line.split_once(SKIPPED)?;
        // In the middle of a line the word belongs to the output of something else.
        (before.is_empty() || before.ends_with('>')).then_some(())?;
        let said = said.split('<').next()?;
        Some(
            said.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&apos;", "'")
                .replace("&amp;", "&"),
        )
    };
    report.lines().filter_map(said)
}

fn simulation() -> Result<Outcome> {
    if Tool::Nextest.is_here() {
        run("--locked --package marionette-sim --cargo-profile simulation")
    } else {
        run("--locked --package marionette-sim --profile simulation")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_left_something_out_is_heard() {
        let report = [
            "<testcase name=\"a\"><system-err>SKIPPED: no disk: &quot;a&quot; &lt; 1</system-err>",
            "<system-err>fine",
            "SKIPPED: no shell",
            "miri  0.0 s  SKIPPED: no toolchain",
            "</system-err>",
        ];
        let skipped: Vec<_> = skipped(&report.join("\n")).collect();
        assert_eq!(skipped, ["no disk: \"a\" < 1", "no shell"]);
    }
}
