//! Which contender takes part in which workload, and what each cannot do.

use crate::in_process::contender::name::Name;
use crate::in_process::workload::Workload;

impl Name {
    /// Whether it has a row in the table of `workload`: a variant only where it differs.
    pub(crate) fn appears_in(self, workload: Workload) -> bool {
        use Workload::{W1, W1x, W2, W3, W4a, W4b, W4c, W5, W6};
        match self {
            Self::EveryOption => matches!(workload, W1 | W2 | W1x | W3 | W4a | W5),
            Self::Precise => matches!(workload, W4b | W4c | W6),
            Self::Timer => workload == W5,
            Self::KindSpawn | Self::Sketch => matches!(workload, W1 | W2 | W5),
            Self::ApalisParallel => matches!(workload, W1 | W2),
            _ => true,
        }
    }

    /// Why it cannot do `workload`; none if it can.
    pub(crate) fn cannot(self, workload: Workload) -> Option<&'static str> {
        use Workload::{Bound, Stop, StopFull, StopRetry, W1x, W4a, W4b, W4c, W6, W7};
        let later = matches!(workload, W4a | W4b | W4c | W6);
        let stop = matches!(workload, Stop | StopRetry | StopFull);
        match self {
            Self::Spawn | Self::KindSpawn => match workload {
                W7 | Bound => Some("it has no bound, so nothing is ever full"),
                _ if stop => Some("it has no stop: what has not run when its runtime ends is gone"),
                _ => None,
            },
            Self::Semaphore if workload == W1x => Some("tokio's semaphore has no blocking acquire"),
            Self::Semaphore if later => Some("it has no timer: the row of spawn sleeps instead"),
            Self::AsyncChannel | Self::Flume | Self::Kanal if later => {
                Some("a channel has no timer: the row of spawn sleeps instead")
            }
            Self::Flume if workload == StopFull => {
                Some("it has no close: its workers end when the last waiting producer has gone")
            }
            Self::Kanal if workload == StopFull => {
                Some("its close throws away what is in the channel")
            }
            Self::Apalis | Self::ApalisParallel => match workload {
                W1x => Some("its sink is asynchronous only"),
                _ if later || workload == W7 => {
                    Some("its memory store ignores the time: a task for tomorrow runs now")
                }
                StopFull | Bound => Some("its memory store has no bound, so nobody waits for room"),
                _ => None,
            },
            Self::DelayQueue if !later => Some("it only delays: it has no queue and no workers"),
            Self::Cron if !later => Some("it only schedules: it has no queue and no workers"),
            _ => None,
        }
    }
}
