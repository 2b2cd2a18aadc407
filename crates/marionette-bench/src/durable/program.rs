//! The programs that measure: this one, and the contenders, which are built on demand.

use std::process::{Command, ExitCode};

use marionette_redis::RedisStore;
use marionette_sqlite::SqliteStore;
use marionette_yardstick::child::{answer, answer_with_sockets};
use marionette_yardstick::order::{Order, Step};
use marionette_yardstick::workload;

use crate::arguments::child_words;
use crate::child;
use crate::durable::ours::Ours;
use crate::durable::{built, claims, raw, raw_redis};

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
    /// `contenders/headgate-redis`.
    Headgate,
    /// `contenders/rusty-sidekiq`.
    Sidekiq,
    /// `contenders/bullmq`, which Node runs.
    BullMq,
}

impl Program {
    /// All of them.
    pub(super) const ALL: [Self; 10] = [
        Self::Ours,
        Self::Raw,
        Self::Apalis,
        Self::Effectum,
        Self::Redis,
        Self::RawRedis,
        Self::ApalisRedis,
        Self::Headgate,
        Self::Sidekiq,
        Self::BullMq,
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
            Self::Headgate => "headgate-redis",
            Self::Sidekiq => "rusty-sidekiq",
            Self::BullMq => "bullmq",
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
            _ => {
                eprintln!("{} is a program of its own", self.word());
                ExitCode::from(2)
            }
        }
    }

    /// The parent's side: a child that does what is ordered.
    pub(super) fn command(self, order: &Order) -> Command {
        if self.is_this_program() {
            let mut command = child::this_program();
            let words = [self.word().to_owned()].into_iter().chain(order.words());
            command.args(child_words(words));
            return command;
        }
        let mut command = match self {
            Self::BullMq => built::script(self.word()),
            _ => built::program(self.word()),
        };
        command.args(order.words());
        command
    }

    /// Builds it, if it is not this program.
    ///
    /// # Errors
    ///
    /// Why it cannot be built, in a line.
    pub(super) fn build(self) -> Result<(), String> {
        match self {
            _ if self.is_this_program() => Ok(()),
            Self::BullMq => built::with_npm(self.word()),
            _ => built::with_cargo(self.word()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

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
