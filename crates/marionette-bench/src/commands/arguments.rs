//! The command line of `commands`.

use std::thread;

use clap::Parser;

use crate::arguments::{FileArguments, RunArguments, chosen, containing, from_one};
use crate::commands::runner::Runner;

/// How many commands there are.
const COUNT: u32 = 10_000;

/// Measures what running a command costs: `marionette run`, xargs, GNU parallel, and a shell loop.
#[derive(Debug, Parser)]
#[command(
    name = "commands",
    after_help = "Run it alone on the machine, built with --release. A program that is not \
                  installed is left out, and the report says so."
)]
pub(super) struct CommandsArguments {
    /// How many commands run at once; default: one for each processor
    #[arg(long, value_name = "N", value_parser = from_one::<usize>())]
    jobs: Option<usize>,
    /// Only rows whose name contains NAME; may be repeated
    #[arg(long, value_name = "NAME", value_parser = rows)]
    only: Vec<Vec<Runner>>,
    #[command(flatten)]
    pub(super) run: RunArguments,
    #[command(flatten)]
    pub(super) file: FileArguments,
}

impl CommandsArguments {
    /// How many commands are run.
    pub(super) fn count(&self) -> u32 {
        (COUNT / self.part()).max(1)
    }

    /// How many commands run at once.
    pub(super) fn at_once(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(processors)
    }

    /// The rows.
    pub(super) fn rows(&self) -> Vec<Runner> {
        chosen(&self.only, &Runner::ALL)
    }

    /// How many rounds are run.
    pub(super) fn runs(&self) -> u32 {
        self.file.runs(&self.run)
    }

    /// The divisor of the number of commands.
    pub(super) fn part(&self) -> u32 {
        self.file.part(&self.run)
    }
}

fn rows(part: &str) -> Result<Vec<Runner>, String> {
    containing("row", Runner::ALL, Runner::label, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<CommandsArguments, String> {
        let words = ["commands"].into_iter().chain(line.split_whitespace());
        CommandsArguments::try_parse_from(words).map_err(|err| err.to_string())
    }

    #[test]
    fn nothing_means_everything() {
        let arguments = parse("").expect("it is a run");
        assert_eq!(arguments.rows(), Runner::ALL);
        assert_eq!((arguments.runs(), arguments.count()), (3, COUNT));
    }

    #[test]
    fn words_choose() {
        let arguments = parse("--only marionette --jobs 4 --smoke --runs 2").expect("it is a run");
        assert_eq!(arguments.rows(), [Runner::Ours, Runner::OursBare]);
        let numbers = (arguments.runs(), arguments.at_once(), arguments.count());
        assert_eq!(numbers, (2, 4, 20));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, what) in [
            ("--runs", "--runs"),
            ("--jobs 0", "--jobs"),
            ("--only make", "no row's name contains make"),
            ("C2", "C2"),
        ] {
            let said = parse(line).expect_err("it is wrong");
            assert!(said.contains(what), "{said}");
        }
    }
}
