//! The only place where time comes from: the wall clock, which all processes on a file agree on,
//! and the monotonic one, by which a worker is found dead.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The clocks of a store: those of the system, which a test may move ahead.
// It is public where a test can name it.
#[cfg_attr(not(feature = "test-util"), allow(unreachable_pub))]
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// By how many microseconds both clocks are ahead.
    #[cfg(feature = "test-util")]
    ahead: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

impl Clock {
    /// The present by the wall clock, in whole microseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        let since = system().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = since + self.ahead();
        i64::try_from(now.as_micros()).unwrap_or(i64::MAX)
    }

    /// The present by the clock that nobody can step.
    pub(crate) fn monotonic(&self) -> Instant {
        monotonic() + self.ahead()
    }

    #[cfg(not(feature = "test-util"))]
    #[allow(clippy::unused_self)] // The twin below has something to tell.
    fn ahead(&self) -> Duration {
        Duration::ZERO
    }

    #[cfg(feature = "test-util")]
    fn ahead(&self) -> Duration {
        // It is all that the clock consists of, so it needs no order.
        Duration::from_micros(self.ahead.load(std::sync::atomic::Ordering::Relaxed))
    }

    /// Moves both clocks ahead, for all stores that have this clock or a clone of it.
    #[cfg(feature = "test-util")]
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let ahead = &self.ahead;
        ahead.fetch_add(micros, std::sync::atomic::Ordering::Relaxed);
    }

    /// For how long a thread may sleep that wants to sleep so long: not beyond an advance.
    pub(crate) fn nap(pause: Duration) -> Duration {
        if cfg!(feature = "test-util") {
            pause.min(Duration::from_millis(1))
        } else {
            pause
        }
    }
}

#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
fn system() -> SystemTime {
    SystemTime::now()
}

/// The present by the system's clock that nobody can step.
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

/// Lets another process go on with its transaction.
#[allow(clippy::disallowed_methods)] // Only the threads of the store pause, and they may block.
pub(crate) fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// A time of the wall clock in microseconds, rounded up: nothing runs before its time.
pub(crate) fn micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => round_up(since),
        Err(_) => 0,
    }
}

/// A length of time in microseconds, rounded up.
pub(crate) fn round_up(length: Duration) -> i64 {
    i64::try_from(length.as_nanos().div_ceil(1000))
        .unwrap_or(FAR)
        .min(FAR)
}

/// As far ahead as a time may lie: 100,000 years, so that sums of two do not overflow.
const FAR: i64 = 100_000 * 366 * 24 * 60 * 60 * 1_000_000;

/// So many microseconds since 1970 as a time.
pub(crate) fn time(micros: i64) -> SystemTime {
    UNIX_EPOCH + length(micros)
}

/// So many microseconds as a length of time; none if it is negative.
pub(crate) fn length(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_between_two_microseconds_is_rounded_up() {
        let time = UNIX_EPOCH + Duration::from_nanos(1001);
        assert_eq!(micros(time), 2);
        assert_eq!(round_up(Duration::from_nanos(1)), 1);
        assert_eq!(round_up(Duration::MAX), FAR);
    }

    #[test]
    fn a_time_comes_back_as_it_was() {
        let now = Clock::default().now();
        assert_eq!(micros(time(now)), now);
    }
}
