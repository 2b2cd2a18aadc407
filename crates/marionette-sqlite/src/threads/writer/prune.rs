//! Forgetting what has been kept for long enough, and done jobs beyond the number that is kept.
//!
//! A sweep forgets a bounded number of jobs. While it leaves some, and while jobs end faster than
//! sweeps come, each settlement forgets twice as many as it ends: so what is to be forgotten does
//! not pile up, however fast jobs end.

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

/// Up to so many kept jobs are counted by the writer, in the transaction that needs to know. What
/// takes longer is counted beside it, by the reader.
const COUNTED_HERE_MAX: u64 = 100_000;
/// The writer counts again after so many jobs were done: an eighth of what is kept, within these.
const COUNT_AFTER: (u64, u64) = (1024, 4096);

/// How many lanes a sweep closes and deletes at most.
const LANES: usize = 1_000;

/// A settlement that has to forget some forgets so many at least: to look for them has its price.
const PRUNED_MIN: usize = 64;

/// Where a job stands in the order in which done jobs are pruned.
#[derive(Clone, Debug)]
pub(crate) struct DonePlace {
    /// As they stand in the file, whatever that is.
    ended: Value,
    lane: Value,
    seq: i64,
}

/// What the writer knows of jobs that are to be forgotten.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// The newest done job beyond the number that is kept, when they were last counted. It and all
    /// before it are to be forgotten, whatever has happened since.
    beyond: Option<DonePlace>,
    /// How many jobs were settled as done since.
    done: u64,
    /// Whether some were left when it last looked.
    is_behind: bool,
    /// Lanes without jobs that are still to be closed or deleted.
    idle: IdleLanes,
}

impl Writer<'_> {
    /// Forgets as many as a sweep may.
    pub(super) fn prune_in_sweep(
        &mut self,
        beyond: Option<&DonePlace>,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        if counted_here(self.shared.settings.keep_done_count) {
            // While some are left, they are still to be forgotten.
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

    /// These were settled: forgets twice as many as ended by that, if so many are to be forgotten.
    pub(super) fn prune_after(&mut self, settlements: &[Settlement]) -> rusqlite::Result<()> {
        let (mut done, mut ended) = (0, 0);
        for settlement in settlements {
            done += u64::from(matches!(settlement.next, Next::Done(_)));
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

    /// The transaction was rolled back: what it had counted may not be there.
    pub(super) fn forget_pruning(&mut self) {
        // Settlements forget none until the next sweep or count, so that they find room on a full
        // disk that has none for more.
        self.pruning = Pruning::default();
    }

    /// Closes and deletes lanes without jobs, as many as a sweep may; the next goes on with the
    /// others.
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

    /// Forgets up to so many jobs; says how many.
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
    matches!(next, Next::Done(_) | Next::Bury | Next::Cancel(_))
}

/// Whether the writer itself counts so many jobs.
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
