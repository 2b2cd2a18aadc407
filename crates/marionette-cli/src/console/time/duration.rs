//! Durations: `90s`, `1h 30m`, `2 weeks`.

use std::time::Duration;

/// The longest duration: a hundred years, longer than anybody waits, and far from where calendars
/// end.
const DURATION_MAX: Duration = Duration::from_secs(100 * 365 * 86_400);

/// Reads `90s`, `10m`, `1h30m`, `2d`, `250ms`, `1.5h`, `1h 30m`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        format!("{text:?} is not a duration; write it like `90s`, `10m`, `1h30m`, `2d` or `250ms`")
    };
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return Err(wrong());
    }
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    while !rest.is_empty() {
        let digits = rest.find(|char: char| !char.is_ascii_digit() && char != '.');
        let (number, behind) = rest.split_at(digits.ok_or_else(|| without_unit(text))?);
        let behind = behind.trim_start();
        let letters = behind.find(|char: char| !char.is_ascii_alphabetic());
        let (unit, behind) = behind.split_at(letters.unwrap_or(behind.len()));
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let unit = unit_seconds(unit).ok_or_else(|| match unit {
            "month" | "months" | "year" | "years" => {
                let unit = unit.trim_end_matches('s');
                format!("{text:?} is not a duration; a {unit} has no fixed length, so write days")
            }
            _ => wrong(),
        })?;
        let part = Duration::try_from_secs_f64(number * unit).map_err(|_| too_long(text))?;
        total = total.checked_add(part).ok_or_else(|| too_long(text))?;
        rest = behind.trim_start();
    }
    if total > DURATION_MAX {
        return Err(too_long(text));
    }
    Ok(total)
}

fn without_unit(text: &str) -> String {
    format!("{text:?} has no unit; write it like `{text}s`, `{text}m`, `{text}h` or `{text}d`")
}

fn too_long(text: &str) -> String {
    format!("{text:?} is too long; the limit is 36500d")
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3_600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// A duration for a person, with two units at most: `340ms`, `2.3s`, `1h 30m`, `2d 3h`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration < Duration::from_secs(1) {
        return format!("{}ms", duration.as_millis());
    }
    if duration < Duration::from_secs(10) {
        return format!("{}.{}s", seconds, duration.subsec_millis() / 100);
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let mut shown = parts.iter().skip_while(|(number, _)| *number == 0).take(2);
    let first = shown.next().map(|(number, unit)| format!("{number}{unit}"));
    let second = shown
        .next()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!(" {number}{unit}"));
    format!(
        "{}{}",
        first.unwrap_or_default(),
        second.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> f64 {
        parse_duration(text).unwrap().as_secs_f64()
    }

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, expected) in [
            ("90s", 90.0),
            ("10m", 600.0),
            ("1h30m", 5_400.0),
            ("1h 30m", 5_400.0),
            ("2d", 172_800.0),
            ("1.5h", 5_400.0),
            ("250ms", 0.25),
            ("2 weeks", 1_209_600.0),
            ("0", 0.0),
        ] {
            assert!((seconds(text) - expected).abs() < 1e-9, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_told_with_what_to_write() {
        let wrong = |text: &str| parse_duration(text).unwrap_err();
        assert_eq!(
            wrong("90"),
            r#""90" has no unit; write it like `90s`, `90m`, `90h` or `90d`"#
        );
        assert_eq!(
            wrong("1 month"),
            r#""1 month" is not a duration; a month has no fixed length, so write days"#
        );
        for text in ["", "soon", "-5s", "1x", "1.2.3s", "5s!", "s", "1h30"] {
            let error = wrong(text);
            assert!(error.contains("write it like"), "{text}: {error}");
        }
        assert_eq!(
            wrong("40000d"),
            r#""40000d" is too long; the limit is 36500d"#
        );
        assert!(wrong("9999999999999999999999999d").contains("too long"));
    }

    #[test]
    fn durations_are_shown_with_two_units_at_most() {
        for (millis, expected) in [
            (0, "0ms"),
            (999, "999ms"),
            (1_000, "1.0s"),
            (2_349, "2.3s"),
            (59_999, "59s"),
            (60_000, "1m"),
            (90_000, "1m 30s"),
            (5_400_000, "1h 30m"),
            (86_400_000, "1d"),
            (90_061_000, "1d 1h"),
        ] {
            assert_eq!(show_duration(Duration::from_millis(millis)), expected);
        }
    }
}
