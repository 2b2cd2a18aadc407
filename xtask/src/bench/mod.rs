//! The benchmarks that decide: the cost of the hot paths, counted by valgrind, relative to a
//! reference that is counted in the same run.

mod count;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::args::Args;
use crate::install::{self, Tool};
use crate::shell;
use count::Count;

/// A path, and its cost as a multiple of its reference when this limit was set.
struct Limit {
    path: &'static str,
    reference: &'static str,
    ratio: f64,
}

/// Raise a limit only together with the reason, in the same commit.
const LIMITS: [Limit; 4] = [
    Limit {
        path: "queue_to_done",
        reference: "spawned",
        ratio: 1.66,
    },
    Limit {
        path: "queue_to_done_with_every_option",
        reference: "spawned",
        ratio: 2.62,
    },
    Limit {
        path: "queue_to_done_after_two_retries",
        reference: "spawned",
        ratio: 4.61,
    },
    Limit {
        path: "insert_and_fire",
        reference: "spawned_and_awaited",
        ratio: 3.17,
    },
];

/// By how much a ratio may exceed the noted one.
const TOLERANCE: f64 = 0.05;

/// The folder of the counts that the benchmark's tool writes.
const COUNTS: &str = "gungraun/marionette-bench/instructions/paths";

pub(crate) fn main(mut args: Args) -> Result<()> {
    let counts = args.flag("--instructions");
    args.finish()?;
    ensure!(counts, "say which: `cargo xtask bench --instructions`");
    install::missing(&[Tool::Valgrind, Tool::Gungraun])?;
    instructions()
}

/// Counts the paths and their references, and fails where a ratio exceeds its limit.
pub(crate) fn instructions() -> Result<()> {
    let counts = shell::target().join(COUNTS);
    // A count of an earlier run must not be taken for one of this run.
    fs::remove_dir_all(&counts).ok();
    shell::run(&mut shell::cargo(
        "bench --locked --package marionette-bench --no-default-features --bench instructions",
    ))?;
    println!("\n{:34}{:>12}{:>8}{:>8}", "path", "cost", "ratio", "limit");
    let mut exceeded = Vec::new();
    for limit in &LIMITS {
        let cost = cost_of(&counts, limit.path)?;
        let ratio = cost / cost_of(&counts, limit.reference)?;
        let most = limit.ratio * (1.0 + TOLERANCE);
        println!("{:34}{cost:>12.0}{ratio:>8.3}{most:>8.3}", limit.path);
        if ratio > most {
            exceeded.push(format!(
                "{} costs {ratio:.3} times as much as {}, and {most:.3} is the limit",
                limit.path, limit.reference
            ));
        }
    }
    ensure!(exceeded.is_empty(), "{}", exceeded.join("; "));
    Ok(())
}

fn cost_of(counts: &Path, path: &str) -> Result<f64> {
    let file = counts.join(path).join(format!("callgrind.{path}.out"));
    let text = fs::read_to_string(&file)
        .with_context(|| format!("valgrind left no count in {}", file.display()))?;
    let count = Count::read(&text);
    ensure!(
        count.instructions > 0,
        "{} has no instructions of ours",
        file.display()
    );
    Ok(count.cost())
}
