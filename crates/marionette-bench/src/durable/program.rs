//! The programs that measure: this one, and the contenders, which are built on demand.
//!
//! The contenders cannot be dependencies of this program: their SQLite and ours link the same
//! library, which no lock file may hold twice.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use marionette_yardstick::child::answer;
use marionette_yardstick::order::Order;
use marionette_yardstick::workload;

use crate::arguments::child_words;
use crate::durable::ours::Ours;
use crate::durable::raw;
use crate::{child, machine};

/// A program that measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Program {
    /// This program, on Marionette.
    Ours,
    /// This program, on SQLite alone.
    Raw,
    /// `contenders/apalis-sqlite`.
    Apalis,
    /// `contenders/effectum`.
    Effectum,
}

/// Where the contenders are.
const CONTENDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contenders");

/// Their lock files, from which their versions come.
const APALIS_LOCK: &str = include_str!("../../contenders/apalis-sqlite/Cargo.lock");
const EFFECTUM_LOCK: &str = include_str!("../../contenders/effectum/Cargo.lock");

impl Program {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Ours, Self::Raw, Self::Apalis, Self::Effectum];

    /// Its word on the command line of a child; the folder of a contender.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ours => "marionette",
            Self::Raw => "raw",
            Self::Apalis => "apalis-sqlite",
            Self::Effectum => "effectum",
        }
    }

    /// The program with this word.
    fn called(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|program| program.word() == word)
    }

    /// The program that an order of a child names, and the order for it.
    ///
    /// # Errors
    ///
    /// What is missing or unknown, in words.
    pub(super) fn read(mut words: impl Iterator<Item = String>) -> Result<(Self, Order), String> {
        let word = words.next().ok_or("no program is given")?;
        let program = Self::called(&word).ok_or(format!("no program is called {word}"))?;
        Ok((program, Order::read(words)?))
    }

    /// The child's side: does what is ordered in this process.
    pub(super) fn measure(self, order: Order) -> ExitCode {
        match self {
            Self::Ours => answer(workload::measure::<Ours>(order)),
            Self::Raw => answer(async { raw::measure(&order) }),
            Self::Apalis | Self::Effectum => {
                eprintln!("{} is a program of its own", self.word());
                ExitCode::from(2)
            }
        }
    }

    /// The parent's side: a child that does what is ordered.
    pub(super) fn command(self, order: &Order) -> Command {
        match self {
            Self::Ours | Self::Raw => {
                let mut command = child::this_program();
                let words = [self.word().to_owned()].into_iter().chain(order.words());
                command.args(child_words(words));
                command
            }
            Self::Apalis | Self::Effectum => {
                let name = format!("contender-{}", self.word());
                let mut command = Command::new(self.target().join("release").join(name));
                command.args(order.words());
                command
            }
        }
    }

    /// Builds it, if it is not this program.
    ///
    /// # Errors
    ///
    /// Why it cannot be built: the first line of an error, or the last line of all.
    pub(super) fn build(self) -> Result<(), String> {
        if matches!(self, Self::Ours | Self::Raw) {
            return Ok(());
        }
        let folder = Path::new(CONTENDERS).join(self.word());
        let built = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
            .args(["build", "--release", "--locked", "--target-dir"])
            .arg(self.target())
            .current_dir(folder)
            .output();
        let built = built.map_err(|err| format!("it cannot be built: cargo: {err}"))?;
        if built.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&built.stderr);
        let error = said.lines().find(|line| line.starts_with("error"));
        let line = error
            .or(said.lines().last())
            .unwrap_or("cargo said nothing");
        Err(format!("it cannot be built: {line}"))
    }

    /// A target folder of its own, beside what this program was built into.
    fn target(self) -> PathBuf {
        child::beside_this_program()
            .join("contenders")
            .join(self.word())
    }
}

/// The contenders and their versions.
pub(super) fn versions() -> Vec<(&'static str, &'static str)> {
    let ours = ["marionette-sqlite", "rusqlite"];
    let mut versions = machine::versions(machine::LOCK, &ours);
    versions.push(("SQLite", raw::version()));
    versions.extend(machine::versions(
        APALIS_LOCK,
        &["apalis-sqlite", "sqlx-sqlite"],
    ));
    versions.extend(machine::versions(EFFECTUM_LOCK, &["effectum"]));
    versions
}

#[cfg(test)]
mod tests {
    use marionette_yardstick::order::Step;

    use super::*;

    #[test]
    fn a_child_understands_its_parent() {
        let order = Order {
            step: Step::Drain,
            count: 10,
            at_once: 4,
            mode: "full".to_owned(),
            file: PathBuf::from("jobs.db"),
        };
        let command = Program::Raw.command(&order);
        let words = command.get_args().skip(1);
        let words = words.map(|word| word.to_string_lossy().into_owned());
        assert_eq!(Program::read(words), Ok((Program::Raw, order)));
    }
}
