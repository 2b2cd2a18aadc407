//! A worker: one of the fixed number of places where tasks run. It claims a task, takes it round
//! the circle, and shares its thread with others.

pub(crate) mod executor;
pub(crate) mod attempt;
pub(crate) mod verdict;
pub(crate) mod settlement;
pub(crate) mod time_slice;
pub(crate) mod run_now;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};

use tokio::task::coop;

use crate::cell::Waiting;
use crate::engine::stop_signals::StopSignals;
use crate::engine::{DueTasks, Engine};
use crate::observe::current::Current;
use crate::observe::worker_view::WorkerView;
use crate::outcome::Panic;
use crate::outcome::panic::caught;
use crate::queue::Ready;
use crate::queue::workers::Seat;
use crate::worker::executor::{Execution, ExecutionGuard, Executor, Finished, FirstPoll};
use crate::worker::time_slice::TimeSlice;

/// One of the fixed number of places where tasks run.
pub(crate) struct Worker {
    executor: Executor,
    view: Arc<WorkerView>,
    seat: Seat<Waiting>,
}

impl Worker {
    pub(crate) fn new(engine: Arc<Engine>, signals: StopSignals, seat: Seat<Waiting>) -> Self {
        let view = engine.new_view();
        Self {
            executor: Executor { engine, signals },
            view,
            seat,
        }
    }

    /// What the code of a task can find out about the worker that runs it.
    pub(crate) fn current(&self) -> Current {
        let engine = &self.executor.engine;
        let (view, blocking) = (Arc::clone(&self.view), Arc::clone(&engine.blocking));
        Current::new(engine.number(), self.seat.index(), view, blocking)
    }

    /// Claims and runs tasks until the worker has to leave.
    pub(crate) async fn work(mut self) {
        let mut slice = TimeSlice::begin();
        let mut guard = ExecutionGuard::new(&self.executor.engine);
        loop {
            match caught(self.lap(&mut guard.execution, &mut slice)).await {
                Ok(Lap::GoOn) => {}
                Ok(Lap::Leave) => break,
                // A panic outside of the task's own code, whose panics are outcomes: in a listener
                // to its events, say. The task is abandoned, and the worker goes on.
                Err(panic) => {
                    guard.abandon();
                    self.recover(&panic, &mut slice).await;
                }
            }
            if slice.is_over() {
                slice.pause();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Runs tasks until an attempt that had to wait has ended, or the time slice is over.
    async fn lap(&mut self, execution: &mut Option<Execution>, slice: &mut TimeSlice) -> Lap {
        match poll_fn(|poller| self.poll_slice(execution, slice, poller)).await {
            Step::Wait => self.wait(execution, slice).await,
            Step::Yield => {}
            Step::Leave => return Lap::Leave,
        }
        Lap::GoOn
    }

    #[cold]
    async fn recover(&self, panic: &Panic, slice: &mut TimeSlice) {
        self.view.leave();
        slice.pause();
        self.executor.engine.observer.worker_panicked(panic);
        tokio::task::yield_now().await;
    }

    /// Runs one task after the other until one has to wait or the time slice is over. A task that
    /// is retried without a pause stays on the worker.
    fn poll_slice(
        &mut self,
        execution: &mut Option<Execution>,
        slice: &mut TimeSlice,
        poller: &mut Poller<'_>,
    ) -> Poll<Step> {
        while !slice.is_over() {
            if execution.is_none() {
                match ready!(self.poll_claim(slice, poller)) {
                    Some(ready) => self.take(ready, execution, slice),
                    None => return Poll::Ready(Step::Leave),
                }
            }
            let Some(here) = execution else { continue };
            here.started = slice.now();
            let tally = &self.view.tally;
            match self.executor.begin(here, poller) {
                FirstPoll::Done => self.executor.done(here, Self::ran(slice), tally),
                FirstPoll::Ended(made) => self.executor.settle(here, made, Self::ran(slice), tally),
                FirstPoll::Waits => return Poll::Ready(Step::Wait),
            }
            self.leave_what_has_ended(execution);
        }
        Poll::Ready(Step::Yield)
    }

    fn poll_claim(
        &mut self,
        slice: &mut TimeSlice,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Ready<Waiting>>> {
        let pace = slice.pacer.pace();
        let engine = &self.executor.engine;
        let mut supply = DueTasks(engine);
        let polled = self.seat.poll_claim(poller, pace, &mut supply);
        if polled.is_pending() {
            slice.pause();
            engine.timekeeper.tell_what_is_owed();
            if self.seat.hands_over() {
                use_up_the_budget(poller);
            }
        }
        polled
    }

    /// Begins the execution of a claimed task, unless the task was cancelled while it waited.
    #[inline]
    fn take(
        &self,
        Ready { at, task }: Ready<Waiting>,
        execution: &mut Option<Execution>,
        slice: &mut TimeSlice,
    ) {
        let tally = &self.view.tally;
        match task.claim() {
            Ok(running) => {
                self.view.take(running.cell());
                let started = slice.now();
                tally.queue_wait.record(started.nanos_since(at));
                *execution = Some(Execution::new(running, at, started));
            }
            Err(over) => self.executor.was_cancelled(over.cell(), tally),
        }
    }

    /// Gives the batch back, so that others may run it, and awaits the rest of an attempt that has
    /// to wait.
    async fn wait(&self, execution: &mut Option<Execution>, slice: &mut TimeSlice) {
        self.executor.engine.timekeeper.tell_what_is_owed();
        self.seat.give_back();
        if let Some(here) = execution {
            let outcome = here.wait(&self.executor.signals).await;
            let ran = Self::ran(slice);
            self.executor
                .settle(here, Ok(outcome), ran, &self.view.tally);
        }
        self.leave_what_has_ended(execution);
    }

    fn ran(slice: &mut TimeSlice) -> Finished {
        Finished {
            ended: slice.ended(),
            pace: slice.pacer.pace(),
        }
    }

    #[inline]
    fn leave_what_has_ended(&self, execution: &mut Option<Execution>) {
        if execution
            .as_ref()
            .is_some_and(|execution| execution.running.has_ended())
        {
            *execution = None;
            self.view.leave();
        }
    }
}

/// How a lap of a worker ended.
enum Lap {
    GoOn,
    Leave,
}

/// Why a worker interrupts its row of tasks.
enum Step {
    /// The attempt has to wait.
    Wait,
    /// Others want the thread too.
    Yield,
    Leave,
}

/// Uses up the budget of this turn, so that the runtime takes its next task from this thread's own
/// line.
///
/// A worker and a producer that hand tasks to each other are woken into the thread's slot for the
/// task that runs next. After three such turns in a row the runtime wakes another thread to help,
/// which costs more than the tasks. An empty budget just ends the row. Without this function, bare
/// tasks of one producer took 1.4 times as long, and 1.5 times as much processor time (the decision
/// is in ARCHITECTURE.md).
fn use_up_the_budget(poller: &mut Poller<'_>) {
    for _ in 0..BUDGET_MAX {
        if !coop::has_budget_remaining() {
            break;
        }
        if let Poll::Ready(unit) = coop::poll_proceed(poller) {
            unit.made_progress();
        }
    }
}

/// More than the runtime's budget for a turn. It ends the loop where there is no budget: some
/// always remains there.
const BUDGET_MAX: u32 = 256;

impl Drop for Worker {
    fn drop(&mut self) {
        let engine = &self.executor.engine;
        engine.timekeeper.tell_what_is_owed();
        engine.return_view(&self.view);
        if !self.seat.has_left() {
            engine.lost_worker();
        }
    }
}
