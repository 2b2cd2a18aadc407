//! Reads times as people write them.
//!
//! Times are in the local zone unless the text names another. A time that the clocks skip, in
//! spring, means as much later: 02:30 becomes 03:30. A time that comes twice, in autumn, means the
//! first that is to come. A note says so in either case.

use std::time::{Duration, SystemTime};

use jiff::civil::DateTime;
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, ZonedDateTime};

use crate::console::text::safe;

use super::parse_duration;
use super::parts::{FORMS, Parts};
use super::resolve::Toward;

/// A time that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// The time.
    pub(crate) time: SystemTime,
    /// A note on how it was read, for the user.
    pub(crate) note: Option<String>,
}

/// Words that ask for more than one time.
const AGAIN: [&str; 9] = [
    "every", "each", "daily", "hourly", "nightly", "weekly", "monthly", "yearly", "always",
];

const ONCE: &str = "a task runs once; for one that recurs let cron add it, with a line like \
                    `0 2 * * * marionette add -- ./report.sh`";

/// Reads a time to come: `18:00`, `6pm tomorrow`, `monday 6:30 am`, `10am Jul 31`,
/// `2026-11-24 18:00 UTC`, `in 10m`, `now + 1 hour`, `@1796000000`, and what RFC 3339 allows.
pub(crate) fn parse_time(text: &str, now: &ZonedDateTime) -> Result<When, String> {
    read(text, now, Toward::Next)
}

/// Reads a past time: as [`parse_time`], but of several days it takes the last and not the next,
/// and `10m` is ten minutes ago.
pub(crate) fn parse_past_time(text: &str, now: &ZonedDateTime) -> Result<SystemTime, String> {
    read(text, now, Toward::Last).map(|when| when.time)
}

fn read(text: &str, now: &ZonedDateTime, toward: Toward) -> Result<When, String> {
    let text = text.trim();
    // The error may quote words of the text.
    let wrong = |what: &str| format!("{text:?} is not a time; {}", safe(what));
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace();
    if words.clone().any(|word| AGAIN.contains(&word)) || lower.contains('*') {
        return Err(wrong(ONCE));
    }
    if words.next().is_none() {
        return Err(wrong(FORMS));
    }
    if let Some(seconds) = lower.strip_prefix('@') {
        let time = since_1970(seconds).map_err(|what| wrong(&what))?;
        return Ok(with_note(time, now, None));
    }
    if let Some(distance) = distance(&lower, toward) {
        return from_now(distance?, now).ok_or_else(|| wrong("no calendar reaches it"));
    }
    if let Ok(zoned) = text.parse::<ZonedDateTime>() {
        return Ok(with_note(zoned.timestamp(), now, None));
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Ok(with_note(timestamp, now, None));
    }
    if lower.ends_with(']') {
        return Err(wrong(
            "the zone in brackets is not known, or the rest does not fit it",
        ));
    }
    let parts = Parts::read(&lower).map_err(|what| wrong(&what))?;
    let there = match &parts.zone {
        Some(zone) => now.timestamp().to_zoned_datetime(zone.clone()),
        None => now.clone(),
    };
    let civil = parts.resolve(&there, toward).map_err(|what| wrong(&what))?;
    in_zone(civil, &there, toward).ok_or_else(|| wrong("no calendar reaches it"))
}

/// Reads a number of seconds since 1970.
fn since_1970(text: &str) -> Result<Timestamp, String> {
    let seconds: i64 = text.parse().map_err(|_| {
        "`@` goes with a number of seconds since 1970, like `@1796000000`".to_owned()
    })?;
    Timestamp::from_second(seconds)
        .map_err(|_| "no calendar reaches it; `@` goes with seconds, not milliseconds".to_owned())
}

/// A length of time from now, and its direction.
type Distance = (Duration, Toward);

/// Reads a distance from now; `None` if the text is something else.
fn distance(lower: &str, toward: Toward) -> Option<Result<Distance, String>> {
    let behind_now = lower.strip_prefix("now").map(str::trim_start);
    if behind_now == Some("") {
        return Some(Ok((Duration::ZERO, toward)));
    }
    let signed = behind_now.unwrap_or(lower);
    let ahead = signed
        .strip_prefix('+')
        .or_else(|| lower.strip_prefix("in "))
        .or_else(|| lower.strip_suffix(" from now"));
    let ago = signed
        .strip_prefix('-')
        .or_else(|| lower.strip_suffix(" ago"));
    let (length, toward) = match (ahead, ago) {
        (Some(length), _) => (length, Toward::Next),
        (None, Some(length)) => (length, Toward::Last),
        // Without a sign or a word, the text is a distance only if it is a duration.
        (None, None) => {
            return parse_duration(lower)
                .ok()
                .map(|length| Ok((length, toward)));
        }
    };
    let length = length.trim();
    let article = ["a ", "an "]
        .iter()
        .find_map(|word| length.strip_prefix(word));
    let read = match article {
        Some(unit) => parse_duration(&format!("1 {unit}")),
        None => parse_duration(length),
    };
    Some(read.map(|length| (length, toward)))
}

fn from_now((length, toward): Distance, now: &ZonedDateTime) -> Option<When> {
    let now = system_time(now.timestamp());
    let time = match toward {
        Toward::Next => now.checked_add(length),
        Toward::Last => now.checked_sub(length),
    };
    let is_past = time? < now;
    Some(When {
        time: time?,
        note: is_past.then(|| PASSED.to_owned()),
    })
}

fn in_zone(civil: DateTime, now: &ZonedDateTime, toward: Toward) -> Option<When> {
    let zone = now.time_zone();
    let ambiguous = zone.to_ambiguous_zoned_datetime(civil);
    let offset = ambiguous.offset();
    if toward == Toward::Last {
        return Some(with_note(ambiguous.earlier().ok()?.timestamp(), now, None));
    }
    let zoned = ambiguous.clone().compatible().ok()?;
    let shown = civil.strftime("%H:%M on %Y-%m-%d");
    let (zoned, note) = match offset {
        AmbiguousOffset::Unambiguous { .. } => (zoned, None),
        AmbiguousOffset::Gap { .. } => {
            let at = zoned.strftime("%H:%M").to_string();
            (
                zoned,
                Some(format!("the clocks skip {shown}; it runs at {at}")),
            )
        }
        AmbiguousOffset::Fold { .. } => {
            let later = ambiguous.later().ok()?;
            let (zoned, which) = match now.timestamp() {
                now if zoned.timestamp() < now && now <= later.timestamp() => (later, "second"),
                _ => (zoned, "first"),
            };
            let at = zoned.strftime("%H:%M %:z").to_string();
            let note = format!("{shown} comes twice; it runs at the {which}, {at}");
            (zoned, Some(note))
        }
    };
    Some(with_note(zoned.timestamp(), now, note))
}

const PASSED: &str = "that time has passed; it runs at once";

fn with_note(time: Timestamp, now: &ZonedDateTime, note: Option<String>) -> When {
    // A past time runs at once, whatever the clocks did then.
    let is_past = time < now.timestamp();
    When {
        time: system_time(time),
        note: if is_past {
            Some(PASSED.to_owned())
        } else {
            note
        },
    }
}

fn system_time(time: Timestamp) -> SystemTime {
    let time = SystemTime::try_from(time);
    time.expect("a calendar ends with the year 9999, and 64 bits of seconds do not")
}

#[cfg(test)]
mod tests;
