//! The changes that people made, as they are noted and forgotten. An activity is noted in the
//! transaction that makes the change.

use marionette::inspect::{ACTIVITIES_MAX, ActivityKind, By, CHANGED_JOBS_MAX};
use marionette::store::clip_error;
use rusqlite::{OptionalExtension, params};

use super::Writer;
use super::sweep::number;
use crate::clock;
use crate::codec::{self, Id};
use crate::failpoint;

/// The most activities that a sweep forgets for their age.
const EXPIRED_MAX: usize = 100;

/// A change on its way into the list of activities.
#[derive(Debug)]
pub(super) struct NewActivity<'a> {
    pub(super) kind: ActivityKind,
    pub(super) by: &'a By,
    pub(super) queue: Option<&'a str>,
    pub(super) reason: Option<&'a str>,
}

impl Writer<'_> {
    /// Notes an activity, and forgets those beyond the number that is kept. Returns its number.
    pub(super) fn note(&mut self, new: &NewActivity<'_>) -> rusqlite::Result<i64> {
        self.connection
            .prepare_cached(include_str!("../../sql/activity_insert.sql"))?
            .execute(params![
                new.kind.as_str(),
                self.now,
                new.by.name(),
                new.by.via(),
                new.queue,
                new.reason.map(clip_error),
            ])?;
        let seq = self.connection.last_insert_rowid();
        failpoint::at("sqlite::activity::noted");
        self.forget_activities(seq.saturating_sub(number(ACTIVITIES_MAX)))?;
        let beyond: Option<i64> = self
            .connection
            .prepare_cached(include_str!("../../sql/changed_beyond.sql"))?
            .query_row([number(CHANGED_JOBS_MAX)], |row| codec::lenient(row, 0))
            .optional()?;
        if let Some(beyond) = beyond {
            self.forget_activities(beyond)?;
        }
        Ok(seq)
    }

    /// Notes that an activity changed these jobs too, of which `before` were changed before them.
    pub(super) fn note_changed(
        &mut self,
        activity: i64,
        jobs: &[Id],
        before: u64,
    ) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(include_str!("../../sql/activity_add.sql"))?
            .execute(params![activity, number(jobs.len())])?;
        let before = usize::try_from(before).unwrap_or(usize::MAX);
        let room = CHANGED_JOBS_MAX.saturating_sub(before);
        let mut insert = self
            .connection
            .prepare_cached(include_str!("../../sql/changed_insert.sql"))?;
        for job in jobs.iter().take(room) {
            insert.execute(params![job, activity])?;
        }
        failpoint::at("sqlite::activity::changed");
        Ok(())
    }

    /// Forgets activities that are as old as the oldest failed jobs that are kept.
    pub(super) fn prune_activities(&mut self) -> rusqlite::Result<()> {
        let kept = clock::round_up(self.shared.settings.keep_failed);
        let before = self.now.saturating_sub(kept);
        let mut expired = None;
        {
            let mut oldest = self
                .connection
                .prepare_cached(include_str!("../../sql/activity_oldest.sql"))?;
            let mut rows = oldest.query([number(EXPIRED_MAX)])?;
            while let Some(row) = rows.next()? {
                if codec::lenient(row, 1)? > before {
                    break;
                }
                expired = Some(row.get(0)?);
            }
        }
        expired.map_or(Ok(()), |seq| self.forget_activities(seq))
    }

    /// Forgets the activities up to this one.
    fn forget_activities(&self, seq: i64) -> rusqlite::Result<()> {
        if seq <= 0 {
            return Ok(());
        }
        for sql in [
            include_str!("../../sql/activity_delete.sql"),
            include_str!("../../sql/changed_delete.sql"),
        ] {
            self.connection.prepare_cached(sql)?.execute([seq])?;
        }
        Ok(())
    }
}
