//! One signed duration for each task, written by the tasks without a lock, and its quantiles.

use std::sync::atomic::{AtomicI64, Ordering};

/// What a slot holds until its task ran.
const NEVER: i64 = i64::MIN;

/// A slot for each task.
#[derive(Debug)]
pub struct Samples {
    slots: Box<[AtomicI64]>,
}

impl Samples {
    /// Room for `count` samples; lives for ever, as the tasks do.
    #[must_use]
    pub fn new(count: u32) -> &'static Self {
        let slots = (0..count).map(|_| AtomicI64::new(NEVER)).collect();
        Box::leak(Box::new(Self { slots }))
    }

    /// The sample of one task, in nanoseconds; of a task that runs twice, the later one.
    ///
    /// # Panics
    ///
    /// When there is no slot of this number.
    // Relaxed: readers come after the tally's notification, which orders it.
    pub fn record(&self, index: u32, nanos: i64) {
        self.slots[index as usize].store(nanos, Ordering::Relaxed);
    }

    /// What was recorded, sorted.
    #[must_use]
    pub fn sorted(&self) -> Sorted {
        let recorded = self.slots.iter().map(|slot| slot.load(Ordering::Relaxed));
        let mut nanos: Vec<i64> = recorded.filter(|&nanos| nanos != NEVER).collect();
        nanos.sort_unstable();
        Sorted {
            nanos,
            slots: self.slots.len(),
        }
    }
}

/// Samples in order.
#[derive(Debug)]
pub struct Sorted {
    nanos: Vec<i64>,
    slots: usize,
}

impl Sorted {
    /// The value that the share `quantile` of all samples does not exceed, in nanoseconds.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a quantile lies between 0 and 1, so the rank lies within the slice"
    )]
    pub fn quantile(&self, quantile: f64) -> f64 {
        let Some(last) = self.nanos.len().checked_sub(1) else {
            return f64::NAN;
        };
        let rank = (quantile * self.nanos.len() as f64).ceil() as usize;
        self.nanos[rank.saturating_sub(1).min(last)] as f64
    }

    /// How many are negative: tasks that ran before their time.
    #[must_use]
    pub fn negative(&self) -> f64 {
        self.nanos.partition_point(|&nanos| nanos < 0) as f64
    }

    /// How many slots are empty: tasks that never ran.
    #[must_use]
    pub fn missing(&self) -> f64 {
        (self.slots - self.nanos.len()) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks_of_what_was_recorded() {
        let samples = Samples::new(101);
        for index in 0..100 {
            samples.record(index, i64::from(index) - 9);
        }
        let sorted = samples.sorted();
        assert_eq!(
            (
                sorted.quantile(0.5),
                sorted.quantile(0.99),
                sorted.quantile(1.0)
            ),
            (40.0, 89.0, 90.0)
        );
        assert_eq!((sorted.negative(), sorted.missing()), (9.0, 1.0));
    }
}
