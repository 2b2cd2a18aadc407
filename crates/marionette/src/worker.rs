//! The circle: claim → attempt → verdict → settle.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};
use std::time::Duration;

use tokio::task::coop;

use crate::attempt::{Attempt, Reach};
use crate::body::Body;
use crate::cell::{Cell, Running, Waiting};
use crate::clock::Tick;
use crate::current::Current;
use crate::durable::told::told;
use crate::engine::{DueTasks, Engine};
use crate::leased::Leased;
use crate::memory::crew::Member;
use crate::memory::pace::Pace;
use crate::memory::queue::Ready;
use crate::outcome::{Failure, Outcome, Panic, Reason};
use crate::panic::caught;
use crate::post::{Post, TaskRef};
use crate::store::Next;
use crate::tally::Tally;
use crate::turn::Turn;
use crate::verdict::{Policy, Verdict, admit, judge};

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
        Current {
            manager: engine.number(),
            worker: self.member.index(),
            post: Arc::clone(&self.post),
            blocking: Arc::clone(&engine.blocking),
        }
    }

    /// Works until it is time to leave.
    pub(crate) async fn work(mut self) {
        let mut turn = Turn::begin();
        let mut next = None;
        loop {
            match caught(self.lap(&mut next, &mut turn)).await {
                Ok(Lap::GoOn) => {}
                Ok(Lap::Leave) => break,
                // Not in a task, which has a net of its own: in what listens to its events, say.
                // The task that was under way is abandoned; the worker is not lost.
                Err(panic) => self.recover(&panic, &mut turn).await,
            }
            if turn.is_over() {
                turn.pause();
                tokio::task::yield_now().await;
            }
        }
    }

    /// Works until an attempt that had to wait has ended, or others want the thread.
    async fn lap(&mut self, next: &mut Option<Stay>, turn: &mut Turn) -> Lap {
        match poll_fn(|poller| self.poll_turn(next, turn, poller)).await {
            Step::Wait(stay, attempt) => *next = self.wait(stay, attempt, turn).await,
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

    /// Runs one task after the other as long as none has to wait. `next` is one that is to be tried
    /// again at once: such retries stay here.
    fn poll_turn(
        &mut self,
        next: &mut Option<Stay>,
        turn: &mut Turn,
        poller: &mut Poller<'_>,
    ) -> Poll<Step> {
        let mut again = next.take();
        while !turn.is_over() {
            let mut stay = match again.take() {
                Some(stay) => stay,
                None => match ready!(self.poll_claim(turn, poller)) {
                    Some(ready) => match self.take(ready, turn) {
                        Some(stay) => stay,
                        None => continue,
                    },
                    None => return Poll::Ready(Step::Leave),
                },
            };
            stay.started = turn.now();
            let begun = self
                .circle
                .begin(&mut stay.running, stay.ready, stay.started, poller);
            match begun {
                Begun::Waits(attempt) => return Poll::Ready(Step::Wait(stay, attempt)),
                Begun::Ended(made, number) => again = self.settle(stay, made, number, turn),
            }
        }
        *next = again;
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
    fn take(&self, Ready { at, task }: Ready<Waiting>, turn: &mut Turn) -> Option<Stay> {
        let running = match task.claim() {
            Ok(running) => running,
            Err(over) => {
                self.circle.was_cancelled(over.cell(), &self.post.tally);
                return None;
            }
        };
        self.post.take(running.cell());
        let started = turn.now();
        self.post.tally.queue_wait.record(started.nanos_since(at));
        Some(Stay {
            running,
            ready: at,
            started,
        })
    }

    /// The rest of an attempt that has to wait.
    async fn wait(&self, mut stay: Stay, attempt: Attempt, turn: &mut Turn) -> Option<Stay> {
        self.circle.engine.timekeeper.tell_what_is_owed();
        self.member.give_back();
        let number = attempt.number;
        let outcome = attempt.wait(&mut stay.running, &self.circle.reach).await;
        self.settle(stay, Ok(outcome), number, turn)
    }

    fn settle(&self, stay: Stay, made: Made, number: u32, turn: &mut Turn) -> Option<Stay> {
        let ended = turn.ended();
        let ran = Ran {
            number,
            nanos: ended.nanos_since(stay.started),
            pace: turn.pacer.pace(),
        };
        let tally = &self.post.tally;
        let ready = stay.ready;
        let again = self
            .circle
            .settle(stay.running, made, ready, ended, ran, tally);
        if again.is_none() {
            self.post.leave();
        }
        again.map(|running| Stay {
            running,
            ready,
            started: ended,
        })
    }
}

/// A task on its worker, from its claim until it is settled.
struct Stay {
    running: Running,
    /// Since when it could have been claimed.
    ready: Tick,
    /// When its present attempt was begun.
    started: Tick,
}

/// How a lap of a worker ended.
enum Lap {
    GoOn,
    Leave,
}

/// Why a worker does not go on by itself.
enum Step {
    /// The attempt has to wait.
    Wait(Stay, Attempt),
    /// Others want the thread too.
    Yield,
    Leave,
}

/// Lets the runtime take the next task of this thread from the thread's own line.
///
/// A worker and a producer that hand over to each other are woken into the thread's slot for what
/// is to run next. After three such turns in a row the runtime wakes another thread to help, which
/// costs more than the tasks. With no budget left it just ends the row.
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
        self.circle.engine.timekeeper.tell_what_is_owed();
        self.circle.engine.return_post(&self.post);
    }
}

/// The steps that are the same wherever a task runs.
pub(crate) struct Circle {
    pub(crate) engine: Arc<Engine>,
    pub(crate) reach: Reach,
}

/// An attempt that was made: which, for how many nanoseconds it ran, and at which pace.
#[derive(Clone, Copy)]
pub(crate) struct Ran {
    pub(crate) number: u32,
    pub(crate) nanos: u64,
    /// How fast its worker's tasks end.
    pub(crate) pace: Pace,
}

/// How an attempt ended, or why there was none.
pub(crate) type Made = Result<Outcome, Verdict>;

/// An attempt after its first poll.
pub(crate) enum Begun {
    /// It, or the try to begin it, has ended; and its number.
    Ended(Made, u32),
    Waits(Attempt),
}

impl Circle {
    /// Begins an attempt and polls it for the first time, unless the task may not start any more.
    #[inline]
    pub(crate) fn begin(
        &self,
        running: &mut Running,
        ready: Tick,
        started: Tick,
        poller: &mut Poller<'_>,
    ) -> Begun {
        let cell = running.cell();
        let mut number = 1;
        let mut deadline = None;
        if let Some(extra) = cell.extra() {
            if cell.is_cancel_requested() {
                return Begun::Ended(Err(Verdict::End(extra.cancelled())), number);
            }
            let admitted = extra.begin(ready, |failed, due| {
                let policy = Policy::new(&extra.options, due, failed);
                number = failed + 1;
                deadline = policy.deadline(started);
                (deadline.map(|(at, ..)| at), admit(&policy, ready, started))
            });
            if let Err(verdict) = admitted {
                return Begun::Ended(Err(verdict), number);
            }
        }
        let observer = &self.engine.observer;
        let span = observer.span(&**cell, number);
        observer.started(&**cell, number, started.nanos_since(ready));
        let attempt = Attempt {
            number,
            deadline,
            span,
        };
        match attempt.begin(running, poller) {
            Poll::Ready(outcome) => Begun::Ended(Ok(outcome), number),
            Poll::Pending => Begun::Waits(attempt),
        }
    }

    /// The verdict, and what follows from it. Gives back a task that is to be tried again at once.
    pub(crate) fn settle(
        &self,
        mut running: Running,
        made: Made,
        ready: Tick,
        now: Tick,
        ran: Ran,
        tally: &Tally,
    ) -> Option<Running> {
        let observer = &self.engine.observer;
        let was_made = made.is_ok();
        let verdict = match made {
            Ok(Outcome::Done) => Verdict::Finish,
            Ok(outcome) => Self::judge(&mut running, outcome, ready, now, tally),
            Err(verdict) => verdict,
        };
        tally.run_time.record(ran.nanos);
        if let Some(leased) = leased(&running) {
            let (attempt, next) = told(&verdict, leased, was_made.then_some(ran.nanos));
            leased.settle(attempt, next);
        }
        match verdict {
            Verdict::Finish => {
                tally.done.add_one();
                observer.done(&**running.cell(), ran.nanos);
                running.finish(None);
            }
            Verdict::Retry(reason, pause) => {
                tally.retried.add_one();
                let failure = Failure::new(reason, Duration::from_nanos(ran.nanos));
                observer.retrying(&**running.cell(), ran.number, &failure, pause);
                running.cell().extra_or_new().push(failure);
                return self.again(running, pause, ran.pace, tally);
            }
            Verdict::Snooze(pause) => {
                tally.snoozed.add_one();
                observer.snoozed(&**running.cell(), pause);
                return self.again(running, pause, ran.pace, tally);
            }
            Verdict::Resume => {
                tally.interrupted.add_one();
                observer.interrupted(&**running.cell());
                self.engine
                    .run()
                    .interrupted
                    .push(TaskRef::new(&**running.cell()));
                self.resume(running, now, tally);
            }
            Verdict::Bury(reason) => {
                tally.failed.add_one();
                let error = running.cell().extra_or_new().last_error(reason, ran.nanos);
                observer.failed(&**running.cell(), &error, ran.nanos);
                running.finish(Some(error));
            }
            Verdict::End(reason) => self.end(running, reason, was_made.then_some(ran), tally),
        }
        None
    }

    fn judge(
        running: &mut Running,
        outcome: Outcome,
        ready: Tick,
        now: Tick,
        tally: &Tally,
    ) -> Verdict {
        match &outcome {
            Outcome::Panicked(_) => tally.panicked.add_one(),
            Outcome::TimedOut { .. } => tally.timed_out.add_one(),
            _ => {}
        }
        let can_repeat = running.can_repeat();
        let Some(extra) = running.cell().extra() else {
            return judge(
                outcome,
                &Policy {
                    can_repeat,
                    ..Policy::default()
                },
                now,
            );
        };
        let (due, failed) = extra.standing(ready);
        let policy = Policy::new(&extra.options, due, failed);
        judge(
            outcome,
            &Policy {
                can_repeat,
                seed: fastrand::u64(..),
                ..policy
            },
            now,
        )
    }

    /// Lets a task wait for its next attempt, or gives it back where there is no pause.
    fn again(
        &self,
        running: Running,
        pause: Duration,
        pace: Pace,
        tally: &Tally,
    ) -> Option<Running> {
        if leased(&running).is_some() {
            // It waits in its store.
            running.finish(None);
            return None;
        }
        // A retry without a pause stays on its worker, as long as nobody wants the worker to stop.
        if pause.is_zero() && !self.reach.interrupt.is_cancelled() {
            return Some(running);
        }
        match running.release() {
            Ok(waiting) if pace == Pace::Quick => self.engine.delay_for_later(pause, waiting),
            Ok(waiting) => self.engine.delay(pause, waiting),
            Err(running) => self.end_cancelled(running, tally),
        }
        None
    }

    /// Puts a task back that a stop interrupted.
    fn resume(&self, running: Running, now: Tick, tally: &Tally) {
        if leased(&running).is_some() {
            return running.finish(None);
        }
        match running.release() {
            Ok(waiting) => self.engine.queue.push_accepted(waiting, now),
            Err(running) => self.end_cancelled(running, tally),
        }
    }

    /// Ends a task that somebody cancelled when its attempt had just ended.
    fn end_cancelled(&self, running: Running, tally: &Tally) {
        let reason = running.cell().extra_or_new().cancelled();
        self.end(running, reason, None, tally);
    }

    /// Ends a task, in the attempt that ran or without one.
    fn end(&self, running: Running, reason: Reason, ran: Option<Ran>, tally: &Tally) {
        match &reason {
            Reason::Expired(_) => tally.expired.add_one(),
            Reason::TimedOut(..) => tally.failed.add_one(),
            _ => tally.cancelled.add_one(),
        }
        // Out of time is here only one that wanted to snooze for longer: that uses no attempt.
        let ran = ran.filter(|_| !matches!(reason, Reason::TimedOut(..)));
        let extra = running.cell().extra_or_new();
        let error = match ran {
            Some(ran) => extra.last_error(reason, ran.nanos),
            None => extra.final_error(reason),
        };
        let nanos = ran.map_or(0, |ran| ran.nanos);
        self.engine
            .observer
            .failed(&**running.cell(), &error, nanos);
        running.finish(Some(error));
    }

    /// A task comes by that was cancelled while it waited; its handle knows it already.
    pub(crate) fn was_cancelled(&self, cell: &Cell<dyn Body>, tally: &Tally) {
        tally.cancelled.add_one();
        self.engine.observer.cancelled_early(cell);
        if let Some(extra) = cell.extra()
            && let Some(leased) = &extra.leased
        {
            leased.settle(
                None,
                Next::Cancel(extra.cancel_reason().unwrap_or_default()),
            );
        }
    }
}

/// The job that a running task is, if it came from a store.
fn leased(running: &Running) -> Option<&Leased> {
    running.cell().extra()?.leased.as_deref()
}
