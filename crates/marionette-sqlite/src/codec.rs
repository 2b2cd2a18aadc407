//! The form of ids, payloads and options in the file: as readable as possible.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{
    EndKind, InstanceId, JobOptions, Name, PAYLOAD_BYTES_MAX, PastOutcome, clip_error,
};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, Row, Rows, ffi};
use uuid::Uuid;

/// Bytes that are stored as a text if they are UTF-8, and else as a blob.
#[derive(Debug)]
pub(crate) struct TextOrBlob<'a>(pub(crate) &'a [u8]);

impl ToSql for TextOrBlob<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match std::str::from_utf8(self.0) {
            Ok(_) => ValueRef::Text(self.0),
            Err(_) => ValueRef::Blob(self.0),
        }))
    }
}

/// The bytes of a text or a blob.
pub(crate) fn bytes(value: ValueRef<'_>) -> FromSqlResult<&[u8]> {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Ok(bytes),
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => Err(FromSqlError::InvalidType),
    }
}

/// The payload of a job that is to run; an error if it is longer than an accepted one can be.
pub(crate) fn payload(value: ValueRef<'_>) -> FromSqlResult<&[u8]> {
    let payload = bytes(value)?;
    if payload.len() > PAYLOAD_BYTES_MAX {
        let (bytes, most) = (payload.len(), PAYLOAD_BYTES_MAX);
        let what = format!("its payload has {bytes} bytes, the limit is {most}");
        return Err(FromSqlError::Other(what.into()));
    }
    Ok(payload)
}

/// The result of most jobs, for which a row has NULL.
const NULL: &[u8] = b"null";

/// The result of a job as it is stored.
pub(crate) fn result_to_sql(result: &[u8]) -> Option<TextOrBlob<'_>> {
    (result != NULL).then_some(TextOrBlob(result))
}

/// The result of a job that is done.
pub(crate) fn result_from_sql(value: ValueRef<'_>) -> FromSqlResult<Vec<u8>> {
    match value {
        ValueRef::Null => Ok(NULL.to_vec()),
        value => bytes(value).map(<[u8]>::to_vec),
    }
}

/// An id: 16 bytes that sort by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) Uuid);

impl Id {
    pub(crate) fn of(id: TaskId) -> Self {
        Self(id.uuid())
    }

    pub(crate) fn task(self) -> TaskId {
        TaskId::from(self.0)
    }

    pub(crate) fn instance(self) -> InstanceId {
        InstanceId::from(self.0)
    }
}

impl ToSql for Id {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_bytes())))
    }
}

impl FromSql for Id {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let ValueRef::Blob(bytes) = value else {
            return Err(FromSqlError::InvalidType);
        };
        Uuid::from_slice(bytes)
            .map(Self)
            .map_err(|err| FromSqlError::Other(Box::new(err)))
    }
}

/// Options as JSON; `None` for the defaults.
pub(crate) fn options_to_sql(options: &JobOptions) -> Result<Option<String>, serde_json::Error> {
    if *options == JobOptions::default() {
        return Ok(None);
    }
    serde_json::to_string(options).map(Some)
}

pub(crate) fn options_from_sql(value: ValueRef<'_>) -> FromSqlResult<JobOptions> {
    match value {
        ValueRef::Null => Ok(JobOptions::default()),
        value => {
            serde_json::from_slice(bytes(value)?).map_err(|err| FromSqlError::Other(Box::new(err)))
        }
    }
}

/// The words for outcomes in the file.
const OUTCOMES: [(PastOutcome, &str); 9] = [
    (PastOutcome::Done, "done"),
    (PastOutcome::Failed, "failed"),
    (PastOutcome::Panicked, "panicked"),
    (PastOutcome::TimedOut, "timed_out"),
    (PastOutcome::GivenUp, "given_up"),
    (PastOutcome::Cancelled, "cancelled"),
    (PastOutcome::Snoozed, "snoozed"),
    (PastOutcome::Interrupted, "interrupted"),
    (PastOutcome::Crashed, "crashed"),
];

pub(crate) fn outcome_to_sql(outcome: PastOutcome) -> &'static str {
    let known = OUTCOMES.iter().find(|(known, _)| *known == outcome);
    // An outcome that this file has no word for counts as no success and as no failure.
    known.map_or("interrupted", |(_, word)| word)
}

pub(crate) fn outcome_from_sql(value: ValueRef<'_>) -> FromSqlResult<PastOutcome> {
    let word = value.as_str()?;
    let known = OUTCOMES.iter().find(|(_, known)| *known == word);
    known
        .map(|(outcome, _)| *outcome)
        .ok_or(FromSqlError::InvalidType)
}

/// How a job ended; `None` for no word, and for a word that this library does not know.
pub(crate) fn end_kind(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<EndKind>> {
    let word = row.get_ref(index)?.as_str_or_null().unwrap_or(None);
    Ok(word.and_then(EndKind::from_word))
}

/// A number of attempts or the like; a number out of range counts as the nearest in range.
pub(crate) fn tally(row: &Row<'_>, index: usize) -> rusqlite::Result<u32> {
    let number: i64 = row.get(index)?;
    Ok(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// A number that only its own job or instance depends on; 0 for a value of another type.
pub(crate) fn lenient(row: &Row<'_>, index: usize) -> rusqlite::Result<i64> {
    Ok(row.get_ref(index)?.as_i64().unwrap_or(0))
}

/// A text that people see, cut to a harmless length; `None` for a value of another type.
pub(crate) fn seen(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<String>> {
    let text = row.get_ref(index)?.as_str_or_null().unwrap_or(None);
    Ok(text.map(|text| clip_error(text).into_owned()))
}

/// The name of a queue or a kind; an error if it is not a valid one.
pub(crate) fn name(row: &Row<'_>, index: usize) -> rusqlite::Result<Name> {
    let name = Name::try_from(row.get_ref(index)?.as_str()?);
    Ok(name.map_err(|error| FromSqlError::Other(Box::new(error)))?)
}

/// The valid names of queues in the first column.
pub(crate) fn names<C: Default + Extend<Name>>(mut rows: Rows<'_>) -> rusqlite::Result<C> {
    let mut names = C::default();
    while let Some(row) = rows.next()? {
        names.extend(name(row, 0).ok());
    }
    Ok(names)
}

/// Whether an error concerns one row, so that the others can still be read.
pub(crate) fn is_of_one_row(err: &rusqlite::Error) -> bool {
    use rusqlite::Error::{
        FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
        Utf8Error,
    };
    let is_too_big = err.sqlite_error_code() == Some(ErrorCode::TooBig);
    is_too_big
        || matches!(
            err,
            FromSqlConversionFailure(..)
                | IntegralValueOutOfRange(..)
                | InvalidColumnType(..)
                | QueryReturnedNoRows
                | Utf8Error(..)
        )
}

/// SQLite's error for an index that disagrees with its table, or with itself.
pub(crate) fn damaged_index() -> rusqlite::Error {
    const CORRUPT_INDEX: i32 = 779;
    rusqlite::Error::SqliteFailure(ffi::Error::new(CORRUPT_INDEX), None)
}

/// A number that must not be negative.
pub(crate) fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(index)?;
    u64::try_from(count).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, count))
}

/// A length of time in nanoseconds; 292 years at most.
pub(crate) fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// The length of time of this number of nanoseconds.
pub(crate) fn from_nanos(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_in_seconds_comes_back_to_the_nanosecond() {
        for nanos in [
            0,
            1,
            999,
            123_456_789,
            86_400_000_000_001,
            4_000_000_123_456_789,
        ] {
            let length = Duration::from_nanos(nanos);
            assert_eq!(Duration::from_secs_f64(length.as_secs_f64()), length);
        }
    }

    #[test]
    fn every_outcome_has_its_word() {
        for (outcome, word) in OUTCOMES {
            assert_eq!(outcome_to_sql(outcome), word);
            let value = ValueRef::Text(word.as_bytes());
            assert_eq!(outcome_from_sql(value).expect("it is known"), outcome);
            assert_eq!(
                format!("\"{word}\""),
                serde_json::to_string(&outcome).expect("a word")
            );
        }
    }
}
