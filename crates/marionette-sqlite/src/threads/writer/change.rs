//! Changes that a person asks for: some jobs in each transaction.

use marionette::inspect::Filter;
use marionette::store::clip_error;
use rusqlite::{OptionalExtension, params};

use super::Writer;
use crate::codec::{self, Id};
use crate::error::Failure;
use crate::failpoint;
use crate::job::state::State;
use crate::job::{JOB_BY_ID, Job};

/// The change that is made to each job.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Retry,
    Cancel(String),
    Delete,
    Reschedule(i64),
}

impl Writer<'_> {
    /// Changes the jobs that still match. Returns how many it changed.
    pub(crate) fn change(
        &mut self,
        ids: &[Id],
        filter: Option<&Filter>,
        change: &Change,
    ) -> Result<u64, Failure> {
        let mut changed = 0;
        for id in ids {
            let job = self
                .connection
                .prepare_cached(JOB_BY_ID)?
                .query_row([id], Job::read)
                .optional();
            let job = match job {
                // A job that cannot be read can only be deleted, and only by its id.
                Err(err) if codec::is_of_one_row(&err) => {
                    let is_meant = filter.is_none() && matches!(change, Change::Delete);
                    changed += u64::from(is_meant && self.delete_unread(*id)?);
                    continue;
                }
                job => job?,
            };
            let Some(job) = job else { continue };
            let lane = match self.lanes.by_id(self.connection, job.lane) {
                Err(err) if codec::is_of_one_row(&err) => {
                    let is_meant = filter.is_none() && matches!(change, Change::Delete);
                    changed += u64::from(is_meant && self.delete_unread(*id)?);
                    continue;
                }
                lane => lane?,
            };
            let matches = match filter {
                Some(filter) => job.matches(self.connection, filter, &lane, self.now)?,
                None => true,
            };
            if matches {
                changed += u64::from(self.change_one(&job, change)?);
                failpoint::at("sqlite::change::row");
            }
        }
        Ok(changed)
    }

    /// Deletes a job whose row cannot be read, unless it runs.
    fn delete_unread(&mut self, id: Id) -> rusqlite::Result<bool> {
        let found = self
            .connection
            .prepare_cached(include_str!("../../sql/lease_of_job.sql"))?
            .query_row([id], |row| Ok((row.get(0)?, row.get::<_, State>(1).ok())))
            .optional()?;
        match found {
            Some((seq, state)) if state != Some(State::Running) => self.delete(seq).map(|()| true),
            _ => Ok(false),
        }
    }

    fn change_one(&mut self, job: &Job, change: &Change) -> rusqlite::Result<bool> {
        match (change, job.state) {
            (Change::Retry, State::Waiting) if job.due > self.now => self.move_to(job, self.now),
            (Change::Retry, State::Dead | State::Cancelled | State::Quarantined) => {
                self.begin_anew(job)
            }
            (Change::Cancel(reason), State::Waiting) => self.execute(
                include_str!("../../sql/change_cancel.sql"),
                params![job.seq, self.now, clip_error(reason)],
            ),
            (Change::Cancel(reason), State::Running) if job.cancel.is_none() => self.execute(
                include_str!("../../sql/change_mark.sql"),
                params![job.seq, clip_error(reason)],
            ),
            (Change::Reschedule(due), State::Waiting) => self.move_to(job, *due),
            (Change::Delete, state) if state != State::Running => {
                self.delete(job.seq).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    /// Makes a waiting job due at another time, from which its total limits count.
    fn move_to(&mut self, job: &Job, due: i64) -> rusqlite::Result<bool> {
        let lane = self.lanes.by_id(self.connection, job.lane)?;
        self.wakes.push((lane, due));
        self.execute(
            include_str!("../../sql/change_wait.sql"),
            params![job.seq, job.lane, due, due, job.failed, job.crashes],
        )
    }

    /// Makes a job that ended wait as if it were new; only its history stays.
    fn begin_anew(&mut self, job: &Job) -> rusqlite::Result<bool> {
        let lane = self.lanes.by_id(self.connection, job.lane)?;
        let place = (&*lane.queue, &*lane.kind);
        let lane = self
            .lanes
            .of(self.connection, place, lane.priority, false)?;
        self.wakes.push((lane.clone(), self.now));
        self.execute(
            include_str!("../../sql/change_wait.sql"),
            params![job.seq, lane.id, self.now, self.now, 0, 0],
        )
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<bool> {
        let changes = self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(changes == 1)
    }

    /// Pauses a queue.
    pub(crate) fn pause(&self, queue: &str) -> Result<(), Failure> {
        self.execute(
            include_str!("../../sql/pause.sql"),
            params![queue, self.now],
        )?;
        Ok(())
    }

    /// Ends a pause, and wakes the waiters for the queue.
    pub(crate) fn resume(&mut self, queue: &str) -> Result<(), Failure> {
        self.execute(include_str!("../../sql/resume.sql"), params![queue])?;
        let lanes = self.lanes.of_queue(self.connection, queue)?;
        let wakes = lanes.into_iter().map(|lane| (lane, self.now));
        self.wakes.extend(wakes);
        Ok(())
    }
}
