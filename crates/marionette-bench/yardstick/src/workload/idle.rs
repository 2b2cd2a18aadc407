//! D7: workers with nothing to do: nothing should happen.

use std::time::Duration;

use crate::clock;
use crate::contender::Contender;
use crate::figures::Figures;
use crate::job::{Job, Work};
use crate::tally::{PATIENCE, Tally};
use crate::usage;

/// The pause before the measurement, in which everything comes to rest.
const REST: Duration = Duration::from_secs(1);

/// Between two looks at the last job.
const LOOK: Duration = Duration::from_millis(5);

pub(super) async fn measure<C: Contender>(contender: C, seconds: u32) -> Figures {
    let tally = Tally::new(1);
    let (work, _) = Work::count(tally);
    contender.work(work).await;
    // One job, so that everything has begun.
    contender.queue(Job { index: 0, at: 0 }).await;
    tally.wait(PATIENCE).await.expect("the job runs");
    // The main thread sleeps, not a task: the runtime has no timer of ours.
    clock::sleep(REST);
    let (cpu, switches) = (usage::cpu(), usage::voluntary_switches());
    clock::sleep(Duration::from_secs(seconds.into()));
    // A thread that ended meanwhile takes its count with it.
    let wakeups = usage::voluntary_switches().saturating_sub(switches);
    let cpu = usage::cpu_since(cpu);
    // A dead contender would be idle too.
    contender.queue(Job { index: 1, at: 0 }).await;
    let awake = async {
        while tally.done() < 2 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let awake = tokio::time::timeout(PATIENCE, awake).await;
    awake.expect("a job still runs after it was idle");
    drop(contender);
    Figures::from([("cpu_s", cpu.as_secs_f64()), ("wakeups", wakeups as f64)])
}
