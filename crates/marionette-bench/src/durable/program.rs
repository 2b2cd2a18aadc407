//! The programs that measure: this one, and the contenders, which are built on demand.
//!
//! The contenders cannot be dependencies of this program: their SQLite and ours link the same
//! library, which no lock file may hold twice.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use marionette_redis::RedisStore;
use marionette_sqlite::SqliteStore;
use marionette_yardstick::child::{answer, answer_with_sockets};
use marionette_yardstick::order::{Order, Step};
use marionette_yardstick::workload;

use crate::arguments::child_words;
use crate::durable::ours::Ours;
use crate::durable::{claims, raw, raw_redis, server};
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
    /// This program, on Marionette on Redis.
    Redis,
    /// This program, on Redis alone.
    RawRedis,
    /// `contenders/apalis-redis`.
    ApalisRedis,
}

/// Where the contenders are.
const CONTENDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/contenders");

/// Their lock files, from which their versions come.
const APALIS_LOCK: &str = include_str!("../../contenders/apalis-sqlite/Cargo.lock");
const APALIS_REDIS_LOCK: &str = include_str!("../../contenders/apalis-redis/Cargo.lock");
const EFFECTUM_LOCK: &str = include_str!("../../contenders/effectum/Cargo.lock");

impl Program {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Ours,
        Self::Raw,
        Self::Apalis,
        Self::Effectum,
        Self::Redis,
        Self::RawRedis,
        Self::ApalisRedis,
    ];

    /// Its word on the command line of a child; the folder of a contender.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Ours => "marionette",
            Self::Raw => "raw",
            Self::Apalis => "apalis-sqlite",
            Self::Effectum => "effectum",
            Self::Redis => "marionette-redis",
            Self::RawRedis => "raw-redis",
            Self::ApalisRedis => "apalis-redis",
        }
    }

    /// Whether it needs no other program than this one.
    pub(super) fn is_this_program(self) -> bool {
        matches!(self, Self::Ours | Self::Raw | Self::Redis | Self::RawRedis)
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
            Self::Ours => answer(workload::measure::<Ours<SqliteStore>>(order)),
            Self::Raw => answer(async { raw::measure(&order) }),
            Self::Redis => answer_with_sockets(async move {
                match order.step {
                    Step::Elsewhere => claims::fill(&order).await,
                    Step::Claim => claims::measure(&order).await,
                    _ => workload::measure::<Ours<RedisStore>>(order).await,
                }
            }),
            Self::RawRedis => answer_with_sockets(raw_redis::measure(order)),
            Self::Apalis | Self::ApalisRedis | Self::Effectum => {
                eprintln!("{} is a program of its own", self.word());
                ExitCode::from(2)
            }
        }
    }

    /// The parent's side: a child that does what is ordered.
    pub(super) fn command(self, order: &Order) -> Command {
        match self {
            Self::Ours | Self::Raw | Self::Redis | Self::RawRedis => {
                let mut command = child::this_program();
                let words = [self.word().to_owned()].into_iter().chain(order.words());
                command.args(child_words(words));
                command
            }
            Self::Apalis | Self::ApalisRedis | Self::Effectum => {
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
        if self.is_this_program() {
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

/// The contenders and their versions: of those who keep jobs in a file, and on a server.
pub(super) fn versions(in_a_file: bool, on_a_server: bool) -> Vec<(&'static str, &'static str)> {
    let mut versions = Vec::new();
    if in_a_file {
        let ours = ["marionette-sqlite", "rusqlite"];
        versions.extend(machine::versions(machine::LOCK, &ours));
        versions.push(("SQLite", raw::version()));
        versions.extend(machine::versions(
            APALIS_LOCK,
            &["apalis-sqlite", "sqlx-sqlite"],
        ));
        versions.extend(machine::versions(EFFECTUM_LOCK, &["effectum"]));
    }
    if on_a_server {
        versions.extend(machine::versions(
            machine::LOCK,
            &["marionette-redis", "redis"],
        ));
        versions.extend(machine::versions(APALIS_REDIS_LOCK, &["apalis-redis"]));
        // It is said once, and as long as the program runs.
        versions.push(("Redis", server::version().leak()));
    }
    versions
}

#[cfg(test)]
mod tests {
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
