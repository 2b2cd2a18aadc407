//! Times as people write them.
//!
//! Times are in the local zone. A time that the clocks skip, in spring, means as much later: 02:30
//! becomes 03:30. A time that comes twice, in autumn, means the first. Either is said.

use std::time::SystemTime;

use jiff::civil::{self, DateTime, Weekday};
use jiff::tz::AmbiguousOffset;
use jiff::{Timestamp, ToSpan, ZonedDateTime};

use super::parse_duration;

/// A time that somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct When {
    /// The time.
    pub(crate) time: SystemTime,
    /// What has to be said about how it was read.
    pub(crate) note: Option<String>,
}

/// Reads `18:00`, `6pm`, `tomorrow 06:00`, `monday 6:30 am`, `2026-11-24 18:00`, `in 10m`, and what
/// RFC 3339 allows.
pub(crate) fn parse_time(text: &str, now: &ZonedDateTime) -> Result<When, String> {
    let lower = text.trim().to_lowercase();
    if let Some(delay) = lower.strip_prefix("in ") {
        let delay = parse_duration(delay)?;
        return Ok(When {
            time: system_time(now.timestamp()) + delay,
            note: None,
        });
    }
    if lower == "now" {
        return Ok(plain(now.timestamp()));
    }
    if let Ok(zoned) = text.trim().parse::<ZonedDateTime>() {
        return Ok(with_note(zoned.timestamp(), now));
    }
    if let Ok(timestamp) = text.trim().parse::<Timestamp>() {
        return Ok(with_note(timestamp, now));
    }
    let wrong = || {
        format!(
            "{text:?} is no time; write it like `18:00`, `tomorrow 06:00`, `monday 06:00`, \
             `2026-11-24 18:00` or `in 10m`"
        )
    };
    let civil = civil_time(&lower, now).ok_or_else(wrong)?;
    in_zone(civil, now).ok_or_else(wrong)
}

/// A date and a time of day in the local zone, whose offset is not yet known.
fn civil_time(text: &str, now: &ZonedDateTime) -> Option<DateTime> {
    let today = now.date();
    let time = text.trim_start_matches("at ");
    if time == "midnight" {
        return next_at(civil::Time::midnight(), now);
    }
    if let Some(time) = time_of_day(time) {
        return next_at(time, now);
    }
    let split = text.split_once(' ').or_else(|| text.split_once('t'));
    let Some((day, time)) = split else {
        let date = text.parse::<civil::Date>().ok()?;
        return Some(date.at(0, 0, 0, 0));
    };
    let time = time_of_day(time.trim_start().trim_start_matches("at "))?;
    let date = match day {
        "today" => today,
        "tomorrow" => today.tomorrow().ok()?,
        day => match weekday(day) {
            Some(weekday) if weekday == today.weekday() && time > now.time() => today,
            Some(weekday) => today.nth_weekday(1, weekday).ok()?,
            None => day.parse().ok()?,
        },
    };
    Some(date.to_datetime(time))
}

/// The next time that the clock shows this.
fn next_at(time: civil::Time, now: &ZonedDateTime) -> Option<DateTime> {
    let today = now.date().to_datetime(time);
    if today > now.datetime() {
        return Some(today);
    }
    today.checked_add(1.day()).ok()
}

/// Reads `18:00`, `18:00:05`, `6pm`, `6:30 am` and `noon`. Midnight is no time of a day that is
/// named, since it is not clear at which end of that day.
fn time_of_day(text: &str) -> Option<civil::Time> {
    let text = text.trim();
    if text == "noon" {
        return Some(civil::time(12, 0, 0, 0));
    }
    let half = |letters| Some(text.strip_suffix(letters)?.trim_end());
    let (clock, is_pm) = match (half("am"), half("pm")) {
        (Some(clock), _) => (clock, Some(false)),
        (_, Some(clock)) => (clock, Some(true)),
        (None, None) => (text, None),
    };
    let mut numbers = [0_i8; 3];
    let parts: Vec<_> = clock.split(':').collect();
    let least = if is_pm.is_some() { 1 } else { 2 };
    if !(least..=3).contains(&parts.len()) {
        return None;
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        if part.len() > 2 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    let [hour, minute, second] = numbers;
    let hour = match is_pm {
        None => hour,
        // On a clock of twelve hours, 12 comes before 1.
        Some(is_pm) if (1..=12).contains(&hour) => hour % 12 + if is_pm { 12 } else { 0 },
        Some(_) => return None,
    };
    civil::Time::new(hour, minute, second, 0).ok()
}

fn weekday(text: &str) -> Option<Weekday> {
    Some(match text {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

fn in_zone(civil: DateTime, now: &ZonedDateTime) -> Option<When> {
    let zone = now.time_zone();
    let ambiguous = zone.to_ambiguous_zoned_datetime(civil);
    let offset = ambiguous.offset();
    let zoned = ambiguous.compatible().ok()?;
    let note = match offset {
        AmbiguousOffset::Unambiguous { .. } => return Some(with_note(zoned.timestamp(), now)),
        AmbiguousOffset::Gap { .. } => format!(
            "the clocks skip {}; it runs at {}",
            civil.strftime("%H:%M on %Y-%m-%d"),
            zoned.strftime("%H:%M")
        ),
        AmbiguousOffset::Fold { .. } => format!(
            "{} comes twice; it runs at the first, {}",
            civil.strftime("%H:%M on %Y-%m-%d"),
            zoned.strftime("%H:%M %:z")
        ),
    };
    Some(When {
        time: system_time(zoned.timestamp()),
        note: Some(note),
    })
}

fn system_time(time: Timestamp) -> SystemTime {
    let time = SystemTime::try_from(time);
    time.expect("a calendar ends with the year 9999, and 64 bits of seconds do not")
}

fn plain(time: Timestamp) -> When {
    When {
        time: system_time(time),
        note: None,
    }
}

fn with_note(time: Timestamp, now: &ZonedDateTime) -> When {
    let is_past = time < now.timestamp();
    When {
        time: system_time(time),
        note: is_past.then(|| "that time has passed; it runs at once".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(text: &str) -> ZonedDateTime {
        format!("{text}[Europe/Berlin]").parse().unwrap()
    }

    fn read(text: &str, now: &str) -> (String, Option<String>) {
        let now = berlin(now);
        let when = parse_time(text, &now).unwrap();
        let time = Timestamp::try_from(when.time).unwrap();
        let zoned = time.to_zoned_datetime(now.time_zone().clone());
        (zoned.strftime("%F %T").to_string(), when.note)
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        // A Tuesday.
        let now = "2026-11-24T12:00";
        for (text, expected) in [
            ("18:00", "2026-11-24 18:00:00"),
            ("06:00", "2026-11-25 06:00:00"),
            ("6:00", "2026-11-25 06:00:00"),
            ("12:00", "2026-11-25 12:00:00"),
            ("6am", "2026-11-25 06:00:00"),
            ("at 6 PM", "2026-11-24 18:00:00"),
            ("12am", "2026-11-25 00:00:00"),
            ("12:30pm", "2026-11-24 12:30:00"),
            ("noon", "2026-11-25 12:00:00"),
            ("midnight", "2026-11-25 00:00:00"),
            ("tomorrow 6:30 pm", "2026-11-25 18:30:00"),
            ("saturday at noon", "2026-11-28 12:00:00"),
            ("2026-12-24 6pm", "2026-12-24 18:00:00"),
            ("today 18:00:30", "2026-11-24 18:00:30"),
            ("Tomorrow 06:00", "2026-11-25 06:00:00"),
            ("tomorrow at 06:00", "2026-11-25 06:00:00"),
            ("monday 06:00", "2026-11-30 06:00:00"),
            ("thursday 06:00", "2026-11-26 06:00:00"),
            ("tuesday 18:00", "2026-11-24 18:00:00"),
            ("tue 06:00", "2026-12-01 06:00:00"),
            ("2026-12-24 18:00", "2026-12-24 18:00:00"),
            ("2026-12-24T18:00", "2026-12-24 18:00:00"),
            ("2026-12-24T18:00Z", "2026-12-24 19:00:00"),
            ("2026-12-24T18:00:00+05:30", "2026-12-24 13:30:00"),
            ("2026-12-24T18:00[America/New_York]", "2026-12-25 00:00:00"),
            ("2026-12-24", "2026-12-24 00:00:00"),
            ("in 10m", "2026-11-24 12:10:00"),
        ] {
            assert_eq!(read(text, now), (expected.to_owned(), None), "{text}");
        }
    }

    #[test]
    fn a_time_that_the_clocks_skip_is_as_much_later() {
        let (time, note) = read("tomorrow 02:30", "2026-03-28T12:00");
        assert_eq!(time, "2026-03-29 03:30:00");
        let note = note.unwrap();
        assert_eq!(
            note,
            "the clocks skip 02:30 on 2026-03-29; it runs at 03:30"
        );
    }

    #[test]
    fn a_time_that_comes_twice_is_the_first() {
        let (time, note) = read("02:30", "2026-10-24T12:00");
        assert_eq!(time, "2026-10-25 02:30:00");
        let note = note.unwrap();
        assert_eq!(
            note,
            "02:30 on 2026-10-25 comes twice; it runs at the first, 02:30 +02:00"
        );
    }

    #[test]
    fn a_time_that_has_passed_is_said() {
        let (_, note) = read("2026-11-24 11:00", "2026-11-24T12:00");
        assert_eq!(
            note.as_deref(),
            Some("that time has passed; it runs at once")
        );
    }

    #[test]
    fn what_is_no_time_is_told_with_what_to_write() {
        let now = berlin("2026-11-24T12:00");
        for text in [
            "",
            "soon",
            "6",
            "13pm",
            "0am",
            "6:60pm",
            "pm",
            "today midnight",
            "25:00",
            "18",
            "18:0:0:0",
            "someday 06:00",
            "2026-13-01 06:00",
        ] {
            let error = parse_time(text, &now).unwrap_err();
            assert!(
                error.contains("is no time; write it like"),
                "{text}: {error}"
            );
        }
    }
}
