//! Inserting jobs.

use std::collections::HashSet;
use std::sync::Arc;

use marionette::store::Inserted;
use rusqlite::{Connection, Statement, params};

use super::Writer;
use super::new_row::NewRow;
use super::room::QueueRoom;
use crate::codec::{self, TextOrBlob};
use crate::error::Failure;
use crate::failpoint;
use crate::lanes::{Lane, Lanes};

/// How many jobs one statement writes: `Statements::insert_rows` has a statement for each size.
const ROWS: [usize; 2] = [16, 4];
/// The most jobs that one statement writes.
pub(super) const ROWS_MAX: usize = ROWS[0];

impl Writer<'_> {
    pub(crate) fn insert(&mut self, jobs: &[NewRow]) -> Result<Vec<Inserted>, Failure> {
        failpoint::at("sqlite::insert::begin");
        let mut room = QueueRoom::default();
        let mut answers = Vec::with_capacity(jobs.len());
        let mut left = jobs;
        while let Some(new_row) = left.first() {
            let most = left.iter().take(ROWS_MAX);
            let unlimited = most.take_while(|one| !one.is_limited()).count();
            let inserted = self.insert_rows(unlimited, left.iter())?;
            if inserted.is_empty() {
                answers.push(self.insert_row(new_row, &mut room)?);
            }
            left = &left[inserted.len().max(1)..];
            answers.extend(inserted);
        }
        failpoint::at("sqlite::insert::end");
        Ok(answers)
    }

    fn insert_row(&mut self, new_row: &NewRow, room: &mut QueueRoom) -> rusqlite::Result<Inserted> {
        let lane = new_row.lane(self.connection, &mut self.lanes)?;
        if room.is_full(self.connection, &mut self.lanes, new_row)? {
            return Ok(Inserted::Full);
        }
        let due = new_row.due(self.now);
        if !insert_one(&mut self.sql.insert, new_row, lane.id, due, self.now)? {
            return Ok(known(self.connection, &mut self.lanes, new_row)?.1);
        }
        room.add(new_row);
        self.wake(lane, due);
        failpoint::at("sqlite::insert::row");
        Ok(Inserted::Accepted)
    }

    /// Writes as many of the first `count` jobs, which have no limit, as one statement can. Returns
    /// their results.
    pub(super) fn insert_rows<'a>(
        &mut self,
        count: usize,
        jobs: impl Iterator<Item = &'a NewRow> + Clone,
    ) -> rusqlite::Result<Vec<Inserted>> {
        let Some(which) = ROWS.iter().position(|rows| *rows <= count) else {
            return Ok(Vec::new());
        };
        let rows = ROWS[which];
        let jobs = jobs.take(rows);
        self.sql.insert_rows[which].raw_bind_parameter(1, self.now)?;
        let mut index = 2;
        for new_row in jobs.clone() {
            let lane = new_row.lane(self.connection, &mut self.lanes)?;
            let due = new_row.due(self.now);
            let insert = &mut self.sql.insert_rows[which];
            insert.raw_bind_parameter(index, new_row.id)?;
            insert.raw_bind_parameter(index + 1, lane.id)?;
            insert.raw_bind_parameter(index + 2, due)?;
            insert.raw_bind_parameter(index + 3, new_row.keep)?;
            insert.raw_bind_parameter(index + 4, new_row.options.as_deref())?;
            insert.raw_bind_parameter(index + 5, TextOrBlob(&new_row.payload))?;
            index += 6;
            // A job that is known already wakes a waiter in vain.
            self.wake(lane, due);
        }
        let new = self.sql.insert_rows[which].raw_execute()?;
        failpoint::at("sqlite::insert::row");
        if new == rows {
            return Ok(vec![Inserted::Accepted; rows]);
        }
        self.which_are_new(new, jobs)
    }

    /// The results of jobs that one statement inserted, `new` of which are new.
    fn which_are_new<'a>(
        &mut self,
        new: usize,
        jobs: impl Iterator<Item = &'a NewRow>,
    ) -> rusqlite::Result<Vec<Inserted>> {
        // The rows of one statement have consecutive numbers. One statement may have an id twice.
        let last = self.connection.last_insert_rowid();
        let mut new: HashSet<i64> = (0..)
            .take(new)
            .map(|back| last.wrapping_sub(back))
            .collect();
        jobs.map(|new_row| {
            let (seq, inserted) = known(self.connection, &mut self.lanes, new_row)?;
            Ok(if new.remove(&seq) {
                Inserted::Accepted
            } else {
                inserted
            })
        })
        .collect()
    }

    /// Waiters for jobs of this lane are told after the commit. Jobs come in runs of one lane.
    fn wake(&mut self, lane: Arc<Lane>, due: i64) {
        match self.wakes.last_mut() {
            Some((last, earliest)) if last.id == lane.id => *earliest = due.min(*earliest),
            _ => self.wakes.push((lane, due)),
        }
    }
}

/// Writes a job; `false` if its id is known already.
pub(crate) fn insert_one(
    insert: &mut Statement<'_>,
    new_row: &NewRow,
    lane: i64,
    due: i64,
    now: i64,
) -> rusqlite::Result<bool> {
    let NewRow {
        id, options, keep, ..
    } = new_row;
    let payload = TextOrBlob(&new_row.payload);
    let changes = insert.execute(params![id, lane, due, now, keep, options, payload])?;
    Ok(changes == 1)
}

/// The row that has the id of a job, and whether it is the same job.
pub(crate) fn known(
    connection: &Connection,
    lanes: &mut Lanes,
    new_row: &NewRow,
) -> rusqlite::Result<(i64, Inserted)> {
    let (seq, lane, same) = connection
        .prepare_cached(include_str!("../../sql/known_as.sql"))?
        .query_row([new_row.id], |row| {
            let payload = codec::bytes(row.get_ref(2)?);
            let same = payload.is_ok_and(|payload| payload == new_row.payload);
            Ok((row.get(0)?, codec::lenient(row, 1)?, same))
        })?;
    let lane = match lanes.by_id(connection, lane) {
        Err(err) if codec::is_of_one_row(&err) => None,
        lane => Some(lane?),
    };
    let same =
        same && lane.is_some_and(|lane| lane.kind == new_row.kind && lane.queue == new_row.queue);
    let inserted = if same {
        Inserted::Known
    } else {
        Inserted::Taken
    };
    Ok((seq, inserted))
}
