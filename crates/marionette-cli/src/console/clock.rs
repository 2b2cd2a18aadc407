//! The wall clock and the local zone: the only place that asks for the time of day.

use std::env;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ZonedDateTime};

use crate::console::text::safe;

/// The file that names the local zone if `TZ` does not.
const LOCAL: &str = "/etc/localtime";

/// The start and the end of summer time for a zone that only says that it has one, as in the C
/// library.
const SUMMER: &str = ",M3.2.0,M11.1.0";

static ZONE: LazyLock<Result<TimeZone, String>> = LazyLock::new(local);

/// Fails if the local zone is not known: then no time can be read or shown.
pub(crate) fn check() -> Result<(), String> {
    ZONE.as_ref().map(drop).map_err(Clone::clone)
}

fn local() -> Result<TimeZone, String> {
    let variable = env::var_os("TZ");
    let error = match TimeZone::try_system() {
        Ok(zone) => return Ok(zone),
        Err(error) => error,
    };
    let Some(name) = variable else {
        // A system without the file is in UTC.
        if Path::new(LOCAL).symlink_metadata().is_err() {
            return Ok(TimeZone::UTC);
        }
        return Err(format!(
            "the local zone is not known, since {LOCAL} names none that is known here; say it with \
             TZ, like TZ=Europe/Berlin ({error})"
        ));
    };
    let known = name.to_str().and_then(|name| {
        let bundled = TimeZoneDatabase::bundled().get(name.trim_start_matches(':'));
        bundled
            .or_else(|_| TimeZone::posix(&format!("{name}{SUMMER}")))
            .ok()
    });
    known.ok_or_else(|| {
        format!(
            "TZ is \"{}\", and there is no such zone; write it like Europe/Berlin, UTC or \
             CET-1CEST,M3.5.0,M10.5.0/3",
            safe(&name.to_string_lossy())
        )
    })
}

/// Now, in the local zone, or in UTC if [`check`] fails.
pub(crate) fn here() -> ZonedDateTime {
    let zone = ZONE.as_ref().map_or(TimeZone::UTC, Clone::clone);
    Timestamp::now().to_zoned_datetime(zone)
}

/// Now, in the type that stores use.
#[allow(clippy::disallowed_methods)] // This is the clock.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The time since `then`; zero if that is yet to come.
pub(crate) fn since(then: SystemTime) -> Duration {
    now().duration_since(then).unwrap_or_default()
}

/// A time in the local zone, for a person; `None` if no calendar reaches it.
pub(crate) fn zoned(time: SystemTime) -> Option<ZonedDateTime> {
    let time = Timestamp::try_from(time).ok()?;
    Some(time.to_zoned_datetime(here().time_zone().clone()))
}

/// A time for programs; empty if no calendar reaches it.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    zoned(time).map_or_else(String::new, |zoned| {
        zoned.strftime("%FT%T%.3f%:z").to_string()
    })
}

/// Blocks this thread for a moment.
#[allow(clippy::disallowed_methods)] // This is the clock.
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The clock that only goes forward, for lengths of time.
#[allow(clippy::disallowed_methods)] // This is the clock.
pub(crate) fn tick() -> Instant {
    Instant::now()
}
