//! The command line of `in-process`.

use std::env;

use crate::in_process::contender::name::Name;
use crate::in_process::workload::{Size, Workload};
use crate::words::{containing, number};

/// What `--help` says.
pub(crate) const HELP: &str = "\
Measures Marionette beside its competitors, in one run, on this machine.

Usage: in-process [WORKLOAD…] [OPTIONS]

  WORKLOAD      W1 W2 W1x W3 W4a W4b W4c W5 W6 W7 stop stop-retry stop-full bound;
                default: all
  --runs N      rounds, interleaved: every contender once a round; default: 5
  --quick       a tenth of the size, 3 rounds: to see that it works, not for figures
  --only NAME   only contenders whose name contains NAME; may be repeated
  --json        the report as JSON on standard output
  --help        this text

Run it alone on the machine, built with --release. Each measurement is a process of its own.
";

/// A whole run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The tables.
    pub(crate) workloads: Vec<Workload>,
    /// The rows.
    pub(crate) contenders: Vec<Name>,
    /// Rounds.
    pub(crate) runs: u32,
    /// How much of each workload.
    pub(crate) size: Size,
    /// For a program instead of a person.
    pub(crate) json: bool,
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// A run.
    Run(Plan),
    /// One measurement, in this process: what a run starts its children with.
    Child(Workload, Name, Size),
    /// The help.
    Help,
}

/// The command of this process.
///
/// # Errors
///
/// An unknown word or a missing value, named.
pub(crate) fn parse() -> Result<Command, String> {
    parse_words(env::args().skip(1))
}

fn parse_words(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut plan = Plan {
        workloads: Vec::new(),
        contenders: Vec::new(),
        runs: 0,
        size: Size::Full,
        json: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--child" => return child(&value()?, &value()?, &value()?),
            "--json" => plan.json = true,
            "--quick" => plan.size = Size::Quick,
            "--runs" => plan.runs = number(&word, &value()?)?,
            "--only" => {
                plan.contenders
                    .extend(containing("contender", Name::ALL, Name::label, &value()?)?);
            }
            workload => plan.workloads.push(called(workload)?),
        }
    }
    if plan.workloads.is_empty() {
        plan.workloads = Workload::ALL.to_vec();
    }
    if plan.contenders.is_empty() {
        plan.contenders = Name::ALL.to_vec();
    }
    if plan.runs == 0 {
        plan.runs = if plan.size == Size::Quick { 3 } else { 5 };
    }
    Ok(Command::Run(plan))
}

/// The words that [`parse`] reads as this one measurement.
pub(crate) fn child_words(workload: Workload, name: Name, size: Size) -> [&'static str; 4] {
    let size = if size == Size::Quick { "quick" } else { "full" };
    ["--child", workload.id(), name.label(), size]
}

fn child(workload: &str, name: &str, size: &str) -> Result<Command, String> {
    let workload = called(workload)?;
    let name = Name::labelled(name).ok_or(format!("no contender is called {name}"))?;
    let size = if size == "quick" {
        Size::Quick
    } else {
        Size::Full
    };
    Ok(Command::Child(workload, name, size))
}

fn called(workload: &str) -> Result<Workload, String> {
    Workload::called(workload)
        .ok_or_else(|| format!("no workload or option is called {workload}, see --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, String> {
        parse_words(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn nothing_means_everything() {
        let Ok(Command::Run(plan)) = parse("") else {
            panic!("it is a run")
        };
        assert_eq!(
            (plan.workloads.len(), plan.contenders.len()),
            (Workload::ALL.len(), Name::ALL.len())
        );
        assert_eq!((plan.runs, plan.size), (5, Size::Full));
    }

    #[test]
    fn words_choose() {
        let Ok(Command::Run(plan)) = parse("w1X --quick --only kanal --only flume") else {
            panic!("it is a run")
        };
        assert_eq!(plan.workloads, [Workload::W1x]);
        assert_eq!(plan.contenders, [Name::Kanal, Name::Flume]);
        assert_eq!(plan.runs, 3);
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            parse("--runs 0"),
            Err("--runs needs a number from 1, not 0".to_owned())
        );
        assert_eq!(parse("--runs"), Err("--runs needs a value".to_owned()));
        assert_eq!(
            parse("W9"),
            Err("no workload or option is called W9, see --help".to_owned())
        );
    }

    #[test]
    fn a_child_understands_its_parent() {
        for name in Name::ALL {
            let words = child_words(Workload::W4a, name, Size::Quick).map(str::to_owned);
            let command = parse_words(words.into_iter());
            assert_eq!(
                command,
                Ok(Command::Child(Workload::W4a, name, Size::Quick))
            );
        }
    }
}
