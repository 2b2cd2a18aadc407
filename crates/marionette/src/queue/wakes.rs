//! Wake-ups that are collected under a lock and happen after the unlock: no waker is called under a
//! lock of ours.

use std::task::Waker;

/// Wake-ups that are owed once the lock is released.
#[derive(Default)]
pub(crate) struct Wakes {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakes {
    pub(super) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always)] // Each change of a queue ends with it, and mostly does nothing.
    pub(super) fn wake(self) {
        // Mostly there is none.
        if let Some(first) = self.first {
            first.wake();
            self.more.into_iter().for_each(Waker::wake);
        }
    }
}
