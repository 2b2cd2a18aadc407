//! Settling jobs: their attempts, and what follows.

use marionette::store::{
    Attempted, EndKind, Lease, Next, PastOutcome, Settled, Settlement, StoreError, clip_error,
};
use rusqlite::{OptionalExtension, params};
use uuid::Uuid;

use super::Writer;
use crate::clock;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;
use crate::job::history::{self, NewAttempt};
use crate::job::state::State;

/// The columns of a job that a settlement or a sweep needs.
#[derive(Debug)]
pub(crate) struct JobRow {
    pub(crate) seq: i64,
    pub(crate) id: Id,
    pub(crate) token: i64,
    pub(crate) settled: i64,
    pub(crate) state: State,
    pub(crate) lane: i64,
    pub(crate) due: i64,
    pub(crate) failed: u32,
    pub(crate) crashes: u32,
    pub(crate) history: i64,
    pub(crate) started: i64,
    pub(crate) instance: Id,
    pub(crate) cancel: Option<String>,
}

/// How a job ends.
#[derive(Debug)]
pub(crate) struct JobEnd<'a> {
    pub(crate) state: State,
    /// How it ends, unless it is done.
    pub(crate) kind: Option<EndKind>,
    pub(crate) result: Option<&'a [u8]>,
    pub(crate) reason: Option<&'a str>,
}

/// Checks settlements; refuses all of them if one cannot be stored.
pub(crate) fn check(settlements: &[Settlement]) -> Result<(), StoreError> {
    for settlement in settlements {
        settlement.check()?;
        let is_known = match &settlement.next {
            Next::Done(_) | Next::Unkept(_) | Next::Release | Next::Bury | Next::Cancel { .. } => {
                true
            }
            Next::Retry(due) | Next::Snooze(due) => clock::due(*due, 0).is_some(),
            _ => false,
        };
        if !is_known {
            let id = settlement.lease.job;
            return Err(StoreError::unsupported(format!(
                "job {id}: this store does not know what follows for it"
            )));
        }
    }
    Ok(())
}

/// About how much work these settlements are, one for each and one for each 512 bytes.
pub(crate) fn weight(settlements: &[Settlement]) -> usize {
    let all = settlements.iter();
    all.map(|settlement| 1 + settlement.next.bytes() / 512)
        .sum()
}

impl Writer<'_> {
    pub(crate) fn settle(&mut self, settlements: &[Settlement]) -> Result<Vec<Settled>, Failure> {
        failpoint::at("sqlite::settle::begin");
        let mut answers = Vec::with_capacity(settlements.len());
        for settlement in settlements {
            let answer = if self.settle_first_success(settlement)? {
                Settled::Applied
            } else {
                self.settle_one(settlement)?
            };
            failpoint::at("sqlite::settle::row");
            answers.push(answer);
        }
        self.prune_after(settlements)?;
        failpoint::at("sqlite::settle::end");
        Ok(answers)
    }

    /// Settles a job that succeeded at its first attempt, as most do: one statement, and no row for
    /// the attempt.
    fn settle_first_success(&mut self, settlement: &Settlement) -> rusqlite::Result<bool> {
        let Settlement {
            lease,
            attempt:
                Some(Attempted {
                    ran,
                    outcome: PastOutcome::Done,
                    error: None,
                    ..
                }),
            next: Next::Done(result),
            ..
        } = settlement
        else {
            return Ok(false);
        };
        let changes = self.sql.settle_done.execute(params![
            lease.row,
            lease.token,
            Id::of(lease.job),
            self.now,
            ran.as_secs_f64(),
            codec::result_to_sql(result),
            Id(lease.instance.uuid()),
        ])?;
        Ok(changes == 1)
    }

    fn settle_one(&mut self, settlement: &Settlement) -> rusqlite::Result<Settled> {
        let lease = settlement.lease;
        let Some(mut job) = self.job_row(lease.row)? else {
            return Ok(Settled::Stale);
        };
        // The number of a row that was deleted may be used again, so the id decides.
        if job.is_of(lease) && job.settled == lease.token {
            return Ok(Settled::Applied);
        }
        if !job.holds(lease) {
            return Ok(Settled::Stale);
        }
        job.settled = lease.token;
        if let Some(attempt) = &settlement.attempt {
            self.record(&mut job, attempt)?;
        }
        match &settlement.next {
            Next::Done(result) => {
                let end = JobEnd {
                    state: State::Done,
                    kind: None,
                    result: Some(result),
                    reason: None,
                };
                self.end(&job, &end)?;
            }
            Next::Unkept(why) => {
                let end = JobEnd {
                    state: State::Done,
                    kind: None,
                    result: None,
                    reason: Some(why),
                };
                self.end(&job, &end)?;
            }
            Next::Bury => {
                let end = JobEnd {
                    state: State::Dead,
                    kind: settlement.end(),
                    result: None,
                    reason: None,
                };
                self.end(&job, &end)?;
            }
            Next::Cancel { reason, kind } => {
                let end = JobEnd {
                    kind: Some(*kind),
                    ..JobEnd::cancelled(reason)
                };
                self.end(&job, &end)?;
            }
            Next::Retry(due) | Next::Snooze(due) => {
                job.due = clock::due(*due, self.now).unwrap_or(self.now);
                self.give_back(&job)?;
            }
            // What this library does not know was refused by `check`.
            _ => {
                self.give_back(&job)?;
            }
        }
        Ok(Settled::Applied)
    }

    /// Reads a job, if there is one.
    pub(crate) fn job_row(&mut self, seq: i64) -> rusqlite::Result<Option<JobRow>> {
        let read = &mut self.sql.settle_read;
        read.query_row([seq], |row| {
            Ok(JobRow {
                seq,
                id: row.get(0)?,
                token: row.get(1)?,
                settled: codec::lenient(row, 2)?,
                state: row.get(3)?,
                lane: row.get(4)?,
                due: codec::lenient(row, 5)?,
                failed: codec::tally(row, 6)?,
                crashes: codec::tally(row, 7)?,
                history: codec::lenient(row, 8)?,
                started: codec::lenient(row, 9)?,
                instance: row.get(10).unwrap_or_else(|_| Id(Uuid::nil())),
                cancel: codec::seen(row, 11)?,
            })
        })
        .optional()
    }

    /// Quarantines a job whose row cannot be read: no instance gets it, and its reason says what is
    /// wrong with it.
    pub(crate) fn quarantine(&mut self, seq: i64, err: &rusqlite::Error) -> rusqlite::Result<()> {
        let reason = format!("its row in the file cannot be read: {err}");
        self.connection
            .prepare_cached(include_str!("../../sql/job_quarantine.sql"))?
            .execute(params![seq, self.now, clip_error(reason)])?;
        Ok(())
    }

    /// Writes an attempt into the history, and counts it if it failed.
    pub(crate) fn record(&mut self, job: &mut JobRow, attempt: &Attempted) -> rusqlite::Result<()> {
        job.history = history::add(
            self.connection,
            &NewAttempt {
                seq: job.seq,
                history: job.history,
                number: job.failed.saturating_add(1),
                started: job.started,
                ended: self.now,
                ran: attempt.ran,
                outcome: attempt.outcome,
                error: attempt.error.as_deref().map(clip_error).as_deref(),
                instance: job.instance,
            },
        )?;
        if attempt.outcome.is_failure() {
            job.failed = job.failed.saturating_add(1);
        }
        Ok(())
    }

    /// Ends a job.
    pub(crate) fn end(&mut self, job: &JobRow, end: &JobEnd<'_>) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(include_str!("../../sql/settle_end.sql"))?
            .execute(params![
                job.seq,
                end.state,
                self.now,
                job.settled,
                job.failed,
                job.crashes,
                job.history,
                end.result.and_then(codec::result_to_sql),
                end.reason.map(clip_error),
                end.kind.map(EndKind::as_str),
            ])?;
        Ok(())
    }

    /// Lets a running job wait again, or cancels it if somebody asked for that meanwhile: its
    /// instance may never have heard of it. Returns whether it waits.
    pub(crate) fn give_back(&mut self, job: &JobRow) -> rusqlite::Result<bool> {
        if let Some(reason) = &job.cancel {
            self.end(job, &JobEnd::cancelled(reason))?;
            return Ok(false);
        }
        let mut lane = self.lanes.by_id(self.connection, job.lane)?;
        let suspect = job.crashes > 0;
        if lane.suspect != suspect {
            let place = (&*lane.queue, &*lane.kind);
            lane = self
                .lanes
                .of(self.connection, place, lane.priority, suspect)?;
        }
        self.connection
            .prepare_cached(include_str!("../../sql/settle_wait.sql"))?
            .execute(params![
                job.seq,
                lane.id,
                job.due,
                job.settled,
                job.failed,
                job.crashes,
                job.history,
            ])?;
        self.wakes.push((lane, job.due));
        Ok(true)
    }
}

impl JobRow {
    /// Whether this lease is the one that holds.
    fn holds(&self, lease: Lease) -> bool {
        self.state == State::Running && self.token == lease.token && self.is_of(lease)
    }

    /// Whether it is the job of this lease, and the instance of this lease had it last.
    fn is_of(&self, lease: Lease) -> bool {
        self.id == Id::of(lease.job) && self.instance == Id(lease.instance.uuid())
    }
}

impl<'a> JobEnd<'a> {
    pub(crate) fn cancelled(reason: &'a str) -> Self {
        Self {
            state: State::Cancelled,
            kind: Some(EndKind::Cancelled),
            result: None,
            reason: Some(reason),
        }
    }
}
