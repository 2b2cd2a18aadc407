//! Which lanes have no jobs any more.

use std::collections::HashSet;

use rusqlite::Connection;

use super::lane::CLOSED;
use crate::codec;

/// So many of the newest lanes stay open without a job: most files never have more, and a queue
/// that is empty for a moment needs no new lane.
pub(crate) const KEPT: usize = 64;

/// Lanes in which there is no job.
#[derive(Debug, Default)]
pub(crate) struct IdleLanes {
    /// Those that are to be closed.
    pub(crate) open: Vec<i64>,
    /// Those that are to be deleted: they were closed before it was seen that they are empty.
    pub(crate) closed: Vec<i64>,
}

impl IdleLanes {
    /// Looks for them, if there are more lanes than stay without a job.
    pub(crate) fn find(connection: &Connection) -> rusqlite::Result<Self> {
        // All of it has to be the state of one moment: jobs go from one index to another.
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

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.closed.is_empty()
    }
}

/// The lanes in which there are jobs: each job is in one of these four indexes.
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
