//! How long to wait between attempts.

use std::cell::Cell;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// Nothing before the first attempt, then a random time up to 50 ms, 100 ms and so on to 2 s, so
/// that many processes do not come back at one moment.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    attempts: Cell<u32>,
}

impl Pace {
    /// Waits before the next attempt; not before the first.
    pub(crate) async fn pause(&self) {
        let longest = self.next();
        if !longest.is_zero() {
            tokio::time::sleep(longest.mul_f64(fastrand::f64())).await;
        }
    }

    /// Waits for at least half of the time, also at first: for a server that asks for patience.
    pub(crate) async fn wait(&self) {
        let longest = self.next().max(FIRST);
        tokio::time::sleep(longest.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }

    /// The server answered before the connection was lost: it is well, so the next attempt comes
    /// within 100 ms. Never at once: it may close each connection behind an answer.
    pub(crate) fn shorten(&self) {
        self.attempts.set(self.attempts.get().clamp(1, 2));
    }

    pub(crate) fn reset(&self) {
        self.attempts.set(0);
    }

    fn next(&self) -> Duration {
        let attempts = self.attempts.get();
        self.attempts.set(attempts.saturating_add(1));
        match attempts {
            0 => Duration::ZERO,
            // Six doublings reach the longest.
            _ => LONGEST.min(FIRST * 2_u32.pow((attempts - 1).min(6))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_nothing_to_two_seconds() {
        let pace = Pace::default();
        let pauses: Vec<_> = (0..9).map(|_| pace.next().as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1600, 2000, 2000]);
        pace.reset();
        assert_eq!(pace.next(), Duration::ZERO);
    }

    #[test]
    fn behind_an_answer_a_pause_is_short_and_there_is_one() {
        let pace = Pace::default();
        pace.shorten();
        assert_eq!(pace.next(), FIRST);
        for _ in 0..9 {
            pace.next();
        }
        pace.shorten();
        assert_eq!([pace.next(), pace.next()], [FIRST * 2, FIRST * 4]);
    }
}
