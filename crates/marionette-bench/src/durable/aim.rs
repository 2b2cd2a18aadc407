//! What we aim at with durable jobs. The ratios for those in a file are those of the anchors: our
//! aim by what raw SQLite did there.

use crate::durable::setup::Setup::{self, Hundred, Normal, Ours, Redis, RedisFast, RedisFour};
use crate::durable::workload::DurableWorkload::{
    self, Callers, Drain, Due, Killed, Latency, Many, One, OneNormal, ServerCallers, ServerDrain,
    ServerDue, ServerFour, ServerIdle, ServerKilled, ServerLatency, ServerMany, ServerMillion,
    ServerOne,
};
use crate::sheet::Goal;

/// The goal of one metric of one row.
struct DurableAim(DurableWorkload, Setup, &'static str, Goal);

const fn aim(
    workload: DurableWorkload,
    row: Setup,
    metric: &'static str,
    figure: f64,
) -> DurableAim {
    DurableAim(
        workload,
        row,
        metric,
        Goal {
            figure,
            ratio: None,
        },
    )
}

const fn rated(workload: DurableWorkload, row: Setup, figure: f64, ratio: f64) -> DurableAim {
    times(workload, row, "per_s", figure, ratio)
}

const fn times(
    workload: DurableWorkload,
    row: Setup,
    metric: &'static str,
    figure: f64,
    ratio: f64,
) -> DurableAim {
    let ratio = Some(ratio);
    DurableAim(workload, row, metric, Goal { figure, ratio })
}

const AIMS: &[DurableAim] = &[
    // 4,500 by 5,700; 300,000 by 364,000; 600,000 by 834,000; 150,000 by 133,000.
    rated(One, Ours, 4_500.0, 0.79),
    aim(OneNormal, Normal, "per_s", 40_000.0),
    rated(Callers, Ours, 300_000.0, 0.82),
    rated(Many, Ours, 600_000.0, 0.72),
    rated(Drain, Ours, 150_000.0, 1.13),
    aim(Drain, Ours, "twice", 0.0),
    aim(Latency, Ours, "p50_ms", 0.3),
    aim(Latency, Ours, "p99_ms", 1.0),
    aim(Latency, Ours, "never", 0.0),
    aim(Due, Ours, "p50_ms", 1.0),
    aim(Due, Ours, "p99_ms", 2.0),
    aim(Due, Ours, "early", 0.0),
    aim(Due, Ours, "never", 0.0),
    aim(Killed, Ours, "lost", 0.0),
    aim(Killed, Ours, "twice", 0.0),
    aim(Killed, Ours, "again_ms", 1_000.0),
    aim(Killed, Ours, "waiting", 0.0),
    aim(Killed, Hundred, "lost", 0.0),
    aim(Killed, Hundred, "again_ms", 1_000.0),
    aim(Killed, Hundred, "waiting", 0.0),
    rated(ServerOne, Redis, 13_000.0, 0.85),
    rated(ServerCallers, Redis, 250_000.0, 0.6),
    rated(ServerMany, Redis, 400_000.0, 0.8),
    times(ServerCallers, Redis, "server_us", 4.0, 1.67),
    times(ServerMany, Redis, "server_us", 2.5, 1.25),
    rated(ServerDrain, Redis, 150_000.0, 0.65),
    aim(ServerDrain, Redis, "twice", 0.0),
    // The inverse of the ratio of the rates: the server is what ends both.
    times(ServerDrain, Redis, "server_us", 6.0, 1.54),
    rated(ServerFour, RedisFour, 150_000.0, 0.9),
    aim(ServerFour, RedisFour, "twice", 0.0),
    times(ServerLatency, Redis, "p50_ms", 0.25, 3.0),
    times(ServerLatency, Redis, "p99_ms", 0.8, 3.0),
    aim(ServerLatency, Redis, "never", 0.0),
    aim(ServerDue, Redis, "p50_ms", 2.0),
    aim(ServerDue, Redis, "p99_ms", 5.0),
    aim(ServerDue, Redis, "early", 0.0),
    aim(ServerDue, Redis, "never", 0.0),
    aim(ServerKilled, Redis, "lost", 0.0),
    aim(ServerKilled, Redis, "ended_twice", 0.0),
    // The lease, the next sweep, and a second.
    aim(ServerKilled, Redis, "again_ms", 21_000.0),
    aim(ServerKilled, Redis, "waiting", 0.0),
    aim(ServerKilled, RedisFast, "lost", 0.0),
    aim(ServerKilled, RedisFast, "ended_twice", 0.0),
    aim(ServerKilled, RedisFast, "again_ms", 2_000.0),
    aim(ServerKilled, RedisFast, "waiting", 0.0),
    aim(ServerMillion, Redis, "ratio", 1.2),
    aim(ServerMillion, Redis, "bytes", 320.0),
    aim(ServerIdle, Redis, "commands", 15.0),
];

/// The goal of a metric of a row.
pub(super) fn goal(workload: DurableWorkload, label: &str, metric: &str) -> Option<Goal> {
    let aim = AIMS.iter().find(|DurableAim(of, row, key, _)| {
        *of == workload && row.label() == label && *key == metric
    });
    aim.map(|DurableAim(_, _, _, goal)| *goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aim_names_a_metric_and_a_row_of_its_workload() {
        for DurableAim(workload, row, key, _) in AIMS {
            let mut metrics = workload.metrics().iter();
            assert!(
                metrics.any(|metric| metric.key == *key),
                "{workload:?} {key}"
            );
            assert!(workload.rows().contains(row), "{workload:?} {row:?}");
        }
    }
}
