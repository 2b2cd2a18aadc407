//! Values that may be missing, in one word each: options and details stay small blocks, with which
//! an allocator is quick.

#![deny(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Tick;

/// A duration that may be missing, as one word. A duration of centuries counts as missing.
#[derive(Clone, Copy)]
pub(super) struct Length(u64);

impl Default for Length {
    fn default() -> Self {
        Self::MISSING
    }
}

impl From<Option<Duration>> for Length {
    fn from(length: Option<Duration>) -> Self {
        length
            .and_then(|length| u64::try_from(length.as_nanos()).ok())
            .map_or_else(Self::default, Self)
    }
}

impl Length {
    pub(super) const MISSING: Self = Self(u64::MAX);

    pub(super) fn get(self) -> Option<Duration> {
        (self.0 != Self::MISSING.0).then(|| Duration::from_nanos(self.0))
    }
}

/// A tick that may be missing, as one word.
pub(super) struct AtomicTick(AtomicU64);

/// The last tick stands for a missing one.
const NEVER: Tick = Tick::MAX;

impl Default for AtomicTick {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER.nanos()))
    }
}

impl AtomicTick {
    pub(super) fn set(&self, tick: Option<Tick>) {
        self.0
            .store(tick.unwrap_or(NEVER).nanos(), Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> Option<Tick> {
        let tick = Tick::from_nanos(self.0.load(Ordering::Relaxed));
        (tick != NEVER).then_some(tick)
    }

    /// The tick; a missing one is set to `tick` first.
    pub(super) fn get_or_set(&self, tick: Tick) -> Tick {
        self.get().unwrap_or_else(|| {
            self.set(Some(tick));
            tick
        })
    }
}
