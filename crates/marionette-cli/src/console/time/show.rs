//! Shows times.

use std::time::{Duration, SystemTime};

use jiff::{Timestamp, ZonedDateTime};

use super::show_duration;

/// A time for a person: `18:00:05` today, `2026-11-24 18:00:05` on another day.
pub(crate) fn show_time(time: SystemTime, now: &ZonedDateTime) -> String {
    let Ok(time) = Timestamp::try_from(time) else {
        return "beyond every calendar".to_owned();
    };
    let time = time.to_zoned_datetime(now.time_zone().clone());
    if time.date() == now.date() {
        return time.strftime("%H:%M:%S").to_string();
    }
    time.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The distance of a time: `in 10m`, `2h 5m ago`, `now`.
pub(crate) fn show_relative(time: SystemTime, now: SystemTime) -> String {
    match time.duration_since(now) {
        Ok(ahead) if ahead.as_secs() > 0 => {
            // Half a second more, so that a task that was just delayed by 10m is not shown as 9m
            // 59s.
            format!("in {}", show_duration(ahead + Duration::from_millis(500)))
        }
        Ok(_) => "now".to_owned(),
        Err(error) if error.duration().as_secs() == 0 => "now".to_owned(),
        Err(error) => format!("{} ago", show_duration(error.duration())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(text: &str) -> ZonedDateTime {
        format!("{text}[Europe/Berlin]").parse().unwrap()
    }

    #[test]
    fn times_are_shown_short_today_and_in_full_on_other_days() {
        let now = berlin("2026-11-24T12:00");
        let at = |text: &str| SystemTime::try_from(berlin(text).timestamp()).unwrap();
        assert_eq!(show_time(at("2026-11-24T18:00:05"), &now), "18:00:05");
        assert_eq!(
            show_time(at("2026-11-25T06:00"), &now),
            "2026-11-25 06:00:00"
        );
        let noon = SystemTime::try_from(now.timestamp()).unwrap();
        assert_eq!(show_relative(at("2026-11-24T12:10"), noon), "in 10m");
        assert_eq!(show_relative(at("2026-11-24T09:55"), noon), "2h 5m ago");
        assert_eq!(show_relative(noon, noon), "now");
    }
}
