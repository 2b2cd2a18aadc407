//! Continuous integration: all steps, or the named ones, then a table of how each went.
//!
//! A failure does not hide the ones after it: all steps run, and any failure is the exit code.

use std::fmt::Write;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::install::{self, Tool};
use crate::step::{Outcome, STEPS, Step};
use crate::stopwatch::{Elapsed, Stopwatch};

/// How a step went.
enum Status {
    Passed,
    Skipped(String),
    Failed(String),
}

/// A line of the table.
struct Row {
    name: &'static str,
    status: Status,
    elapsed: Elapsed,
}

pub(crate) fn main(mut args: Args) -> Result<()> {
    let list = args.flag("--list");
    let install = !args.flag("--no-install");
    let steps = chosen(&args.words()?)?;
    if list {
        for step in &steps {
            println!("{:14}{}", step.name, step.about);
        }
        return Ok(());
    }
    let mut rows = Vec::new();
    if install {
        rows.extend(tools(&steps));
    }
    rows.extend(steps.into_iter().map(|step| row(step.name, || check(step))));
    conclude(&rows)
}

fn chosen(names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name))
    {
        bail!("there is no step `{unknown}`; see `cargo xtask ci --list`");
    }
    let chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(STEPS.iter().filter(chosen).collect())
}

/// Installs what the steps lack; `None` when they lack nothing.
fn tools(steps: &[&Step]) -> Option<Row> {
    let needed = |tool: &Tool| steps.iter().any(|step| step.needs.contains(tool));
    let tools: Vec<_> = Tool::ALL
        .into_iter()
        .filter(|tool| needed(tool) && !tool.is_here())
        .collect();
    let install = || install::missing(&tools).map(|()| Outcome::Passed);
    (!tools.is_empty()).then(|| row("install", install))
}

fn check(step: &Step) -> Result<Outcome> {
    // The tests can do without their tool.
    let missing = step
        .needs
        .iter()
        .find(|tool| **tool != Tool::Nextest && !tool.is_here());
    match missing {
        Some(tool) => Ok(Outcome::Skipped(format!(
            "{} is not installed",
            tool.program()
        ))),
        None => (step.run)(),
    }
}

fn row(name: &'static str, run: impl FnOnce() -> Result<Outcome>) -> Row {
    println!("\n=== {name}");
    let stopwatch = Stopwatch::start();
    let status = match run() {
        Ok(Outcome::Passed) => Status::Passed,
        Ok(Outcome::Skipped(why)) => {
            println!("=== {name} SKIPPED: {why}");
            Status::Skipped(why)
        }
        Err(err) => {
            println!("=== {name} FAILED: {err:#}");
            Status::Failed(format!("{err:#}"))
        }
    };
    Row {
        name,
        status,
        elapsed: stopwatch.read(),
    }
}

/// Prints the table, and after it one line that counts.
fn conclude(rows: &[Row]) -> Result<()> {
    println!("\n{}", table(rows));
    let count = |wanted: fn(&Status) -> bool| rows.iter().filter(|row| wanted(&row.status)).count();
    let passed = count(|status| matches!(status, Status::Passed));
    let failed = count(|status| matches!(status, Status::Failed(_)));
    let skipped = count(|status| matches!(status, Status::Skipped(_)));
    println!("{passed} passed, {failed} failed, {skipped} skipped");
    if failed > 0 {
        let failed = |row: &&Row| matches!(row.status, Status::Failed(_));
        let names: Vec<_> = rows.iter().filter(failed).map(|row| row.name).collect();
        bail!(
            "failed: {}; to repeat one: cargo xtask ci STEP",
            names.join(", ")
        );
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let mut table = format!("{:14}{:>14}  result\n", "step", "time");
    for row in rows {
        let result = match &row.status {
            Status::Passed => "passed".to_owned(),
            Status::Skipped(why) => format!("SKIPPED: {why}"),
            // The whole of it stands above, where the step ran.
            Status::Failed(why) => format!("FAILED: {}", why.chars().take(100).collect::<String>()),
        };
        writeln!(table, "{:14}{:>14}  {result}", row.name, row.elapsed)
            .expect("a string takes all");
    }
    table
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_step_that_does_not_exist_is_refused() {
        assert!(chosen(&["fmt".to_owned(), "no-such-step".to_owned()]).is_err());
        assert_eq!(chosen(&["loom".to_owned()]).unwrap()[0].name, "loom");
        assert_eq!(chosen(&[]).unwrap().len(), STEPS.len());
    }

    #[test]
    fn the_table_says_why() {
        let status = Status::Failed("`cargo fmt` ended with exit status: 1".to_owned());
        let row = Row {
            name: "fmt",
            status,
            elapsed: Elapsed(Duration::from_millis(1_500)),
        };
        let expected = [
            "step                    time  result\n",
            "fmt                    1.5 s  FAILED: `cargo fmt` ended with exit status: 1\n",
        ]
        .concat();
        assert_eq!(table(&[row]), expected);
    }

    #[test]
    fn one_failure_fails_the_whole() {
        let row = |status| Row {
            name: "fmt",
            status,
            elapsed: Elapsed(Duration::ZERO),
        };
        assert!(conclude(&[row(Status::Passed), row(Status::Skipped(String::new()))]).is_ok());
        assert!(conclude(&[row(Status::Passed), row(Status::Failed(String::new()))]).is_err());
    }
}
