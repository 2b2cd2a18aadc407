//! The tally: what a worker counts. Each tally has one writer, so counting costs no locked
//! instruction.

use std::fmt;
use std::iter::Sum;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A counter with one writer and any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    /// Relaxed, and not one instruction: there is one writer, and readers want a figure, not an
    /// order.
    #[inline]
    pub(crate) fn add_one(&self) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counts of one worker.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: Counter,
    pub(crate) failed: Counter,
    pub(crate) cancelled: Counter,
    pub(crate) expired: Counter,
    pub(crate) abandoned: Counter,
    pub(crate) retried: Counter,
    pub(crate) snoozed: Counter,
    pub(crate) interrupted: Counter,
    pub(crate) panicked: Counter,
    pub(crate) timed_out: Counter,
    pub(crate) queue_wait: Recorder,
    pub(crate) run_time: Recorder,
}

/// How many buckets each power of two has: a duration is known to within 12.5 %.
const STEPS: usize = 8;
const STEPS_LOG2: u32 = 3;
/// How many buckets all of `u64` has. Those below eight nanoseconds are exact.
const BUCKETS: usize = (64 - STEPS_LOG2 as usize + 1) * STEPS;

/// The writing side of a [`Histogram`].
pub(crate) struct Recorder(Box<[Counter; BUCKETS]>);

impl Default for Recorder {
    fn default() -> Self {
        Self(Box::new(std::array::from_fn(|_| Counter::default())))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.histogram().fmt(f)
    }
}

impl Recorder {
    #[inline]
    pub(crate) fn record(&self, nanos: u64) {
        self.0[bucket(nanos)].add_one();
    }

    pub(crate) fn histogram(&self) -> Histogram {
        Histogram {
            counts: self.0.iter().map(Counter::count).collect(),
        }
    }
}

#[inline]
fn bucket(nanos: u64) -> usize {
    // Below eight, a value is its own bucket. The casts are of such a value and of a bit count.
    #[allow(clippy::cast_possible_truncation)]
    if nanos < STEPS as u64 {
        nanos as usize
    } else {
        let exponent = nanos.ilog2();
        let step = (nanos >> (exponent - STEPS_LOG2)) as usize % STEPS;
        (exponent - STEPS_LOG2 + 1) as usize * STEPS + step
    }
}

/// The greatest value that falls into a bucket.
fn ceiling(bucket: usize) -> u64 {
    if bucket < STEPS {
        return bucket as u64;
    }
    let shift = bucket / STEPS - 1;
    let floor = ((STEPS + bucket % STEPS) as u64) << shift;
    floor + ((1 << shift) - 1)
}

/// Durations, counted by size: each is known to within 12.5 %.
///
/// # Examples
///
/// ```
/// # use marionette::{Context, TaskManager};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let tasks = TaskManager::new(Default::default())?;
/// # tasks.start();
/// # let _ = tasks.queue(async |_: Context| Ok(())).await?.await;
/// let stats = tasks.stats();
/// println!("half of the tasks start within {:?}", stats.queue_wait.quantile(0.5));
/// println!("99 of 100 end within {:?}", stats.run_time.quantile(0.99));
/// # assert_eq!(stats.run_time.count(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
pub struct Histogram {
    counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: vec![0; BUCKETS],
        }
    }
}

impl Histogram {
    /// How many durations were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The duration below which this share of all durations lies (0.5 for the median, 1 for the
    /// longest), at most 12.5 % too long; zero if none were counted.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        let count = self.count();
        // Shares are between 0 and 1, so the rank lies between 1 and the count.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rank = ((count as f64 * share.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0;
        let found = self.counts.iter().position(|&here| {
            seen += here;
            seen >= rank
        });
        Duration::from_nanos(found.map_or(0, ceiling))
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.counts
            .iter_mut()
            .zip(&other.counts)
            .for_each(|(sum, more)| *sum += more);
    }
}

impl Sum for Histogram {
    fn sum<I: Iterator<Item = Self>>(histograms: I) -> Self {
        histograms.fold(Self::default(), |mut sum, histogram| {
            sum.add(&histogram);
            sum
        })
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram")
            .field("count", &self.count())
            .field("p50", &self.quantile(0.5))
            .field("p99", &self.quantile(0.99))
            .field("max", &self.quantile(1.0))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_known_to_within_an_eighth() {
        for nanos in
            (0..64).flat_map(|bit| [1_u64 << bit, (1 << bit) + 1, (3 << bit) | 1, !0 >> bit])
        {
            let told = ceiling(bucket(nanos));
            assert!(told >= nanos, "{nanos} was told as {told}");
            assert!(told - nanos <= nanos / 8, "{nanos} was told as {told}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_sorted_values() {
        let recorder = Recorder::default();
        (1..=1000).for_each(|micros| recorder.record(micros * 1000));
        let histogram = recorder.histogram();
        assert_eq!(histogram.count(), 1000);
        for (share, micros) in [(0.0, 1), (0.5, 500), (0.99, 990), (1.0, 1000)] {
            let told = histogram.quantile(share);
            let exact = Duration::from_micros(micros);
            assert!(
                told >= exact && told <= exact.mul_f64(1.125),
                "{share}: {told:?}"
            );
        }
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }
}
