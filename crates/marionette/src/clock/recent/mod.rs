//! The present, or up to a microsecond before it, for less than half the price of the present.
//!
//! Reading the clock takes 21 ns, which is a seventh of a task, and most of it is the wait until
//! all earlier instructions are done. The cycle counter, from which the system makes its clock,
//! takes 9 ns. So a thread that has read the clock some microseconds ago counts on from that
//! reading.
//!
//! # Invariants
//!
//! 1. A recent tick is never ahead of the clock: the cycles are those after the reading, and the
//!    rate is a little too low. So these ticks do not go back in a thread either.
//! 2. A recent tick is behind the clock by less than the cycles that a reading may take
//!    ([`INTERRUPTED`]): a reading that took longer is not counted on from. The lowered rate loses
//!    nothing to speak of within a [`WINDOW`].
//! 3. Where the counter cannot be trusted, the clock itself is read: where the system does not
//!    trust the counter, or a reading contradicts the last one (as when a virtual machine moves),
//!    or Tokio's clock is not the system's, since it is paused.

mod cycles;

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use self::cycles::{cycles, is_the_clocks};
use crate::clock::{Tick, monotonic};
use crate::sync::Mutex;

/// For how many cycles a thread counts on from a reading: some 40 microseconds.
const WINDOW: u64 = 1 << 17;

/// A reading that took more cycles than this, about half a microsecond, was interrupted.
const INTERRUPTED: u64 = 1 << 11;

/// If more readings in a row than this were interrupted, all are taken to be: under an emulator,
/// say.
const INTERRUPTED_MAX: u32 = 64;

/// The rate is taken between two readings that are at least this many nanoseconds apart.
const APART: u64 = 20_000_000;
/// The rate is not taken between two readings that are more nanoseconds apart than this: a machine
/// that slept in between would show a wrong one.
const TOO_FAR_APART: u64 = 50 * APART;

/// The rate is lowered by one part in this number, which is more than the two readings may be wrong
/// by.
const LOWERED: u64 = 1 << 13;

/// Two readings are compared if fewer cycles than this lie between them.
const COMPARED: u64 = 1 << 24;
/// Two readings that are compared agree if the later one differs by no more nanoseconds than this
/// from what the rate says.
const AGREE: u64 = 4_000;

/// The present, or up to a microsecond before it.
#[inline]
pub(super) fn recent() -> Tick {
    thread_local! {
        static LAST: Cell<Anchor> = const { Cell::new(Anchor::NONE) };
    }
    static GAUGE: Gauge = Gauge::new();

    LAST.with(|last| {
        let anchor = last.get();
        match anchor.rate {
            NO_RATE => {}
            OFF => return Tick::now(),
            _ => {
                if let Some(tick) = anchor.tick_at(cycles()) {
                    return tick;
                }
            }
        }
        let (tick, anchor) = GAUGE.read(&anchor);
        last.set(anchor);
        tick
    })
}

/// A reading of the clock from which a thread counts on.
#[derive(Clone, Copy)]
struct Anchor {
    cycles: u64,
    tick: Tick,
    rate: u64,
}

/// Rates are nanoseconds for each cycle, in steps of 2⁻³².
const RATE_BITS: u32 = 32;
const NO_RATE: u64 = 0;
/// The rate of a counter that is not used any more.
const OFF: u64 = u64::MAX;

impl Anchor {
    const NONE: Self = Self {
        cycles: 0,
        tick: Tick(0),
        rate: NO_RATE,
    };

    /// With this anchor, a thread reads the clock itself from now on.
    const OFF: Self = Self {
        rate: OFF,
        ..Self::NONE
    };

    #[inline]
    fn tick_at(&self, cycles: u64) -> Option<Tick> {
        let passed = cycles.wrapping_sub(self.cycles);
        (passed < WINDOW).then(|| self.after(passed))
    }

    #[inline]
    fn after(&self, passed: u64) -> Tick {
        Tick(self.tick.0 + ((passed * self.rate) >> RATE_BITS))
    }

    fn contradicts(&self, later: &Self) -> bool {
        let passed = later.cycles.wrapping_sub(self.cycles);
        let comparable = self.rate != NO_RATE && passed < COMPARED;
        comparable && self.after(passed).0.abs_diff(later.tick.0) > AGREE
    }
}

/// A reading of the clock, and the counter before and after it.
struct Reading {
    before: u64,
    tick: Tick,
    /// Whether the clock is the system's.
    is_real: bool,
    after: u64,
}

impl Reading {
    #[allow(clippy::disallowed_methods)] // The real instant, to tell a paused clock from it.
    fn take() -> Self {
        let before = cycles();
        let earlier = Instant::now();
        let instant = monotonic();
        let later = Instant::now();
        Self {
            before,
            tick: Tick::from_instant(instant),
            is_real: (earlier..=later).contains(&instant.into_std()),
            after: cycles(),
        }
    }
}

/// The rate of the counter, learned from readings of the clock.
struct Gauge {
    rate: AtomicU64,
    /// The reading from which the rate is taken; none before the counter is known to be trusted.
    first: Mutex<Option<Anchor>>,
    /// How many readings in a row were interrupted.
    interrupted: AtomicU32,
}

impl Gauge {
    const fn new() -> Self {
        Self {
            rate: AtomicU64::new(NO_RATE),
            first: Mutex::new(None),
            interrupted: AtomicU32::new(0),
        }
    }

    #[cold]
    fn read(&self, last: &Anchor) -> (Tick, Anchor) {
        if self.rate.load(Ordering::Relaxed) == OFF {
            return (Tick::now(), Anchor::OFF);
        }
        if self.first.lock().is_none() && !is_the_clocks() {
            self.turn_off();
            return (Tick::now(), Anchor::OFF);
        }
        let reading = Reading::take();
        (reading.tick, self.anchor(&reading, last))
    }

    fn turn_off(&self) {
        self.rate.store(OFF, Ordering::Relaxed);
    }

    /// The anchor that a thread counts on from after this reading.
    fn anchor(&self, reading: &Reading, last: &Anchor) -> Anchor {
        if !reading.is_real {
            self.turn_off();
            return Anchor::NONE;
        }
        if reading.after.wrapping_sub(reading.before) > INTERRUPTED {
            if self.interrupted.fetch_add(1, Ordering::Relaxed) >= INTERRUPTED_MAX {
                self.turn_off();
            }
            return Anchor::NONE;
        }
        self.interrupted.store(0, Ordering::Relaxed);
        let anchor = Anchor {
            cycles: reading.after,
            tick: reading.tick,
            rate: self.rate.load(Ordering::Relaxed),
        };
        match anchor.rate {
            OFF => return Anchor::NONE,
            NO_RATE => self.learn(&anchor),
            _ if last.contradicts(&anchor) => self.turn_off(),
            _ => return anchor,
        }
        Anchor::NONE
    }

    /// Takes the rate, once the first reading is long enough ago.
    fn learn(&self, now: &Anchor) {
        let mut first = self.first.lock();
        let since = *first.get_or_insert(*now);
        let nanos = now.tick.nanos_since(since.tick);
        let cycles = now.cycles.wrapping_sub(since.cycles);
        if nanos < APART || cycles == 0 {
            return;
        }
        if nanos > TOO_FAR_APART {
            *first = Some(*now);
            return;
        }
        let rate = (u128::from(nanos) << RATE_BITS) / u128::from(cycles);
        // A rate lies between a tenth of a nanosecond and ten: no processor has any other, so it is
        // a fault.
        let one = 1_u128 << RATE_BITS;
        let rate = match u64::try_from(rate) {
            Ok(fair) if (one / 10..=one * 10).contains(&rate) => fair - fair / LOWERED,
            _ => OFF,
        };
        self.rate.store(rate, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2.5 GHz: 0.4 ns a cycle. The counter began before the clock.
    fn reading(nanos: u64) -> Reading {
        let cycles = 1_000_000_000 + nanos * 5 / 2;
        Reading {
            before: cycles - 100,
            tick: Tick(nanos),
            is_real: true,
            after: cycles + 100,
        }
    }

    /// A gauge that knows the rate, and when it learned it.
    fn gauge() -> (Gauge, u64) {
        let gauge = Gauge::new();
        gauge.anchor(&reading(1_000), &Anchor::NONE);
        let now = 1_000 + APART;
        gauge.anchor(&reading(now), &Anchor::NONE);
        (gauge, now)
    }

    fn is_used(anchor: &Anchor) -> bool {
        anchor.rate != NO_RATE
    }

    #[test]
    fn a_rate_is_learned_from_readings_that_are_far_apart() {
        let gauge = Gauge::new();
        for nanos in [0, APART / 2, APART - 1] {
            assert!(!is_used(&gauge.anchor(&reading(nanos), &Anchor::NONE)));
        }
        let (gauge, now) = self::gauge();
        assert!(is_used(&gauge.anchor(&reading(now + 1_000), &Anchor::NONE)));
    }

    #[test]
    fn a_rate_is_not_learned_over_a_sleep_of_the_machine() {
        let gauge = Gauge::new();
        gauge.anchor(&reading(1_000), &Anchor::NONE);
        // The clock stood still meanwhile, and the counter went on.
        let asleep = 10 * TOO_FAR_APART;
        let awake = |nanos| Reading {
            tick: Tick(nanos),
            ..reading(nanos + asleep)
        };
        let now = 1_000 + TOO_FAR_APART + 1;
        gauge.anchor(&awake(now), &Anchor::NONE);
        gauge.anchor(&awake(now + APART), &Anchor::NONE);
        let anchor = gauge.anchor(&awake(now + APART), &Anchor::NONE);
        let told = anchor.tick_at(reading(now + APART + asleep + 5_000).before);
        let told = told.expect("it counts on for some microseconds");
        assert!(now + APART + 5_000 - told.0 < 200, "{told:?}");
    }

    #[test]
    fn what_is_counted_on_is_never_ahead_and_hardly_behind() {
        let (gauge, now) = gauge();
        let anchor = gauge.anchor(&reading(now), &Anchor::NONE);
        for after in [0, 40, 1_000, 5_000, 52_000] {
            let told = anchor.tick_at(reading(now + after).before);
            if let Some(told) = told {
                assert!(
                    told.0 <= now + after,
                    "{after} ns later it is ahead: {told:?}"
                );
                assert!(
                    now + after - told.0 < 200,
                    "{after} ns later it is {told:?}"
                );
            }
        }
        let told = anchor.tick_at(reading(now + 5_000).before);
        assert!(told.is_some(), "it counts on for some microseconds");
    }

    #[test]
    fn after_the_window_the_clock_is_read() {
        let (gauge, now) = gauge();
        let anchor = gauge.anchor(&reading(now), &Anchor::NONE);
        assert!(anchor.tick_at(anchor.cycles + WINDOW - 1).is_some());
        assert!(anchor.tick_at(anchor.cycles + WINDOW).is_none());
        assert!(anchor.tick_at(anchor.cycles - 1).is_none(), "it went back");
    }

    #[test]
    fn a_reading_that_was_interrupted_is_not_counted_on_from() {
        let (gauge, now) = gauge();
        let interrupted = Reading {
            after: reading(now).before + INTERRUPTED + 1,
            ..reading(now)
        };
        assert!(!is_used(&gauge.anchor(&interrupted, &Anchor::NONE)));
        assert!(is_used(&gauge.anchor(&reading(now), &Anchor::NONE)));
    }

    #[test]
    fn where_every_reading_is_interrupted_there_are_no_more() {
        let (gauge, now) = gauge();
        let slow = Reading {
            after: reading(now).before + INTERRUPTED + 1,
            ..reading(now)
        };
        for _ in 0..=INTERRUPTED_MAX {
            assert!(!is_used(&gauge.anchor(&slow, &Anchor::NONE)));
        }
        assert!(!is_used(&gauge.anchor(&reading(now), &Anchor::NONE)));
    }

    #[test]
    fn a_clock_that_is_paused_is_read_for_ever() {
        let (gauge, now) = gauge();
        let paused = Reading {
            is_real: false,
            ..reading(now)
        };
        assert!(!is_used(&gauge.anchor(&paused, &Anchor::NONE)));
        assert!(!is_used(&gauge.anchor(&reading(now), &Anchor::NONE)));
    }

    #[test]
    fn a_counter_that_changes_its_rate_is_not_used_any_more() {
        let (gauge, now) = gauge();
        let last = gauge.anchor(&reading(now), &Anchor::NONE);
        let slower = Reading {
            tick: Tick(now + 100_000),
            ..reading(now + 90_000)
        };
        assert!(!is_used(&gauge.anchor(&slower, &last)));
        assert!(!is_used(&gauge.anchor(&reading(now), &Anchor::NONE)));
    }

    #[test]
    fn a_counter_that_stands_still_is_not_used() {
        let gauge = Gauge::new();
        for nanos in [0, APART, 2 * APART] {
            let stands = Reading {
                tick: Tick(nanos),
                ..reading(0)
            };
            assert!(!is_used(&gauge.anchor(&stands, &Anchor::NONE)));
        }
    }

    /// The counter and the clock of this machine, if it has them.
    #[test]
    fn it_lies_between_two_readings_of_the_clock() {
        let since = Tick::now();
        while Tick::now().nanos_since(since) < 2 * APART {
            let earlier = Tick::now();
            let told = recent();
            let later = Tick::now();
            assert!(told <= later, "{told:?} is ahead of {later:?}");
            assert!(
                earlier.nanos_since(told) < 2_000,
                "{told:?} is behind {earlier:?}"
            );
        }
    }
}
