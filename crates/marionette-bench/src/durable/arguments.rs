//! The command line of `durable`.

use clap::{Parser, ValueEnum};

use crate::arguments::{FileArguments, RunArguments, chosen, containing};
use crate::durable::setup::Setup;
use crate::durable::workload::DurableWorkload;

/// Where jobs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kept {
    Sqlite,
    Redis,
}

/// Measures durable jobs: Marionette on SQLite and on Redis, these themselves, and others who keep
/// jobs in them.
#[derive(Debug, Parser)]
#[command(
    name = "durable",
    after_help = "Run it alone on the machine, built with --release. Each measurement is a \
                  process of its own.\nThe others are built when they are first needed, which \
                  takes minutes and the crate registry; bullmq needs node and npm, and is missing \
                  without them."
)]
pub(super) struct DurableArguments {
    /// In SQLite: D1 (all of D1-one D1-normal D1-64 D1-many) D2 D3 D4 D5 D6 D7; on Redis: R1 (all
    /// of R1-one R1-64 R1-many) R2 (both of R2 and R2-four) R3 R4 R5 R6 R7; default: all
    #[arg(value_name = "WORKLOAD", value_parser = workloads)]
    workloads: Vec<Vec<DurableWorkload>>,
    /// Only what is kept there
    #[arg(long, value_name = "STORE", value_enum)]
    store: Option<Kept>,
    /// Only rows whose name contains NAME; may be repeated
    #[arg(long, value_name = "NAME", value_parser = rows)]
    only: Vec<Vec<Setup>>,
    #[command(flatten)]
    pub(super) run: RunArguments,
    #[command(flatten)]
    pub(super) file: FileArguments,
}

impl DurableArguments {
    /// The tables.
    pub(super) fn workloads(&self) -> Vec<DurableWorkload> {
        let mut workloads = chosen(&self.workloads, &DurableWorkload::ALL);
        workloads.retain(|workload| match self.store {
            None => true,
            Some(Kept::Sqlite) => !workload.is_on_a_server(),
            Some(Kept::Redis) => workload.is_on_a_server(),
        });
        workloads
    }

    /// The rows.
    pub(super) fn rows(&self) -> Vec<Setup> {
        chosen(&self.only, &Setup::ALL)
    }

    /// How many rounds are run.
    pub(super) fn runs(&self) -> u32 {
        self.file.runs(&self.run)
    }

    /// The divisor of the size of each workload.
    pub(super) fn part(&self) -> u32 {
        self.file.part(&self.run)
    }
}

fn rows(part: &str) -> Result<Vec<Setup>, String> {
    containing("row", Setup::ALL, Setup::label, part)
}

/// One workload, or all that begin with this.
fn workloads(word: &str) -> Result<Vec<DurableWorkload>, String> {
    let word = word.to_uppercase();
    let begins = |workload: &DurableWorkload| {
        let id = workload.id().to_uppercase();
        id == word || id.split('-').next() == Some(&word)
    };
    let found: Vec<_> = DurableWorkload::ALL.into_iter().filter(begins).collect();
    if found.is_empty() {
        Err(format!("no workload is called {word}"))
    } else {
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<DurableArguments, String> {
        let words = ["durable"].into_iter().chain(line.split_whitespace());
        DurableArguments::try_parse_from(words).map_err(|err| err.to_string())
    }

    #[test]
    fn nothing_means_everything() {
        let arguments = parse("").expect("it is a run");
        assert_eq!(arguments.workloads(), DurableWorkload::ALL);
        assert_eq!(arguments.rows(), Setup::ALL);
        assert_eq!((arguments.runs(), arguments.part()), (3, 1));
    }

    #[test]
    fn words_choose() {
        let redis = parse("--store redis").expect("it is a run").workloads();
        assert_eq!(redis, DurableWorkload::ALL[10..]);
        assert_eq!(parse("r2").expect("it is a run").workloads().len(), 2);
        let arguments = parse("d1 D4 --quick --only effectum --runs 2").expect("it is a run");
        assert_eq!(arguments.workloads().len(), 5);
        assert_eq!(arguments.rows(), [Setup::Effectum, Setup::EffectumTuned]);
        assert_eq!((arguments.runs(), arguments.part()), (2, 10));
        let smoke = parse("--smoke").expect("it is a run");
        assert_eq!((smoke.runs(), smoke.part()), (1, 500));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, what) in [("--runs", "--runs"), ("D9", "no workload is called D9")] {
            let said = parse(line).expect_err("it is wrong");
            assert!(said.contains(what), "{said}");
        }
    }
}
