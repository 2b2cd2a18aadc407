//! The wall clock: the only place that asks for the time of day.

use std::time::{Duration, Instant, SystemTime};

use jiff::{Timestamp, ZonedDateTime};

/// Now, in the local zone.
pub(crate) fn here() -> ZonedDateTime {
    ZonedDateTime::now()
}

/// Now, as stores have it.
#[allow(clippy::disallowed_methods)] // This is the clock.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// How long ago this was; zero if it is yet to come.
#[allow(dead_code)] // For the operator's commands, which are not here yet.
pub(crate) fn since(then: SystemTime) -> Duration {
    now().duration_since(then).unwrap_or_default()
}

/// A time as a person reads it, in the local zone; `None` if no calendar reaches it.
pub(crate) fn zoned(time: SystemTime) -> Option<ZonedDateTime> {
    let time = Timestamp::try_from(time).ok()?;
    Some(time.to_zoned_datetime(here().time_zone().clone()))
}

/// A time as programs read it.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    zoned(time).map_or_else(String::new, |zoned| {
        zoned.strftime("%FT%T%.3f%:z").to_string()
    })
}

/// The clock that only goes forward, for what is shown as running for so long.
#[allow(clippy::disallowed_methods)] // This is the clock.
pub(crate) fn tick() -> Instant {
    Instant::now()
}
