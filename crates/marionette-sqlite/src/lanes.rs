//! Lanes: the jobs of one kind, queue and priority wait in one, so that a claim looks only where
//! its worker can find something. Suspects wait in lanes of their own.

use std::collections::HashMap;
use std::sync::Arc;

use marionette::store::{Priority, Wanted};
use rusqlite::{Connection, OptionalExtension, params};

use crate::failpoint;

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
    /// Whether somebody who wants these may claim from it.
    pub(crate) fn is_wanted(&self, wanted: &Wanted) -> bool {
        let named = |names: &[String], name: &str| names.iter().any(|other| other == name);
        (wanted.queues.is_empty() || named(&wanted.queues, &self.queue))
            && named(&wanted.kinds, &self.kind)
    }

    fn is(&self, queue: &str, kind: &str, priority: Priority, suspect: bool) -> bool {
        self.priority == priority
            && self.suspect == suspect
            && *self.kind == *kind
            && *self.queue == *queue
    }
}

/// The lanes of a file that a connection knows. None is ever removed, so that the memory is right
/// for as long as no transaction that made one is rolled back.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    by_id: HashMap<i64, Arc<Lane>>,
    by_kind: HashMap<Arc<str>, Vec<Arc<Lane>>>,
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
        // Equal texts share their memory.
        let kind = self.by_kind.get_key_value(&lane.kind);
        let kind = kind.map_or_else(|| lane.kind.clone(), |(kind, _)| kind.clone());
        let lane = Arc::new(Lane { kind, ..lane });
        self.newest = self.newest.max(lane.id);
        self.by_id.insert(lane.id, lane.clone());
        self.by_kind
            .entry(lane.kind.clone())
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

    /// The lanes in which somebody can find what it wants.
    pub(crate) fn wanted<'a>(&'a self, wanted: &'a Wanted) -> impl Iterator<Item = &'a Arc<Lane>> {
        let of_kinds = wanted
            .kinds
            .iter()
            .filter_map(|kind| self.by_kind.get(kind.as_str()));
        of_kinds.flatten().filter(|lane| lane.is_wanted(wanted))
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
        let of_kind = self.by_kind.get(kind).into_iter().flatten();
        let known = of_kind
            .into_iter()
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
