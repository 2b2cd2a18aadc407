//! Values as a person types them: times, durations, sizes, names, ids, places of stores.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::sync::LazyLock;
use std::time::SystemTime;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use marionette::{Backoff, TaskId};

use super::is_fit_to_print;
use crate::console::time::{
    parse_duration, parse_past_time, parse_time, show_duration, show_relative, show_time,
};
use crate::input::{
    parse_backoff, parse_count, parse_grace, parse_kept, parse_name, parse_positive,
    parse_priority, parse_retries, parse_run_name, parse_size, parse_variable,
};
use crate::operate;
use crate::store::location;

/// The night in which the clocks of this zone go back, and an hour comes twice.
static NOW: LazyLock<ZonedDateTime> = LazyLock::new(|| {
    let now: Timestamp = "2026-10-25T00:30:00Z".parse().expect("it is a time");
    let zone = TimeZone::get("Europe/Berlin").expect("it is known");
    now.to_zoned_datetime(zone)
});

/// Any text is a time that can be shown, or is refused.
pub fn time(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(when) = parse_time(&text, &NOW) {
        is_fit_to_print(&show_time(when.time, &NOW));
        is_fit_to_print(&show_relative(when.time, SystemTime::UNIX_EPOCH));
    }
    let _ = parse_past_time(&text, &NOW);
}

/// Any text is a duration that is read as it is shown, or is refused.
pub fn duration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(duration) = parse_duration(&text) {
        let shown = show_duration(duration);
        let again = parse_duration(&shown).expect("what is shown is read");
        assert_eq!(show_duration(again), shown, "and means the same");
    }
    let _ = (parse_positive(&text), parse_grace(&text));
}

/// Any text is each of the other options, or is refused.
pub fn option(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(backoff) = parse_backoff(&text) {
        let backoff = Backoff::from(backoff);
        for failed in [1, 2, 1_000, u32::MAX] {
            let _ = backoff.pause(failed, u64::from(failed));
        }
    }
    let _ = (
        parse_size(&text),
        parse_count::<u64>(&text),
        parse_kept(&text),
    );
    let _ = (parse_retries(&text), parse_priority(&text));
    let _ = (parse_name(&text), parse_run_name(&text));
    let _ = parse_variable(&text);
}

/// Any text is an id that is read as it is shown, or is refused; any is a piece of one, or is not.
pub fn id(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(id) = text.parse::<TaskId>() {
        let again: TaskId = id.to_string().parse().expect("what is shown is read");
        assert_eq!(again, id);
    }
    match operate::parse_id(&text) {
        Ok(digits) => assert!(digits.chars().all(|char| char.is_ascii_hexdigit())),
        Err(why) => is_fit_to_print(&why),
    }
}

/// Any bytes are the place of a store, or are refused.
pub fn place(bytes: &[u8]) {
    if let Err(error) = location::of(Some(OsStr::from_bytes(bytes))) {
        is_fit_to_print(&format!("{error:#}"));
    }
}
