//! How operations come to a thread of the store: many callers put them in, the thread takes all
//! that wait.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// What waits for one thread.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    bell: Condvar,
    /// Whether something waits or the inbox is closed; a hint for who looks without the lock.
    hint: AtomicBool,
}

#[derive(Debug)]
struct State<T> {
    items: Vec<T>,
    closed: bool,
    asleep: bool,
}

/// For how many looks the thread waits awake before it sleeps: some 20 µs, less than it costs to
/// be woken.
const LOOKS: u32 = 600;

impl<T> Inbox<T> {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                items: Vec::new(),
                closed: false,
                asleep: false,
            }),
            bell: Condvar::new(),
            hint: AtomicBool::new(false),
        }
    }

    /// Puts something in; gives it back if nobody will take it any more.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        let mut state = self.lock();
        if state.closed {
            return Err(item);
        }
        state.items.push(item);
        // The flag needs no order of its own: who sees it takes the lock.
        self.hint.store(true, Ordering::Relaxed);
        let asleep = state.asleep;
        drop(state);
        if asleep {
            self.bell.notify_one();
        }
        Ok(())
    }

    /// Takes all that waits, and waits if nothing does. `false` once the inbox is closed and empty.
    pub(crate) fn take(&self, into: &mut Vec<T>) -> bool {
        for _ in 0..LOOKS {
            if self.hint.load(Ordering::Relaxed) {
                break;
            }
            std::hint::spin_loop();
        }
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

    /// Nothing comes in any more; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.hint.store(true, Ordering::Relaxed);
        self.bell.notify_one();
    }

    /// Nothing comes in any more, and what waits is dropped.
    pub(crate) fn abandon(&self) {
        self.close();
        let dropped = std::mem::take(&mut self.lock().items);
        drop(dropped);
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // Nothing can panic while it is held.
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
        assert!(inbox.take(&mut taken));
        assert!(!inbox.take(&mut taken));
        assert_eq!(taken, [1]);
    }

    #[test]
    fn a_thread_that_sleeps_is_woken() {
        let inbox = Inbox::new();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| {
                let mut taken = Vec::new();
                while inbox.take(&mut taken) {}
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
