//! What we aim at in process.

use crate::in_process::contender::name::Name::{self, Bare, EveryOption, Precise, Timer};
use crate::in_process::workload::Workload::{
    self, Bound, Stop, StopFull, StopRetry, W1, W1x, W2, W3, W4a, W4b, W4c, W5, W6, W7,
};
use crate::sheet::Goal;

/// The goal of one metric of one row.
#[derive(Clone, Copy, Debug)]
struct Aim {
    workload: Workload,
    contender: Name,
    /// The key of the metric.
    metric: &'static str,
    goal: Goal,
}

const fn aim(
    workload: Workload,
    contender: Name,
    metric: &'static str,
    figure: f64,
    ratio: Option<f64>,
) -> Aim {
    Aim {
        workload,
        contender,
        metric,
        goal: Goal { figure, ratio },
    }
}

/// Every aim of the in-process half.
const AIMS: &[Aim] = &[
    aim(W1, Bare, "ns", 90.0, Some(0.26)),
    aim(W1, EveryOption, "ns", 120.0, Some(0.35)),
    aim(W2, Bare, "ns", 70.0, Some(0.32)),
    aim(W2, EveryOption, "ns", 110.0, Some(0.5)),
    aim(W1x, Bare, "ns", 220.0, Some(0.4)),
    aim(W3, Bare, "p50_us", 2.2, None),
    aim(W3, Bare, "p99_us", 10.0, None),
    aim(W3, Bare, "p999_us", 30.0, None),
    aim(W4a, Bare, "ns", 90.0, None),
    aim(W4a, Bare, "bytes", 128.0, None),
    aim(W4a, EveryOption, "bytes", 128.0, None),
    aim(W4b, Bare, "p50_ms", 0.6, None),
    aim(W4b, Bare, "p99_ms", 1.4, None),
    aim(W4b, Bare, "cpu_s", 0.17, None),
    aim(W4b, Bare, "early", 0.0, None),
    aim(W4b, Bare, "never", 0.0, None),
    aim(W4b, Precise, "p50_ms", 0.07, None),
    aim(W4b, Precise, "p99_ms", 0.3, None),
    aim(W4b, Precise, "early", 0.0, None),
    aim(W4b, Precise, "never", 0.0, None),
    // A schedule is as punctual as a delay.
    aim(W4c, Bare, "p50_ms", 0.6, None),
    aim(W4c, Bare, "p99_ms", 1.4, None),
    aim(W4c, Bare, "early", 0.0, None),
    aim(W4c, Bare, "never", 0.0, None),
    aim(W4c, Precise, "p50_ms", 0.07, None),
    aim(W4c, Precise, "p99_ms", 0.3, None),
    aim(W4c, Precise, "early", 0.0, None),
    aim(W4c, Precise, "never", 0.0, None),
    aim(W5, Bare, "ns", 200.0, None),
    aim(W5, Timer, "ns", 800.0, None),
    aim(W6, Bare, "wakeups", 0.0, None),
    aim(W6, Precise, "wakeups", 0.0, None),
    // "0 % CPU": below the resolution of a shared machine.
    aim(W7, Bare, "cpu_percent", 0.1, None),
    // "The next free place only": no longer than a task that was offered when it came due.
    aim(W7, Bare, "due_by_queued", 1.0, None),
    aim(Stop, Bare, "lost_percent", 0.0, None),
    aim(StopRetry, Bare, "lost_percent", 0.0, None),
    // "As long as the running tasks": what is queued behind them does nothing.
    aim(StopFull, Bare, "beyond_ms", 2.0, None),
    // 64 and the workers.
    aim(Bound, Bare, "accepted", 68.0, None),
];

/// The goal of a metric of a row.
pub(crate) fn goal(workload: Workload, contender: &str, metric: &str) -> Option<Goal> {
    let aim = AIMS.iter().find(|aim| {
        aim.workload == workload && aim.contender.label() == contender && aim.metric == metric
    });
    aim.map(|aim| aim.goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_aim_names_a_metric_of_its_workload() {
        for aim in AIMS {
            let metrics = aim.workload.metrics();
            assert!(
                metrics.iter().any(|metric| metric.key == aim.metric),
                "{aim:?}"
            );
            assert!(aim.contender.appears_in(aim.workload), "{aim:?}");
        }
    }
}
