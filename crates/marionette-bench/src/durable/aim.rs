//! What we aim at with jobs in a file. The ratios are those of the anchors: our aim by what raw
//! SQLite did there.

use crate::durable::setup::Setup::{self, Hundred, Normal, Ours};
use crate::durable::workload::DurableWorkload::{
    self, Callers, Drain, Due, Killed, Latency, Many, One, OneNormal,
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
    let ratio = Some(ratio);
    DurableAim(workload, row, "per_s", Goal { figure, ratio })
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
