//! Values as people write them, in files and as arguments.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use marionette::store::{Name, StoredBackoff, StoredJitter};

use crate::console::time::parse_duration;

/// The largest limit of an output.
const OUTPUT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Reads a number of retries.
pub(crate) fn parse_retries(text: &str) -> Result<u32, String> {
    parse_number(text, 0..=1_000_000)
}

/// Reads a priority.
pub(crate) fn parse_priority(text: &str) -> Result<i8, String> {
    parse_number(text, i8::MIN.into()..=i8::MAX.into())
}

/// Reads a number of at least one.
pub(crate) fn parse_count<N: FromStr>(text: &str) -> Result<N, String> {
    let number = text.parse();
    number.map_err(|_| format!("{text:?} is not a whole number of 1 or more"))
}

/// Reads the number of tasks whose output is kept.
pub(crate) fn parse_kept(text: &str) -> Result<u64, String> {
    parse_number(text, 1_000..=i64::MAX)
}

fn parse_number<N: TryFrom<i64>>(text: &str, range: RangeInclusive<i64>) -> Result<N, String> {
    let number = text.trim().replace('_', "").parse().ok();
    number
        .filter(|number| range.contains(number))
        .and_then(|number| N::try_from(number).ok())
        .ok_or_else(|| {
            let (least, most) = range.into_inner();
            format!("{text:?} is not a whole number from {least} to {most}")
        })
}

/// Reads pauses between attempts: `none`, `10s` for the same each time, or `1s..5m` for pauses that
/// double from the first to the last.
pub(crate) fn parse_backoff(text: &str) -> Result<StoredBackoff, String> {
    if text.trim() == "none" {
        return Ok(StoredBackoff::None);
    }
    let wrong = |error: String| {
        format!("{error}; a backoff is `none`, a pause like `10s`, or a range like `1s..5m`")
    };
    let Some((initial, max)) = text.split_once("..") else {
        return Ok(StoredBackoff::Constant {
            pause: parse_duration(text).map_err(wrong)?,
            jitter: StoredJitter::None,
        });
    };
    let initial = parse_duration(initial).map_err(wrong)?;
    let max = parse_duration(max).map_err(wrong)?;
    if initial > max || initial.is_zero() {
        return Err(wrong(format!(
            "{text:?} does not go from a pause to a longer one"
        )));
    }
    Ok(StoredBackoff::Exponential {
        initial,
        multiplier: 2.0,
        max,
        // Tasks that failed together should not come back together.
        jitter: StoredJitter::Share(0.5),
    })
}

/// Reads a number of bytes: `64KiB`, `1MiB`, `2GB`, `512`.
pub(crate) fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is not a size; write it like `64KiB`, `1MiB` or `512`");
    let trimmed = text.trim();
    let digits = trimmed
        .find(|char: char| !char.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    match number.checked_mul(unit) {
        Some(bytes) if bytes <= OUTPUT_BYTES_MAX => Ok(bytes),
        _ => Err(format!("{text:?} is more than 1GiB, the limit")),
    }
}

/// Reads a duration that is not zero.
pub(crate) fn parse_positive(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("it must be more than nothing".to_owned()),
        duration => Ok(duration),
    }
}

/// Reads the name of a variable of the environment.
pub(crate) fn parse_variable(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(format!("{name:?} is not the name of a variable"));
    }
    Ok(name.to_owned())
}

/// Reads the name of a queue or a kind.
pub(crate) fn parse_name(name: &str) -> Result<Name, String> {
    Name::try_from(name).map_err(|error| error.to_string())
}

/// Reads a duration of at most [`GRACE_MAX`](crate::command::GRACE_MAX).
pub(crate) fn parse_grace(text: &str) -> Result<Duration, String> {
    let grace = parse_duration(text)?;
    if grace > crate::command::GRACE_MAX {
        return Err(format!("{text:?} is too long; the limit is 10m"));
    }
    Ok(grace)
}

/// Reads the name of a run.
pub(crate) fn parse_run_name(text: &str) -> Result<String, String> {
    parse_name(text).map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoffs_are_read() {
        assert_eq!(parse_backoff("none").unwrap(), StoredBackoff::None);
        assert!(matches!(
            parse_backoff("10s").unwrap(),
            StoredBackoff::Constant { pause, .. } if pause == Duration::from_secs(10)
        ));
        assert!(matches!(
            parse_backoff("1s..5m").unwrap(),
            StoredBackoff::Exponential { initial, max, .. }
                if initial == Duration::from_secs(1) && max == Duration::from_secs(300)
        ));
        for text in ["often", "5m..1s", "0..1s", "1s..", "..", "10"] {
            let error = parse_backoff(text).unwrap_err();
            assert!(error.contains("a backoff is"), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_are_read_up_to_their_limit() {
        for (text, bytes) in [
            ("512", 512),
            ("64KiB", 65_536),
            ("1 MB", 1_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse_size(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "",
            "big",
            "1TB",
            "-1",
            "1.5MiB",
            "2GiB",
            "99999999999999999999",
        ] {
            parse_size(text).unwrap_err();
        }
    }

    #[test]
    fn numbers_name_their_limits() {
        assert_eq!(parse_retries("1_000").unwrap(), 1_000);
        assert_eq!(
            parse_priority("200").unwrap_err(),
            r#""200" is not a whole number from -128 to 127"#
        );
    }
}
