//! What is measured: the durable workloads of the anchors, in a file (D) and on a server (R), and
//! how much of each.

use crate::durable::setup::Setup::{
    self, Apalis, ApalisRedis, ApalisRedisTuned, ApalisTuned, BullMq, Effectum, EffectumTuned,
    Headgate, HeadgateTuned, Hundred, Normal, Ours, Raw1, Raw100, Raw1000, RawCallers, RawEmpty,
    RawKeep1, RawKeep100, RawKeep1000, RawNormal, Redis, RedisFast, RedisFour, Sidekiq,
    SidekiqTuned,
};

/// A table of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DurableWorkload {
    /// D1: one producer that awaits each.
    One,
    /// D1: the same, with the sync left to the checkpoints.
    OneNormal,
    /// D1: 64 callers at once.
    Callers,
    /// D1: many in a call.
    Many,
    /// D2: drain.
    Drain,
    /// D3: pick-up latency.
    Latency,
    /// D4: lateness of scheduled jobs.
    Due,
    /// D5: `kill -9` in the middle.
    Killed,
    /// D6: a million waiting jobs.
    Million,
    /// D7: idle.
    Idle,
    /// R1: one producer that awaits each.
    ServerOne,
    /// R1: 64 callers at once.
    ServerCallers,
    /// R1: many in a call.
    ServerMany,
    /// R2: drain.
    ServerDrain,
    /// R2: drain by one process and by four.
    ServerFour,
    /// R3: pick-up latency.
    ServerLatency,
    /// R4: lateness of scheduled jobs.
    ServerDue,
    /// R5: `kill -9` in the middle.
    ServerKilled,
    /// R6: a million waiting jobs that nobody asks for.
    ServerMillion,
    /// R7: idle.
    ServerIdle,
}

/// How many jobs are run out of a million.
const OPENED: u32 = 10_000;

/// How many are claimed beside a million.
const CLAIMED: u32 = 2_000;

/// The rows that drain a server.
const DRAINS: &[Setup] = &[
    Redis,
    RawKeep100,
    RawKeep1000,
    ApalisRedis,
    ApalisRedisTuned,
    Headgate,
    HeadgateTuned,
    Sidekiq,
    SidekiqTuned,
    BullMq,
];

impl DurableWorkload {
    /// Every workload, in the order of the report.
    pub(super) const ALL: [Self; 20] = [
        Self::One,
        Self::OneNormal,
        Self::Callers,
        Self::Many,
        Self::Drain,
        Self::Latency,
        Self::Due,
        Self::Killed,
        Self::Million,
        Self::Idle,
        Self::ServerOne,
        Self::ServerCallers,
        Self::ServerMany,
        Self::ServerDrain,
        Self::ServerFour,
        Self::ServerLatency,
        Self::ServerDue,
        Self::ServerKilled,
        Self::ServerMillion,
        Self::ServerIdle,
    ];

    /// Its name on the command line.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::One => "D1-one",
            Self::OneNormal => "D1-normal",
            Self::Callers => "D1-64",
            Self::Many => "D1-many",
            Self::Drain => "D2",
            Self::Latency => "D3",
            Self::Due => "D4",
            Self::Killed => "D5",
            Self::Million => "D6",
            Self::Idle => "D7",
            Self::ServerOne => "R1-one",
            Self::ServerCallers => "R1-64",
            Self::ServerMany => "R1-many",
            Self::ServerDrain => "R2",
            Self::ServerFour => "R2-four",
            Self::ServerLatency => "R3",
            Self::ServerDue => "R4",
            Self::ServerKilled => "R5",
            Self::ServerMillion => "R6",
            Self::ServerIdle => "R7",
        }
    }

    /// Whether the jobs are on a server, and not in a file.
    pub(super) fn is_on_a_server(self) -> bool {
        self.id().starts_with('R')
    }

    /// The rows that take part.
    pub(super) fn rows(self) -> &'static [Setup] {
        match self {
            Self::One => &[Ours, Raw1, Apalis, Effectum],
            Self::OneNormal => &[Normal, RawNormal],
            Self::Callers | Self::Million => &[Ours, Raw100, Apalis, Effectum],
            Self::Many => &[Ours, Raw1000, Apalis, Effectum],
            Self::Drain => &[
                Ours,
                Raw1,
                Raw100,
                Raw1000,
                Apalis,
                ApalisTuned,
                Effectum,
                EffectumTuned,
            ],
            Self::Latency | Self::Due | Self::Idle => &[Ours, Apalis, ApalisTuned, Effectum],
            Self::Killed => &[Ours, Hundred, Apalis, Effectum],
            _ => self.rows_on_a_server(),
        }
    }

    fn rows_on_a_server(self) -> &'static [Setup] {
        match self {
            Self::ServerOne => &[
                Redis,
                RawEmpty,
                RawKeep1,
                ApalisRedis,
                Headgate,
                Sidekiq,
                BullMq,
            ],
            Self::ServerCallers => &[
                Redis,
                RawCallers,
                RawKeep100,
                ApalisRedis,
                Headgate,
                Sidekiq,
                BullMq,
            ],
            Self::ServerMany => &[
                Redis,
                RawKeep100,
                RawKeep1000,
                ApalisRedis,
                Headgate,
                Sidekiq,
                BullMq,
            ],
            Self::ServerDrain => DRAINS,
            Self::ServerFour => &[Redis, RedisFour],
            Self::ServerLatency => &[
                Redis,
                RawEmpty,
                ApalisRedis,
                ApalisRedisTuned,
                Headgate,
                HeadgateTuned,
                Sidekiq,
                BullMq,
            ],
            Self::ServerDue => &[
                Redis,
                ApalisRedis,
                ApalisRedisTuned,
                Headgate,
                HeadgateTuned,
                Sidekiq,
                BullMq,
            ],
            Self::ServerKilled => &[
                Redis,
                RedisFast,
                ApalisRedis,
                HeadgateTuned,
                Sidekiq,
                BullMq,
            ],
            Self::ServerMillion | Self::ServerIdle => &[Redis],
            _ => unreachable!("its jobs are in a file"),
        }
    }

    /// The rows among `rows` that take part.
    pub(super) fn rows_among(self, rows: &[Setup]) -> Vec<Setup> {
        let own = self.rows().iter().copied();
        own.filter(|row| rows.contains(row)).collect()
    }

    /// Why a row cannot do this work; none if it can.
    pub(super) fn cannot(self, row: Setup) -> Option<&'static str> {
        match (self, row) {
            (Self::ServerMany, Sidekiq) => Some("it has no call for many jobs"),
            _ => None,
        }
    }

    /// The base of the ratio; none where a ratio says nothing.
    pub(super) fn base(self) -> Option<Setup> {
        match self {
            Self::One => Some(Raw1),
            Self::OneNormal => Some(RawNormal),
            Self::Callers | Self::Drain => Some(Raw100),
            Self::Many => Some(Raw1000),
            Self::ServerOne | Self::ServerLatency => Some(RawEmpty),
            Self::ServerCallers | Self::ServerDrain => Some(RawKeep100),
            Self::ServerMany => Some(RawKeep1000),
            Self::ServerFour => Some(Redis),
            _ => None,
        }
    }

    /// How many jobs there are for our own row, or seconds of idling.
    pub(super) fn full(self) -> u32 {
        match self {
            Self::One | Self::Killed | Self::ServerKilled => 5_000,
            Self::ServerOne => 20_000,
            Self::OneNormal => 50_000,
            Self::Callers
            | Self::Drain
            | Self::ServerCallers
            | Self::ServerDrain
            | Self::ServerFour => 100_000,
            Self::Many | Self::ServerMany => 200_000,
            Self::Latency | Self::ServerLatency => 200,
            Self::Due | Self::ServerDue => 10_000,
            Self::Million | Self::ServerMillion => 1_000_000,
            Self::Idle | Self::ServerIdle => 10,
        }
    }

    /// The number for this row: a slow one gets fewer, or a round would take minutes.
    pub(super) fn count(self, row: Setup, part: u32) -> u32 {
        let share = match (self, row) {
            (Self::Drain, Raw1 | Apalis | ApalisTuned)
            | (Self::ServerDrain, ApalisRedis | ApalisRedisTuned | Headgate | HeadgateTuned) => 20,
            (Self::Callers, Apalis | Effectum)
            | (Self::Million, Apalis)
            | (Self::ServerCallers, ApalisRedis | Headgate | Sidekiq | BullMq) => 10,
            (Self::Many, Apalis)
            | (Self::ServerMany, ApalisRedis | Headgate | BullMq)
            | (Self::ServerDrain, Sidekiq | SidekiqTuned | BullMq)
            | (Self::Drain, Effectum | EffectumTuned) => 5,
            _ => 1,
        };
        let least = match self {
            Self::Idle | Self::ServerIdle => 1,
            Self::Latency | Self::ServerLatency => 10,
            Self::Killed | Self::ServerKilled => 50,
            _ => 200,
        };
        (self.full() / share / part).max(least)
    }

    /// How many are run after a file full of jobs was opened.
    pub(super) fn opened(part: u32) -> u32 {
        (OPENED / part).max(100)
    }

    /// How many are claimed beside those that nobody asks for.
    pub(super) fn claimed(part: u32) -> u32 {
        (CLAIMED / part).max(20)
    }

    /// The most rounds: what is counted, and takes minutes, is measured once.
    pub(super) fn runs_max(self) -> u32 {
        match self {
            Self::Killed | Self::ServerKilled => 1,
            _ => u32::MAX,
        }
    }
}
