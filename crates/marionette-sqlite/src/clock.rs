//! The only place where time comes from: the wall clock, which all processes on a file agree on,
//! and the monotonic one, by which a worker is found dead.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The present by the wall clock, in whole microseconds since 1970.
#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

/// The present by the clock that nobody can step.
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
        let now = now();
        assert_eq!(micros(time(now)), now);
    }
}
