//! The state of a job in the file. The statements spell the numbers out, because SQLite uses a
//! partial index only for a condition without a parameter.

use marionette::store::{EndKind, JobState};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

/// The state of a job. Each state has one byte in the file, so that a row keeps its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting = 2,
    Running = 3,
    Done = 4,
    Dead = 5,
    Cancelled = 6,
    Quarantined = 7,
}

impl State {
    const ALL: [Self; 6] = [
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::Dead,
        Self::Cancelled,
        Self::Quarantined,
    ];

    /// The state for a person, to whom waiting jobs differ by when they are due.
    pub(crate) fn job_state(self, due: i64, failed: u32, now: i64) -> JobState {
        match self {
            Self::Waiting => JobState::waiting(due <= now, failed),
            Self::Running => JobState::Running,
            Self::Done => JobState::Done,
            Self::Dead => JobState::Dead,
            Self::Cancelled => JobState::Cancelled,
            Self::Quarantined => JobState::Quarantined,
        }
    }

    /// How a job in this state ended, if it ended without success. `kept` is what its row says; a
    /// row that says nothing ended as most in its state do.
    pub(crate) fn end(self, kept: Option<EndKind>) -> Option<EndKind> {
        let usual = match self {
            Self::Waiting | Self::Running | Self::Done => return None,
            Self::Dead => EndKind::Failed,
            Self::Cancelled => EndKind::Cancelled,
            Self::Quarantined => EndKind::Quarantined,
        };
        Some(kept.unwrap_or(usual))
    }

    /// Whether the job has ended.
    pub(crate) fn is_end(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        let known = Self::ALL.into_iter().find(|state| *state as i64 == number);
        known.ok_or(FromSqlError::OutOfRange(number))
    }
}
