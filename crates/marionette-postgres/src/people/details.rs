//! Jobs in one line and in full.

use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{JobDetails, JobSummary, TimedAttempt};
use marionette::store::{
    FIRST_ATTEMPTS_KEPT, InstanceId, JobOptions, JobState, LAST_ATTEMPTS_KEPT, Priority, StoreError,
};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::server::Server;

/// A job in one line, with its options.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) summary: JobSummary,
    pub(super) options: JobOptions,
}

impl Server {
    /// The jobs with these ids, in their order; without those that are gone.
    pub(super) async fn shown(&self, ids: &[Uuid]) -> Result<Vec<Shown>, StoreError> {
        let sql = self.sql("SELECT * FROM marionette.show_1($1)");
        let rows = self.reader.call(&sql, &[(&ids, Type::UUID_ARRAY)]).await?;
        rows.iter().map(shown).collect()
    }

    pub(crate) async fn job(&self, id: TaskId) -> Result<Option<JobDetails>, StoreError> {
        let ids = [id.uuid()];
        let Some(Shown { summary, options }) = self.shown(&ids).await?.pop() else {
            return Ok(None);
        };
        let sql = self.sql(
            "SELECT j.payload, e.result, e.reason FROM marionette.job j
             LEFT JOIN marionette.ended e ON e.id = j.id WHERE j.id = ANY ($1)",
        );
        let rows = self
            .reader
            .call(&sql, &[(&&ids[..], Type::UUID_ARRAY)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let is_done = summary.state == JobState::Done;
        let mut details = JobDetails::new(summary, row.get(0), options);
        if is_done {
            details.result = row.get(1);
            let why: Option<&[u8]> = row.get(2);
            details.unkept = why.filter(|_| details.result.is_none()).map(codec::text);
        }
        details.attempts = self.attempts(id).await?;
        Ok(Some(details))
    }

    /// The attempts of a job that are kept, the oldest first.
    pub(crate) async fn attempts(&self, id: TaskId) -> Result<Vec<TimedAttempt>, StoreError> {
        let sql = self.sql("SELECT * FROM marionette.attempts_1($1)");
        let rows = self.reader.call(&sql, &[(&id.uuid(), Type::UUID)]).await?;
        let attempts: Result<Vec<_>, _> = rows.iter().map(attempt).collect();
        let mut attempts = attempts?;
        if attempts.len() > FIRST_ATTEMPTS_KEPT + LAST_ATTEMPTS_KEPT {
            attempts.remove(FIRST_ATTEMPTS_KEPT);
        }
        Ok(attempts)
    }
}

fn attempt(row: &Row) -> Result<TimedAttempt, StoreError> {
    let number: i32 = row.get("number");
    let (started, ended): (i64, i64) = (row.get("started"), row.get("ended"));
    let (started, ended) = (codec::time(started), codec::time(ended));
    let outcome = codec::outcome_out(row.get("outcome"))?;
    let number = u32::try_from(number).unwrap_or(0);
    let mut attempt = TimedAttempt::new(number, outcome, started, ended);
    let (ran, error): (i64, Option<&[u8]>) = (row.get("ran"), row.get("error"));
    attempt.ran = Duration::from_nanos(u64::try_from(ran).unwrap_or(0));
    attempt.error = error.map(codec::text);
    let instance: Option<Uuid> = row.get("instance");
    attempt.instance = instance.map(InstanceId::from);
    Ok(attempt)
}

fn shown(row: &Row) -> Result<Shown, StoreError> {
    let (id, state): (Uuid, i16) = (row.get("id"), row.get("state"));
    let (due, at, failed): (i64, i64, i32) = (row.get("due"), row.get("at"), row.get("failed"));
    let count = |number: i32| u32::try_from(number).unwrap_or(0);
    let state = match state {
        1 => JobState::waiting(due <= at, count(failed)),
        other => codec::state_out(other)?,
    };
    let (kind, queue) = (
        codec::name(row.get("kind"))?,
        codec::name(row.get("queue"))?,
    );
    let accepted = codec::time(row.get("accepted"));
    let mut summary = JobSummary::new(id.into(), kind, queue, state, accepted);
    let priority: i16 = row.get("priority");
    summary.priority = Priority::new(i8::try_from(priority).unwrap_or_default());
    summary.due = codec::time(due);
    let (started, ended): (Option<i64>, Option<i64>) = (row.get("started"), row.get("ended"));
    (summary.started, summary.ended) = (started.map(codec::time), ended.map(codec::time));
    (summary.failed, summary.crashes) = (count(failed), count(row.get("crashes")));
    let instance: Option<Uuid> = row.get("instance");
    summary.instance = instance.map(InstanceId::from);
    let kind: Option<i16> = row.get("end_kind");
    summary.end = kind.map(codec::end_out).transpose()?;
    let reason: Option<&[u8]> = row.get("reason");
    summary.reason = reason.map(codec::text);
    let options = codec::options_out(row.get("options"))?;
    Ok(Shown { summary, options })
}
