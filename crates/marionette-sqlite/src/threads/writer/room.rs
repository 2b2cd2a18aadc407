//! Whether there is room in queues that have a limit.

use std::collections::HashMap;

use marionette::store::Name;
use rusqlite::Connection;

use super::new_row::NewRow;
use crate::codec;
use crate::lanes::Lanes;

/// How many jobs wait in queues that have a limit, counted once for each call.
#[derive(Debug, Default)]
pub(crate) struct QueueRoom {
    /// For each queue the count, up to the highest limit that was asked for.
    queues: HashMap<Name, QueueCount>,
}

#[derive(Clone, Copy, Debug)]
struct QueueCount {
    jobs: u64,
    up_to: u64,
}

impl QueueRoom {
    /// Whether a queue has no room for a job. A job that is known already needs none.
    pub(crate) fn is_full(
        &mut self,
        connection: &Connection,
        lanes: &mut Lanes,
        new_row: &NewRow,
    ) -> rusqlite::Result<bool> {
        let Some(limit) = new_row.limit else {
            return Ok(false);
        };
        let queue = &new_row.queue;
        let counted = self.queues.get(queue).copied();
        let counted = match counted {
            Some(counted) if counted.jobs < counted.up_to || limit <= counted.up_to => counted,
            _ => {
                let jobs = count(connection, lanes, queue, limit)?;
                let counted = QueueCount { jobs, up_to: limit };
                self.queues.insert(queue.clone(), counted);
                counted
            }
        };
        if counted.jobs < limit {
            return Ok(false);
        }
        let known = connection
            .prepare_cached(include_str!("../../sql/known_job.sql"))?
            .exists([new_row.id])?;
        Ok(!known)
    }

    /// Counts a job that was accepted.
    pub(crate) fn add(&mut self, new_row: &NewRow) {
        if let Some(counted) = self.queues.get_mut(&new_row.queue) {
            counted.jobs += 1;
        }
    }
}

/// How many jobs wait in a queue, counted up to a limit.
fn count(
    connection: &Connection,
    lanes: &mut Lanes,
    queue: &str,
    limit: u64,
) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(include_str!("../../sql/waiting_in_lane.sql"))?;
    let mut jobs = 0;
    for lane in lanes.of_queue(connection, queue)? {
        if jobs >= limit {
            break;
        }
        let left = i64::try_from(limit - jobs).unwrap_or(i64::MAX);
        jobs += statement.query_row([lane.id, left], |row| codec::count(row, 0))?;
    }
    Ok(jobs)
}
