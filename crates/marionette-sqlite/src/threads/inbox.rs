//! The inbox of a thread of the store: many callers put operations in, and the thread takes all
//! that wait at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;

/// The items that wait for one thread.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    state: Mutex<Contents<T>>,
    bell: Condvar,
    /// Whether an item waits or the inbox is closed: a hint that is read without the lock.
    hint: AtomicBool,
}

#[derive(Debug)]
struct Contents<T> {
    items: Vec<T>,
    closed: bool,
    asleep: bool,
}

/// How long the thread spins before it sleeps, once spinning has paid off: about what being woken
/// costs. Each time that nothing comes, the patience is halved, down to `IMPATIENCE`, which is what
/// a caller needs between two calls.
const PATIENCE: Duration = Duration::from_micros(40);
const IMPATIENCE: Duration = Duration::from_micros(10);

/// How long a thread spins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(Duration);

impl Default for Patience {
    fn default() -> Self {
        Self(IMPATIENCE)
    }
}

impl Patience {
    /// Spins until an item has come or the patience ends.
    fn wait(&mut self, has_come: impl Fn() -> bool) {
        if has_come() {
            return;
        }
        let until = clock::monotonic() + self.0;
        loop {
            for _ in 0..16 {
                std::hint::spin_loop();
                if has_come() {
                    self.0 = PATIENCE;
                    return;
                }
            }
            if clock::monotonic() >= until {
                self.0 = (self.0 / 2).max(IMPATIENCE);
                return;
            }
        }
    }
}

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(Contents {
                items: Vec::new(),
                closed: false,
                asleep: false,
            }),
            bell: Condvar::new(),
            hint: AtomicBool::new(false),
        }
    }

    /// Puts an item in; returns it if the inbox is closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        self.ring(state);
        Ok(())
    }

    /// Moves all items in, to be taken together; drops them if the inbox is closed. The vector is
    /// empty afterwards.
    pub(crate) fn push_all(&self, items: &mut Vec<T>) {
        let mut state = self.lock();
        if state.closed {
            drop(state);
            items.clear();
        } else if !items.is_empty() {
            state.items.append(items);
            self.ring(state);
        }
    }

    /// Tells the thread that an item waits.
    fn ring(&self, state: MutexGuard<'_, Contents<T>>) {
        // The flag needs no order of its own: a thread that sees it takes the lock.
        self.hint.store(true, Ordering::Relaxed);
        let asleep = state.asleep;
        drop(state);
        if asleep {
            self.bell.notify_one();
        }
    }

    /// Takes all items, and waits for one if there are none. `false` once the inbox is closed and
    /// empty.
    pub(crate) fn take(&self, into: &mut Vec<T>, patience: &mut Patience) -> bool {
        patience.wait(|| self.hint.load(Ordering::Relaxed));
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return false;
            }
            state.asleep = true;
            state = self
                .bell
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.asleep = false;
        }
        into.append(&mut state.items);
        self.hint.store(state.closed, Ordering::Relaxed);
        true
    }

    /// Closes the inbox: items that wait are still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.hint.store(true, Ordering::Relaxed);
        self.bell.notify_one();
    }

    /// Closes the inbox and drops the items that wait.
    pub(crate) fn abandon(&self) {
        self.close();
        let dropped = std::mem::take(&mut self.lock().items);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, Contents<T>> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_before_the_end_is_taken() {
        let inbox = Inbox::new();
        inbox.push(1).expect("it is open");
        inbox.close();
        assert_eq!(inbox.push(2), Err(2));
        let mut taken = Vec::new();
        let mut patience = Patience::default();
        assert!(inbox.take(&mut taken, &mut patience));
        assert!(!inbox.take(&mut taken, &mut patience));
        assert_eq!(taken, [1]);
    }

    #[test]
    fn what_was_put_in_together_is_taken_together() {
        let inbox = Inbox::new();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let (mut taken, mut patience) = (Vec::new(), Patience::default());
                let mut sizes = Vec::new();
                while inbox.take(&mut taken, &mut patience) {
                    sizes.push(taken.drain(..).len());
                }
                sizes
            });
            for _ in 0..1000 {
                inbox.push_all(&mut vec![(); 64]);
            }
            inbox.close();
            let sizes = taker.join().expect("it ends");
            assert_eq!(sizes.iter().sum::<usize>(), 64_000);
            assert!(sizes.iter().all(|size| size % 64 == 0), "{sizes:?}");
        });
        let mut late = vec![()];
        inbox.push_all(&mut late);
        assert!(late.is_empty(), "they are dropped");
    }

    #[test]
    fn a_thread_that_sleeps_is_woken() {
        let inbox = Inbox::new();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let (mut taken, mut patience) = (Vec::new(), Patience::default());
                while inbox.take(&mut taken, &mut patience) {}
                taken.len()
            });
            for round in 0..10_000 {
                inbox.push(round).expect("it is open");
                if round % 100 == 0 {
                    std::thread::yield_now();
                }
            }
            inbox.close();
            assert_eq!(taker.join().expect("it ends"), 10_000);
        });
    }
}
