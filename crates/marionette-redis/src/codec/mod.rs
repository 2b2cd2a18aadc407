//! Jobs as bytes, and back. The layouts are those of `codec.lua` and `ends.lua`.

mod answer;
mod body;
mod keep;
mod rows;
mod when;
mod reader;

pub(crate) use answer::{BytePair, byte_pairs, bytes, int, list, optional, pairs, text};
pub(crate) use body::{Body, encode};
pub(crate) use keep::{keep_row, kept};
pub(crate) use reader::Reader;
pub(crate) use rows::{
    EndRow, HeldRow, Member, StateRow, attempt, end_letter, outcome_letter, state_letter, state_of,
};
pub(crate) use when::When;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marionette::TaskId;

/// The latest time that can be stored, in microseconds since 1970.
const TIME_MAX: u64 = (1 << 53) - 1;

/// The milliseconds since 1970 that an id tells; more than can be stored if it tells no time.
pub(crate) fn told_millis(id: TaskId) -> u64 {
    match id.uuid().get_version_num() {
        7 => id.uuid().as_u64_pair().0 >> 16,
        _ => TIME_MAX,
    }
}

/// A time in microseconds, rounded up: nothing runs before its time.
pub(crate) fn micros(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, length)
}

/// A length of time in microseconds, rounded up.
pub(crate) fn length(length: Duration) -> u64 {
    let micros = length.as_nanos().div_ceil(1000);
    u64::try_from(micros).map_or(TIME_MAX, |micros| micros.min(TIME_MAX))
}

pub(crate) fn time(micros: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(micros)
}
