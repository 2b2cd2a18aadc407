//! The waiters for jobs, and the thread that wakes them when the next job is due.
//!
//! A waiter enters the list first; then the thread looks in the file for when the next job is due
//! that the waiter wants. The look sees what was committed before it, and what is committed later
//! tells the list, so no job is missed. The thread is late by some tens of microseconds at most;
//! timers of runtimes are less exact.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marionette::store::{Name, Wanted};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use crate::clock::{self, Clock};
use crate::codec;
use crate::failpoint;
use crate::file::allowance::Allowance;
use crate::lanes::{Lane, Lanes, WantedLanes};

/// The managers that wait for jobs.
#[derive(Debug)]
pub(crate) struct Waiters {
    clock: Clock,
    list: Mutex<List>,
    bell: Condvar,
    /// Whether the list has a waiter: a hint that is read without the lock.
    any: AtomicBool,
}

#[derive(Debug, Default)]
struct List {
    waiting: Vec<Waiter>,
    closed: bool,
    last: u64,
}

#[derive(Debug)]
struct Waiter {
    number: u64,
    wanted_lanes: Arc<WantedLanes>,
    /// Whether the thread has looked in the file for it.
    looked: bool,
    /// When the next wanted job is due, by the wall clock.
    due: i64,
    /// When it is woken to look for itself, by the monotonic clock.
    until: Instant,
    reply: oneshot::Sender<()>,
}

impl Waiters {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            list: Mutex::default(),
            bell: Condvar::new(),
            any: AtomicBool::new(false),
        }
    }

    /// Adds a waiter. The receiver ends when there may be a job, or after `poll`.
    pub(crate) fn add(&self, wanted: &Wanted, poll: Duration) -> oneshot::Receiver<()> {
        let (reply, receiver) = oneshot::channel();
        let wanted_lanes = Arc::new(WantedLanes::new(wanted));
        let mut list = self.lock();
        if list.closed {
            return receiver;
        }
        list.last += 1;
        let number = list.last;
        list.waiting.push(Waiter {
            number,
            wanted_lanes,
            looked: false,
            due: i64::MAX,
            until: self.clock.monotonic() + poll,
            reply,
        });
        // A later commit sees this flag: the look in the file that is still to come either sees the
        // commit or comes before it, and both go through the lock.
        self.any.store(true, Ordering::SeqCst);
        drop(list);
        self.bell.notify_one();
        receiver
    }

    /// Jobs of these lanes are due at these times: wakes each waiter that wants one which is due
    /// now. Returns whether one was woken.
    pub(crate) fn tell(&self, news: &[(Arc<Lane>, i64)], now: i64) -> bool {
        if news.is_empty() || !self.any.load(Ordering::SeqCst) {
            return false;
        }
        let (mut sooner, mut woken) = (false, false);
        let mut list = self.lock();
        for (lane, due) in news {
            let mut index = 0;
            while index < list.waiting.len() {
                let waiter = &mut list.waiting[index];
                if !waiter.wanted_lanes.is_for(lane) {
                    index += 1;
                } else if *due <= now {
                    list.wake(index);
                    woken = true;
                } else {
                    sooner |= *due < waiter.due;
                    waiter.due = waiter.due.min(*due);
                    index += 1;
                }
            }
        }
        self.any.store(!list.waiting.is_empty(), Ordering::SeqCst);
        drop(list);
        if sooner {
            self.bell.notify_one();
        }
        woken
    }

    /// Wakes all waiters, since there may be a job for any of them.
    pub(crate) fn wake_all(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        for waiter in waiting {
            let _ = waiter.reply.send(());
        }
    }

    /// Ends the thread, and all waiting.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.wake_all();
        self.bell.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// The work of the thread, until the list is closed.
    pub(crate) fn run(&self, connection: &Connection, allowance: &Allowance) {
        let mut lanes = Lanes::default();
        let mut list = self.lock();
        while !list.closed {
            if let Some(waiter) = list.waiting.iter().find(|waiter| !waiter.looked) {
                let (number, wanted_lanes) = (waiter.number, waiter.wanted_lanes.clone());
                drop(list);
                allowance.begin_question();
                failpoint::at("sqlite::wake::begin");
                // If the file cannot be read, the waiter finds that out when it claims.
                let due = self
                    .next(connection, &mut lanes, &wanted_lanes)
                    .unwrap_or(i64::MAX);
                list = self.lock();
                list.looked(number, due);
                continue;
            }
            let pause = list.wake_due(&self.clock);
            list = match pause {
                None => self.bell.wait(list).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => {
                    let since = clock::monotonic();
                    let waited = self.bell.wait_timeout(list, self.clock.nap(pause));
                    self.clock.slept(since);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// When the next job is due in the wanted lanes.
    ///
    /// A suspect that is due already does not count: the waiter may be unable to take one more
    /// suspect now, and would come back again and again without a pause.
    fn next(
        &self,
        connection: &Connection,
        lanes: &mut Lanes,
        wanted_lanes: &WantedLanes,
    ) -> rusqlite::Result<i64> {
        lanes.refresh(connection)?;
        let mut paused = connection.prepare_cached(include_str!("../sql/paused.sql"))?;
        let paused: HashSet<Name> = codec::names(paused.query([])?)?;
        let mut statement = connection.prepare_cached(include_str!("../sql/next_in_lane.sql"))?;
        let mut next = i64::MAX;
        let now = self.clock.now();
        for lane in lanes.wanted(connection, wanted_lanes)? {
            if paused.contains(&lane.queue) {
                continue;
            }
            let after = if lane.suspect { now } else { i64::MIN };
            let due = statement
                .query_row([lane.id, after], |row| codec::lenient(row, 0))
                .optional()?;
            next = next.min(due.unwrap_or(i64::MAX));
            if next <= now {
                break;
            }
        }
        Ok(next)
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // No code panics while it holds the lock.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn wake(&mut self, index: usize) {
        let waiter = self.waiting.swap_remove(index);
        // A waiter that went away needs no waking.
        let _ = waiter.reply.send(());
    }

    fn looked(&mut self, number: u64, due: i64) {
        if let Some(waiter) = self
            .waiting
            .iter_mut()
            .find(|waiter| waiter.number == number)
        {
            waiter.looked = true;
            waiter.due = waiter.due.min(due);
        }
    }

    /// Wakes the waiters whose time has come; returns how long the next one has to wait.
    fn wake_due(&mut self, clock: &Clock) -> Option<Duration> {
        let (now, wall) = (clock.monotonic(), clock.now());
        let mut next: Option<Duration> = None;
        let mut index = 0;
        while index < self.waiting.len() {
            let waiter = &self.waiting[index];
            if waiter.due <= wall || waiter.until <= now || waiter.reply.is_closed() {
                self.wake(index);
                continue;
            }
            let pause = clock::length(waiter.due - wall).min(waiter.until - now);
            next = Some(next.map_or(pause, |next| next.min(pause)));
            index += 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use marionette::store::Priority;

    use super::*;

    fn lane(kind: &'static str) -> Arc<Lane> {
        Arc::new(Lane {
            id: 1,
            queue: Name::from_static("default"),
            kind: Name::from_static(kind),
            priority: Priority::new(0),
            suspect: false,
            is_open: true,
        })
    }

    fn wanted(kind: &'static str) -> Wanted {
        Wanted::new([Name::from_static(kind)])
    }

    #[test]
    fn only_who_wants_a_kind_is_woken_for_it() {
        let waiters = Waiters::new(Clock::default());
        let hour = Duration::from_secs(3600);
        let mut mail = waiters.add(&wanted("mail"), hour);
        let mut hook = waiters.add(&wanted("hook"), hour);
        waiters.tell(&[(lane("mail"), 5)], 5);
        assert!(mail.try_recv().is_ok());
        assert!(hook.try_recv().is_err());
        waiters.tell(&[(lane("hook"), 6)], 5);
        assert!(hook.try_recv().is_err(), "it is not due yet");
        waiters.wake_all();
        assert!(hook.try_recv().is_ok());
    }

    #[test]
    fn nobody_is_woken_before_the_job_is_due() {
        let clock = Clock::default();
        let waiters = Waiters::new(clock.clone());
        std::thread::scope(|scope| {
            // There is nothing in this file, so a waiter knows only what it is told.
            let mut empty = Connection::open_in_memory().expect("it needs no file");
            let allowance = Allowance::of(&mut empty, Path::new("nowhere"));
            let waiters = &waiters;
            scope.spawn(move || waiters.run(&empty, &allowance));
            let mut early = i64::MIN;
            for _ in 0..5 {
                let woken = waiters.add(&wanted("mail"), Duration::from_secs(3600));
                let now = clock.now();
                let due = now + 50_000;
                waiters.tell(&[(lane("mail"), due)], now);
                woken.blocking_recv().expect("it is woken");
                early = early.max(due - clock.now());
            }
            waiters.close();
            assert!(early <= 0, "{early} microseconds too early");
        });
    }
}
