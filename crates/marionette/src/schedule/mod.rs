//! Hands out each future task at or after its time, never before. One sleeper, no ticking.

pub(crate) mod futures;
mod heap;
mod outlet;
pub(crate) mod alarm;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::sleep_until;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::{Now, Tick, Wall, is_the_systems, runtime};
use crate::queue::Ready;
use crate::schedule::alarm::Alarm;
use crate::schedule::futures::{
    Clock, DueTime, FirstDue, Firsts, FutureTask, Futures, Unschedulable,
};
use crate::schedule::outlet::DueSink;
use crate::sync::Mutex;

/// How long the sleeper sleeps at most while something waits for the wall clock: a step of that
/// clock tells nobody, so it is read again. Only a step forward can make a task late by this.
const WALL_CHECK: Duration = Duration::from_secs(60);

/// So many that go by one clock may come one after the other while something is due by the other
/// clock: whoever schedules into the past again and again holds up no delay for good.
const ROW_MAX: u32 = 1024;

/// What waits for its time, and the one sleeper that waits with it.
pub(crate) struct Timekeeper<T, O> {
    table: Arc<Table<T>>,
    outlet: Arc<O>,
    sleeper: Mutex<Option<Sleeper>>,
}

struct Table<T> {
    state: Mutex<Timetable<T>>,
    woken: Notify,
    wall: Wall,
    /// Tells which tasks need not be handed out any more: they go before room is made for others.
    is_over: fn(&T) -> bool,
    precision: Precision,
    /// Something was inserted of which the sleeper is to be told, unless a worker hands it out.
    is_owed: AtomicBool,
}

/// By which clock the sleeper sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Precision {
    /// The runtime's timer: whole milliseconds, and no thread.
    #[default]
    Milliseconds,
    /// An alarm of its own: microseconds, and a thread.
    Microseconds,
}

struct Timetable<T> {
    futures: Futures<T>,
    /// What the sleeper sleeps for, while it is not awake: it is woken only for what is earlier.
    sleeps_for: Option<Firsts>,
    row: ClockRun,
    /// Whether tasks are handed out.
    runs: bool,
}

/// How many that go by one clock came one after the other while something was due by the other.
struct ClockRun {
    clock: Clock,
    length: u32,
}

impl ClockRun {
    /// By which clock the next one goes.
    fn next(&mut self, first: FirstDue) -> Clock {
        let mut clock = first.clock;
        if !first.is_contested {
            self.length = 0;
        } else if clock != self.clock {
            self.length = 1;
        } else if self.length < ROW_MAX {
            self.length += 1;
        } else {
            self.length = 0;
            clock = clock.other();
        }
        self.clock = first.clock;
        clock
    }
}

/// A running sleeper, which ends when this is dropped.
struct Sleeper {
    _end: DropGuard,
    ended: watch::Receiver<()>,
}

impl<T: Send + 'static, O: DueSink<T>> Timekeeper<T, O> {
    pub(crate) fn new(
        outlet: Arc<O>,
        wall: Wall,
        precision: Precision,
        is_over: fn(&T) -> bool,
    ) -> Self {
        let state = Timetable {
            futures: Futures::with_wall(wall.clone()),
            sleeps_for: None,
            row: ClockRun {
                clock: Clock::Monotonic,
                length: 0,
            },
            runs: false,
        };
        let table = Table {
            state: Mutex::new(state),
            woken: Notify::new(),
            wall,
            is_over,
            precision,
            is_owed: AtomicBool::new(false),
        };
        Self {
            table: Arc::new(table),
            outlet,
            sleeper: Mutex::new(None),
        }
    }

    /// Takes a task in. Where that needs room, those that are over make it, and come back; else
    /// there is not even an empty list of them, which would cost each insertion something.
    #[must_use = "what is over is to be told"]
    #[inline]
    pub(crate) fn insert(&self, future: FutureTask<T>) -> Option<Vec<T>> {
        let (over, must_tell) = self.table.insert(future);
        if must_tell {
            self.table.tell();
        }
        over
    }

    /// Likewise, by a worker that will soon call [`hand_out`](Self::hand_out) or
    /// [`tell_what_is_owed`](Self::tell_what_is_owed): the sleeper is not woken for what is due
    /// until then.
    #[must_use = "what is over is to be told"]
    pub(crate) fn insert_for_later(&self, future: FutureTask<T>) -> Option<Vec<T>> {
        let (over, must_tell) = self.table.insert(future);
        if must_tell {
            // Relaxed, as all of its reads: the lock of the table orders what it is about.
            self.table.is_owed.store(true, Ordering::Relaxed);
        }
        over
    }

    /// Whether the sleeper is to be told of something, unless a worker hands it out.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.table.is_owed.load(Ordering::Relaxed)
    }

    /// Hands out what is due: no more than so many.
    pub(crate) fn hand_out(&self, room: usize, ready: &mut VecDeque<Ready<T>>) {
        let mut state = self.table.state.lock();
        if state.runs {
            state.take_due(room, |due| ready.push_back(due));
        }
        let firsts = state.futures.firsts();
        let owes = state
            .sleeps_for
            .is_some_and(|slept| firsts.any_is_before(slept));
        self.table.is_owed.store(owes, Ordering::Relaxed);
    }

    /// Tells the sleeper of what was inserted and not handed out.
    pub(crate) fn tell_what_is_owed(&self) {
        if self.owes() {
            self.table.is_owed.store(false, Ordering::Relaxed);
            self.table.state.lock().sleeps_for = None;
            self.table.tell();
        }
    }

    /// How many wait, with those that are over and not yet found.
    pub(crate) fn len(&self) -> usize {
        self.table.state.lock().futures.len()
    }

    /// Takes out those that are over; it looks at each. How many wait without them, and they.
    #[must_use = "what is over is to be told"]
    pub(crate) fn sweep(&self) -> (usize, Vec<T>) {
        let mut state = self.table.state.lock();
        let over = state.futures.extract(self.table.is_over);
        (state.futures.len(), over)
    }

    #[cfg(feature = "test-util")]
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.table.state.lock().futures.next_due()
    }

    pub(crate) fn take_all(&self) -> Futures<T> {
        self.table.state.lock().futures.take()
    }

    /// Starts the sleeper, unless it runs.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime, and in one without timers; it has done nothing then.
    #[track_caller]
    pub(crate) fn start(&self) {
        let mut sleeper = self.sleeper.lock();
        if sleeper.as_ref().is_some_and(Sleeper::runs) {
            return;
        }
        let runtime = runtime();
        self.table.state.lock().runs = true;
        let end = CancellationToken::new();
        let (ends, ended) = watch::channel(());
        let (table, outlet) = (Arc::clone(&self.table), Arc::clone(&self.outlet));
        let until = end.clone();
        runtime.spawn(async move {
            let _ends = ends;
            until.run_until_cancelled(table.keep_time(&*outlet)).await;
        });
        *sleeper = Some(Sleeper {
            _end: end.drop_guard(),
            ended,
        });
    }

    /// Tells the sleeper to end. What it comes back with says when it has.
    pub(crate) fn stop(&self) -> impl Future<Output = ()> + Send + use<T, O> {
        let stopped = self.sleeper.lock().take();
        if stopped.is_some() {
            self.table.state.lock().runs = false;
        }
        wait_for(stopped.map(|sleeper| sleeper.ended.clone()))
    }

    pub(crate) fn is_running(&self) -> bool {
        self.sleeper.lock().as_ref().is_some_and(Sleeper::runs)
    }

    pub(crate) fn ended(&self) -> impl Future<Output = ()> + Send + use<T, O> {
        let ended = self
            .sleeper
            .lock()
            .as_ref()
            .map(|sleeper| sleeper.ended.clone());
        wait_for(ended)
    }
}

async fn wait_for(ended: Option<watch::Receiver<()>>) {
    if let Some(mut ended) = ended {
        // Nothing is ever sent: this ends when the sleeper drops the sender.
        let _ = ended.changed().await;
    }
}

impl Sleeper {
    fn runs(&self) -> bool {
        self.ended.has_changed().is_ok()
    }
}

impl<T: Send + 'static> Table<T> {
    /// Those that are over, and whether the sleeper must be told.
    #[inline]
    fn insert(&self, future: FutureTask<T>) -> (Option<Vec<T>>, bool) {
        let due = future.due;
        let mut state = self.state.lock();
        let is_full = state.futures.is_full_for(due);
        let over = is_full.then(|| state.futures.make_room(due, self.is_over));
        state.futures.insert(future);
        (
            over,
            state.sleeps_for.is_some_and(|first| first.are_after(due)),
        )
    }

    fn tell(&self) {
        self.woken.notify_one();
    }

    /// Hands out what becomes due, until there is no outlet any more. Dropping it loses nothing.
    async fn keep_time(&self, outlet: &impl DueSink<T>) {
        let alarm = (self.precision == Precision::Microseconds).then(Alarm::new);
        let mut sleep = pin!(sleep_until(Tick::now().to_instant()));
        let mut due = Vec::new();
        loop {
            // Listening begins before the clock is read, so no step falls between the two.
            let stepped = self.wall.stepped();
            let until = self.state.lock().until_next();
            if let Some(until) = until {
                let slept = async {
                    // The alarm's thread knows the system's clock alone, and a test may own ours.
                    if let Some(alarm) = &alarm
                        && is_the_systems()
                    {
                        alarm.sleep(until).await;
                    } else {
                        sleep.as_mut().reset(until.to_instant());
                        sleep.as_mut().await;
                    }
                };
                tokio::select! {
                    biased;
                    () = self.woken.notified() => {}
                    () = stepped => {}
                    () = slept, if until < Tick::MAX => {}
                }
                continue;
            }
            let Some((place, room)) = outlet.place().await else {
                return;
            };
            // There is no await between these two, so nothing is lost.
            self.state.lock().take_due(room, |ready| due.push(ready));
            if !due.is_empty() {
                outlet.put(place, &mut due);
            }
        }
    }
}

impl<T> Timetable<T> {
    /// Takes out what is due, in its order: no more than so many.
    fn take_due(&mut self, max: usize, mut take: impl FnMut(Ready<T>)) {
        let now = self.futures.now();
        for _ in 0..max {
            let first = self.futures.first_due(now);
            let clock = first.map(|first| self.row.next(first));
            let Some(FutureTask { due, task }) = clock.and_then(|clock| self.futures.pop(clock))
            else {
                break;
            };
            let at = match due {
                DueTime::After(tick) => tick,
                DueTime::At(_) => now.tick,
            };
            take(Ready { at, task });
        }
    }

    /// Until when there is nothing to do: the end of time if nothing waits, `None` if something is
    /// due.
    fn until_next(&mut self) -> Option<Tick> {
        // One reading, for what is due and for now: two would differ, and a time by the wall clock
        // would always lie ahead of the first of them.
        let now = self.futures.now();
        let next = self.futures.next(now).unwrap_or(Tick::MAX);
        let until = (next > now.tick).then(|| next.min(Self::next_look(now)));
        self.sleeps_for = until.map(|_| self.futures.firsts());
        until
    }

    /// When the wall clock has to be looked at again.
    fn next_look(now: Now) -> Tick {
        if now.may_be_stepped {
            now.tick.saturating_add(WALL_CHECK)
        } else {
            Tick::MAX
        }
    }
}

/// Sends each task on a channel at or after its time, and never before.
///
/// A [`TaskManager`](crate::TaskManager) has one inside; this one is for use alone. Tasks may be of
/// any type. It accepts them before it is started; what is pending when it is stopped stays, and is
/// sent after the next start. When the channel is full it waits, and uses no CPU.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::Scheduler;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (out, mut due) = tokio::sync::mpsc::channel(1);
/// let scheduler = Scheduler::new(out);
/// scheduler.delay(Duration::from_millis(20), "later");
/// scheduler.delay(Duration::ZERO, "now");
/// scheduler.start();
/// assert_eq!(due.recv().await, Some("now"));
/// assert_eq!(due.recv().await, Some("later"));
/// # }
/// ```
pub struct Scheduler<T>(Timekeeper<T, mpsc::Sender<T>>);

impl<T: Send + 'static> Scheduler<T> {
    /// A scheduler that sends what is due on `out`.
    #[must_use]
    pub fn new(out: mpsc::Sender<T>) -> Self {
        Self(Timekeeper::new(
            Arc::new(out),
            Wall::default(),
            Precision::default(),
            |_| false,
        ))
    }

    /// Sends the task after this delay, by the monotonic clock.
    pub fn delay(&self, delay: Duration, task: T) {
        self.insert(FutureTask::after(delay, task));
    }

    /// Sends the task at this time, by the wall clock, also when that is stepped; at once if the
    /// time has passed.
    ///
    /// After a step forward the task may be up to a minute late.
    ///
    /// # Errors
    ///
    /// [`Unschedulable`], with the task, for the Unix epoch or earlier and for times after 2554.
    pub fn schedule(&self, time: impl Into<SystemTime>, task: T) -> Result<(), Unschedulable<T>> {
        self.insert(FutureTask::at(time, task)?);
        Ok(())
    }

    /// Sends the task at its time.
    pub fn insert(&self, future: FutureTask<T>) {
        // Here none is ever over.
        drop(self.0.insert(future));
    }

    /// Starts the scheduler in a task of its own; does nothing if it runs.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime, and in one without timers (`enable_time`).
    #[track_caller]
    pub fn start(&self) {
        self.0.start();
    }

    /// Stops the scheduler, and waits until it has ended; does nothing if it is stopped. The
    /// channel stays open, and what is pending stays here.
    ///
    /// # Cancel safety
    ///
    /// The scheduler ends also if the future is dropped, once it was polled.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    /// Whether it runs. It ends by itself when nobody receives on the channel any more.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.is_running()
    }

    /// Waits until it does not run.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn ended(&self) {
        self.0.ended().await;
    }

    /// How many tasks are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no task is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out all that is pending.
    #[must_use]
    pub fn take_all(&self) -> Futures<T> {
        self.0.take_all()
    }
}

impl<T: Send + 'static> fmt::Debug for Scheduler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("pending", &self.len())
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}
