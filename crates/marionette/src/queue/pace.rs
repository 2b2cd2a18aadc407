//! How fast tasks end, and so whether waking another thread pays.

use std::time::Duration;

/// How fast the tasks of a worker end.
///
/// A task that ends at once costs less than the wake-up of another thread, and much less than the
/// cache lines that then go to and fro between the two. So after a row of such tasks the queue
/// wakes one worker and one producer at a time, and each passes it on when it has to wait, when
/// its batch is done, or after a task that took long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Tasks take long, or nothing is known yet.
    Unknown,
    /// Tasks end at once.
    Quick,
}

/// What a worker has seen of its tasks lately.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    quick_in_a_row: u32,
}

/// The longest attempt that counts as ending at once. A producer waits for room for a batch of such
/// tasks at most.
const QUICK: Duration = Duration::from_micros(10);

/// This many quick attempts in a row are no accident.
const ROW: u32 = 16;

impl Pacer {
    /// Notes that an attempt took this long.
    #[inline]
    pub(crate) fn ran(&mut self, time: Duration) {
        self.quick_in_a_row = if time <= QUICK {
            self.quick_in_a_row.saturating_add(1)
        } else {
            0
        };
    }

    #[inline]
    pub(crate) fn pace(&self) -> Pace {
        if self.quick_in_a_row >= ROW {
            Pace::Quick
        } else {
            Pace::Unknown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_long_task_ends_a_row_of_quick_ones() {
        let mut pacer = Pacer::default();
        for _ in 1..ROW {
            pacer.ran(QUICK);
            assert_eq!(pacer.pace(), Pace::Unknown);
        }
        pacer.ran(QUICK);
        assert_eq!(pacer.pace(), Pace::Quick);
        pacer.ran(QUICK + Duration::from_nanos(1));
        assert_eq!(pacer.pace(), Pace::Unknown);
    }
}
