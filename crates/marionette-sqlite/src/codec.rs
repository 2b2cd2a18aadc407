//! How ids, payloads and options lie in the file: as readable as they can be.

use std::time::Duration;

use marionette::TaskId;
use marionette::store::{JobOptions, PastOutcome, WorkerId};
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

/// Bytes as a text where they are one, as a blob elsewhere.
#[derive(Debug)]
pub(crate) struct Readable<'a>(pub(crate) &'a [u8]);

impl ToSql for Readable<'_> {
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

/// What most jobs return, and what a row therefore does not spell out.
const NULL: &[u8] = b"null";

/// The result of a job as it is stored.
pub(crate) fn result_to_sql(result: &[u8]) -> Option<Readable<'_>> {
    (result != NULL).then_some(Readable(result))
}

/// The result of a job that is done.
pub(crate) fn result_from_sql(value: ValueRef<'_>) -> FromSqlResult<Vec<u8>> {
    match value {
        ValueRef::Null => Ok(NULL.to_vec()),
        value => bytes(value).map(<[u8]>::to_vec),
    }
}

/// An id: 16 bytes, in the order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(pub(crate) Uuid);

impl Id {
    pub(crate) fn of(id: TaskId) -> Self {
        Self(id.uuid())
    }

    pub(crate) fn task(self) -> TaskId {
        TaskId::from(self.0)
    }

    pub(crate) fn worker(self) -> WorkerId {
        WorkerId(self.0)
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

/// Options as JSON; nothing for the defaults.
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

/// The words for outcomes, as they stand in the file.
const OUTCOMES: [(PastOutcome, &str); 8] = [
    (PastOutcome::Done, "done"),
    (PastOutcome::Failed, "failed"),
    (PastOutcome::Panicked, "panicked"),
    (PastOutcome::TimedOut, "timed_out"),
    (PastOutcome::Cancelled, "cancelled"),
    (PastOutcome::Snoozed, "snoozed"),
    (PastOutcome::Interrupted, "interrupted"),
    (PastOutcome::Crashed, "crashed"),
];

pub(crate) fn outcome_to_sql(outcome: PastOutcome) -> &'static str {
    let known = OUTCOMES.iter().find(|(known, _)| *known == outcome);
    // An outcome that is newer than this file counts as no success and as no failure.
    known.map_or("interrupted", |(_, word)| word)
}

pub(crate) fn outcome_from_sql(value: ValueRef<'_>) -> FromSqlResult<PastOutcome> {
    let word = value.as_str()?;
    let known = OUTCOMES.iter().find(|(_, known)| *known == word);
    known
        .map(|(outcome, _)| *outcome)
        .ok_or(FromSqlError::InvalidType)
}

/// A number that is never below zero.
pub(crate) fn count(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let count: i64 = row.get(index)?;
    u64::try_from(count).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, count))
}

/// Nanoseconds; 292 years at most.
pub(crate) fn nanos(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
}

/// So many nanoseconds.
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
