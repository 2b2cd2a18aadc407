//! How times, names, options and texts stand in the tables.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marionette::store::{
    Due, EndKind, JobOptions, JobState, Name, PastOutcome, StoreError, clip_error,
};

use crate::error::strange;

/// The latest time that is kept: the end of the year 9999. Due times beyond it are clamped, so that
/// sums of times stay in range.
const LATEST: i64 = 253_402_300_799_000_000;

/// A length in microseconds, rounded up.
pub(crate) fn length(length: Duration) -> i64 {
    let micros = length.as_nanos().div_ceil(1_000);
    i64::try_from(micros).unwrap_or(i64::MAX).min(LATEST)
}

/// Microseconds since 1970.
pub(crate) fn micros(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros())
            .unwrap_or(i64::MAX)
            .min(LATEST),
        Err(before) => -length(before.duration()),
    }
}

pub(crate) fn time(micros: i64) -> SystemTime {
    let length = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 {
        UNIX_EPOCH.checked_sub(length)
    } else {
        UNIX_EPOCH.checked_add(length)
    };
    time.unwrap_or(UNIX_EPOCH)
}

/// The time between two times; none if the second is earlier.
pub(crate) fn passed(since: i64, until: i64) -> Duration {
    let micros = until.saturating_sub(since);
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

/// When a job is due: at a time, or so long after the present. `None` for a kind of time that is
/// newer than this library.
pub(crate) fn when(due: Due) -> Option<(Option<i64>, Option<i64>)> {
    match due {
        Due::Now => Some((None, Some(0))),
        Due::After(pause) => Some((None, Some(length(pause)))),
        Due::At(time) => Some((Some(micros(time)), None)),
        _ => None,
    }
}

/// Options as JSON; nothing for the defaults.
pub(crate) fn options_in(options: &JobOptions) -> Result<Vec<u8>, StoreError> {
    if *options == JobOptions::default() {
        return Ok(Vec::new());
    }
    serde_json::to_vec(options)
        .map_err(|error| StoreError::refused("its options cannot be stored").with_source(error))
}

pub(crate) fn options_out(options: &[u8]) -> Result<JobOptions, StoreError> {
    if options.is_empty() {
        return Ok(JobOptions::default());
    }
    serde_json::from_slice(options).map_err(|_| strange("options"))
}

pub(crate) fn name(text: &str) -> Result<Name, StoreError> {
    Name::try_from(text).map_err(|_| strange("a name"))
}

/// An error or a reason, cut as everywhere.
pub(crate) fn clipped(text: &str) -> Vec<u8> {
    clip_error(text).as_bytes().to_vec()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const OUTCOMES: [PastOutcome; 9] = [
    PastOutcome::Done,
    PastOutcome::Failed,
    PastOutcome::Panicked,
    PastOutcome::TimedOut,
    PastOutcome::GivenUp,
    PastOutcome::Cancelled,
    PastOutcome::Snoozed,
    PastOutcome::Interrupted,
    PastOutcome::Crashed,
];
/// The first has the number 1.
const ENDS: [EndKind; 5] = [
    EndKind::Failed,
    EndKind::Cancelled,
    EndKind::Expired,
    EndKind::GivenUp,
    EndKind::Quarantined,
];

/// The number of a value in a list; `None` for one that is newer than this library.
fn number_in<T: PartialEq>(list: &[T], value: &T) -> Option<i16> {
    let place = list.iter().position(|one| one == value)?;
    i16::try_from(place).ok()
}

fn value_in<T: Copy>(list: &[T], number: i16) -> Option<T> {
    list.get(usize::try_from(number).ok()?).copied()
}

pub(crate) fn outcome_in(outcome: PastOutcome) -> Option<i16> {
    number_in(&OUTCOMES, &outcome)
}

pub(crate) fn outcome_out(number: i16) -> Result<PastOutcome, StoreError> {
    value_in(&OUTCOMES, number).ok_or_else(|| strange("an outcome"))
}

pub(crate) fn end_in(kind: EndKind) -> Option<i16> {
    Some(number_in(&ENDS, &kind)? + 1)
}

pub(crate) fn end_out(number: i16) -> Result<EndKind, StoreError> {
    value_in(&ENDS, number - 1).ok_or_else(|| strange("a kind of end"))
}

/// The number of a state, as counts and lists have it.
pub(crate) fn state_in(state: JobState) -> Option<i16> {
    number_in(&JobState::ALL, &state)
}

pub(crate) fn state_out(number: i16) -> Result<JobState, StoreError> {
    value_in(&JobState::ALL, number).ok_or_else(|| strange("a state"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_and_what_is_beyond_the_range_is_its_end() {
        for micros_since in [0, 1, -1, 1_900_000_000_000_000] {
            assert_eq!(micros(time(micros_since)), micros_since);
        }
        assert_eq!(length(Duration::MAX), LATEST);
        assert_eq!(length(Duration::from_nanos(1)), 1);
        assert_eq!(passed(5, 3), Duration::ZERO);
    }

    #[test]
    fn every_outcome_end_and_state_has_a_number() {
        for kind in EndKind::ALL {
            assert_eq!(end_out(end_in(kind).unwrap()).unwrap(), kind);
        }
        for state in JobState::ALL {
            assert_eq!(state_out(state_in(state).unwrap()).unwrap(), state);
        }
        for outcome in OUTCOMES {
            assert_eq!(outcome_out(outcome_in(outcome).unwrap()).unwrap(), outcome);
            assert_eq!(
                outcome.is_failure(),
                (1..=4).contains(&outcome_in(outcome).unwrap())
            );
        }
    }
}
