//! The tasks that wait for their time, and the one sleeper that hands them out.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::sleep_until;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::clock::{Now, Tick, Wall, is_the_systems, runtime};
use crate::queue::Ready;
use crate::schedule::alarm::Alarm;
use crate::schedule::due_sink::DueSink;
use crate::schedule::future_task::{Clock, DueTime, FutureTask};
use crate::schedule::futures::{FirstDue, Firsts, Futures};
use crate::sync::Mutex;

/// How long the sleeper sleeps at most while a task waits for the wall clock. Nobody reports steps
/// of that clock, so it is read again; only a step forward can make a task late by this.
const WALL_CHECK: Duration = Duration::from_secs(60);

/// How many tasks of one clock may come in a row while a task of the other clock is due. Even
/// endless scheduling into the past delays no task of the monotonic clock for good.
const ROW_MAX: u32 = 1024;

/// The tasks that wait for their time, and the one sleeper that waits with them.
pub(crate) struct Timekeeper<T, O> {
    table: Arc<Table<T>>,
    sink: Arc<O>,
    sleeper: Mutex<Option<Sleeper>>,
}

struct Table<T> {
    state: Mutex<Timetable<T>>,
    woken: Notify,
    wall: Wall,
    /// Whether a task need not be handed out any more; such tasks go before others get room.
    is_over: fn(&T) -> bool,
    precision: Precision,
    /// A task was inserted of which the sleeper must hear, unless a worker hands it out.
    is_owed: AtomicBool,
}

/// How precisely the sleeper sleeps, and by which means.
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
    /// What the sleeper sleeps for, `None` while it is awake. Only earlier tasks wake it.
    sleeps_for: Option<Firsts>,
    row: ClockRun,
    /// Whether tasks are handed out.
    runs: bool,
}

/// How many tasks of one clock came in a row while a task of the other clock was due.
struct ClockRun {
    clock: Clock,
    length: u32,
}

impl ClockRun {
    /// The clock of the task to hand out next.
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
        sink: Arc<O>,
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
            sink,
            sleeper: Mutex::new(None),
        }
    }

    /// Inserts a task. If that needs room, the tasks that are over make it and are returned. `None`
    /// stands for no such tasks, since even an empty list would cost each insertion something.
    #[must_use = "what is over is to be told"]
    #[inline]
    pub(crate) fn insert(&self, future: FutureTask<T>) -> Option<Vec<T>> {
        let (over, must_tell) = self.table.insert(future);
        if must_tell {
            self.table.tell();
        }
        over
    }

    /// As `insert`, for a worker that will soon call [`hand_out`](Self::hand_out) or
    /// [`tell_what_is_owed`](Self::tell_what_is_owed): until then the sleeper is not woken for the
    /// task.
    #[must_use = "what is over is to be told"]
    pub(crate) fn insert_for_later(&self, future: FutureTask<T>) -> Option<Vec<T>> {
        let (over, must_tell) = self.table.insert(future);
        if must_tell {
            // Relaxed, as all reads of the flag: the lock of the table orders the tasks.
            self.table.is_owed.store(true, Ordering::Relaxed);
        }
        over
    }

    /// Whether the sleeper must hear of a task, unless a worker hands the task out first.
    #[inline]
    pub(crate) fn owes(&self) -> bool {
        self.table.is_owed.load(Ordering::Relaxed)
    }

    /// Hands out at most `room` due tasks.
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

    /// Wakes the sleeper for tasks that were inserted for a worker and not handed out.
    pub(crate) fn tell_what_is_owed(&self) {
        if self.owes() {
            self.table.is_owed.store(false, Ordering::Relaxed);
            self.table.state.lock().sleeps_for = None;
            self.table.tell();
        }
    }

    /// How many tasks wait, with those that are over and not found yet.
    pub(crate) fn len(&self) -> usize {
        self.table.state.lock().futures.len()
    }

    /// Looks at each task. Returns how many are left, and those that are over, which it takes out.
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
    /// Panics outside of a Tokio runtime, and in one without timers; nothing has changed then.
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
        let (table, sink) = (Arc::clone(&self.table), Arc::clone(&self.sink));
        let until = end.clone();
        runtime.spawn(async move {
            let _ends = ends;
            until.run_until_cancelled(table.keep_time(&*sink)).await;
        });
        *sleeper = Some(Sleeper {
            _end: end.drop_guard(),
            ended,
        });
    }

    /// Tells the sleeper to end. The returned future resolves once the sleeper has ended.
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
        // Nothing is ever sent: `changed` returns when the sleeper drops the sender.
        let _ = ended.changed().await;
    }
}

impl Sleeper {
    fn runs(&self) -> bool {
        self.ended.has_changed().is_ok()
    }
}

impl<T: Send + 'static> Table<T> {
    /// Inserts a task. Returns the tasks that are over, and whether to wake the sleeper.
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

    /// Hands out tasks as they become due, until the sink is gone. Being dropped loses nothing.
    async fn keep_time(&self, sink: &impl DueSink<T>) {
        let alarm = (self.precision == Precision::Microseconds).then(Alarm::new);
        let mut sleep = pin!(sleep_until(Tick::now().to_instant()));
        let mut due = Vec::new();
        loop {
            // Listening begins before the clock is read, so no step falls between the two.
            let stepped = self.wall.stepped();
            let until = self.state.lock().until_next();
            if let Some(until) = until {
                let slept = async {
                    // The alarm's thread knows only the system's clock, and a test may own ours.
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
            let Some((place, room)) = sink.place().await else {
                return;
            };
            // There is no await between taking and putting, so nothing is lost.
            self.state.lock().take_due(room, |ready| due.push(ready));
            if !due.is_empty() {
                sink.put(place, &mut due);
            }
        }
    }
}

impl<T> Timetable<T> {
    /// Takes out at most `max` due tasks, in their order.
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

    /// Until when the sleeper has nothing to do: the end of time if no task waits, `None` if one is
    /// due.
    fn until_next(&mut self) -> Option<Tick> {
        // One reading serves the due time and the present: two would differ, and a time by the wall
        // clock would always lie ahead of the first one.
        let now = self.futures.now();
        let next = self.futures.next(now).unwrap_or(Tick::MAX);
        let until = (next > now.tick).then(|| next.min(Self::next_look(now)));
        self.sleeps_for = until.map(|_| self.futures.firsts());
        until
    }

    /// When the wall clock has to be read again.
    fn next_look(now: Now) -> Tick {
        if now.may_be_stepped {
            now.tick.saturating_add(WALL_CHECK)
        } else {
            Tick::MAX
        }
    }
}
