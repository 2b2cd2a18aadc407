//! The clocks. The wall clock is that of the server, so that all processes agree on it; an instance
//! is found dead by the monotonic clock of the process that looks.

use std::time::{Duration, Instant};

/// The clocks of a store: the server's and that of the system, or a pair that a test moves.
// It is public where a test can name it.
#[cfg_attr(not(feature = "test-util"), allow(unreachable_pub))]
#[derive(Clone, Debug, Default)]
pub struct Clock {
    #[cfg(feature = "test-util")]
    own: Option<std::sync::Arc<OwnClock>>,
}

#[cfg(not(feature = "test-util"))]
#[allow(clippy::unused_self, clippy::unused_async)] // The twins below use it.
impl Clock {
    /// What a call takes for the present instead of the server's clock, in microseconds since 1970.
    pub(crate) fn told(&self) -> Option<u64> {
        None
    }

    /// The present by the clock that nobody can step.
    pub(crate) fn monotonic(&self) -> Instant {
        monotonic()
    }

    /// Waits while somebody waits for jobs or for ends.
    pub(crate) async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}

/// Clocks that a test moves.
#[cfg(feature = "test-util")]
#[derive(Debug)]
struct OwnClock {
    wall: std::time::SystemTime,
    monotonic: Instant,
    /// Whether they also run by themselves.
    runs: bool,
    moved: std::sync::Mutex<Moved>,
}

/// How far the clocks were moved.
#[cfg(feature = "test-util")]
#[derive(Debug)]
struct Moved {
    ahead: Duration,
    /// The microseconds by which the wall clock alone was stepped.
    stepped: i64,
    /// Until when, in real time, waiting has moved them: several callers that wait at once let
    /// time pass once.
    waited: Instant,
}

#[cfg(feature = "test-util")]
impl Clock {
    /// Clocks that stand still unless they are [moved](Self::advance), or somebody
    /// [waits](marionette::store::Store::wait) for jobs. The server's clock counts for nothing.
    #[must_use]
    pub fn still() -> Self {
        Self::own(false)
    }

    /// Clocks that run as the system's do, and can be moved and stepped. The server's clock counts
    /// for nothing.
    #[must_use]
    pub fn running() -> Self {
        Self::own(true)
    }

    #[allow(clippy::disallowed_methods)] // This is the place that the ban points to.
    fn own(runs: bool) -> Self {
        let moved = Moved {
            ahead: Duration::ZERO,
            stepped: 0,
            waited: monotonic(),
        };
        let own = OwnClock {
            wall: std::time::SystemTime::now(),
            monotonic: monotonic(),
            runs,
            moved: std::sync::Mutex::new(moved),
        };
        Self {
            own: Some(std::sync::Arc::new(own)),
        }
    }

    /// Steps the wall clock forward and leaves the monotonic one alone, as an operator or NTP
    /// would on the server. Does nothing to the clock of a real server.
    pub fn step_forward(&self, by: Duration) {
        self.step(i64::try_from(by.as_micros()).unwrap_or(i64::MAX));
    }

    /// Steps the wall clock back.
    pub fn step_back(&self, by: Duration) {
        self.step(i64::try_from(by.as_micros()).map_or(i64::MIN, |micros| -micros));
    }

    fn step(&self, micros: i64) {
        if let Some(own) = &self.own {
            own.moved().stepped += micros;
        }
    }

    /// Moves both clocks, for all stores that have them.
    pub fn advance(&self, by: Duration) {
        if let Some(own) = &self.own {
            own.moved().ahead += by;
        }
    }

    pub(crate) fn told(&self) -> Option<u64> {
        let own = self.own.as_ref()?;
        let passed = own.passed();
        let stepped = own.moved().stepped;
        let wall = own.wall.duration_since(std::time::UNIX_EPOCH).ok()? + passed;
        let micros = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        Some(micros.saturating_add_signed(stepped))
    }

    pub(crate) fn monotonic(&self) -> Instant {
        match &self.own {
            Some(own) => own.monotonic + own.passed(),
            None => monotonic(),
        }
    }

    pub(crate) async fn sleep(&self, pause: Duration) {
        let Some(own) = &self.own else {
            return tokio::time::sleep(pause).await;
        };
        let until = self.monotonic() + pause;
        while self.monotonic() < until {
            let since = monotonic();
            // Somebody may move them meanwhile.
            tokio::time::sleep(Duration::from_millis(1)).await;
            own.slept(since);
        }
    }
}

#[cfg(feature = "test-util")]
impl OwnClock {
    fn moved(&self) -> std::sync::MutexGuard<'_, Moved> {
        self.moved.lock().expect("nobody panics with it")
    }

    fn passed(&self) -> Duration {
        let ahead = self.moved().ahead;
        if self.runs {
            ahead + monotonic().duration_since(self.monotonic)
        } else {
            ahead
        }
    }

    /// Notes that somebody has waited since then: time passes by clocks that stand still.
    fn slept(&self, since: Instant) {
        let now = monotonic();
        let mut moved = self.moved();
        let since = since.max(moved.waited);
        if !self.runs {
            moved.ahead += now.saturating_duration_since(since);
        }
        moved.waited = moved.waited.max(now);
    }
}

/// The present by the system's clock that nobody can step.
#[allow(clippy::disallowed_methods)] // As above.
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

#[cfg(all(test, feature = "test-util"))]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_stand_still_are_moved_by_those_who_wait_and_each_moment_counts_once() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().unwrap();
        let clock = Clock::still();
        let (before, began) = (clock.told().unwrap(), monotonic());
        let pause = Duration::from_millis(20);
        runtime.block_on(async { tokio::join!(clock.sleep(pause), clock.sleep(pause)) });
        let passed = Duration::from_micros(clock.told().unwrap() - before);
        assert!(passed >= pause, "{passed:?}");
        assert!(passed <= began.elapsed(), "{passed:?}");
        assert_eq!(clock.told(), clock.told());
    }

    #[test]
    fn a_step_moves_the_wall_clock_alone() {
        let clock = Clock::still();
        let (wall, monotonic) = (clock.told().unwrap(), clock.monotonic());
        clock.step_back(Duration::from_secs(1));
        assert_eq!(clock.told(), Some(wall - 1_000_000));
        clock.step_forward(Duration::from_secs(3));
        assert_eq!(clock.told(), Some(wall + 2_000_000));
        assert_eq!(clock.monotonic(), monotonic);
        clock.advance(Duration::from_secs(1));
        assert_eq!(clock.told(), Some(wall + 3_000_000));
        assert_eq!(clock.monotonic(), monotonic + Duration::from_secs(1));
    }
}
