//! A job as the file has it: its row, its attempts, its end, and its listing.

mod ended;
pub(crate) mod forgotten;
pub(crate) mod history;
pub(crate) mod state;

use std::time::Duration;

use marionette::inspect::{Filter, JobDetails, JobSummary, TimedAttempt};
use marionette::store::{EndKind, Ended, JobOptions, JobState, PastAttempt, PastOutcome};
use rusqlite::{Connection, Row};

use crate::clock;
use crate::codec::{self, Id};
use crate::lanes::Lane;

pub(crate) use ended::ended;
use state::State;

/// The statement for one job; its columns are those of [`Job::read`].
pub(crate) const JOB_BY_ID: &str = include_str!("../sql/job_by_id.sql");

/// The statement for one job by its place.
pub(crate) const JOB_BY_SEQ: &str = include_str!("../sql/job_by_seq.sql");

/// A job in full, but for its attempts.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) seq: i64,
    pub(crate) id: Id,
    pub(crate) state: State,
    pub(crate) lane: i64,
    pub(crate) due: i64,
    instance: Id,
    started: i64,
    ended: i64,
    ran: Option<f64>,
    pub(crate) failed: u32,
    pub(crate) crashes: u32,
    history: i64,
    accepted: i64,
    options: JobOptions,
    pub(crate) cancel: Option<String>,
    end: Option<EndKind>,
    reason: Option<String>,
    /// Its result, if it is done, or why that is not kept.
    result: Option<Result<Vec<u8>, String>>,
    payload: Vec<u8>,
}

impl Job {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let state = row.get(2)?;
        let reason = codec::seen(row, 17)?;
        // A job that is done has a reason only if it has no result.
        let (result, reason) = match (state, reason) {
            (State::Done, Some(why)) => (Some(Err(why)), None),
            (State::Done, None) => (Some(Ok(codec::result_from_sql(row.get_ref(18)?)?)), None),
            (_, reason) => (None, reason),
        };
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            state,
            lane: row.get(3)?,
            due: row.get(4)?,
            instance: row.get(6)?,
            started: row.get(7)?,
            ended: row.get(8)?,
            ran: row.get(9)?,
            failed: codec::tally(row, 10)?,
            crashes: codec::tally(row, 11)?,
            history: codec::lenient(row, 12)?,
            accepted: row.get(13)?,
            options: codec::options_from_sql(row.get_ref(15)?)?,
            cancel: codec::seen(row, 16)?,
            end: state.end(codec::end_kind(row, 20)?),
            reason,
            result,
            payload: codec::bytes(row.get_ref(19)?)?.to_vec(),
        })
    }

    pub(crate) fn job_state(&self, now: i64) -> JobState {
        self.state.job_state(self.due, self.failed, now)
    }

    /// The reason of its end, or else the error of its last failed attempt since it began.
    fn reason(&self, connection: &Connection) -> rusqlite::Result<Option<String>> {
        if self.reason.is_some() || self.failed == 0 {
            return Ok(self.reason.clone());
        }
        let failures = history::failures(connection, self.seq)?;
        let last = failures.into_iter().next_back();
        Ok(last.and_then(|last| {
            let error = last.error?;
            Some(last.outcome.describe(&error).into_owned())
        }))
    }

    pub(crate) fn matches(
        &self,
        connection: &Connection,
        filter: &Filter,
        lane: &Lane,
        now: i64,
    ) -> rusqlite::Result<bool> {
        let (state, accepted) = (self.job_state(now), clock::time(self.accepted));
        if !filter.admits(state, &lane.kind, &lane.queue, accepted) {
            return Ok(false);
        }
        // The reason may be in another row, so it is read only if nothing else decides.
        let is_found = filter.finds(&self.payload, self.options.name.as_deref());
        if is_found || !state.is_end() {
            return Ok(is_found);
        }
        let reason = self.reason(connection)?;
        Ok(filter.finds(&[], reason.as_deref()))
    }

    pub(crate) fn summary(
        &self,
        connection: &Connection,
        lane: &Lane,
        now: i64,
    ) -> rusqlite::Result<JobSummary> {
        let (kind, queue) = (lane.kind.clone(), lane.queue.clone());
        let (state, accepted) = (self.job_state(now), clock::time(self.accepted));
        let mut summary = JobSummary::new(self.id.task(), kind, queue, state, accepted);
        summary.priority = lane.priority;
        summary.due = clock::time(self.due);
        summary.started = come(self.started);
        summary.ended = come(self.ended).filter(|_| self.state.is_end());
        summary.failed = self.failed;
        summary.crashes = self.crashes;
        summary.instance = (self.state == State::Running).then(|| self.instance.instance());
        summary.end = self.end;
        summary.reason = self.reason(connection)?;
        Ok(summary)
    }

    pub(crate) fn details(
        self,
        connection: &Connection,
        lane: &Lane,
        now: i64,
    ) -> rusqlite::Result<JobDetails> {
        let summary = self.summary(connection, lane, now)?;
        let attempts = self.attempts(connection)?;
        let mut details = JobDetails::new(summary, self.payload, self.options);
        details.attempts = attempts;
        match self.result {
            Some(Ok(result)) => details.result = Some(result),
            Some(Err(why)) => details.unkept = Some(why),
            None => {}
        }
        Ok(details)
    }

    /// All attempts that are kept. The attempt of a job that succeeded at once is in its row.
    fn attempts(&self, connection: &Connection) -> rusqlite::Result<Vec<TimedAttempt>> {
        match (self.state, self.history, self.ran) {
            (State::Done, 0, Some(ran)) => {
                let (started, ended) = (clock::time(self.started), clock::time(self.ended));
                let mut attempt = TimedAttempt::new(1, PastOutcome::Done, started, ended);
                attempt.ran = Duration::try_from_secs_f64(ran).unwrap_or_default();
                attempt.instance = Some(self.instance.instance());
                Ok(vec![attempt])
            }
            (_, 0, _) => Ok(Vec::new()),
            _ => history::all(connection, self.seq),
        }
    }

    fn into_ended(self, connection: &Connection) -> rusqlite::Result<Ended> {
        Ok(match self.state {
            State::Waiting | State::Running => Ended::NotYet,
            State::Done => match self.result {
                Some(Err(why)) => Ended::Unkept(why),
                Some(Ok(result)) => Ended::Done(result),
                None => Ended::Done(Vec::new()),
            },
            State::Dead | State::Cancelled | State::Quarantined => Ended::Otherwise {
                state: self.job_state(0),
                kind: self.end.unwrap_or(EndKind::Failed),
                attempts: self
                    .attempts(connection)?
                    .into_iter()
                    .map(PastAttempt::from)
                    .collect(),
                reason: self.reason,
                error: self.options.error,
            },
        })
    }
}

/// A time of the file; `None` for one that has not come, which is below zero.
fn come(micros: i64) -> Option<std::time::SystemTime> {
    (micros > 0).then(|| clock::time(micros))
}
