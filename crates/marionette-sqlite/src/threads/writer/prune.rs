//! Pruning: forgetting jobs that have been kept for long enough, and done jobs beyond the number
//! that is kept.
//!
//! A sweep prunes a bounded number of jobs. While it leaves some, and while jobs end faster than
//! sweeps come, each settlement prunes twice as many jobs as it ends: so jobs to prune do not pile
//! up, however fast jobs end.

use marionette::store::{Next, Settlement, Swept};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};

use super::Writer;
use super::sweep::{STEP, number};
use crate::clock;
use crate::codec::Id;
use crate::failpoint;
use crate::job::state::State;
use crate::lanes::IdleLanes;

/// Up to this number of kept jobs the writer counts them, in the transaction that needs the count.
/// A longer count is made by the reader.
const COUNTED_HERE_MAX: u64 = 100_000;
/// The writer counts again after an eighth of the kept number was done, within these bounds.
const COUNT_AFTER: (u64, u64) = (1024, 4096);

/// The most lanes that a sweep closes and deletes.
const LANES: usize = 1_000;

/// The fewest jobs that a settlement prunes if it has to: looking for them has its price.
const PRUNED_MIN: usize = 64;

/// Where a job stands in the order in which done jobs are pruned.
#[derive(Clone, Debug)]
pub(crate) struct DonePlace {
    /// As they are in the file, of whatever type.
    ended: Value,
    lane: Value,
    seq: i64,
}

/// What the writer knows of jobs to prune.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// The newest done job beyond the number that is kept, as of the last count. It and all before
    /// it are to be pruned, whatever has happened since.
    beyond: Option<DonePlace>,
    /// How many jobs were settled as done since that count.
    done: u64,
    /// Whether the last step left some jobs to prune.
    is_behind: bool,
    /// Lanes without jobs that are still to be closed or deleted.
    idle: IdleLanes,
}

impl Writer<'_> {
    /// Prunes as many jobs as a sweep may.
    pub(super) fn prune_in_sweep(
        &mut self,
        beyond: Option<&DonePlace>,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        if counted_here(self.shared.settings.keep_done_count) {
            // While some are left, the last count still serves.
            if !self.pruning.is_behind || self.is_to_be_counted() {
                self.count_done()?;
            }
        } else if beyond.is_some() {
            self.pruning.beyond = beyond.cloned();
        }
        let pruned = self.prune(STEP)?;
        swept.pruned += pruned as u64;
        swept.more |= self.pruning.is_behind;
        Ok(())
    }

    /// After these settlements: prunes up to twice as many jobs as they ended.
    pub(super) fn prune_after(&mut self, settlements: &[Settlement]) -> rusqlite::Result<()> {
        let (mut done, mut ended) = (0, 0);
        for settlement in settlements {
            done += u64::from(matches!(settlement.next, Next::Done(_) | Next::Unkept(_)));
            ended += usize::from(is_end(&settlement.next));
        }
        self.pruning.done += done;
        if counted_here(self.shared.settings.keep_done_count) && self.is_to_be_counted() {
            self.count_done()?;
            self.pruning.is_behind |= self.pruning.beyond.is_some();
        }
        if self.pruning.is_behind && ended > 0 {
            self.prune((2 * ended).max(PRUNED_MIN))?;
        }
        Ok(())
    }

    /// After a rollback: the jobs that were counted may not be there.
    pub(super) fn forget_pruning(&mut self) {
        // Settlements prune none until the next sweep or count, so that they fit on a full disk
        // that has no room for more.
        self.pruning = Pruning::default();
    }

    /// Closes and deletes as many lanes without jobs as a sweep may; the next sweep goes on with
    /// the others.
    pub(super) fn drop_lanes(&mut self, idle: &mut IdleLanes) -> rusqlite::Result<()> {
        let left = &mut self.pruning.idle;
        left.open.append(&mut idle.open);
        left.closed.append(&mut idle.closed);
        let deleted = left
            .closed
            .split_off(left.closed.len().saturating_sub(LANES));
        let room = LANES - deleted.len();
        let closed = left.open.split_off(left.open.len().saturating_sub(room));
        self.pages += (deleted.len() + closed.len()) / 8;
        for id in deleted {
            self.lanes.delete(self.connection, id)?;
        }
        for id in closed {
            self.lanes.close(self.connection, id)?;
        }
        Ok(())
    }

    fn is_to_be_counted(&self) -> bool {
        let (min, max) = COUNT_AFTER;
        let kept = self.shared.settings.keep_done_count;
        self.pruning.done >= (kept / 8).clamp(min, max)
    }

    fn count_done(&mut self) -> rusqlite::Result<()> {
        let kept = self.shared.settings.keep_done_count;
        self.pruning.beyond = done_beyond(self.connection, kept)?;
        self.pruning.done = 0;
        Ok(())
    }

    /// Prunes up to `limit` jobs; returns how many.
    fn prune(&mut self, limit: usize) -> rusqlite::Result<usize> {
        let settings = &self.shared.settings;
        let before = |kept| {
            self.now
                .saturating_sub(clock::round_up(kept))
                .saturating_add(1)
        };
        let failed = before(settings.keep_failed);
        let states = [
            (State::Done, before(settings.keep_done)),
            (State::Dead, failed),
            (State::Cancelled, failed),
            (State::Quarantined, failed),
        ];
        let mut seqs = self.seqs(
            include_str!("../../sql/expired_jobs.sql"),
            params![self.now, number(limit)],
        )?;
        for (state, before) in states {
            let left = limit - seqs.len();
            if left > 0 {
                let old = include_str!("../../sql/old_jobs.sql");
                seqs.extend(self.seqs(old, params![state, before, number(left)])?);
            }
        }
        for seq in &seqs {
            self.forget(*seq)?;
        }
        let mut pruned = seqs.len();
        if let Some(DonePlace { ended, lane, seq }) = &self.pruning.beyond {
            let left = number(limit - pruned);
            let beyond = include_str!("../../sql/old_done_jobs.sql");
            let seqs = self.seqs(beyond, params![ended, lane, seq, left])?;
            for seq in &seqs {
                self.forget(*seq)?;
            }
            pruned += seqs.len();
        }
        self.pruning.is_behind = pruned == limit;
        self.pages += pruned / 8;
        Ok(pruned)
    }

    fn forget(&mut self, seq: i64) -> rusqlite::Result<()> {
        self.delete(seq)?;
        failpoint::at("sqlite::sweep::pruned");
        Ok(())
    }

    fn seqs(&self, sql: &str, params: impl rusqlite::Params) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map(params, |row| row.get(0))?;
        rows.collect()
    }

    /// Deletes a job and its history.
    pub(crate) fn delete(&mut self, seq: i64) -> rusqlite::Result<()> {
        self.connection
            .prepare_cached(include_str!("../../sql/attempts_delete.sql"))?
            .execute([seq])?;
        if self.shared.listeners.is_any() {
            let job: Option<Id> = self
                .connection
                .prepare_cached(include_str!("../../sql/job_delete_returning.sql"))?
                .query_row([seq], |row| row.get(0))
                .optional()?;
            self.forgotten.extend(job);
            return Ok(());
        }
        self.connection
            .prepare_cached(include_str!("../../sql/job_delete.sql"))?
            .execute([seq])?;
        Ok(())
    }
}

fn is_end(next: &Next) -> bool {
    matches!(
        next,
        Next::Done(_) | Next::Unkept(_) | Next::Bury | Next::Cancel { .. }
    )
}

/// Whether the writer itself counts when this number of jobs is kept.
pub(crate) fn counted_here(kept: u64) -> bool {
    kept <= COUNTED_HERE_MAX
}

/// The newest done job beyond the number that is kept.
pub(crate) fn done_beyond(
    connection: &Connection,
    kept: u64,
) -> rusqlite::Result<Option<DonePlace>> {
    let kept = i64::try_from(kept).unwrap_or(i64::MAX);
    connection
        .prepare_cached(include_str!("../../sql/done_beyond.sql"))?
        .query_row([kept], |row| {
            Ok(DonePlace {
                ended: row.get(0)?,
                lane: row.get(1)?,
                seq: row.get(2)?,
            })
        })
        .optional()
}
