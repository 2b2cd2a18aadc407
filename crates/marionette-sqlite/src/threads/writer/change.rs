//! Changes that a person asks for: some jobs in each transaction.

use marionette::inspect::{ActivityKind, By, Filter};
use marionette::store::clip_error;
use rusqlite::{OptionalExtension, params};

use super::Writer;
use super::activity::NewActivity;
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

impl Change {
    fn kind(&self) -> ActivityKind {
        match self {
            Self::Retry => ActivityKind::Retried,
            Self::Cancel(_) => ActivityKind::Cancelled,
            Self::Delete => ActivityKind::Deleted,
            Self::Reschedule(_) => ActivityKind::Rescheduled,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Cancel(reason) => Some(reason),
            Self::Retry | Self::Delete | Self::Reschedule(_) => None,
        }
    }
}

/// A change that somebody asked for, and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    change: Change,
    by: By,
    /// Its activity, once it has changed a job.
    activity: Option<i64>,
    /// How many jobs it has changed.
    pub(crate) changed: u64,
}

impl Asked {
    pub(crate) fn new(change: Change, by: By) -> Self {
        Self {
            change,
            by,
            activity: None,
            changed: 0,
        }
    }
}

impl Writer<'_> {
    /// Changes the jobs that still match, and notes it. Returns how far the change has come.
    pub(crate) fn change(
        &mut self,
        ids: &[Id],
        filter: Option<&Filter>,
        asked: &Asked,
    ) -> Result<Asked, Failure> {
        let change = &asked.change;
        let mut changed = Vec::new();
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
                    if is_meant && self.delete_unread(*id)? {
                        changed.push(*id);
                    }
                    continue;
                }
                job => job?,
            };
            let Some(job) = job else { continue };
            let lane = match self.lanes.by_id(self.connection, job.lane) {
                Err(err) if codec::is_of_one_row(&err) => {
                    let is_meant = filter.is_none() && matches!(change, Change::Delete);
                    if is_meant && self.delete_unread(*id)? {
                        changed.push(*id);
                    }
                    continue;
                }
                lane => lane?,
            };
            let matches = match filter {
                Some(filter) => job.matches(self.connection, filter, &lane, self.now)?,
                None => true,
            };
            if matches {
                if self.change_one(&job, change)? {
                    changed.push(*id);
                }
                failpoint::at("sqlite::change::row");
            }
        }
        Ok(self.note_step(asked, &changed)?)
    }

    /// Notes the jobs that a step has changed. All steps of a change are one activity.
    fn note_step(&mut self, asked: &Asked, changed: &[Id]) -> rusqlite::Result<Asked> {
        let mut asked = asked.clone();
        if changed.is_empty() {
            return Ok(asked);
        }
        let activity = match asked.activity {
            Some(activity) => activity,
            None => self.note(&NewActivity {
                kind: asked.change.kind(),
                by: &asked.by,
                queue: None,
                reason: asked.change.reason(),
            })?,
        };
        self.note_changed(activity, changed, asked.changed)?;
        asked.activity = Some(activity);
        asked.changed += changed.len() as u64;
        Ok(asked)
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
    pub(crate) fn pause(&mut self, queue: &str, by: &By) -> Result<(), Failure> {
        let is_new = self.execute(
            include_str!("../../sql/pause.sql"),
            params![queue, self.now, by.name(), by.via()],
        )?;
        if is_new {
            self.note_queue(ActivityKind::Paused, queue, by)?;
        }
        Ok(())
    }

    /// Ends a pause, and wakes the waiters for the queue.
    pub(crate) fn resume(&mut self, queue: &str, by: &By) -> Result<(), Failure> {
        if self.execute(include_str!("../../sql/resume.sql"), params![queue])? {
            self.note_queue(ActivityKind::Resumed, queue, by)?;
        }
        let lanes = self.lanes.of_queue(self.connection, queue)?;
        let wakes = lanes.into_iter().map(|lane| (lane, self.now));
        self.wakes.extend(wakes);
        Ok(())
    }

    fn note_queue(&mut self, kind: ActivityKind, queue: &str, by: &By) -> rusqlite::Result<()> {
        let activity = NewActivity {
            kind,
            by,
            queue: Some(queue),
            reason: None,
        };
        self.note(&activity).map(drop)
    }
}
