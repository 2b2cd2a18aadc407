//! The attempts of a job: the first 5 and the last 20 are kept.

use std::time::Duration;

use marionette::inspect::TimedAttempt;
use marionette::store::{PastAttempt, PastOutcome};
use rusqlite::{Connection, Row, params};

use crate::clock;
use crate::codec::{self, Id};
use crate::failpoint;

const FIRST_KEPT: i64 = 5;
const LAST_KEPT: i64 = 20;

/// An attempt on its way into the history.
#[derive(Debug)]
pub(crate) struct NewAttempt<'a> {
    pub(crate) seq: i64,
    /// The number of attempts that were ever written for the job.
    pub(crate) history: i64,
    /// The number of the attempt, as its handler saw it.
    pub(crate) number: u32,
    pub(crate) started: i64,
    pub(crate) ended: i64,
    pub(crate) ran: Duration,
    pub(crate) outcome: PastOutcome,
    pub(crate) error: Option<&'a str>,
    pub(crate) instance: Id,
}

/// Writes an attempt, and forgets one in the middle. Returns the number that was ever written.
pub(crate) fn add(connection: &Connection, attempt: &NewAttempt<'_>) -> rusqlite::Result<i64> {
    let n = attempt.history.saturating_add(1);
    connection
        .prepare_cached(include_str!("../sql/attempt_insert.sql"))?
        .execute(params![
            attempt.seq,
            n,
            attempt.number,
            attempt.started,
            attempt.ended,
            codec::nanos(attempt.ran),
            codec::outcome_to_sql(attempt.outcome),
            attempt.error,
            attempt.instance,
        ])?;
    failpoint::at("sqlite::settle::attempt");
    let forgotten = n.saturating_sub(LAST_KEPT);
    if forgotten > FIRST_KEPT {
        connection
            .prepare_cached(include_str!("../sql/attempt_forget.sql"))?
            .execute([attempt.seq, forgotten])?;
    }
    Ok(n)
}

/// All attempts that are kept and can be read, the oldest first.
pub(crate) fn all(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<TimedAttempt>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/attempts.sql"))?;
    let mut rows = statement.query([seq])?;
    let mut attempts = Vec::new();
    while let Some(row) = rows.next()? {
        match timed(row) {
            Ok(attempt) => attempts.push(attempt),
            Err(err) if codec::is_of_one_row(&err) => (),
            Err(err) => return Err(err),
        }
    }
    Ok(attempts)
}

/// The failed attempts, as a handler and the caller that awaits the job are told of them.
pub(crate) fn failures(connection: &Connection, seq: i64) -> rusqlite::Result<Vec<PastAttempt>> {
    let all = all(connection, seq)?;
    Ok(all
        .into_iter()
        .filter(|attempt| attempt.outcome.is_failure())
        .map(PastAttempt::from)
        .collect())
}

fn timed(row: &Row<'_>) -> rusqlite::Result<TimedAttempt> {
    let instance: Option<Id> = row.get(6).unwrap_or(None);
    let (started, ended) = (clock::time(row.get(1)?), clock::time(row.get(2)?));
    let outcome = codec::outcome_from_sql(row.get_ref(4)?)?;
    let mut attempt = TimedAttempt::new(codec::tally(row, 0)?, outcome, started, ended);
    attempt.ran = codec::from_nanos(row.get(3)?);
    attempt.error = codec::seen(row, 5)?;
    attempt.instance = instance.map(Id::instance);
    Ok(attempt)
}
