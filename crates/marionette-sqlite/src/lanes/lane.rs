//! One lane.

use marionette::store::{Name, Priority};
use rusqlite::Row;

use crate::codec;

/// The number that is added to the mark of suspects of a lane that takes no more jobs.
pub(super) const CLOSED: i64 = 2;

/// The jobs of one kind, queue and priority.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lane {
    pub(crate) id: i64,
    pub(crate) queue: Name,
    pub(crate) kind: Name,
    pub(crate) priority: Priority,
    /// Whether the instance of each job in it has died before.
    pub(crate) suspect: bool,
    /// Whether it takes jobs.
    pub(crate) is_open: bool,
}

impl Lane {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (priority, suspect): (i64, i64) = (row.get(3)?, row.get(4)?);
        let most = if priority < 0 { i8::MIN } else { i8::MAX };
        Ok(Self {
            id: row.get(0)?,
            queue: codec::name(row, 1)?,
            kind: codec::name(row, 2)?,
            // A priority out of range counts as the nearest in range.
            priority: Priority::new(i8::try_from(priority).unwrap_or(most)),
            suspect: suspect & 1 != 0,
            is_open: suspect < CLOSED,
        })
    }

    pub(super) fn is(&self, queue: &str, kind: &str, priority: Priority, suspect: bool) -> bool {
        self.is_open
            && self.priority == priority
            && self.suspect == suspect
            && self.kind == *kind
            && self.queue == *queue
    }
}
