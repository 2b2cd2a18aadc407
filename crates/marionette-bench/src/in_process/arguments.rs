//! The command line of `in-process`.

use clap::Parser;

use crate::arguments::{RunArguments, child_words, chosen, containing};
use crate::in_process::contender::name::Name;
use crate::in_process::workload::{Size, Workload};

/// Measures Marionette beside its competitors, in one run, on this machine.
#[derive(Debug, Parser)]
#[command(
    name = "in-process",
    after_help = "Run it alone on the machine, built with --release. Each measurement is a \
                  process of its own."
)]
pub(crate) struct InProcessArguments {
    /// W1 W2 W1x W3 W4a W4b W4c W5 W6 W7 stop stop-retry stop-full bound; default: all
    #[arg(value_name = "WORKLOAD", value_parser = workload, hide_possible_values = true)]
    workloads: Vec<Workload>,
    /// Only contenders whose name contains NAME; may be repeated
    #[arg(long, value_name = "NAME", value_parser = contenders)]
    only: Vec<Vec<Name>>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

impl InProcessArguments {
    /// The tables.
    pub(crate) fn workloads(&self) -> Vec<Workload> {
        if self.workloads.is_empty() {
            Workload::ALL.to_vec()
        } else {
            self.workloads.clone()
        }
    }

    /// The rows.
    pub(crate) fn contenders(&self) -> Vec<Name> {
        chosen(&self.only, &Name::ALL)
    }

    /// How much of each workload is done.
    pub(crate) fn size(&self) -> Size {
        if self.run.quick {
            Size::Quick
        } else {
            Size::Full
        }
    }

    /// How many rounds are run.
    pub(crate) fn runs(&self) -> u32 {
        self.run.runs.unwrap_or(match self.size() {
            Size::Full => 5,
            Size::Quick => 3,
        })
    }
}

fn contenders(part: &str) -> Result<Vec<Name>, String> {
    containing("contender", Name::ALL, Name::label, part)
}

fn workload(id: &str) -> Result<Workload, String> {
    Workload::called(id).ok_or_else(|| format!("no workload is called {id}"))
}

/// One measurement of one contender, which a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) workload: Workload,
    pub(crate) name: Name,
    pub(crate) size: Size,
}

impl Trial {
    /// The command line that [`read`](Self::read) reads as this trial.
    pub(crate) fn words(self) -> Vec<String> {
        let words = [self.workload.id(), self.name.label(), self.size.word()];
        child_words(words.map(str::to_owned))
    }

    /// A trial from the order of a child.
    ///
    /// # Errors
    ///
    /// What is missing or unknown, in words.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut word = |what: &str| words.next().ok_or_else(|| format!("no {what} is given"));
        let (id, name, size) = (word("workload")?, word("contender")?, word("size")?);
        Ok(Self {
            workload: workload(&id)?,
            name: Name::labelled(&name).ok_or(format!("no contender is called {name}"))?,
            size: Size::called(&size).ok_or(format!("no size is called {size}"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<InProcessArguments, String> {
        let words = ["in-process"].into_iter().chain(line.split_whitespace());
        InProcessArguments::try_parse_from(words).map_err(|err| err.to_string())
    }

    #[test]
    fn nothing_means_everything() {
        let arguments = parse("").expect("it is a run");
        assert_eq!(arguments.workloads(), Workload::ALL);
        assert_eq!(arguments.contenders(), Name::ALL);
        assert_eq!((arguments.runs(), arguments.size()), (5, Size::Full));
    }

    #[test]
    fn words_choose() {
        let arguments = parse("w1X --quick --only kanal --only flume").expect("it is a run");
        assert_eq!(arguments.workloads(), [Workload::W1x]);
        assert_eq!(arguments.contenders(), [Name::Kanal, Name::Flume]);
        assert_eq!((arguments.runs(), arguments.size()), (3, Size::Quick));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (line, what) in [
            ("--runs 0", "--runs"),
            ("--runs", "--runs"),
            ("W9", "no workload is called W9"),
            ("--only make", "no contender's name contains make"),
        ] {
            let said = parse(line).expect_err("it is wrong");
            assert!(said.contains(what), "{said}");
        }
    }

    #[test]
    fn a_child_understands_its_parent() {
        for name in Name::ALL {
            let trial = Trial {
                workload: Workload::W4a,
                name,
                size: Size::Quick,
            };
            let order = trial.words().into_iter().skip(1);
            assert_eq!(Trial::read(order), Ok(trial));
        }
    }
}
