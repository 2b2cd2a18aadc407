//! One of the fixed number of places where tasks run: it claims, and goes round the circle.

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
use crate::engine::stop_signals::Reach;
use crate::engine::{DueTasks, Engine};
use crate::observe::current::Current;
use crate::observe::worker_view::Post;
use crate::outcome::Panic;
use crate::outcome::panic::caught;
use crate::queue::Ready;
use crate::queue::workers::Member;
use crate::worker::executor::{Begun, Circle, Ran, Seat, Stay};
use crate::worker::time_slice::Turn;

/// One of the fixed number of places where tasks run.
pub(crate) struct Worker {
    circle: Circle,
    post: Arc<Post>,
    member: Member<Waiting>,
}

impl Worker {
    pub(crate) fn new(engine: Arc<Engine>, reach: Reach, member: Member<Waiting>) -> Self {
        let post = engine.new_post();
        Self {
            circle: Circle { engine, reach },
            post,
            member,
        }
    }

    /// What a task of this worker can find out about where it runs.
    pub(crate) fn current(&self) -> Current {
        let engine = &self.circle.engine;
        let (post, blocking) = (Arc::clone(&self.post), Arc::clone(&engine.blocking));
        Current::new(engine.number(), self.member.index(), post, blocking)
    }

    /// Works until it is time to leave.
    pub(crate) async fn work(mut self) {
        let mut turn = Turn::begin();
        let mut seat = Seat::new(&self.circle.engine);
        loop {
            match caught(self.lap(&mut seat.stay, &mut turn)).await {
                Ok(Lap::GoOn) => {}
                Ok(Lap::Leave) => break,
                // Not in a task, which has a net of its own: in what listens to its events, say.
                // The task that was under way is abandoned; the worker is not lost.
                Err(panic) => {
                    seat.abandon();
                    self.recover(&panic, &mut turn).await;
                }
            }
            if turn.is_over() {
                turn.pause();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Works until an attempt that had to wait has ended, or others want the thread.
    async fn lap(&mut self, stay: &mut Option<Stay>, turn: &mut Turn) -> Lap {
        match poll_fn(|poller| self.poll_turn(stay, turn, poller)).await {
            Step::Wait => self.wait(stay, turn).await,
            Step::Yield => {}
            Step::Leave => return Lap::Leave,
        }
        Lap::GoOn
    }

    #[cold]
    async fn recover(&self, panic: &Panic, turn: &mut Turn) {
        self.post.leave();
        turn.pause();
        self.circle.engine.observer.worker_panicked(panic);
        tokio::task::yield_now().await;
    }

    /// Runs one task after the other as long as none has to wait. A retry without a pause stays.
    fn poll_turn(
        &mut self,
        stay: &mut Option<Stay>,
        turn: &mut Turn,
        poller: &mut Poller<'_>,
    ) -> Poll<Step> {
        while !turn.is_over() {
            if stay.is_none() {
                match ready!(self.poll_claim(turn, poller)) {
                    Some(ready) => self.take(ready, stay, turn),
                    None => return Poll::Ready(Step::Leave),
                }
            }
            let Some(here) = stay else { continue };
            here.started = turn.now();
            let tally = &self.post.tally;
            match self.circle.begin(here, poller) {
                Begun::Done => self.circle.done(here, Self::ran(turn), tally),
                Begun::Ended(made) => self.circle.settle(here, made, Self::ran(turn), tally),
                Begun::Waits => return Poll::Ready(Step::Wait),
            }
            self.leave_what_has_ended(stay);
        }
        Poll::Ready(Step::Yield)
    }

    fn poll_claim(
        &mut self,
        turn: &mut Turn,
        poller: &mut Poller<'_>,
    ) -> Poll<Option<Ready<Waiting>>> {
        let pace = turn.pacer.pace();
        let engine = &self.circle.engine;
        let mut supply = DueTasks(engine);
        let polled = self.member.poll_claim(poller, pace, &mut supply);
        if polled.is_pending() {
            turn.pause();
            engine.timekeeper.tell_what_is_owed();
            if self.member.hands_over() {
                use_up_the_budget(poller);
            }
        }
        polled
    }

    /// Takes a task on, unless it was cancelled meanwhile.
    #[inline]
    fn take(&self, Ready { at, task }: Ready<Waiting>, stay: &mut Option<Stay>, turn: &mut Turn) {
        let tally = &self.post.tally;
        match task.claim() {
            Ok(running) => {
                self.post.take(running.cell());
                let started = turn.now();
                tally.queue_wait.record(started.nanos_since(at));
                *stay = Some(Stay::new(running, at, started));
            }
            Err(over) => self.circle.was_cancelled(over.cell(), tally),
        }
    }

    /// The rest of an attempt that has to wait.
    async fn wait(&self, stay: &mut Option<Stay>, turn: &mut Turn) {
        self.circle.engine.timekeeper.tell_what_is_owed();
        self.member.give_back();
        if let Some(here) = stay {
            let Stay {
                running, attempt, ..
            } = here;
            let outcome = attempt.wait(running, &self.circle.reach).await;
            let ran = Self::ran(turn);
            self.circle.settle(here, Ok(outcome), ran, &self.post.tally);
        }
        self.leave_what_has_ended(stay);
    }

    fn ran(turn: &mut Turn) -> Ran {
        Ran {
            ended: turn.ended(),
            pace: turn.pacer.pace(),
        }
    }

    #[inline]
    fn leave_what_has_ended(&self, stay: &mut Option<Stay>) {
        if stay.as_ref().is_some_and(|stay| stay.running.has_ended()) {
            *stay = None;
            self.post.leave();
        }
    }
}

/// How a lap of a worker ended.
enum Lap {
    GoOn,
    Leave,
}

/// Why a worker does not go on by itself.
enum Step {
    /// The attempt has to wait.
    Wait,
    /// Others want the thread too.
    Yield,
    Leave,
}

/// Lets the runtime take the next task of this thread from the thread's own line.
///
/// A worker and a producer that hand over to each other are woken into the thread's slot for what
/// is to run next. After three such turns in a row the runtime wakes another thread to help, which
/// costs more than the tasks. With no budget left it just ends the row.
/// Without this, bare tasks of one producer took 1.4 times as long, and 1.5 times as much processor
/// time (the decision is in ARCHITECTURE.md).
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

/// More than the runtime gives; without a budget there is always some left.
const BUDGET_MAX: u32 = 256;

impl Drop for Worker {
    fn drop(&mut self) {
        let engine = &self.circle.engine;
        engine.timekeeper.tell_what_is_owed();
        engine.return_post(&self.post);
        if !self.member.has_left() {
            engine.lost_worker();
        }
    }
}
