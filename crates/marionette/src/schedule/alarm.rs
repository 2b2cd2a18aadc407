//! The alarm wakes a sleeper to within microseconds. It has a thread of its own, since the
//! runtime's timer has whole milliseconds.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as Poller, Poll, Waker};
use std::thread::{self, Thread};

use crate::clock::Tick;
use crate::sync::Mutex;

/// Wakes one sleeper at its time. The thread of the alarm ends after the alarm is dropped.
pub(crate) struct Alarm {
    clock: Arc<Mutex<Option<(Tick, Waker)>>>,
    thread: Thread,
}

impl Alarm {
    /// # Panics
    ///
    /// Panics if the operating system cannot start a thread.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(Mutex::new(None));
        let weak = Arc::downgrade(&clock);
        let thread = thread::Builder::new().name("marionette-alarm".to_owned());
        let thread = thread
            .spawn(move || keep(&weak))
            .expect("a thread can be started");
        Self {
            clock,
            thread: thread.thread().clone(),
        }
    }

    /// Sleeps until this tick.
    pub(crate) fn sleep(&self, until: Tick) -> Sleep<'_> {
        Sleep { alarm: self, until }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        // The thread looks for the clock when it wakes, and ends since the clock is gone.
        self.clock = Arc::new(Mutex::new(None));
        self.thread.unpark();
    }
}

/// Runs on the thread of the alarm: parks until the time that is set, and again when the time
/// changes.
fn keep(clock: &Weak<Mutex<Option<(Tick, Waker)>>>) {
    loop {
        let Some(set) = clock.upgrade() else { return };
        let mut alarm = set.lock();
        let now = Tick::now();
        let due = alarm.take_if(|(until, _)| *until <= now);
        let next = alarm.as_ref().map(|(until, _)| *until);
        drop(alarm);
        drop(set);
        match (due, next) {
            (Some((_, waker)), _) => waker.wake(),
            (None, Some(until)) => thread::park_timeout(until.since(now)),
            (None, None) => thread::park(),
        }
    }
}

/// The future of [`Alarm::sleep`].
pub(crate) struct Sleep<'a> {
    alarm: &'a Alarm,
    until: Tick,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        if Tick::now() >= self.until {
            return Poll::Ready(());
        }
        *self.alarm.clock.lock() = Some((self.until, poller.waker().clone()));
        self.alarm.thread.unpark();
        Poll::Pending
    }
}
