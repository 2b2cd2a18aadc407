//! The parts of a time (its day, its time of day and its zone), in any order.

use std::iter::successors;

use jiff::civil::{self, Weekday};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::day::{Day, Side};

pub(super) const FORMS: &str = "write it like `18:00`, `tomorrow 06:00`, `monday 06:00`, \
                                `2026-11-24 18:00` or `in 10m`";

/// The parts that a text names.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) day: Option<Day>,
    pub(super) clock: Option<Clock>,
    pub(super) zone: Option<TimeZone>,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    At(civil::Time),
    /// The midnight at either end of a day; with a named day it is ambiguous.
    Midnight,
}

impl Parts {
    /// Reads a text in lower case; the error says what is wrong with it.
    pub(super) fn read(lower: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        for word in lower.split(|char: char| char.is_whitespace() || char == ',') {
            words.extend(pieces(word).filter(|piece| !piece.is_empty()));
        }
        let mut parts = Self::default();
        let mut rest = words.as_slice();
        while !rest.is_empty() {
            rest = parts.take(rest)?;
        }
        if parts.day.is_none() && parts.clock.is_none() {
            // The text has only a zone.
            return Err(FORMS.to_owned());
        }
        Ok(parts)
    }

    /// Reads the part at the start of the words, and returns the words behind it.
    fn take<'a>(&mut self, words: &'a [&'a str]) -> Result<&'a [&'a str], String> {
        if let Some((month, day, rest)) = day_and_month(words) {
            let (day, rest) = with_year(month, day, rest)?;
            self.put(TimePart::Day(day))?;
            return Ok(rest);
        }
        let (part, rest) = match words {
            ["at" | "on" | "the", rest @ ..] => return Ok(rest),
            ["today", rest @ ..] => (TimePart::Day(Day::From(0)), rest),
            ["tomorrow", rest @ ..] => (TimePart::Day(Day::From(1)), rest),
            ["yesterday", rest @ ..] => (TimePart::Day(Day::From(-1)), rest),
            ["day", "after", "tomorrow", rest @ ..] => (TimePart::Day(Day::From(2)), rest),
            ["day", "before", "yesterday", rest @ ..] => (TimePart::Day(Day::From(-2)), rest),
            ["tonight", rest @ ..] => (TimePart::Day(Day::Tonight), rest),
            ["noon" | "midday", rest @ ..] => {
                (TimePart::Clock(Clock::At(civil::time(12, 0, 0, 0))), rest)
            }
            ["midnight", rest @ ..] => (TimePart::Clock(Clock::Midnight), rest),
            [side @ ("next" | "last" | "this"), rest @ ..] => {
                let weekday = rest.first().and_then(|name| weekday(name));
                let weekday = weekday.ok_or_else(|| {
                    format!("`{side}` goes with a day of the week, like `{side} friday`")
                })?;
                let side = match *side {
                    "next" => Side::After,
                    "last" => Side::Before,
                    _ => Side::Nearest,
                };
                (TimePart::Day(Day::Weekday(weekday, side)), &rest[1..])
            }
            [number, half @ ("am" | "pm" | "a.m." | "p.m."), rest @ ..] => {
                let half = half.replace('.', "");
                (
                    TimePart::Clock(Clock::At(clock(number, Some(half == "pm"))?)),
                    rest,
                )
            }
            [word, rest @ ..] => {
                let is_alone = self.is_empty() && rest.is_empty();
                let part = part(word).map_err(|what| match what.as_str() {
                    FORMS if !is_alone => format!("`{word}` is not understood; {FORMS}"),
                    _ => what,
                });
                (part?, rest)
            }
            [] => return Ok(words),
        };
        self.put(part)?;
        Ok(rest)
    }

    fn is_empty(&self) -> bool {
        self.day.is_none() && self.clock.is_none() && self.zone.is_none()
    }

    fn put(&mut self, part: TimePart) -> Result<(), String> {
        let is_new = match part {
            TimePart::Day(day) => self.day.replace(day).is_none(),
            TimePart::Clock(clock) => self.clock.replace(clock).is_none(),
            TimePart::Zone(zone) => self.zone.replace(zone).is_none(),
        };
        if is_new {
            return Ok(());
        }
        Err("it names two days, two times of day or two zones".to_owned())
    }
}

/// Splits a word into its parts: `2026-11-24t18:00`, `18:00z`, `18:00+02:00`.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    successors(Some(("", word)), |(_, rest)| {
        if rest.is_empty() {
            return None;
        }
        let is_clock = rest.starts_with(|char: char| char.is_ascii_digit()) && rest.contains(':');
        let end = match rest.find('t') {
            Some(10) if is_clock => 10,
            _ if is_clock => rest
                .find(['+', 'z'])
                .or_else(|| behind_clock(rest))
                .unwrap_or(rest.len()),
            _ => rest.len(),
        };
        let (piece, behind) = rest.split_at(end);
        // Of the dividers only the letter is dropped.
        Some((piece, behind.strip_prefix('t').unwrap_or(behind)))
    })
    .map(|(piece, _)| piece)
}

/// The place of an offset to the west: a `-` behind the time of day.
fn behind_clock(word: &str) -> Option<usize> {
    let colon = word.find(':')?;
    word[colon..].find('-').map(|minus| colon + minus)
}

/// One part of a time.
enum TimePart {
    Day(Day),
    Clock(Clock),
    Zone(TimeZone),
}

/// Reads a word that is a part by itself.
fn part(word: &str) -> Result<TimePart, String> {
    if month(word).is_some() {
        return Err(format!(
            "it does not say which day of `{word}`: `{word} 31`"
        ));
    }
    if let Some(weekday) = weekday(word) {
        return Ok(TimePart::Day(Day::Weekday(weekday, Side::Nearest)));
    }
    if let Some(day) = date(word) {
        return day.map(TimePart::Day);
    }
    if let Some(zone) = zone(word) {
        return zone.map(TimePart::Zone);
    }
    if let Some((number, half)) = split_half(word) {
        return Ok(TimePart::Clock(Clock::At(clock(number, Some(half))?)));
    }
    let digits = word.bytes().all(|byte| byte.is_ascii_digit());
    match word.len() {
        _ if word.contains(':') => Ok(TimePart::Clock(Clock::At(clock(word, None)?))),
        4 if digits => {
            let clock = clock(&format!("{}:{}", &word[..2], &word[2..]), None)?;
            Ok(TimePart::Clock(Clock::At(clock)))
        }
        _ if digits => Err(format!(
            "it does not say what {word} is; an hour is written like `18:00` or `6pm`, a pause \
             like `in 10m`"
        )),
        _ => Err(FORMS.to_owned()),
    }
}

/// Splits `6pm` or `6:30am`: the number, and whether `pm` follows.
fn split_half(word: &str) -> Option<(&str, bool)> {
    let halves = [("am", false), ("a.m.", false), ("pm", true), ("p.m.", true)];
    halves.into_iter().find_map(|(letters, is_pm)| {
        let number = word.strip_suffix(letters)?;
        number
            .starts_with(|char: char| char.is_ascii_digit())
            .then_some((number, is_pm))
    })
}

/// Reads `18:00`, `18:00:05`, and, before `am` or `pm`, `6` and `6:30`.
fn clock(text: &str, is_pm: Option<bool>) -> Result<civil::Time, String> {
    let mut numbers = [0_i8; 3];
    let parts: Vec<_> = text.split(':').collect();
    let is_number = |part: &&str| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.len() > 3 || !parts.iter().all(is_number) {
        return Err(format!("`{text}` is not a time of day; {FORMS}"));
    }
    for (number, part) in numbers.iter_mut().zip(parts) {
        *number = part.parse().map_err(|_| FORMS.to_owned())?;
    }
    let [hour, minute, second] = numbers;
    let hour = match is_pm {
        None if hour == 24 => return Err("24:00 is 00:00 of the next day; write that".to_owned()),
        None if hour > 23 => return Err(format!("there is no hour {hour}; a day has 0 to 23")),
        None => hour,
        // On a clock of twelve hours, 12 comes before 1.
        Some(is_pm) if (1..=12).contains(&hour) => hour % 12 + if is_pm { 12 } else { 0 },
        Some(_) => {
            return Err(format!(
                "there is no hour {hour} with `am` or `pm`, only 1 to 12"
            ));
        }
    };
    let small = |number: i8, what: &str| match number {
        60.. => Err(format!("there is no {what} {number}; there are 0 to 59")),
        _ => Ok(()),
    };
    small(minute, "minute")?;
    small(second, "second")?;
    Ok(civil::time(hour, minute, second, 0))
}

/// Reads `31 jul`, `31st of july` or `jul 31`: the month, the day, and the words behind.
fn day_and_month<'a>(words: &'a [&'a str]) -> Option<(i8, i8, &'a [&'a str])> {
    if let [day, "of", name, rest @ ..] | [day, name, rest @ ..] = words
        && let (Some(month), Some(day)) = (month(name), day_of_month(day))
    {
        return Some((month, day, rest));
    }
    match words {
        [name, day, rest @ ..] => Some((month(name)?, day_of_month(day)?, rest)),
        _ => None,
    }
}

/// A day of a month, with its year if one follows.
fn with_year<'a>(month: i8, day: i8, rest: &'a [&'a str]) -> Result<(Day, &'a [&'a str]), String> {
    let is_year = |word: &&str| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit());
    let (day, rest) = match rest {
        [year, rest @ ..] if is_year(year) => {
            let year: i16 = year.parse().map_err(|_| FORMS.to_owned())?;
            if year < 1970 {
                return Err(format!(
                    "{year} stands where the year does; a time of day has a colon there"
                ));
            }
            (Day::date(year, month, day)?, rest)
        }
        rest => (Day::month_day(month, day)?, rest),
    };
    Ok((day, rest))
}

/// Reads `2026-11-24`, `20261124`, `2026/11/24`, `24.11.2026` and `24.11.`; `None` if the word is
/// no date at all.
fn date(word: &str) -> Option<Result<Day, String>> {
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(of_numbers(&word[..4], &word[4..6], &word[6..]));
    }
    let divider = word.chars().find(|char| matches!(char, '-' | '/' | '.'))?;
    let numbers: Vec<_> = word.split(divider).collect();
    let is_number =
        |number: &&str| number.len() <= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
    if word.starts_with(divider) || !numbers.iter().all(is_number) {
        return None;
    }
    Some(match (divider, numbers.as_slice()) {
        ('.', [day, month, ""]) => of_numbers("", month, day),
        ('.', [day, month, year]) if year.len() == 4 => of_numbers(year, month, day),
        ('-' | '/', [year, month, day]) if year.len() == 4 => of_numbers(year, month, day),
        _ => Err(
            "it does not say which number is the day, the month and the year; write a date like \
             2026-11-24, and a time of day like 18:30"
                .to_owned(),
        ),
    })
}

fn of_numbers(year: &str, month: &str, day: &str) -> Result<Day, String> {
    let number = |text: &str| {
        text.parse::<i8>()
            .map_err(|_| format!("`{text}` is not a day or a month"))
    };
    let (month, day) = (number(month)?, number(day)?);
    match year.parse() {
        Ok(year) => Day::date(year, month, day),
        Err(_) => Day::month_day(month, day),
    }
}

/// Reads `31`, `31st` and `31.`.
fn day_of_month(word: &str) -> Option<i8> {
    let ends = ["st", "nd", "rd", "th", "."];
    let number = ends.iter().find_map(|end| word.strip_suffix(end));
    number
        .unwrap_or(word)
        .parse()
        .ok()
        .filter(|number| *number > 0 && word.len() <= 4)
}

fn month(word: &str) -> Option<i8> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let word = word.strip_suffix('.').unwrap_or(word);
    let named = |month: &&str| {
        *month == word || &month[..3] == word || (word == "sept" && month.starts_with(word))
    };
    let place = MONTHS.iter().position(named)?;
    i8::try_from(place + 1).ok()
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "monday" | "mon" => Weekday::Monday,
        "tuesday" | "tue" | "tues" => Weekday::Tuesday,
        "wednesday" | "wed" => Weekday::Wednesday,
        "thursday" | "thu" | "thur" | "thurs" => Weekday::Thursday,
        "friday" | "fri" => Weekday::Friday,
        "saturday" | "sat" => Weekday::Saturday,
        "sunday" | "sun" => Weekday::Sunday,
        _ => return None,
    })
}

/// Reads `utc`, `+02:00`, `-0330` and `europe/berlin`; `None` if the word is no zone at all.
fn zone(word: &str) -> Option<Result<TimeZone, String>> {
    const LETTERS: [&str; 22] = [
        "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "eet", "eest",
        "wet", "west", "bst", "ist", "msk", "jst", "kst", "aest", "aedt", "sgt",
    ];
    if matches!(word, "utc" | "gmt" | "z") {
        return Some(Ok(TimeZone::UTC));
    }
    if LETTERS.contains(&word) {
        return Some(Err(format!(
            "`{}` is the zone of more places than one; write an offset like `+02:00`, or a place \
             like `Europe/Berlin`",
            word.to_uppercase()
        )));
    }
    if word.starts_with(['+', '-']) {
        let offset = offset(word);
        return Some(offset.ok_or_else(|| {
            format!("`{word}` is not an offset from UTC; those are written like `+02:00`")
        }));
    }
    if word.contains('/') && word.contains(|char: char| char.is_ascii_alphabetic()) {
        let zone = TimeZone::get(word).or_else(|_| TimeZoneDatabase::bundled().get(word));
        return Some(zone.map_err(|_| format!("there is no zone `{word}`")));
    }
    None
}

fn offset(word: &str) -> Option<TimeZone> {
    let (sign, digits) = word.split_at(1);
    let (hours, minutes) = match (digits.split_once(':'), digits.len()) {
        (Some(parts), _) => parts,
        (None, 4) => digits.split_at_checked(2)?,
        (None, _) => (digits, "0"),
    };
    let number = |text: &str, max: i32| {
        let is_number =
            (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>()
            .ok()
            .filter(|number| is_number && *number <= max)
    };
    let seconds = number(hours, 25)? * 3_600 + number(minutes, 59)? * 60;
    let seconds = if sign == "-" { -seconds } else { seconds };
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}
