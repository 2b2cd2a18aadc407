//! A task that waits for its time, and a time for which none can be scheduled.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::{Now, Tick, Wall};

/// A task together with the time before which it must not run.
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use marionette::timer::FutureTask;
///
/// let report = FutureTask::at(SystemTime::now() + Duration::from_secs(3600), "report").unwrap();
/// assert_eq!(report.into_task(), "report");
///
/// let refused = FutureTask::at(UNIX_EPOCH, "report").unwrap_err();
/// assert_eq!(refused.to_string(), "cannot schedule a task with a zero valued timestamp");
/// ```
#[derive(Clone, Debug)]
pub struct FutureTask<T> {
    pub(crate) due: DueTime,
    pub(crate) task: T,
}

impl<T> FutureTask<T> {
    /// A task that must not run before `delay` has passed, by the monotonic clock.
    ///
    /// A delay beyond what the clock can express (584 years) is due at the clock's end.
    pub fn after(delay: Duration, task: T) -> Self {
        Self::after_tick(Tick::now(), delay, task)
    }

    /// A task that must not run before `delay` has passed since `now`.
    pub(crate) fn after_tick(now: Tick, delay: Duration, task: T) -> Self {
        Self {
            due: DueTime::After(now.saturating_add(delay)),
            task,
        }
    }

    /// A task that must not run before `time`, by the wall clock.
    ///
    /// # Errors
    ///
    /// [`Unschedulable`] for the Unix epoch or earlier, for times after the year 2554, which the
    /// clock cannot express, and for a time that does not convert to a `SystemTime`. The task comes
    /// back in the error.
    pub fn at(time: impl TryInto<SystemTime>, task: T) -> Result<Self, Unschedulable<T>> {
        let time = time.try_into().unwrap_or_else(|_| inexpressible());
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        match u64::try_from(since.as_nanos()) {
            Ok(nanos) if nanos > 0 => Ok(Self {
                due: DueTime::At(nanos),
                task,
            }),
            _ => Err(Unschedulable { time, task }),
        }
    }

    /// How long it is until the task is due; zero when it is.
    pub fn remaining(&self) -> Duration {
        let ahead = self.due.ahead(Wall::default().read());
        u64::try_from(ahead).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// The task.
    pub fn task(&self) -> &T {
        &self.task
    }

    /// The task, without its time.
    pub fn into_task(self) -> T {
        self.task
    }
}

/// A time for which no task can be scheduled, with the task that was refused.
pub struct Unschedulable<T> {
    time: SystemTime,
    task: T,
}

impl<T> Unschedulable<T> {
    /// The task that was refused.
    pub fn into_task(self) -> T {
        self.task
    }
}

/// Stands for a time of another library that is no `SystemTime`.
pub(crate) fn inexpressible() -> SystemTime {
    UNIX_EPOCH - Duration::from_nanos(1)
}

/// Why no task can be scheduled for this time.
pub(crate) fn unschedulable(time: SystemTime) -> &'static str {
    if time == inexpressible() {
        "cannot schedule a task for a time that is no `SystemTime`"
    } else if time <= UNIX_EPOCH {
        "cannot schedule a task with a zero valued timestamp"
    } else {
        "cannot schedule a task for a time after the year 2554"
    }
}

impl<T> fmt::Display for Unschedulable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(unschedulable(self.time))
    }
}

impl<T> fmt::Debug for Unschedulable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unschedulable")
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

impl<T> std::error::Error for Unschedulable<T> {}

/// When a future task is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DueTime {
    /// By the monotonic clock.
    After(Tick),
    /// By the wall clock: nanoseconds since the Unix epoch.
    At(u64),
}

impl DueTime {
    /// By how many nanoseconds the due time lies ahead of `now`; negative if it has passed.
    pub(super) fn ahead(self, now: Now) -> i128 {
        let (due, now) = match self {
            Self::After(tick) => (tick.nanos(), now.tick.nanos()),
            Self::At(nanos) => (nanos, now.wall),
        };
        i128::from(due) - i128::from(now)
    }
}

/// The clock that a future task goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Monotonic,
    Wall,
}

impl Clock {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Monotonic => Self::Wall,
            Self::Wall => Self::Monotonic,
        }
    }

    pub(super) fn due(self, nanos: u64) -> DueTime {
        match self {
            Self::Monotonic => DueTime::After(Tick::from_nanos(nanos)),
            Self::Wall => DueTime::At(nanos),
        }
    }
}
