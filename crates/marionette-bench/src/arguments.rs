//! What the command lines of the three programs have in common.

use std::env;
use std::path::PathBuf;

use clap::Args;
use clap::builder::RangedU64ValueParser;

/// The first word of a child: an order for one measurement follows.
const CHILD: &str = "--child";

/// How often everything is measured, and how it is reported.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Rounds, interleaved: every contender once a round; default: 3, or 5 for all of `in-process`
    #[arg(long, value_name = "N", value_parser = from_one::<u32>())]
    pub(crate) runs: Option<u32>,
    /// A tenth of the size: to see that it works, not for figures
    #[arg(long)]
    pub(crate) quick: bool,
    /// The report as JSON on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of the programs that write files.
#[derive(Debug, Args)]
pub(crate) struct FileArguments {
    /// Next to nothing, one round: to see that it runs at all
    #[arg(long)]
    smoke: bool,
    /// Where the files are; default: beside this program, and so on the disk it was built on: a
    /// file system in memory says nothing
    #[arg(long, value_name = "PATH")]
    pub(crate) folder: Option<PathBuf>,
}

impl FileArguments {
    /// How many rounds are run.
    pub(crate) fn runs(&self, run: &RunArguments) -> u32 {
        run.runs.unwrap_or(if self.smoke { 1 } else { 3 })
    }

    /// The divisor of the size of each workload.
    pub(crate) fn part(&self, run: &RunArguments) -> u32 {
        match (self.smoke, run.quick) {
            (true, _) => 500,
            (false, true) => 10,
            (false, false) => 1,
        }
    }
}

/// A number from 1.
pub(crate) fn from_one<T: TryFrom<u64>>() -> RangedU64ValueParser<T> {
    RangedU64ValueParser::new().range(1..=u32::MAX.into())
}

/// The items whose label contains `part`. An error calls them `what`.
pub(crate) fn containing<T: Copy>(
    what: &str,
    all: impl IntoIterator<Item = T>,
    label: fn(T) -> &'static str,
    part: &str,
) -> Result<Vec<T>, String> {
    let all = all.into_iter();
    let found: Vec<T> = all.filter(|one| label(*one).contains(part)).collect();
    if found.is_empty() {
        Err(format!("no {what}'s name contains {part}"))
    } else {
        Ok(found)
    }
}

/// The chosen items, or all where nothing was chosen.
pub(crate) fn chosen<T: Copy>(chosen: &[Vec<T>], all: &[T]) -> Vec<T> {
    if chosen.is_empty() {
        all.to_vec()
    } else {
        chosen.concat()
    }
}

/// The command line of a child that measures once.
pub(crate) fn child_words(order: impl IntoIterator<Item = String>) -> Vec<String> {
    [CHILD.to_owned()].into_iter().chain(order).collect()
}

/// The order of this process, if it is a child.
pub(crate) fn order() -> Option<impl Iterator<Item = String>> {
    let mut words = env::args().skip(1);
    (words.next().as_deref() == Some(CHILD)).then_some(words)
}
