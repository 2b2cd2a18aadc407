//! The rows of the tables: a program, and how it is set up.

use std::thread;

use crate::durable::program::Program;

/// A row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Setup {
    /// Ours, as it comes: synced at each commit, 4 workers.
    Ours,
    /// Ours, with the sync left to the checkpoints.
    Normal,
    /// Ours, with 100 workers.
    Hundred,
    /// SQLite, a row in each commit.
    Raw1,
    /// SQLite, a row in each commit, with the sync left to the checkpoints.
    RawNormal,
    /// SQLite, 100 rows in each commit.
    Raw100,
    /// SQLite, 1,000 rows in each commit.
    Raw1000,
    /// `apalis-sqlite` as its examples show it.
    Apalis,
    /// `apalis-sqlite`, notified of inserts, polling often, in larger batches.
    ApalisTuned,
    /// `effectum` as its README shows it.
    Effectum,
    /// `effectum`, with many jobs at once.
    EffectumTuned,
    /// Ours on Redis, as it comes.
    Redis,
    /// Ours on Redis, in four processes.
    RedisFour,
    /// Ours on Redis, where a process counts as dead after a second.
    RedisFast,
    /// `apalis-redis` as its README shows it.
    ApalisRedis,
    /// `apalis-redis`, in larger batches.
    ApalisRedisTuned,
    /// `headgate-redis` as its guide shows it.
    Headgate,
    /// `headgate-redis`, with many jobs at once, looking often.
    HeadgateTuned,
    /// `rusty-sidekiq` as its README shows it.
    Sidekiq,
    /// `rusty-sidekiq`, with many workers.
    SidekiqTuned,
    /// BullMQ as its guide shows it.
    BullMq,
    /// Redis, a script that does nothing, awaited.
    RawEmpty,
    /// The same from 64 callers on one connection.
    RawCallers,
    /// Redis, a job in each script, awaited.
    RawKeep1,
    /// Redis, 100 jobs in each script.
    RawKeep100,
    /// Redis, 1,000 jobs in each script.
    RawKeep1000,
}

impl Setup {
    /// All, in the order of the tables.
    pub(super) const ALL: [Self; 26] = [
        Self::Ours,
        Self::Normal,
        Self::Hundred,
        Self::Raw1,
        Self::RawNormal,
        Self::Raw100,
        Self::Raw1000,
        Self::Apalis,
        Self::ApalisTuned,
        Self::Effectum,
        Self::EffectumTuned,
        Self::Redis,
        Self::RedisFour,
        Self::RedisFast,
        Self::ApalisRedis,
        Self::ApalisRedisTuned,
        Self::Headgate,
        Self::HeadgateTuned,
        Self::Sidekiq,
        Self::SidekiqTuned,
        Self::BullMq,
        Self::RawEmpty,
        Self::RawCallers,
        Self::RawKeep1,
        Self::RawKeep100,
        Self::RawKeep1000,
    ];

    /// The name as a person reads it, and as `--only` finds it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Ours | Self::Redis => "marionette",
            Self::Normal => "marionette, NORMAL",
            Self::Hundred => "marionette, 100 workers",
            Self::Raw1 => "raw SQLite, 1 a commit",
            Self::RawNormal => "raw SQLite, 1, NORMAL",
            Self::Raw100 => "raw SQLite, 100 a commit",
            Self::Raw1000 => "raw SQLite, 1,000",
            Self::Apalis => "apalis-sqlite",
            Self::ApalisTuned => "apalis-sqlite, tuned",
            Self::Effectum => "effectum",
            Self::EffectumTuned => "effectum, tuned",
            Self::RedisFour => "marionette, 4 processes",
            Self::RedisFast => "marionette, lease 1 s",
            Self::ApalisRedis => "apalis-redis",
            Self::ApalisRedisTuned => "apalis-redis, tuned",
            Self::Headgate => "headgate-redis",
            Self::HeadgateTuned => "headgate-redis, tuned",
            Self::Sidekiq => "rusty-sidekiq",
            Self::SidekiqTuned => "rusty-sidekiq, tuned",
            Self::BullMq => "bullmq",
            Self::RawEmpty => "raw Redis, empty script",
            Self::RawCallers => "raw Redis, empty, 64",
            Self::RawKeep1 => "raw Redis, 1 a script",
            Self::RawKeep100 => "raw Redis, 100 a script",
            Self::RawKeep1000 => "raw Redis, 1,000",
        }
    }

    /// The program that measures it.
    pub(super) fn program(self) -> Program {
        match self {
            Self::Ours | Self::Normal | Self::Hundred => Program::Ours,
            Self::Raw1 | Self::RawNormal | Self::Raw100 | Self::Raw1000 => Program::Raw,
            Self::Apalis | Self::ApalisTuned => Program::Apalis,
            Self::Effectum | Self::EffectumTuned => Program::Effectum,
            Self::Redis | Self::RedisFour | Self::RedisFast => Program::Redis,
            Self::ApalisRedis | Self::ApalisRedisTuned => Program::ApalisRedis,
            Self::Headgate | Self::HeadgateTuned => Program::Headgate,
            Self::Sidekiq | Self::SidekiqTuned => Program::Sidekiq,
            Self::BullMq => Program::BullMq,
            Self::RawEmpty
            | Self::RawCallers
            | Self::RawKeep1
            | Self::RawKeep100
            | Self::RawKeep1000 => Program::RawRedis,
        }
    }

    /// How the program is set up, in its own words.
    pub(super) fn mode(self) -> &'static str {
        match self {
            Self::Ours | Self::Hundred => "full",
            Self::Normal => "normal",
            Self::Raw1 => "full-1",
            Self::RawNormal => "normal-1",
            Self::Raw100 => "full-100",
            Self::Raw1000 => "full-1000",
            Self::RedisFast => "fast",
            Self::RawEmpty => "empty-1",
            Self::RawCallers => "empty-64",
            Self::RawKeep1 => "keep-1",
            Self::RawKeep100 => "keep-100",
            Self::RawKeep1000 => "keep-1000",
            Self::ApalisTuned
            | Self::ApalisRedisTuned
            | Self::EffectumTuned
            | Self::HeadgateTuned
            | Self::SidekiqTuned => "tuned",
            _ => "default",
        }
    }

    /// How many jobs run at once: our default, and what the others do by default or show first.
    pub(super) fn at_once(self) -> usize {
        match self {
            Self::Hundred => 100,
            Self::Apalis
            | Self::ApalisTuned
            | Self::ApalisRedis
            | Self::ApalisRedisTuned
            | Self::Effectum
            | Self::EffectumTuned => 10,
            Self::Headgate | Self::HeadgateTuned => 16,
            Self::Sidekiq => thread::available_parallelism().map_or(1, usize::from),
            Self::SidekiqTuned | Self::BullMq => 50,
            _ => 4,
        }
    }

    /// How many processes work at once.
    pub(super) fn processes(self) -> usize {
        if self == Self::RedisFour { 4 } else { 1 }
    }

    /// Whether the row with this label is measured by this program, and so can always be.
    pub(super) fn is_in_this_program(label: &str) -> bool {
        let row = Self::ALL.into_iter().find(|row| row.label() == label);
        row.is_some_and(|row| row.program().is_this_program())
    }
}
