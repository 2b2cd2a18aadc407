//! The command line of `durable`.

use std::env;
use std::path::PathBuf;

use marionette_yardstick::order::Order;

use crate::durable::program::Program;
use crate::durable::row::Row;
use crate::durable::workload::Workload;
use crate::words::{containing, number};

/// What `--help` says.
pub(super) const HELP: &str = "\
Measures durable jobs: Marionette on SQLite, SQLite itself, and others who keep jobs in it.

Usage: durable [WORKLOAD…] [OPTIONS]

  WORKLOAD       D1 (all of D1-one D1-normal D1-64 D1-many) D2 D3 D4 D5 D6 D7; default: all
  --runs N       rounds, interleaved: every contender once a round; default: 3
  --quick        a tenth of the size: to see that it works, not for figures
  --smoke        next to nothing, one round: to see that it runs at all
  --only NAME    only rows whose name contains NAME; may be repeated
  --folder PATH  where the files are; default: beside this program, and so on the disk it was
                 built on: a file system in memory says nothing
  --json         the report as JSON on standard output
  --help         this text

Run it alone on the machine, built with --release. Each measurement is a process of its own.
The others are built when they are first needed, which takes minutes and the crate registry.
";

/// A whole run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The tables.
    pub(super) workloads: Vec<Workload>,
    /// The rows.
    pub(super) rows: Vec<Row>,
    /// Rounds.
    pub(super) runs: u32,
    /// Of the size of each workload, one part out of so many.
    pub(super) part: u32,
    /// Where the files are.
    pub(super) folder: Option<PathBuf>,
    /// For a program instead of a person.
    pub(super) json: bool,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// A run.
    Run(Plan),
    /// One measurement, in this process: what a run starts its children with.
    Child(Program, Order),
    /// The help.
    Help,
}

/// The command of this process.
pub(super) fn parse() -> Result<Command, String> {
    parse_words(env::args().skip(1))
}

fn parse_words(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut plan = Plan {
        workloads: Vec::new(),
        rows: Vec::new(),
        runs: 0,
        part: 1,
        folder: None,
        json: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--child" => return child(&value()?, words),
            "--json" => plan.json = true,
            "--quick" => plan.part = 10,
            "--smoke" => (plan.part, plan.runs) = (500, 1),
            "--runs" => plan.runs = number(&word, &value()?)?,
            "--only" => plan
                .rows
                .extend(containing("row", Row::ALL, Row::label, &value()?)?),
            "--folder" => plan.folder = Some(PathBuf::from(value()?)),
            workload => plan.workloads.extend(called(workload)?),
        }
    }
    if plan.workloads.is_empty() {
        plan.workloads = Workload::ALL.to_vec();
    }
    if plan.rows.is_empty() {
        plan.rows = Row::ALL.to_vec();
    }
    if plan.runs == 0 {
        plan.runs = 3;
    }
    Ok(Command::Run(plan))
}

fn child(program: &str, words: impl Iterator<Item = String>) -> Result<Command, String> {
    let program = Program::called(program).ok_or(format!("no program is called {program}"))?;
    Ok(Command::Child(program, Order::read(words)?))
}

/// One workload, or all that begin with this.
fn called(word: &str) -> Result<Vec<Workload>, String> {
    let word = word.to_uppercase();
    let begins = |workload: &Workload| {
        let id = workload.id().to_uppercase();
        id == word || id.split('-').next() == Some(&word)
    };
    let workloads: Vec<_> = Workload::ALL.into_iter().filter(begins).collect();
    if workloads.is_empty() {
        Err(format!(
            "no workload or option is called {word}, see --help"
        ))
    } else {
        Ok(workloads)
    }
}

#[cfg(test)]
mod tests {
    use marionette_yardstick::order::Step;

    use super::*;
    use crate::durable::program::child_words;

    fn parse(line: &str) -> Result<Command, String> {
        parse_words(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_means_everything() {
        let Ok(Command::Run(plan)) = parse("") else {
            panic!("it is a run")
        };
        assert_eq!(plan.workloads, Workload::ALL);
        assert_eq!(plan.rows, Row::ALL);
        assert_eq!((plan.runs, plan.part), (3, 1));
    }

    #[test]
    fn words_choose() {
        let Ok(Command::Run(plan)) = parse("d1 D4 --quick --only effectum --runs 2") else {
            panic!("it is a run")
        };
        assert_eq!(plan.workloads.len(), 5);
        assert_eq!(plan.rows, [Row::Effectum, Row::EffectumTuned]);
        assert_eq!((plan.runs, plan.part), (2, 10));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(parse("--runs"), Err("--runs needs a value".to_owned()));
        assert_eq!(
            parse("D9"),
            Err("no workload or option is called D9, see --help".to_owned())
        );
    }

    #[test]
    fn a_child_understands_its_parent() {
        let order = Order {
            step: Step::Drain,
            count: 10,
            at_once: 4,
            mode: "full".to_owned(),
            file: PathBuf::from("jobs.db"),
        };
        let words = child_words(Program::Raw, &order).into_iter();
        assert_eq!(parse_words(words), Ok(Command::Child(Program::Raw, order)));
    }
}
