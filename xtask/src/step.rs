//! A named check, and the run of a list of them: all steps, then a table of their results.
//!
//! A failure does not hide the steps after it: all steps run, and any failure is the exit code.

use std::fmt::Write;

use anyhow::{Result, bail};

use crate::args::Args;
use crate::install::{self, Tool};
use crate::shell;
use crate::stopwatch::{Elapsed, Stopwatch};

/// The published package of the library.
pub(crate) const LIBRARY: &str = "marionette-tasks";

/// Selects what `cargo xtask test` tests with all features. Whatever builds with these words too
/// finds it built: cargo unites the features of the packages that it is given, so for fewer of them
/// it would build most dependencies once more.
pub(crate) const TESTED: &str = "--locked --workspace --all-features --exclude marionette-sim";

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

/// Runs the steps that `args` names, or all of them; with `--list` only names them.
pub(crate) fn main(steps: &'static [Step], mut args: Args) -> Result<()> {
    let list = args.flag("--list");
    let install = !args.flag("--no-install");
    let steps = chosen(steps, &args.words()?)?;
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

/// Runs `cargo` with these words, which are separated by single spaces.
pub(crate) fn cargo(words: &str) -> Result<Outcome> {
    shell::run(&mut shell::cargo(words))?;
    Ok(Outcome::Passed)
}

fn chosen(steps: &'static [Step], names: &[String]) -> Result<Vec<&'static Step>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| steps.iter().all(|step| step.name != **name))
    {
        let known: Vec<_> = steps.iter().map(|step| step.name).collect();
        bail!(
            "there is no step `{unknown}` here; there are {}",
            known.join(", ")
        );
    }
    let chosen = |step: &&Step| names.is_empty() || names.iter().any(|name| name == step.name);
    Ok(steps.iter().filter(chosen).collect())
}

/// Installs the tools that the steps lack; `None` when nothing is missing.
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
    let missing = step
        .needs
        .iter()
        .find(|tool| !tool.can_be_done_without() && !tool.is_here());
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
            "failed: {}; to repeat one, put its name behind the command",
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
            // The rest of the error stands above, where the step ran.
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
    use crate::{ci, test};

    #[test]
    fn a_step_that_does_not_exist_is_refused() {
        let names = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        assert!(chosen(ci::STEPS, &names(&["fmt", "no-such-step"])).is_err());
        assert_eq!(
            chosen(ci::STEPS, &names(&["loom"])).unwrap()[0].name,
            "loom"
        );
        assert_eq!(chosen(test::STEPS, &[]).unwrap().len(), test::STEPS.len());
    }

    #[test]
    fn no_check_runs_the_tests_a_second_time() {
        let tests = |step: &Step| test::STEPS.iter().any(|test| test.name == step.name);
        assert!(!ci::STEPS.iter().any(tests));
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
