//! Times as people write them are read as people mean them, or refused with the reason.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use super::*;

fn berlin(text: &str) -> ZonedDateTime {
    format!("{text}[Europe/Berlin]").parse().unwrap()
}

fn read(text: &str, now: &str) -> (String, Option<String>) {
    let now = berlin(now);
    let when = parse_time(text, &now).unwrap_or_else(|error| panic!("{error}"));
    let time = Timestamp::try_from(when.time).unwrap();
    let zoned = time.to_zoned_datetime(now.time_zone().clone());
    (zoned.strftime("%F %T").to_string(), when.note)
}

/// A Tuesday.
const NOW: &str = "2026-11-24T12:00";

fn all_are_read(times: &[(&str, &str)]) {
    for (text, expected) in times {
        let (time, note) = read(text, NOW);
        assert_eq!((time.as_str(), note), (*expected, None), "{text}");
    }
}

#[test]
fn times_are_read_as_people_write_them() {
    all_are_read(&[
        ("18:00", "2026-11-24 18:00:00"),
        ("06:00", "2026-11-25 06:00:00"),
        ("6:00", "2026-11-25 06:00:00"),
        ("12:00", "2026-11-25 12:00:00"),
        ("1530", "2026-11-24 15:30:00"),
        ("0600", "2026-11-25 06:00:00"),
        ("6am", "2026-11-25 06:00:00"),
        ("at 6 PM", "2026-11-24 18:00:00"),
        ("6 p.m.", "2026-11-24 18:00:00"),
        ("12am", "2026-11-25 00:00:00"),
        ("12:30pm", "2026-11-24 12:30:00"),
        ("noon", "2026-11-25 12:00:00"),
        ("midnight", "2026-11-25 00:00:00"),
        ("tonight", "2026-11-24 20:00:00"),
        ("tonight at 11pm", "2026-11-24 23:00:00"),
        ("tonight 2am", "2026-11-25 02:00:00"),
        ("tonight midnight", "2026-11-25 00:00:00"),
        ("today 18:00:30", "2026-11-24 18:00:30"),
        ("tomorrow", "2026-11-25 00:00:00"),
        ("Tomorrow 06:00", "2026-11-25 06:00:00"),
        ("tomorrow at 06:00", "2026-11-25 06:00:00"),
        ("tomorrow 6:30 pm", "2026-11-25 18:30:00"),
        ("6am tomorrow", "2026-11-25 06:00:00"),
        ("noon tomorrow", "2026-11-25 12:00:00"),
        ("18:00 tomorrow", "2026-11-25 18:00:00"),
        ("1530 tomorrow", "2026-11-25 15:30:00"),
        ("day after tomorrow 6am", "2026-11-26 06:00:00"),
        ("6am the day after tomorrow", "2026-11-26 06:00:00"),
        ("friday", "2026-11-27 00:00:00"),
        ("next friday", "2026-11-27 00:00:00"),
        ("tuesday", "2026-12-01 00:00:00"),
        ("this friday, 6pm", "2026-11-27 18:00:00"),
        ("next tuesday 18:00", "2026-12-01 18:00:00"),
        ("monday 06:00", "2026-11-30 06:00:00"),
        ("6am on monday", "2026-11-30 06:00:00"),
        ("thursday 06:00", "2026-11-26 06:00:00"),
        ("tuesday 18:00", "2026-11-24 18:00:00"),
        ("tue 06:00", "2026-12-01 06:00:00"),
        ("saturday at noon", "2026-11-28 12:00:00"),
    ]);
}

#[test]
fn dates_zones_and_distances_are_read_as_people_write_them() {
    all_are_read(&[
        ("10am Jul 31", "2027-07-31 10:00:00"),
        ("Jul 31 10am", "2027-07-31 10:00:00"),
        ("31 july 10:00", "2027-07-31 10:00:00"),
        ("July 31st, 2028 at noon", "2028-07-31 12:00:00"),
        ("the 24th of December", "2026-12-24 00:00:00"),
        ("dec 24 2027", "2027-12-24 00:00:00"),
        ("feb 29", "2028-02-29 00:00:00"),
        ("nov 24 18:00", "2026-11-24 18:00:00"),
        ("nov 24", "2027-11-24 00:00:00"),
        ("2026-12-24", "2026-12-24 00:00:00"),
        ("20261224 1800", "2026-12-24 18:00:00"),
        ("2026-12-24 6pm", "2026-12-24 18:00:00"),
        ("18:00 2026-12-24", "2026-12-24 18:00:00"),
        ("2026/12/24 18:00", "2026-12-24 18:00:00"),
        ("28.3.2027 12:30", "2027-03-28 12:30:00"),
        ("24.12. 18:00", "2026-12-24 18:00:00"),
        ("24. december 18:00", "2026-12-24 18:00:00"),
        ("2026-12-24 18:00", "2026-12-24 18:00:00"),
        ("2026-12-24T18:00", "2026-12-24 18:00:00"),
        ("2026-12-24T18:00Z", "2026-12-24 19:00:00"),
        ("2026-12-24T18:00:00+05:30", "2026-12-24 13:30:00"),
        ("2026-12-24T18:00[America/New_York]", "2026-12-25 00:00:00"),
        ("2026-12-24 18:00 America/New_York", "2026-12-25 00:00:00"),
        ("2026-11-30 06:00 UTC", "2026-11-30 07:00:00"),
        ("2026-11-30 06:00Z", "2026-11-30 07:00:00"),
        ("2026-11-30 02:30 +02:00", "2026-11-30 01:30:00"),
        ("2026-11-30 02:30-0330", "2026-11-30 07:00:00"),
        ("tomorrow 06:00 UTC", "2026-11-25 07:00:00"),
        ("11:30 UTC", "2026-11-24 12:30:00"),
        ("noon Asia/Tokyo", "2026-11-25 04:00:00"),
        ("@1796000000", "2026-11-30 01:53:20"),
        ("now", "2026-11-24 12:00:00"),
        ("now + 1 minute", "2026-11-24 12:01:00"),
        ("now +2h", "2026-11-24 14:00:00"),
        ("in 10m", "2026-11-24 12:10:00"),
        ("in an hour", "2026-11-24 13:00:00"),
        ("+10m", "2026-11-24 12:10:00"),
        ("10m", "2026-11-24 12:10:00"),
        ("10 minutes", "2026-11-24 12:10:00"),
        ("2 days from now", "2026-11-26 12:00:00"),
    ]);
}

#[test]
fn times_that_have_come_are_read_as_people_write_them() {
    let now = berlin(NOW);
    for (text, expected) in [
        ("06:00", "2026-11-24 06:00:00"),
        ("18:00", "2026-11-23 18:00:00"),
        ("today", "2026-11-24 00:00:00"),
        ("today 07:30", "2026-11-24 07:30:00"),
        ("yesterday", "2026-11-23 00:00:00"),
        ("Yesterday 18:00", "2026-11-23 18:00:00"),
        ("6pm yesterday", "2026-11-23 18:00:00"),
        ("day before yesterday", "2026-11-22 00:00:00"),
        ("monday 06:00", "2026-11-23 06:00:00"),
        ("tuesday", "2026-11-24 00:00:00"),
        ("last tuesday", "2026-11-17 00:00:00"),
        ("tuesday 18:00", "2026-11-17 18:00:00"),
        ("wednesday", "2026-11-18 00:00:00"),
        ("jul 31", "2026-07-31 00:00:00"),
        ("dec 24 18:00", "2025-12-24 18:00:00"),
        ("2026-11-01", "2026-11-01 00:00:00"),
        ("2026-11-01 10:00", "2026-11-01 10:00:00"),
        ("2026-11-01T10:00Z", "2026-11-01 11:00:00"),
        ("2h ago", "2026-11-24 10:00:00"),
        ("an hour ago", "2026-11-24 11:00:00"),
        ("10m", "2026-11-24 11:50:00"),
        ("now - 2h", "2026-11-24 10:00:00"),
        ("now", "2026-11-24 12:00:00"),
        ("midnight", "2026-11-24 00:00:00"),
    ] {
        let time = Timestamp::try_from(parse_past_time(text, &now).unwrap()).unwrap();
        let zoned = time.to_zoned_datetime(now.time_zone().clone());
        assert_eq!(zoned.strftime("%F %T").to_string(), expected, "{text}");
    }
}

#[test]
fn a_time_that_the_clocks_skip_is_as_much_later() {
    for text in ["tomorrow 02:30", "29.3.2026 2:30", "2:30am mar 29"] {
        let (time, note) = read(text, "2026-03-28T12:00");
        assert_eq!(time, "2026-03-29 03:30:00");
        let expected = "the clocks skip 02:30 on 2026-03-29; it runs at 03:30";
        assert_eq!(note.as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn a_time_that_comes_twice_is_the_first_that_is_to_come() {
    let (time, note) = read("02:30", "2026-10-24T12:00");
    assert_eq!(time, "2026-10-25 02:30:00");
    let note = note.unwrap();
    assert_eq!(
        note,
        "02:30 on 2026-10-25 comes twice; it runs at the first, 02:30 +02:00"
    );
    // Between the two it means the second: the first has passed.
    let (_, note) = read("02:30", "2026-10-25T02:15+01:00");
    let note = note.unwrap();
    assert!(
        note.ends_with("it runs at the second, 02:30 +01:00"),
        "{note}"
    );
    // With an offset it comes only once.
    let (time, note) = read("2026-10-25 02:30 +01:00", "2026-10-24T12:00");
    assert_eq!((time.as_str(), note), ("2026-10-25 02:30:00", None));
}

#[test]
fn a_time_that_has_passed_is_said() {
    for text in [
        "2026-11-24 11:00",
        "yesterday",
        "1.1.2020",
        "@0",
        "2h ago",
        "2026-03-29 02:30",
    ] {
        let (_, note) = read(text, NOW);
        assert_eq!(note.as_deref(), Some(PASSED), "{text}");
    }
}

#[test]
fn what_is_no_time_is_told_with_the_reason_or_with_what_to_write() {
    let now = berlin(NOW);
    for (text, expected) in [
        ("", "write it like"),
        ("soon", "write it like"),
        ("soon at 6pm", "`soon` is not understood; write it like"),
        ("6", "an hour is written like"),
        ("tomorrow 6", "an hour is written like"),
        ("13pm", "there is no hour 13 with `am` or `pm`"),
        ("0am", "there is no hour 0 with `am` or `pm`"),
        ("6:60pm", "there is no minute 60"),
        ("25:00", "there is no hour 25; a day has 0 to 23"),
        ("2500", "there is no hour 25"),
        ("24:00", "24:00 is 00:00 of the next day"),
        ("10:61", "there is no minute 61"),
        ("10:00:75", "there is no second 75"),
        ("pm", "write it like"),
        ("today", "it does not say when today"),
        ("today midnight", "a midnight at each end"),
        ("midnight friday", "a midnight at each end"),
        ("18:0:0:0", "is not a time of day"),
        ("someday 06:00", "`someday` is not understood"),
        (
            "2026-02-30",
            "there is no day 30 in February 2026, which has 28",
        ),
        (
            "2027-02-29 06:00",
            "there is no day 29 in February 2027, which has 28",
        ),
        (
            "31.4.2027",
            "there is no day 31 in April 2027, which has 30",
        ),
        ("feb 30", "there is no day 30 in February, which has 29"),
        ("2026-13-01 06:00", "there is no month 13"),
        ("2026-12-00", "there is no day 0"),
        ("3/28/2027", "which number is the day"),
        ("28-03-2027", "which number is the day"),
        ("28.3.27", "which number is the day"),
        ("dec 1530", "it does not say which day of `dec`"),
        ("dec 24 1530", "1530 stands where the year does"),
        ("next week", "`next` goes with a day of the week"),
        ("tomorrow friday", "two days"),
        ("6pm 18:00", "two times of day"),
        ("18:00 EST", "`EST` is the zone of more places than one"),
        ("18:00 Foo/Bar", "there is no zone `foo/bar`"),
        ("18:00 +99:00", "is not an offset from UTC"),
        (
            "2026-12-24T18:00[Foo/Bar]",
            "the zone in brackets is not known",
        ),
        ("UTC", "write it like"),
        ("@soon", "a number of seconds since 1970"),
        ("@1796000000000", "seconds, not milliseconds"),
        ("in soon", "is not a duration"),
        ("+", "is not a duration"),
        ("in 40000d", "is too long"),
        ("every day at 2", "a task runs once"),
        ("daily 06:00", "a task runs once"),
        ("0 2 * * *", "a task runs once"),
    ] {
        let error = parse_time(text, &now).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
        assert!(
            error.contains(&format!("{:?}", text.trim_start_matches("in "))) || text == "+",
            "{error}"
        );
    }
}

/// A sequence of numbers that is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % limit
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let place = self.below(all.len() as u64);
        &all[usize::try_from(place).unwrap()]
    }
}

const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "UTC",
];

/// A minute between 1990 and 2089, in some zone.
fn some_time(numbers: &mut Numbers) -> ZonedDateTime {
    let zone = TimeZone::get(numbers.of::<&str>(&ZONES)).unwrap();
    let minutes = i64::try_from(numbers.below(52_596_000)).unwrap();
    let time = Timestamp::from_second(631_152_000 + 60 * minutes).unwrap();
    time.to_zoned_datetime(zone)
}

#[test]
fn a_time_that_is_written_in_any_way_is_read_back() {
    let mut numbers = Numbers(11);
    for _ in 0..2_000 {
        let time = some_time(&mut numbers);
        let now = some_time(&mut numbers).timestamp();
        let now = now.to_zoned_datetime(time.time_zone().clone());
        let utc = time.timestamp().to_zoned_datetime(TimeZone::UTC);
        // With an offset or in UTC a time is the same whatever the clocks do.
        let exact = [
            time.strftime("%Y-%m-%dT%H:%M%:z").to_string(),
            time.strftime("%Y-%m-%d %H:%M %:z").to_string(),
            time.strftime("%H:%M %z %Y-%m-%d").to_string(),
            time.strftime("%-I:%M%P %:z on %B %-d, %Y").to_string(),
            utc.strftime("%d.%m.%Y %H:%M UTC").to_string(),
            utc.strftime("%Y%m%d %H%M GMT").to_string(),
            utc.strftime("@%s").to_string(),
            utc.strftime("%FT%TZ").to_string(),
            time.to_string(),
        ];
        let local = [
            time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            time.strftime("%-I:%M %p %b %-d %Y").to_string(),
            time.strftime("%-d %B %Y, %H:%M").to_string(),
            time.strftime("%H:%M on %Y/%m/%d").to_string(),
        ];
        for text in &exact {
            let read = parse_time(text, &now).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(
                read.time,
                system_time(time.timestamp()),
                "{text} for {time}"
            );
        }
        let mut readings = BTreeSet::new();
        for text in &local {
            let read = parse_time(text, &now).unwrap_or_else(|error| panic!("{error}"));
            let zoned = Timestamp::try_from(read.time).unwrap();
            let zoned = zoned.to_zoned_datetime(time.time_zone().clone());
            // The reading may be the other of two equal times.
            assert_eq!(zoned.datetime(), time.datetime(), "{text} for {time}");
            readings.insert(read.time);
        }
        assert_eq!(readings.len(), 1, "{local:?}");
    }
}

#[test]
fn a_time_of_day_is_the_next_or_the_last_one_at_any_moment_in_any_zone() {
    let mut numbers = Numbers(12);
    // Two days, one of which may not have such a time.
    let far = Duration::from_secs(2 * 86_400);
    for _ in 0..5_000 {
        let now = some_time(&mut numbers);
        let clock = some_time(&mut numbers).strftime("%H:%M").to_string();
        let here = system_time(now.timestamp());
        let next = parse_time(&clock, &now).unwrap().time;
        assert!(next > here && next <= here + far, "{clock} at {now}");
        let last = parse_past_time(&clock, &now).unwrap();
        assert!(last <= here && last + far >= here, "{clock} at {now}");
        let weekday = now.strftime("%A").to_string();
        let next = parse_time(&format!("{clock} {weekday}"), &now)
            .unwrap()
            .time;
        assert!(
            next > here && next <= here + 8 * far / 2,
            "{clock} {weekday} at {now}"
        );
    }
}

#[test]
fn no_words_in_any_order_do_more_than_be_read_or_refused() {
    const WORDS: [&str; 40] = [
        "at",
        "on",
        "in",
        "now",
        "+",
        "-",
        "@",
        "10m",
        "1 hour",
        "ago",
        "today",
        "tomorrow",
        "tonight",
        "next",
        "last",
        "friday",
        "mon",
        "jul",
        "31",
        "31st",
        "2027",
        "1530",
        "18:00",
        "24:00",
        "6",
        "6pm",
        "pm",
        "noon",
        "midnight",
        "2027-03-28",
        "28.3.2027",
        "28.3.",
        "utc",
        "+02:00",
        "-9",
        "asia/tokyo",
        "t",
        "z",
        "ä:",
        "2026-11-24t18:00:00-03:00z",
    ];
    let mut numbers = Numbers(13);
    for _ in 0..20_000 {
        let now = some_time(&mut numbers);
        let count = 1 + numbers.below(4);
        let words: Vec<_> = (0..count).map(|_| *numbers.of(&WORDS)).collect();
        for glue in [" ", "", ", "] {
            let text = words.join(glue);
            let _ = parse_past_time(&text, &now);
            if let Err(error) = parse_time(&text, &now) {
                assert!(
                    error.contains(" is ") || error.contains(" has "),
                    "{text}: {error}"
                );
            }
        }
    }
}
