//! Lanes: the jobs of one kind, queue and priority wait in one, so that a claim looks only where
//! its worker can find something. Suspects wait in lanes of their own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use marionette::store::{Priority, Wanted};
use rusqlite::{Connection, OptionalExtension, params};

use crate::failpoint;

/// So many names are compared one by one, and so many lanes looked into.
const FEW: usize = 8;

/// The jobs of one kind, queue and priority.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) id: i64,
    pub(crate) queue: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) priority: Priority,
    /// Whether the worker of each job in it has died before.
    pub(crate) suspect: bool,
}

impl Lane {
    fn is(&self, queue: &str, kind: &str, priority: Priority, suspect: bool) -> bool {
        self.priority == priority
            && self.suspect == suspect
            && *self.kind == *kind
            && *self.queue == *queue
    }
}

/// What somebody wants, to be asked of many lanes.
#[derive(Debug)]
pub(crate) struct Wish {
    kinds: Names,
    /// Any, if none is named.
    queues: Option<Names>,
}

/// Some names. With thousands of queues, to compare each with each would be most of the work.
#[derive(Debug)]
enum Names {
    Few(Arc<[String]>),
    Many(HashSet<String>),
}

impl Names {
    fn new(names: &Arc<[String]>) -> Self {
        if names.len() <= FEW {
            Self::Few(names.clone())
        } else {
            Self::Many(names.iter().cloned().collect())
        }
    }

    fn contain(&self, name: &str) -> bool {
        match self {
            Self::Few(names) => names.iter().any(|other| other == name),
            Self::Many(names) => names.contains(name),
        }
    }
}

impl Wish {
    pub(crate) fn new(wanted: &Wanted) -> Self {
        let any = wanted.queues.is_empty();
        Self {
            kinds: Names::new(&wanted.kinds),
            queues: (!any).then(|| Names::new(&wanted.queues)),
        }
    }

    /// Whether one may claim from a lane who wishes this.
    pub(crate) fn is_for(&self, lane: &Lane) -> bool {
        self.kinds.contain(&lane.kind) && self.is_for_queue(lane)
    }

    /// Whether one who wishes this leaves a lane alone, and for its kind only.
    pub(crate) fn leaves(&self, lane: &Lane) -> bool {
        !self.kinds.contain(&lane.kind) && self.is_for_queue(lane)
    }

    fn is_for_queue(&self, lane: &Lane) -> bool {
        let queues = self.queues.as_ref();
        queues.is_none_or(|names| names.contain(&lane.queue))
    }
}

/// The lanes of a file that a connection knows. None is ever removed, so that the memory is right
/// for as long as no transaction that made one is rolled back.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    by_id: HashMap<i64, Arc<Lane>>,
    /// Those of each queue, which are few: one for each kind and priority.
    by_queue: HashMap<Arc<str>, Vec<Arc<Lane>>>,
    newest: i64,
    last: Option<Arc<Lane>>,
}

impl Lanes {
    /// Learns of lanes that others have made.
    pub(crate) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let newest: Option<i64> = connection
            .prepare_cached(include_str!("sql/lane_newest.sql"))?
            .query_row([], |row| row.get(0))?;
        if newest.unwrap_or(0) <= self.newest {
            return Ok(());
        }
        let mut statement = connection.prepare_cached(include_str!("sql/lanes_after.sql"))?;
        let mut rows = statement.query([self.newest])?;
        while let Some(row) = rows.next()? {
            self.add(Lane {
                id: row.get(0)?,
                queue: row.get(1)?,
                kind: row.get(2)?,
                priority: Priority(row.get(3)?),
                suspect: row.get(4)?,
            });
        }
        Ok(())
    }

    /// Forgets all: a transaction that may have made one was rolled back.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    fn add(&mut self, lane: Lane) -> Arc<Lane> {
        let lane = Arc::new(lane);
        self.newest = self.newest.max(lane.id);
        self.by_id.insert(lane.id, lane.clone());
        self.by_queue
            .entry(lane.queue.clone())
            .or_default()
            .push(lane.clone());
        lane
    }

    /// A lane that is known, by its id.
    pub(crate) fn known(&self, id: i64) -> Option<&Arc<Lane>> {
        self.by_id.get(&id)
    }

    /// A lane by its id.
    pub(crate) fn by_id(
        &mut self,
        connection: &Connection,
        id: i64,
    ) -> rusqlite::Result<Arc<Lane>> {
        if !self.by_id.contains_key(&id) {
            self.refresh(connection)?;
        }
        self.known(id)
            .cloned()
            .ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    /// All lanes that are known.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.by_id.values()
    }

    /// The lanes of a queue.
    pub(crate) fn of_queue(&self, queue: &str) -> impl Iterator<Item = &Arc<Lane>> {
        self.by_queue.get(queue).into_iter().flatten()
    }

    /// The lanes in which somebody may find what it wishes: of many lanes, only those in which a
    /// job waits, so that thousands of queues cost nothing while they are empty.
    pub(crate) fn wished(
        &self,
        connection: &Connection,
        wish: &Wish,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        self.of_wished_queues(connection, wish, |lane| wish.is_for(lane))
    }

    /// The lanes that one who wishes this leaves to others for their kinds, found as those are.
    pub(crate) fn left(
        &self,
        connection: &Connection,
        wish: &Wish,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        self.of_wished_queues(connection, wish, |lane| wish.leaves(lane))
    }

    fn of_wished_queues(
        &self,
        connection: &Connection,
        wish: &Wish,
        is_meant: impl Fn(&Lane) -> bool,
    ) -> rusqlite::Result<Vec<Arc<Lane>>> {
        let wished = |lane: &&Arc<Lane>| is_meant(lane);
        if self.by_id.len() <= FEW {
            return Ok(self.all().filter(wished).cloned().collect());
        }
        if let Some(Names::Few(queues)) = &wish.queues {
            let lanes = queues.iter().flat_map(|queue| self.of_queue(queue));
            return Ok(lanes.filter(wished).cloned().collect());
        }
        let mut statement = connection.prepare_cached(include_str!("sql/lanes_waiting.sql"))?;
        let mut rows = statement.query([])?;
        let mut lanes = Vec::new();
        while let Some(row) = rows.next()? {
            // One that was made since the last refresh is found by the next look.
            lanes.extend(self.known(row.get(0)?).filter(wished).cloned());
        }
        Ok(lanes)
    }

    /// The lane for these, which is made if there is none. Jobs mostly come in runs of one lane.
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
            .of_queue(queue)
            .find(|lane| lane.is(queue, kind, priority, suspect));
        let lane = match known {
            Some(lane) => lane.clone(),
            None => self.make(connection, (queue, kind), priority, suspect)?,
        };
        self.last = Some(lane.clone());
        Ok(lane)
    }

    fn make(
        &mut self,
        connection: &Connection,
        (queue, kind): (&str, &str),
        priority: Priority,
        suspect: bool,
    ) -> rusqlite::Result<Arc<Lane>> {
        let id = find_or_insert(connection, (queue, kind), priority, suspect)?;
        // Others may have made lanes with smaller numbers.
        self.refresh(connection)?;
        self.by_id(connection, id)
    }
}

/// The number of the lane for these, which is made if there is none.
pub(crate) fn find_or_insert(
    connection: &Connection,
    (queue, kind): (&str, &str),
    priority: Priority,
    suspect: bool,
) -> rusqlite::Result<i64> {
    let what = params![kind, queue, priority.0, suspect];
    let found = connection
        .prepare_cached(include_str!("sql/lane_find.sql"))?
        .query_row(what, |row| row.get(0))
        .optional()?;
    if let Some(id) = found {
        return Ok(id);
    }
    let id = connection
        .prepare_cached(include_str!("sql/lane_insert.sql"))?
        .insert(what)?;
    failpoint::at("sqlite::lane::made");
    Ok(id)
}
