//! The clock, the only place where time comes from: the monotonic clock as ticks, and the wall
//! clock. Both follow Tokio's clock, so that a paused test owns them.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;
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
    /// The present, exactly: this platform has no counter that is used.
    pub(super) fn recent() -> super::Tick {
        super::Tick::now()
    }
}

/// Nanoseconds on the monotonic clock since a moment before this process began.
///
/// A tick is half the size of an `Instant`, and one word is compared without a branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Tick(u64);

/// The start of all ticks: ten years before the first reading. So the time of a clock that was
/// paused before that reading lies after the start, and so does the time at which a stored job was
/// first due. Where the platform has no such instant, the first reading is the start, and earlier
/// times count as it.
static ORIGIN: LazyLock<Origin> = LazyLock::new(|| {
    const LONG: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    let (instant, wall) = together();
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

    /// The present, or up to a microsecond before it: for measuring, not for waiting. Two threads
    /// may see two such ticks in the opposite order.
    #[inline]
    pub(crate) fn recent() -> Self {
        // With `test-util`, tests own the clock.
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

    /// The instant of this tick; one that is decades away where the platform's clock cannot express
    /// it.
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

    /// The tick that lies `after` later; the last tick where that would lie beyond it.
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

/// Reads the monotonic clock, and what the wall clock showed at that instant, even if a test has
/// moved the monotonic clock.
fn together() -> (Instant, SystemTime) {
    let (instant, really, wall) = (monotonic(), real(), system());
    let wall = match instant.into_std().checked_duration_since(really) {
        Some(ahead) => wall + ahead,
        None => wall - really.duration_since(instant.into_std()),
    };
    (instant, wall)
}

/// The system's monotonic clock, even if a test owns Tokio's.
#[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
pub(crate) fn real() -> std::time::Instant {
    std::time::Instant::now()
}

/// Reads the monotonic clock, and whether it is the system's: not if a test owns it.
fn look() -> (Instant, bool) {
    let earlier = real();
    let instant = monotonic();
    let later = real();
    (instant, (earlier..=later).contains(&instant.into_std()))
}

/// Whether the monotonic clock of this thread is the system's: not if a test has paused or moved
/// it.
pub(crate) fn is_the_systems() -> bool {
    look().1
}

/// The runtime of this thread.
///
/// # Panics
///
/// Panics where there is none, or one without timers: nothing would ever come due in it.
#[track_caller]
pub(crate) fn runtime() -> Handle {
    let runtime = Handle::current();
    // `sleep` panics in a runtime without timers, and says what to do.
    drop(tokio::time::sleep(Duration::ZERO));
    runtime
}

/// One reading of both clocks, for all times that are compared: two readings differ, except on a
/// paused clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now {
    pub(crate) tick: Tick,
    /// Nanoseconds since the Unix epoch.
    pub(crate) wall: u64,
    /// Whether the wall clock may be stepped without a notification.
    pub(crate) may_be_stepped: bool,
}

impl Now {
    /// A reading of the monotonic clock alone, for when no task waits for the wall clock.
    pub(crate) fn monotonic() -> Self {
        Self {
            tick: Tick::now(),
            wall: 0,
            may_be_stepped: false,
        }
    }
}

/// The wall clock: the system's. Where a test owns the monotonic clock, the wall clock begins with
/// the system's time and moves along with the monotonic clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wall {
    #[cfg(feature = "test-util")]
    steps: std::sync::Arc<Steps>,
    /// What this clock showed at an instant, if it follows Tokio's clock and not the system's.
    #[cfg(feature = "test-util")]
    since: Option<(SystemTime, Instant)>,
}

/// The steps of a wall clock that a test has made.
#[cfg(feature = "test-util")]
#[derive(Debug, Default)]
struct Steps {
    nanos: std::sync::atomic::AtomicI64,
    told: tokio::sync::Notify,
}

impl Wall {
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn now(&self) -> SystemTime {
        self.show().1
    }

    /// Reads this clock and the monotonic one.
    pub(crate) fn read(&self) -> Now {
        let (tick, wall, may_be_stepped) = self.show();
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            tick,
            wall: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            may_be_stepped,
        }
    }

    /// The present by both clocks, and whether this wall clock is the system's.
    pub(crate) fn show(&self) -> (Tick, SystemTime, bool) {
        let (instant, is_the_systems) = look();
        let tick = Tick::from_instant(instant);
        let is_the_systems = is_the_systems && !self.goes_by_itself();
        let wall = if is_the_systems {
            // Read after the tick: if the thread loses its core in between, a tick that is computed
            // from both readings is too early, and the sleeper looks again.
            system()
        } else {
            self.moved_on(tick)
        };
        (tick, self.step(wall), is_the_systems)
    }
}

#[cfg(not(feature = "test-util"))]
#[allow(clippy::unused_self)] // The twins below have something to add.
impl Wall {
    fn goes_by_itself(&self) -> bool {
        false
    }

    fn moved_on(&self, tick: Tick) -> SystemTime {
        UNIX_EPOCH + tick.since_unix()
    }

    fn step(&self, now: SystemTime) -> SystemTime {
        now
    }

    /// Waits for a step by a test: without `test-util` there is none.
    pub(crate) fn stepped(&self) -> std::future::Pending<()> {
        std::future::pending()
    }
}

#[cfg(feature = "test-util")]
impl Wall {
    fn goes_by_itself(&self) -> bool {
        self.since.is_some()
    }

    fn moved_on(&self, tick: Tick) -> SystemTime {
        match self.since {
            Some((shown, at)) => shown + tick.since(Tick::from_instant(at)),
            None => UNIX_EPOCH + tick.since_unix(),
        }
    }

    fn step(&self, now: SystemTime) -> SystemTime {
        let nanos = self.steps.nanos.load(std::sync::atomic::Ordering::Relaxed);
        let by = Duration::from_nanos(nanos.unsigned_abs());
        if nanos < 0 { now - by } else { now + by }
    }

    /// A wall clock that shows this time now, and follows Tokio's clock alone.
    pub(crate) fn starting_at(time: SystemTime) -> Self {
        Self {
            since: Some((time, monotonic())),
            ..Self::default()
        }
    }

    /// Steps this wall clock by `nanos`, as an operator or NTP would.
    pub(crate) fn step_by(&self, nanos: i64) {
        self.steps
            .nanos
            .fetch_add(nanos, std::sync::atomic::Ordering::Relaxed);
        self.steps.told.notify_waiters();
    }

    /// Waits for the next step, counted from this call.
    pub(crate) fn stepped(&self) -> impl Future<Output = ()> + Send + use<'_> {
        self.steps.told.notified()
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
