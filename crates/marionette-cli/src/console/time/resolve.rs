//! Resolves the parts of a time, which a person names now.

use jiff::civil::{self, Date, DateTime};
use jiff::{ToSpan, ZonedDateTime};

use super::day::{BEYOND, Day, Side};
use super::parts::{Clock, Parts};

/// Which of several times is meant: `monday` comes every week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Toward {
    Next,
    Last,
}

/// The time of an evening, by default.
const EVENING: civil::Time = civil::time(20, 0, 0, 0);
/// From one 29 February to the next it is eight years at most.
const LEAP: i16 = 8;

impl Parts {
    /// The date and the time of day that these parts mean now.
    pub(super) fn resolve(&self, now: &ZonedDateTime, toward: Toward) -> Result<DateTime, String> {
        let (day, clock) = match (self.day, self.clock) {
            (None | Some(Day::Tonight), Some(Clock::Midnight)) => {
                (None, Some(civil::Time::midnight()))
            }
            (_, Some(Clock::Midnight)) => {
                return Err(
                    "a day has a midnight at each end; write 00:00 of the day that begins \
                            with it"
                        .to_owned(),
                );
            }
            (day, Some(Clock::At(time))) => (day, Some(time)),
            (day, None) => (day, None),
        };
        // A day alone means its start.
        let time = clock.unwrap_or_default();
        let today = now.date();
        let at = |date: Date| date.to_datetime(time);
        let date = match day {
            None => return nearest_day(time, now, toward),
            Some(Day::Tonight) => return tonight(clock, now, toward),
            Some(Day::From(0)) if clock.is_none() && toward == Toward::Next => {
                return Err("it does not say when today: `today 18:00`".to_owned());
            }
            Some(Day::From(days)) => today.checked_add(days.days()).ok(),
            Some(Day::Weekday(weekday, side)) => {
                let is_today = weekday == today.weekday();
                match (side, toward) {
                    (Side::Nearest, Toward::Next) if is_today && at(today) > now.datetime() => {
                        Some(today)
                    }
                    (Side::Nearest, Toward::Last) if is_today && at(today) <= now.datetime() => {
                        Some(today)
                    }
                    (Side::After, _) | (Side::Nearest, Toward::Next) => {
                        today.nth_weekday(1, weekday).ok()
                    }
                    (Side::Before, _) | (Side::Nearest, Toward::Last) => {
                        today.nth_weekday(-1, weekday).ok()
                    }
                }
            }
            Some(Day::Yearly(month, day)) => {
                let year = today.year();
                let in_year = |years: i16| {
                    let years = match toward {
                        Toward::Next => year.checked_add(years),
                        Toward::Last => year.checked_sub(years),
                    };
                    Date::new(years?, month, day).ok()
                };
                let is_meant = |date: &Date| match toward {
                    Toward::Next => at(*date) > now.datetime(),
                    Toward::Last => at(*date) <= now.datetime(),
                };
                (0..=LEAP).filter_map(in_year).find(is_meant)
            }
            Some(Day::Date(date)) => Some(date),
        };
        date.map(at).ok_or_else(|| BEYOND.to_owned())
    }
}

/// The next or the last moment at which the clock shows this time.
fn nearest_day(time: civil::Time, now: &ZonedDateTime, toward: Toward) -> Result<DateTime, String> {
    let today = now.date().to_datetime(time);
    let is_past = today <= now.datetime();
    let days = match toward {
        Toward::Next => i64::from(is_past),
        Toward::Last => i64::from(is_past) - 1,
    };
    today
        .checked_add(days.days())
        .map_err(|_| BEYOND.to_owned())
}

/// This evening, or a time of the night behind it.
fn tonight(
    clock: Option<civil::Time>,
    now: &ZonedDateTime,
    toward: Toward,
) -> Result<DateTime, String> {
    let today = now.date();
    match clock {
        Some(time) if time.hour() < 12 => nearest_day(time, now, toward),
        Some(time) => Ok(today.to_datetime(time)),
        None if toward == Toward::Next && now.time() >= EVENING => Err(
            "`tonight` alone means 20:00, which has passed; write the time: `tonight 23:00`"
                .to_owned(),
        ),
        None => Ok(today.to_datetime(EVENING)),
    }
}
