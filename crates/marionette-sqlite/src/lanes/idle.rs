//! Idle lanes: those in which there is no job any more.

use std::collections::HashSet;

use rusqlite::Connection;

use super::lane::CLOSED;
use crate::codec;

/// This number of the newest lanes stays open without a job: most files never have more, and a
/// queue that is empty for a moment needs no new lane.
pub(crate) const KEPT: usize = 64;

/// Lanes without a job.
#[derive(Debug, Default)]
pub(crate) struct IdleLanes {
    /// The lanes to close.
    pub(crate) open: Vec<i64>,
    /// The lanes to delete: they were closed before the look that found them empty.
    pub(crate) closed: Vec<i64>,
}

impl IdleLanes {
    /// Looks for idle lanes, if there are more lanes than may stay without a job.
    pub(crate) fn find(connection: &Connection) -> rusqlite::Result<Self> {
        // The look needs one transaction, since jobs go from one index to another.
        let snapshot = connection.unchecked_transaction()?;
        let older = snapshot
            .prepare_cached(include_str!("../sql/lane_older.sql"))?
            .exists([super::count(KEPT)])?;
        if !older {
            return Ok(Self::default());
        }
        let used = used(&snapshot)?;
        let mut statement = snapshot.prepare_cached(include_str!("../sql/lane_states.sql"))?;
        let lanes = statement.query_map([], |row| Ok((row.get(0)?, codec::lenient(row, 1)?)))?;
        let mut lanes = lanes.collect::<rusqlite::Result<Vec<(i64, i64)>>>()?;
        lanes.truncate(lanes.len().saturating_sub(KEPT));
        lanes.retain(|(id, _)| !used.contains(id));
        let (open, closed): (Vec<_>, Vec<_>) =
            lanes.into_iter().partition(|(_, state)| *state < CLOSED);
        let ids = |lanes: Vec<(i64, i64)>| lanes.into_iter().map(|(id, _)| id).collect();
        Ok(Self {
            open: ids(open),
            closed: ids(closed),
        })
    }

    /// Whether there is no idle lane.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }
}

/// The lanes with jobs: each job is in one of these four indexes.
fn used(connection: &Connection) -> rusqlite::Result<HashSet<i64>> {
    let mut used = HashSet::new();
    let mut last = None;
    for (sql, column) in [
        (include_str!("../sql/lanes_waiting.sql"), 0),
        (include_str!("../sql/count_running.sql"), 0),
        (include_str!("../sql/count_until.sql"), 0),
        (include_str!("../sql/count_ended.sql"), 1),
    ] {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let lane = codec::lenient(row, column)?;
            // Jobs that ended together are mostly of one lane.
            if last.replace(lane) != Some(lane) {
                used.insert(lane);
            }
        }
    }
    Ok(used)
}
