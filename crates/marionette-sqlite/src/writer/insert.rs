//! Accepting jobs.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use marionette::store::{
    Due, Inserted, NewJob, PAYLOAD_BYTES_MAX, Priority, StoreError, check_name,
};
use rusqlite::{Connection, Statement, params};

use super::Writer;
use crate::clock;
use crate::codec::{self, Id, Readable, options_to_sql};
use crate::error::Failure;
use crate::failpoint;
use crate::lanes::{Lane, Lanes};

/// How many jobs one statement writes, if there are so many: one of `Statements::insert_rows` for
/// each of these.
const ROWS: [usize; 2] = [16, 4];
/// The most of them.
pub(super) const ROWS_MAX: usize = ROWS[0];

/// A job that has been looked over and is ready to be written.
#[derive(Debug)]
pub(crate) struct Accepting {
    id: Id,
    kind: Cow<'static, str>,
    queue: Cow<'static, str>,
    priority: Priority,
    due: Due,
    payload: Vec<u8>,
    options: Option<String>,
    keep: Option<i64>,
    limit: Option<u64>,
}

/// The parts of a job that is ready to be written.
#[cfg(feature = "sqlx")]
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) kind: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) priority: i8,
    pub(crate) payload: &'a [u8],
    pub(crate) options: Option<&'a str>,
    pub(crate) keep: Option<i64>,
    pub(crate) limit: Option<u64>,
}

impl Accepting {
    /// Looks over jobs; refuses all of them if one cannot be stored. What comes of a job is smaller
    /// than it, so that this reuses the memory of the vector.
    pub(crate) fn all(jobs: Vec<NewJob>) -> Result<Vec<Self>, StoreError> {
        jobs.into_iter().map(Self::new).collect()
    }

    /// Looks over a job.
    pub(crate) fn new(job: NewJob) -> Result<Self, StoreError> {
        let refused = |what: String| {
            let (id, kind) = (job.id, &job.kind);
            StoreError::refused(format!("job {id} ({kind}): {what}"))
        };
        check_name(&job.kind).map_err(|what| refused(format!("the name of the kind {what}")))?;
        check_name(&job.queue).map_err(|what| refused(format!("the name of the queue {what}")))?;
        let bytes = job.payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            let what = format!("its payload has {bytes} bytes, the limit is {PAYLOAD_BYTES_MAX}");
            return Err(refused(what));
        }
        let options = options_to_sql(&job.options)
            .map_err(|err| refused(format!("its options are not JSON: {err}")))?;
        Ok(Self {
            id: Id::of(job.id),
            kind: job.kind,
            queue: job.queue,
            priority: job.priority,
            due: job.due,
            payload: job.payload,
            options,
            keep: job.options.keep_result.map(clock::round_up),
            limit: job.queue_limit,
        })
    }

    /// About how much work these are, one for a row.
    pub(crate) fn weight(all: &[Self]) -> usize {
        all.iter().map(|one| 1 + one.payload.len() / 512).sum()
    }

    /// Whether it is accepted only if its queue has room.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// Its parts, for who writes it by other means.
    #[cfg(feature = "sqlx")]
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            id: self.id.0.as_bytes(),
            kind: &self.kind,
            queue: &self.queue,
            priority: self.priority.0,
            payload: &self.payload,
            options: self.options.as_deref(),
            keep: self.keep,
            limit: self.limit,
        }
    }

    /// The lane in which it waits.
    pub(crate) fn lane(
        &self,
        connection: &Connection,
        lanes: &mut Lanes,
    ) -> rusqlite::Result<Arc<Lane>> {
        let place = (&*self.queue, &*self.kind);
        lanes.of(connection, place, self.priority, false)
    }

    /// When it is due, if it is accepted now.
    pub(crate) fn due(&self, now: i64) -> i64 {
        match self.due {
            Due::Now => now,
            Due::After(pause) => now.saturating_add(clock::round_up(pause)),
            Due::At(time) => clock::micros(time),
        }
    }
}

impl Writer<'_> {
    pub(crate) fn insert(&mut self, jobs: &[Accepting]) -> Result<Vec<Inserted>, Failure> {
        failpoint::at("sqlite::insert::begin");
        let mut waiting = Waiting::default();
        let mut answers = Vec::with_capacity(jobs.len());
        let mut left = jobs;
        while let Some(accepting) = left.first() {
            let most = left.iter().take(ROWS_MAX);
            let unlimited = most.take_while(|one| !one.is_limited()).count();
            let inserted = self.insert_rows(unlimited, left.iter())?;
            if inserted.is_empty() {
                answers.push(self.insert_row(accepting, &mut waiting)?);
            }
            left = &left[inserted.len().max(1)..];
            answers.extend(inserted);
        }
        failpoint::at("sqlite::insert::end");
        Ok(answers)
    }

    fn insert_row(
        &mut self,
        accepting: &Accepting,
        waiting: &mut Waiting,
    ) -> rusqlite::Result<Inserted> {
        let lane = accepting.lane(self.connection, &mut self.lanes)?;
        if waiting.is_full(self.connection, &mut self.lanes, accepting)? {
            return Ok(Inserted::Full);
        }
        let due = accepting.due(self.now);
        if !insert_one(&mut self.sql.insert, accepting, lane.id, due, self.now)? {
            return Ok(known(self.connection, &mut self.lanes, accepting)?.1);
        }
        waiting.add(accepting);
        self.wake(lane, due);
        failpoint::at("sqlite::insert::row");
        Ok(Inserted::Accepted)
    }

    /// Writes as many jobs as it can in one statement, of which the first `count` have no limit;
    /// says what became of those.
    pub(super) fn insert_rows<'a>(
        &mut self,
        count: usize,
        jobs: impl Iterator<Item = &'a Accepting> + Clone,
    ) -> rusqlite::Result<Vec<Inserted>> {
        let Some(which) = ROWS.iter().position(|rows| *rows <= count) else {
            return Ok(Vec::new());
        };
        let rows = ROWS[which];
        let jobs = jobs.take(rows);
        self.sql.insert_rows[which].raw_bind_parameter(1, self.now)?;
        let mut index = 2;
        for accepting in jobs.clone() {
            let lane = accepting.lane(self.connection, &mut self.lanes)?;
            let due = accepting.due(self.now);
            let insert = &mut self.sql.insert_rows[which];
            insert.raw_bind_parameter(index, accepting.id)?;
            insert.raw_bind_parameter(index + 1, lane.id)?;
            insert.raw_bind_parameter(index + 2, due)?;
            insert.raw_bind_parameter(index + 3, accepting.keep)?;
            insert.raw_bind_parameter(index + 4, accepting.options.as_deref())?;
            insert.raw_bind_parameter(index + 5, Readable(&accepting.payload))?;
            index += 6;
            // One that is known already wakes somebody in vain.
            self.wake(lane, due);
        }
        let new = self.sql.insert_rows[which].raw_execute()?;
        failpoint::at("sqlite::insert::row");
        if new == rows {
            return Ok(vec![Inserted::Accepted; rows]);
        }
        self.told_apart(new, jobs)
    }

    /// What became of jobs that one statement inserted, so many of which are new.
    fn told_apart<'a>(
        &mut self,
        new: usize,
        jobs: impl Iterator<Item = &'a Accepting>,
    ) -> rusqlite::Result<Vec<Inserted>> {
        // The rows of one statement have consecutive numbers. One id may stand in it twice.
        let last = self.connection.last_insert_rowid();
        let mut new: HashSet<i64> = (0..)
            .take(new)
            .map(|back| last.wrapping_sub(back))
            .collect();
        jobs.map(|accepting| {
            let (seq, inserted) = known(self.connection, &mut self.lanes, accepting)?;
            Ok(if new.remove(&seq) {
                Inserted::Accepted
            } else {
                inserted
            })
        })
        .collect()
    }

    /// Once it is committed, who waits for jobs of this lane is told; jobs come in runs of one.
    fn wake(&mut self, lane: Arc<Lane>, due: i64) {
        match self.wakes.last_mut() {
            Some((last, earliest)) if last.id == lane.id => *earliest = due.min(*earliest),
            _ => self.wakes.push((lane, due)),
        }
    }
}

/// Writes a job; `false` if it is known already.
pub(crate) fn insert_one(
    insert: &mut Statement<'_>,
    accepting: &Accepting,
    lane: i64,
    due: i64,
    now: i64,
) -> rusqlite::Result<bool> {
    let Accepting {
        id, options, keep, ..
    } = accepting;
    let payload = Readable(&accepting.payload);
    let changes = insert.execute(params![id, lane, due, now, keep, options, payload])?;
    Ok(changes == 1)
}

/// The row that has the id of a job, and whether it is the same job.
pub(crate) fn known(
    connection: &Connection,
    lanes: &mut Lanes,
    accepting: &Accepting,
) -> rusqlite::Result<(i64, Inserted)> {
    let (seq, lane, same) = connection
        .prepare_cached(include_str!("../sql/known_as.sql"))?
        .query_row([accepting.id], |row| {
            let payload = codec::bytes(row.get_ref(2)?);
            let same = payload.is_ok_and(|payload| payload == accepting.payload);
            Ok((row.get(0)?, codec::lenient(row, 1)?, same))
        })?;
    let lane = match lanes.by_id(connection, lane) {
        Err(err) if codec::is_of_one_row(&err) => None,
        lane => Some(lane?),
    };
    let same = same
        && lane
            .is_some_and(|lane| *lane.kind == *accepting.kind && *lane.queue == *accepting.queue);
    let inserted = if same {
        Inserted::Known
    } else {
        Inserted::Taken
    };
    Ok((seq, inserted))
}

/// How many jobs wait in queues that have a limit, counted once for each call.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Counted up to the highest limit that was asked for.
    queues: HashMap<String, Counted>,
}

#[derive(Clone, Copy, Debug)]
struct Counted {
    jobs: u64,
    up_to: u64,
}

impl Waiting {
    /// Whether a queue has no room for a job. One that is known already needs none.
    pub(crate) fn is_full(
        &mut self,
        connection: &Connection,
        lanes: &mut Lanes,
        accepting: &Accepting,
    ) -> rusqlite::Result<bool> {
        let Some(limit) = accepting.limit else {
            return Ok(false);
        };
        let queue = &*accepting.queue;
        let counted = self.queues.get(queue).copied();
        let counted = match counted {
            Some(counted) if counted.jobs < counted.up_to || limit <= counted.up_to => counted,
            _ => {
                let jobs = count(connection, lanes, queue, limit)?;
                let counted = Counted { jobs, up_to: limit };
                self.queues.insert(queue.to_owned(), counted);
                counted
            }
        };
        if counted.jobs < limit {
            return Ok(false);
        }
        let known = connection
            .prepare_cached(include_str!("../sql/known_job.sql"))?
            .exists([accepting.id])?;
        Ok(!known)
    }

    /// One more waits.
    pub(crate) fn add(&mut self, accepting: &Accepting) {
        if let Some(counted) = self.queues.get_mut(&*accepting.queue) {
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
    let mut statement = connection.prepare_cached(include_str!("../sql/waiting_in_lane.sql"))?;
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
