//! The only place where time comes from: the monotonic clock as ticks, and the wall clock.
//! Both follow tokio's clock, so that a paused test owns them.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

#[cfg(all(
    target_arch = "x86_64",
    target_os = "linux",
    not(any(miri, marionette_loom))
))]
mod recent;
#[cfg(not(all(
    target_arch = "x86_64",
    target_os = "linux",
    not(any(miri, marionette_loom))
)))]
mod recent {
    /// The present: there is no counter here.
    pub(super) fn recent() -> super::Tick {
        super::Tick::now()
    }
}

/// Nanoseconds on the monotonic clock since a moment before this process began.
///
/// Half the size of an `Instant`, and a word can be compared without a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tick(u64);

/// Where ticks begin: ten years before the first reading, so that a paused clock which was stopped
/// earlier than that reading still lies after it, and so does the time at which a stored job was
/// first due. Where the platform has no such instant, what lies before the reading counts as it.
static ORIGIN: LazyLock<Origin> = LazyLock::new(|| {
    const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let (instant, wall) = (monotonic(), system());
    match (instant.checked_sub(LONG), wall.checked_sub(LONG)) {
        (Some(instant), Some(wall)) => Origin { instant, wall },
        _ => Origin { instant, wall },
    }
});

struct Origin {
    instant: Instant,
    wall: SystemTime,
}

impl Tick {
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// The present.
    #[inline]
    pub(crate) fn now() -> Self {
        Self::from_instant(monotonic())
    }

    /// The present, or up to a microsecond before it: for what is measured, not for what is waited
    /// for. Two threads may see it in the other order.
    #[inline]
    pub(crate) fn recent() -> Self {
        // With `test-util` tests own the clock.
        if cfg!(feature = "test-util") {
            Self::now()
        } else {
            recent::recent()
        }
    }

    #[inline]
    pub(crate) fn from_instant(instant: Instant) -> Self {
        let since = instant.saturating_duration_since(ORIGIN.instant);
        // 584 years of nanoseconds fit.
        Self(since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos()))
    }

    /// The instant; one that is decades away where the platform's clock cannot express it.
    pub(crate) fn to_instant(self) -> Instant {
        let decades = Duration::from_secs(30 * 365 * 24 * 60 * 60);
        let after = Duration::from_nanos(self.0);
        ORIGIN
            .instant
            .checked_add(after)
            .unwrap_or_else(|| monotonic() + decades)
    }

    /// The Unix time of this tick by the wall clock as it stood when the process began:
    /// later steps of the wall clock do not reorder it.
    pub(crate) fn since_unix(self) -> Duration {
        let origin = ORIGIN.wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        origin + Duration::from_nanos(self.0)
    }

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn nanos(self) -> u64 {
        self.0
    }

    /// The tick `after` from here; the last tick where that lies beyond it.
    pub(crate) fn saturating_add(self, after: Duration) -> Self {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long ago `earlier` was, in nanoseconds; zero if it lies ahead.
    #[inline]
    pub(crate) fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }
}

#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
#[inline]
fn monotonic() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
fn system() -> SystemTime {
    SystemTime::now()
}

/// The wall clock: the system's, moved along with tokio's when that one is paused or advanced.
///
/// tokio's instant equals the standard one unless a test owns it, so their difference is what
/// the test has done to time.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wall {
    #[cfg(feature = "test-util")]
    stepped: std::sync::Arc<std::sync::atomic::AtomicI64>,
    /// What it showed at an instant, if it goes with tokio's clock and not with the system's.
    #[cfg(feature = "test-util")]
    since: Option<(SystemTime, Instant)>,
}

impl Wall {
    #[allow(clippy::disallowed_methods)] // The real instant, to tell a paused clock from it.
    pub(crate) fn now(&self) -> SystemTime {
        #[cfg(feature = "test-util")]
        if let Some((shown, at)) = self.since {
            return self.step(shown + monotonic().saturating_duration_since(at));
        }
        let virtually = monotonic().into_std();
        let really = std::time::Instant::now();
        let now = match virtually.checked_duration_since(really) {
            Some(ahead) => system() + ahead,
            None => system() - really.duration_since(virtually),
        };
        self.step(now)
    }

    #[cfg(not(feature = "test-util"))]
    #[allow(clippy::unused_self)] // The twin below has something to add.
    fn step(&self, now: SystemTime) -> SystemTime {
        now
    }

    #[cfg(feature = "test-util")]
    fn step(&self, now: SystemTime) -> SystemTime {
        let nanos = self.stepped.load(std::sync::atomic::Ordering::Relaxed);
        let by = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { now - by } else { now + by }
    }

    /// A wall clock that shows this time now, and goes with tokio's clock alone.
    #[cfg(feature = "test-util")]
    pub(crate) fn starting_at(time: SystemTime) -> Self {
        Self {
            since: Some((time, monotonic())),
            ..Self::default()
        }
    }

    /// Steps this wall clock by so many nanoseconds, as an operator or NTP would.
    #[cfg(feature = "test-util")]
    pub(crate) fn step_by(&self, nanos: i64) {
        self.stepped
            .fetch_add(nanos, std::sync::atomic::Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_wall_clock_follows_a_paused_clock() {
        let wall = Wall::default();
        let before = wall.now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        let passed = wall.now().duration_since(before).expect("time went on");
        assert!(
            passed.abs_diff(Duration::from_secs(3600)) < Duration::from_secs(1),
            "{passed:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_is_exact_on_a_paused_clock() {
        let before = Tick::now();
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(Tick::now().since(before), Duration::from_millis(1500));
        assert_eq!(
            before.saturating_add(Duration::from_millis(1500)),
            Tick::now()
        );
        assert_eq!(Tick::now().to_instant(), monotonic());
    }

    #[test]
    fn the_end_of_time_saturates() {
        assert_eq!(Tick::now().saturating_add(Duration::MAX), Tick::MAX);
        assert_eq!(Tick::now().nanos_since(Tick::MAX), 0);
    }
}
