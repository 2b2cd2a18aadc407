//! Lanes: the jobs of one kind, queue and priority wait in one lane, so that a claim looks only
//! where its instance can find a job. Suspects wait in lanes of their own.
//!
//! # How a lane is deleted
//!
//! Each `run` has a queue of its own, and so may each tenant, so lanes without jobs are deleted.
//! Other processes may put a job into a lane that they remember, and no index tells which jobs a
//! lane has; so deleting takes two steps.
//!
//! 1. A lane in which a look at the whole file found no job is closed: no name leads to it any
//!    more, and a transaction that puts a job into a lane which it remembers first reads whether
//!    the lane is open. A job that came between the look and the closing runs like any other.
//! 2. A later look finds no job in a lane that was closed before. No job will ever come, so the
//!    lane is deleted, however much later.
//!
//! The newest lane stays, so no number is used twice: a process that still remembers a deleted lane
//! finds no job in it, and none of another lane.

mod idle;
mod lane;
mod wanted;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use marionette::store::{Name, Priority, Wanted};
use rusqlite::{Connection, OptionalExtension, params};

use crate::codec;
use crate::failpoint;

pub(crate) use idle::IdleLanes;
pub(crate) use lane::Lane;
use wanted::Names;
pub(crate) use wanted::WantedLanes;

/// Up to this number, names are compared one by one, and lanes are searched one by one.
const FEW: usize = 8;
/// Up to this number, lanes are read at once; of more, only those that are needed.
const MANY: usize = 10_000;
/// A number below those of all lanes.
const ALL: i64 = i64::MIN;
/// The lanes of a file that a connection knows: all, or of very many the newest and those that were
/// asked for. Remembering a lane that was deleted does no harm.
#[derive(Debug)]
pub(crate) struct Lanes {
    by_id: HashMap<i64, Arc<Lane>>,
    /// The lanes of each queue, which are few: one for each kind and priority.
    by_queue: HashMap<Name, Vec<Arc<Lane>>>,
    /// All lanes after this one, up to the newest, are known.
    after: i64,
    newest: i64,
    /// The kinds and queues of which the older lanes are known too.
    asked: Vec<Wanted>,
    /// With more lanes than this, `refresh` checks whether most of them are gone.
    known_max: usize,
    last: Option<Arc<Lane>>,
    /// The lanes that were found open in this transaction.
    open: HashSet<i64>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            by_id: HashMap::new(),
            by_queue: HashMap::new(),
            after: ALL,
            newest: i64::MIN,
            asked: Vec::new(),
            known_max: 2 * MANY,
            last: None,
            open: HashSet::new(),
        }
    }
}

impl Lanes {
    /// Learns of the lanes that other connections have made.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let newest: Option<i64> = connection
            .prepare_cached(include_str!("../sql/lane_newest.sql"))?
            .query_row([], |row| row.get(0))?;
        let newest = newest.unwrap_or(i64::MIN);
        if newest <= self.newest {
            return Ok(());
        }
        if self.by_id.len() > self.known_max {
            self.forget_deleted(connection)?;
        }
        if self.newest == i64::MIN {
            let older = connection
                .prepare_cached(include_str!("../sql/lane_older.sql"))?
                .query_row([count(MANY)], |row| row.get(0))
                .optional()?;
            self.after = older.unwrap_or(ALL);
        }
        let after = self.newest.max(self.after);
        self.newest = newest;
        self.learn(connection, include_str!("../sql/lanes_after.sql"), [after])
    }

    /// Forgets all lanes if most of the known ones were deleted.
    fn forget_deleted(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let there: i64 = connection
            .prepare_cached(include_str!("../sql/lane_count.sql"))?
            .query_row([], |row| row.get(0))?;
        let there = usize::try_from(there).unwrap_or(0);
        if there < self.by_id.len() / 2 {
            self.forget();
        }
        self.known_max = 2 * there.max(self.by_id.len()).max(MANY);
        Ok(())
    }

    fn learn(
        &mut self,
        connection: &Connection,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        while let Some(row) = rows.next()? {
            let lane = match Lane::read(row) {
                // The jobs of this lane stay where they are; those of the other lanes are found.
                Err(err) if codec::is_of_one_row(&err) => continue,
                lane => lane?,
            };
            if !self.by_id.contains_key(&lane.id) {
                self.add(lane);
            }
        }
        Ok(())
    }

    /// Forgets all lanes, after a transaction that may have made one was rolled back.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Begins a transaction: other processes may have closed any lane before it.
    pub(crate) fn begin(&mut self) {
        self.last = None;
        self.open.clear();
    }

    fn add(&mut self, lane: Lane) {
        let lane = Arc::new(lane);
        self.by_id.insert(lane.id, lane.clone());
        self.by_queue
            .entry(lane.queue.clone())
            .or_default()
            .push(lane);
    }

    /// Forgets a lane that was deleted.
    pub(crate) fn remove(&mut self, id: i64) {
        self.last = None;
        self.open.remove(&id);
        let Some(lane) = self.by_id.remove(&id) else {
            return;
        };
        if let Some(lanes) = self.by_queue.get_mut(&lane.queue) {
            lanes.retain(|other| other.id != id);
            if lanes.is_empty() {
                self.by_queue.remove(&lane.queue);
            }
        }
    }

    /// A lane by its id.
    pub(crate) fn by_id(
        &mut self,
        connection: &Connection,
        id: i64,
    ) -> rusqlite::Result<Arc<Lane>> {
        if !self.by_id.contains_key(&id) {
            self.learn(connection, include_str!("../sql/lane_by_id.sql"), [id])?;
        }
        let known = self.by_id.get(&id);
        known.cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// The lanes of a queue in which a job may wait.
    pub(crate) fn of_queue(
        &mut self,
        connection: &Connection,
        queue: &str,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        self.refresh(connection)?;
        if self.after == ALL {
            return Ok(self.known_of(queue).cloned().collect());
        }
        let mut lanes = self.waiting(connection)?;
        lanes.retain(|lane| lane.queue == *queue);
        Ok(lanes)
    }

    fn known_of(&self, queue: &str) -> impl Iterator<Item = &Arc<Lane>> {
        self.by_queue.get(queue).into_iter().flatten()
    }

    /// The wanted lanes: of many, only those in which a job waits, so that thousands of queues cost
    /// nothing while they are empty.
    pub(crate) fn wanted(
        &mut self,
        connection: &Connection,
        wanted_lanes: &WantedLanes,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        if self.after != ALL && matches!(wanted_lanes.queues, Some(Names::Few(_))) {
            self.ask(connection, &wanted_lanes.wanted)?;
        }
        self.of_wanted_queues(connection, wanted_lanes, |lane| wanted_lanes.is_for(lane))
    }

    /// The lanes of wanted queues whose kinds are not wanted, found like [`wanted`](Self::wanted).
    pub(crate) fn left(
        &mut self,
        connection: &Connection,
        wanted_lanes: &WantedLanes,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        if self.after != ALL {
            let mut lanes = self.waiting(connection)?;
            lanes.retain(|lane| wanted_lanes.leaves(lane));
            return Ok(lanes);
        }
        self.of_wanted_queues(connection, wanted_lanes, |lane| wanted_lanes.leaves(lane))
    }

    fn of_wanted_queues(
        &mut self,
        connection: &Connection,
        wanted_lanes: &WantedLanes,
        is_meant: impl Fn(&Lane) -> bool,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        let wanted = |lane: &&Arc<Lane>| is_meant(lane);
        if self.after == ALL && self.by_id.len() <= FEW {
            return Ok(self.by_id.values().filter(wanted).cloned().collect());
        }
        if let Some(Names::Few(queues)) = &wanted_lanes.queues {
            let lanes = queues.iter().flat_map(|queue| self.known_of(queue));
            return Ok(lanes.filter(wanted).cloned().collect());
        }
        let mut lanes = self.waiting(connection)?;
        lanes.retain(|lane| is_meant(lane));
        Ok(lanes)
    }

    /// The lanes in which a job waits.
    pub(crate) fn waiting(&mut self, connection: &Connection) -> rusqlite::Result<Vec<Arc<Lane>>> {
        let mut statement = connection.prepare_cached(include_str!("../sql/lanes_waiting.sql"))?;
        let mut rows = statement.query([])?;
        let mut lanes = Vec::new();
        while let Some(row) = rows.next()? {
            let lane = row.get(0).and_then(|id| self.by_id(connection, id));
            match lane {
                Err(err) if codec::is_of_one_row(&err) => (),
                lane => lanes.push(lane?),
            }
        }
        Ok(lanes)
    }

    /// Learns of the older lanes of these kinds and queues.
    fn ask(&mut self, connection: &Connection, wanted: &Wanted) -> rusqlite::Result<()> {
        if self.asked.contains(wanted) {
            return Ok(());
        }
        for queue in &*wanted.queues {
            for kind in &*wanted.kinds {
                self.learn(
                    connection,
                    include_str!("../sql/lanes_of.sql"),
                    [kind.as_str(), queue],
                )?;
            }
        }
        // The managers of one process want the same lanes again and again.
        if self.asked.len() == FEW {
            self.asked.remove(0);
        }
        self.asked.push(wanted.clone());
        Ok(())
    }

    /// The lane of this queue, kind, priority and suspicion, which is made if there is none. Jobs
    /// mostly come in runs of one lane.
    pub(crate) fn of(
        &mut self,
        connection: &Connection,
        (queue, kind): (&str, &str),
        priority: Priority,
        suspect: bool,
    ) -> rusqlite::Result<Arc<Lane>> {
        if let Some(last) = &self.last
            && last.is(queue, kind, priority, suspect)
        {
            return Ok(last.clone());
        }
        let known = self
            .known_of(queue)
            .find(|lane| lane.is(queue, kind, priority, suspect))
            .cloned();
        let lane = match known {
            Some(lane) if self.is_open(connection, lane.id)? => lane,
            _ => self.make(connection, (queue, kind), priority, suspect)?,
        };
        self.last = Some(lane.clone());
        Ok(lane)
    }

    /// Whether a known lane takes jobs; if not, it is forgotten.
    fn is_open(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<bool> {
        if self.open.contains(&id) {
            return Ok(true);
        }
        let is_open = connection
            .prepare_cached(include_str!("../sql/lane_is_open.sql"))?
            .exists([id])?;
        if is_open {
            self.open.insert(id);
        } else {
            self.remove(id);
            // The lane may still be in the file, with the last of its jobs.
            self.learn(connection, include_str!("../sql/lane_by_id.sql"), [id])?;
        }
        Ok(is_open)
    }

    fn make(
        &mut self,
        connection: &Connection,
        (queue, kind): (&str, &str),
        priority: Priority,
        suspect: bool,
    ) -> rusqlite::Result<Arc<Lane>> {
        let id = find_or_insert(connection, (queue, kind), priority, suspect)?;
        self.open.insert(id);
        self.by_id(connection, id)
    }

    /// Closes a lane: it takes no more jobs.
    pub(crate) fn close(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(include_str!("../sql/lane_close.sql"))?
            .execute([id])?;
        self.remove(id);
        // The lane stays known for the jobs that came since it was found empty.
        self.learn(connection, include_str!("../sql/lane_by_id.sql"), [id])
    }

    /// Deletes a closed lane without a job.
    pub(crate) fn delete(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<()> {
        connection
            .prepare_cached(include_str!("../sql/lane_delete.sql"))?
            .execute([id])?;
        self.remove(id);
        Ok(())
    }
}

fn count(lanes: usize) -> i64 {
    i64::try_from(lanes).unwrap_or(i64::MAX)
}

/// The number of the lane of this kind, queue, priority and suspicion, which is made if there is
/// none.
pub(crate) fn find_or_insert(
    connection: &Connection,
    (queue, kind): (&str, &str),
    priority: Priority,
    suspect: bool,
) -> rusqlite::Result<i64> {
    let what = params![kind, queue, priority.get(), suspect];
    let found = connection
        .prepare_cached(include_str!("../sql/lane_find.sql"))?
        .query_row(what, |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = connection
        .prepare_cached(include_str!("../sql/lane_insert.sql"))?
        .insert(what)?;
    failpoint::at("sqlite::lane::made");
    Ok(id)
}
