//! The command line of `commands`.

use std::env;
use std::path::PathBuf;
use std::thread;

use crate::commands::row::Row;
use crate::words::{containing, number};

/// What `--help` says.
pub(super) const HELP: &str = "\
Measures what running a command costs: `marionette run`, xargs, GNU parallel, and a shell loop.

Usage: commands [OPTIONS]

  --runs N       rounds, interleaved: every contender once a round; default: 3
  --jobs N       how many commands run at once; default: one for each processor
  --quick        a tenth of the size: to see that it works, not for figures
  --smoke        next to nothing, one round: to see that it runs at all
  --only NAME    only rows whose name contains NAME; may be repeated
  --folder PATH  where the files are; default: beside this program, and so on the disk it was
                 built on: a file system in memory says nothing
  --json         the report as JSON on standard output
  --help         this text

Run it alone on the machine, built with --release. Who is not installed is left out, and that is
said.
";

/// How many commands there are.
const COUNT: u32 = 10_000;

/// A whole run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// The rows.
    pub(super) rows: Vec<Row>,
    /// Rounds.
    pub(super) runs: u32,
    /// How many commands run at once.
    pub(super) at_once: usize,
    /// Of the number of commands, one part out of so many.
    pub(super) part: u32,
    /// Where the files are.
    pub(super) folder: Option<PathBuf>,
    /// For a program instead of a person.
    pub(super) json: bool,
}

impl Plan {
    /// How many commands are run.
    pub(super) fn count(&self) -> u32 {
        (COUNT / self.part).max(1)
    }
}

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// A run.
    Run(Plan),
    /// The help.
    Help,
}

/// The command of this process.
pub(super) fn parse() -> Result<Command, String> {
    parse_words(env::args().skip(1))
}

fn parse_words(mut words: impl Iterator<Item = String>) -> Result<Command, String> {
    let mut plan = Plan {
        rows: Vec::new(),
        runs: 3,
        at_once: thread::available_parallelism().map_or(1, usize::from),
        part: 1,
        folder: None,
        json: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(Command::Help),
            "--json" => plan.json = true,
            "--quick" => plan.part = 10,
            "--smoke" => (plan.part, plan.runs) = (500, 1),
            "--runs" => plan.runs = number(&word, &value()?)?,
            "--jobs" => plan.at_once = number(&word, &value()?)? as usize,
            "--only" => plan
                .rows
                .extend(containing("row", Row::ALL, Row::label, &value()?)?),
            "--folder" => plan.folder = Some(PathBuf::from(value()?)),
            _ => return Err(format!("no option is called {word}, see --help")),
        }
    }
    if plan.rows.is_empty() {
        plan.rows = Row::ALL.to_vec();
    }
    Ok(Command::Run(plan))
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
        assert_eq!(plan.rows, Row::ALL);
        assert_eq!((plan.runs, plan.count()), (3, COUNT));
    }

    #[test]
    fn words_choose() {
        let Ok(Command::Run(plan)) = parse("--only marionette --jobs 4 --smoke --runs 2") else {
            panic!("it is a run")
        };
        assert_eq!(plan.rows, [Row::Ours, Row::OursBare]);
        assert_eq!((plan.runs, plan.at_once, plan.count()), (2, 4, 20));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |line, what: &str| assert_eq!(parse(line), Err(what.to_owned()));
        wrong("--runs", "--runs needs a value");
        wrong("--jobs 0", "--jobs needs a number from 1, not 0");
        wrong("--only make", "no row's name contains make");
        wrong("C2", "no option is called C2, see --help");
    }
}
