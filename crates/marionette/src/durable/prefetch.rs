//! How many jobs to have in hand: one for each worker, or as many as all of them finish in a
//! moment, if those are more.

use std::time::Duration;

use crate::clock::Tick;

/// Jobs that are claimed ahead end within about this time. It is the longest that such a job waits
/// here while another instance could have run it.
const AHEAD: Duration = Duration::from_millis(5);
/// No more jobs than this are to be in hand, unless there are more workers.
const CLAIM_MAX: usize = 1024;

/// How fast jobs go, measured from claim to claim.
pub(crate) struct Prefetch {
    /// Jobs per nanosecond.
    rate: f64,
    gone: usize,
    at: Tick,
}

impl Prefetch {
    pub(crate) fn new() -> Self {
        Self {
            rate: 0.0,
            gone: 0,
            at: Tick::now(),
        }
    }

    /// Measures the rate: `gone` jobs have left the hands of the workers until `now`.
    pub(crate) fn measure(&mut self, gone: usize, now: Tick) {
        let nanos = now.nanos_since(self.at);
        if nanos == 0 {
            return;
        }
        let rate = (gone.wrapping_sub(self.gone)) as f64 / nanos as f64;
        // The rate rises half the way to a faster measurement, and falls to a slower one at once: a
        // slow job must not hold up others that were claimed ahead.
        self.rate = if rate > self.rate {
            f64::midpoint(self.rate, rate)
        } else {
            rate
        };
        self.gone = gone;
        self.at = now;
    }

    /// How many jobs to have in hand, for this number of workers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is cut to the range.
    pub(crate) fn target(&self, workers: usize) -> usize {
        let ahead = (self.rate * AHEAD.as_nanos() as f64) as usize;
        workers.max(ahead.min(CLAIM_MAX))
    }

    /// How few jobs must be in hand to claim again up to `target`.
    pub(crate) fn low(target: usize, workers: usize) -> usize {
        if target > workers {
            target / 2
        } else {
            workers.saturating_sub(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(jobs: usize, within: Duration) -> Prefetch {
        let mut pace = Prefetch {
            rate: 0.0,
            gone: 0,
            at: Tick::from_nanos(0),
        };
        let mut now = Tick::from_nanos(0);
        for round in 1..=20 {
            now = now.saturating_add(within);
            pace.measure(round * jobs, now);
        }
        pace
    }

    #[test]
    fn slow_jobs_are_not_claimed_ahead() {
        assert_eq!(pace(4, Duration::from_millis(50)).target(4), 4);
        assert_eq!(Prefetch::low(4, 4), 3);
    }

    #[test]
    fn quick_jobs_are_claimed_for_a_moment_ahead_and_no_more() {
        let some = pace(100, Duration::from_millis(5)).target(4);
        assert!((90..=100).contains(&some), "{some}");
        assert_eq!(
            pace(1_000_000, Duration::from_millis(1)).target(4),
            CLAIM_MAX
        );
    }

    #[test]
    fn a_slow_job_ends_the_claiming_ahead_at_once() {
        let mut pace = pace(1_000, Duration::from_millis(1));
        pace.measure(20_001, Tick::from_nanos(20_000_000 + 1_000_000_000));
        assert_eq!(pace.target(4), 4);
    }
}
