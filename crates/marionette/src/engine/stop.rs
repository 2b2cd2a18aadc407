//! Stopping, in stages, and the report of it.
//!
//! 1. *Refuse.* Nothing comes in any more; producers that wait get their tasks back.
//! 2. *Still the clock.* Future tasks stay, for the next start.
//! 3. *Drain.* All accepted tasks run. A stop without a limit waits for them however long it takes.
//! 4. *Interrupt* (limit reached). Workers take no more tasks; running attempts are asked to end.
//! 5. *Abandon* (grace over). The futures of running attempts are dropped.
//! 6. *Close.* The workers leave.
//!
//! Every stage is a state of the engine, not of the future of `stop`. That future may be dropped at
//! any await: another stop goes on from the stage that was reached, and a stop in a hurry hurries a
//! patient one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::cell::task_ref::TaskRef;
use crate::clock::Tick;
use crate::engine::{Engine, StopBegin};
use crate::observe::current::Current;
use crate::observe::stats::Stats;
use crate::observe::worker_view::WorkerView;
use crate::queue::Phase;

/// How long an attempt that was told to be dropped may take to end before it is reported as
/// abandoned.
const LAST_MOMENT: Duration = Duration::from_millis(100);

/// What a stop did, and what it left.
#[derive(Clone, Debug, Default, serde::Serialize)]
#[non_exhaustive]
pub struct StopReport {
    /// Tasks that succeeded between the start of the stop and its end.
    pub done: u64,
    /// Tasks that failed for good in that time.
    pub failed: u64,
    /// Tasks that were cancelled or have expired in that time, and plain futures that were
    /// interrupted and cannot run again.
    pub cancelled: u64,
    /// Tasks that were interrupted during an attempt. They wait in the queue for the next start,
    /// and the attempt does not count. Plain futures cannot run again, so they have ended as
    /// abandoned.
    pub interrupted: Vec<TaskRef>,
    /// Tasks whose code still runs, since it blocks its thread. Either the task could not be
    /// interrupted, or its attempt has timed out or was cancelled while its thread went on.
    pub abandoned: Vec<TaskRef>,
    /// Accepted tasks that were not started, or were interrupted: they wait for the next start.
    /// With a store, the jobs that went back to it; jobs that were never claimed are not counted.
    pub queued: usize,
    /// Future tasks, retries included: they wait for the next start. Jobs wait in their store, and
    /// are not counted.
    pub waiting: usize,
    /// Whether the manager has a store. Jobs that wait there are not counted here.
    pub has_store: bool,
    /// How long the stop took.
    pub duration: Duration,
}

impl StopReport {
    /// Whether all that was accepted has run, and only future tasks are left.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.queued == 0 && self.interrupted.is_empty() && self.abandoned.is_empty()
    }
}

impl fmt::Display for StopReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "stopped in {:?}: {} done, {} failed, {} cancelled; ",
            self.duration, self.done, self.failed, self.cancelled,
        )?;
        match (self.has_store, self.queued) {
            (false, queued) => {
                write!(f, "{queued} queued and {} future tasks wait", self.waiting)?;
            }
            (true, 0) => f.write_str("what waits stays in the store")?,
            (true, back) => write!(f, "{back} went back to the store, where what waits stays")?,
        }
        for (what, tasks) in [
            ("interrupted", &self.interrupted),
            ("still runs", &self.abandoned),
        ] {
            tasks
                .iter()
                .try_for_each(|task| write!(f, "\n  {what}: {} ({})", task.name, task.id))?;
        }
        Ok(())
    }
}

/// Stops the engine. Tasks that have not run within the limit are interrupted.
pub(crate) async fn stop(engine: &Engine, limit: Option<Duration>) -> StopReport {
    let caller = Current::of(engine.number());
    let Some((run, begin)) = refuse(engine) else {
        return report(engine, &StopBegin::now(engine), caller.as_ref());
    };
    engine.timekeeper.stop().await;
    let quiet = poll_fn(|poller| engine.queue.poll_quiet(poller));
    // A stop in a hurry closes the queue under a patient one, and may have been dropped since.
    if !in_time(quiet, limit).await || engine.run().signals.interrupt.is_cancelled() {
        interrupt(engine, run).await;
    }
    close(engine, run).await;
    report(engine, &begin, caller.as_ref())
}

/// Stage 1. Returns the number of the run that ends and the start of its stop; `None` if no run is
/// left to stop.
fn refuse(engine: &Engine) -> Option<(u64, StopBegin)> {
    let mut run = engine.run();
    if engine.queue.phase() == Phase::Closed && run.stop.is_none() {
        return None;
    }
    let begin = run
        .stop
        .get_or_insert_with(|| StopBegin::now(engine))
        .clone();
    engine.queue.drain();
    // All accepted tasks must run, so a pause ends here.
    engine.queue.resume();
    Some((run.number, begin))
}

/// Stages 4 and 5.
async fn interrupt(engine: &Engine, number: u64) {
    let signals = {
        let run = engine.run();
        if run.number != number {
            return;
        }
        engine.queue.close();
        run.signals.clone()
    };
    signals.interrupt.cancel();
    let still = || poll_fn(|poller| engine.queue.poll_still(poller));
    if !in_time(still(), Some(signals.grace)).await {
        signals.abandon.cancel();
        in_time(still(), Some(LAST_MOMENT)).await;
    }
}

/// Stage 6.
async fn close(engine: &Engine, number: u64) {
    {
        let run = engine.run();
        if run.number != number {
            return;
        }
        engine.queue.close();
    }
    poll_fn(|poller| engine.queue.poll_left(poller)).await;
    let mut run = engine.run();
    if run.number == number {
        run.stop = None;
    }
}

async fn in_time(event: impl Future<Output = ()>, limit: Option<Duration>) -> bool {
    match limit {
        None => {
            event.await;
            true
        }
        Some(limit) => timeout(limit, event).await.is_ok(),
    }
}

/// Sums up a stop that began at `begin`.
fn report(engine: &Engine, begin: &StopBegin, caller: Option<&Current>) -> StopReport {
    let before = &begin.stats;
    let views = engine.views();
    let waiting = engine.sweep();
    let after = engine.figures();
    StopReport {
        done: after.done - before.done,
        failed: after.failed - before.failed,
        cancelled: ended_early(&after) - ended_early(before),
        interrupted: engine.run().interrupted.clone(),
        abandoned: still_running(engine, &views, caller),
        queued: engine.queue.len(),
        waiting,
        has_store: false,
        duration: Tick::now().since(begin.at),
    }
}

fn ended_early(stats: &Stats) -> u64 {
    stats.cancelled + stats.expired + stats.abandoned
}

/// The tasks that still have a worker or a thread, without the caller's own task.
fn still_running(
    engine: &Engine,
    views: &[Arc<WorkerView>],
    caller: Option<&Current>,
) -> Vec<TaskRef> {
    let is_caller =
        |view: &Arc<WorkerView>| caller.is_some_and(|caller| Arc::ptr_eq(&caller.view, view));
    let others = views.iter().filter(|view| !is_caller(view));
    let mut tasks: Vec<_> = others.filter_map(|view| view.task()).collect();
    let caller = caller.and_then(|caller| caller.view.task());
    for task in engine.blocking.tasks() {
        if Some(&task) != caller.as_ref() && !tasks.contains(&task) {
            tasks.push(task);
        }
    }
    tasks
}
