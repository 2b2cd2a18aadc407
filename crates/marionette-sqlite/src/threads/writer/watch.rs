//! Whether what the writer commits can be found again: it looks before it says so.

use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::file::file_identity::{LOOK, LastLook, Stamp};
use crate::file::opening;
use crate::file::wal::{Extent, Wal};
use crate::threads::shared::Shared;

/// What is told of a WAL that does not hold any more what was written to it.
pub(super) const CUT_OFF: &str = "its write-ahead log was cut off or written over while it was \
     open, and what it held may be lost; open the store again";
/// …and of a database.
const OVERWRITTEN: &str = "the file was written over while it was open, by something else than \
     SQLite, such as `cp`; stop all who have it open, remove the files that end in -wal and -shm, \
     and put the file in its place again";
/// How often a WAL that has become too long is copied.
const COPY: Duration = Duration::from_millis(500);
/// Up to what size a database is read from end to end if somebody seems to have written over it.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How often the newest jobs are compared anew because another process wrote meanwhile.
const COMPARED_MAX: usize = 20;

/// What was seen at the last look.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) wal: Wal,
    extent: Extent,
    /// As of the last commit that was only glanced at.
    glanced: Extent,
    database: Option<Stamp>,
    looked: LastLook,
    copied_at: LastLook,
    /// Whether what is in a WAL without a name was copied, as far as that can be done.
    rescued: bool,
}

impl Watch {
    pub(super) fn new(wal: Wal, connection: &Connection, shared: &Shared) -> Self {
        let mut watch = Self {
            wal,
            extent: Extent::default(),
            glanced: Extent::default(),
            database: shared.identity.stamp(),
            looked: LastLook::now(),
            copied_at: LastLook::now(),
            rescued: false,
        };
        watch.log(connection, shared);
        watch
    }

    /// Where in the WAL that ends which was committed.
    pub(super) fn end(&self) -> u64 {
        self.wal.end(&self.extent)
    }

    /// Whether to look before anything is written: what was cut off would be written over, and
    /// seem whole from outside.
    pub(super) fn is_due(&mut self, shared: &Shared) -> bool {
        let is_exact = shared.settings.synchronous.is_full();
        self.looked.is_over(LOOK) || is_exact && !self.wal.is_there(self.end())
    }

    /// Whether the WAL has grown beyond what it is cut down to when it begins anew, for instance
    /// while somebody read for long: then it is copied before it has grown as much again.
    pub(super) fn is_too_long(&mut self) -> bool {
        let is_too_long =
            self.end() > opening::WAL_BYTES && self.extent.copied < self.extent.frames;
        is_too_long && self.copied_at.is_over(COPY)
    }

    /// Looks at everything. What is wrong is told to all who work with the store.
    pub(super) fn look(&mut self, connection: &Connection, shared: &Shared) {
        if shared.look().is_err() {
            return self.rescue(connection, shared);
        }
        self.contents(connection, shared);
    }

    /// Looks into the files alone, where somebody else looks at their names before the answer.
    pub(super) fn contents(&mut self, connection: &Connection, shared: &Shared) {
        let before = self.extent;
        if self.log(connection, shared) {
            self.database(connection, shared, &before);
        }
    }

    /// Somebody has removed the WAL, which SQLite has open still: what was accepted is copied into
    /// the database before it is closed. Others who open the file go by the same index, so they
    /// write into no other WAL meanwhile.
    fn rescue(&mut self, connection: &Connection, shared: &Shared) {
        let is_first = !std::mem::replace(&mut self.rescued, true);
        if is_first && shared.identity.has_lost_the_wal_alone() {
            // Whether that goes well changes nothing: the store is broken.
            let _ = is_being_copied(connection);
        }
    }

    /// The least that tells of a WAL that is gone: for who promises no more than that it survives
    /// the end of the process, and is quick about it.
    pub(super) fn glance(&mut self, connection: &Connection, shared: &Shared) {
        if !self.wal.is_there(self.end()) || self.extent.is_of_another_log(&self.glanced) {
            self.look(connection, shared);
            self.glanced = self.extent;
        }
    }

    /// SQLite has copied the WAL at our wish, so the database was written.
    pub(super) fn copied(&mut self, connection: &Connection, shared: &Shared) {
        self.log(connection, shared);
        self.database = shared.identity.stamp();
    }

    /// Whether the WAL holds what was committed.
    fn log(&mut self, connection: &Connection, shared: &Shared) -> bool {
        match self.wal.extent(connection, &self.extent) {
            Ok(Some(extent)) => {
                self.extent = extent;
                return true;
            }
            Ok(None) => shared.give_up(CUT_OFF),
            Err(err) => {
                let what = format!("its write-ahead log cannot be read; open it again: {err}");
                shared.give_up(what);
            }
        }
        false
    }

    /// Whether the database was written by SQLite alone, which does so only to copy the WAL.
    fn database(&mut self, connection: &Connection, shared: &Shared, before: &Extent) {
        let stamp = shared.identity.stamp();
        // What was copied meanwhile is known only now.
        if stamp == self.database || !self.log(connection, shared) {
            return;
        }
        if !self.extent.was_copied_since(before) {
            if self.extent.copied < self.extent.frames && is_being_copied(connection) {
                // Who copies it will say so; until then this is looked at again.
                return;
            }
            if !is_as_known(connection, shared, stamp) {
                return shared.give_up(OVERWRITTEN);
            }
        }
        self.database = shared.identity.stamp();
    }
}

/// Whether another connection copies the WAL now. If none does, it is copied by this.
fn is_being_copied(connection: &Connection) -> bool {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0));
    copied.is_ok_and(|busy: i64| busy != 0)
}

/// Whether the database is the one that this connection knows. Its time of change alone does not
/// say: a process may have died while it copied the WAL, or somebody has touched the file.
fn is_as_known(connection: &Connection, shared: &Shared, stamp: Option<Stamp>) -> bool {
    let fresh = match opening::peek(&shared.path, &shared.settings) {
        Ok(fresh) => fresh,
        // What keeps it from being opened is told to whoever meets it next.
        Err(err) => return !err.is_broken(),
    };
    if !has_the_same_newest(connection, &fresh) {
        return false;
    }
    let is_small = stamp.is_none_or(|stamp| stamp.bytes <= CHECKED_BYTES_MAX);
    // The tables of the application are its own affair.
    !is_small
        || ["marionette_job", "marionette_lane"]
            .iter()
            .all(|table| is_sound(&fresh, table))
}

/// Whether a new connection, which knows nothing yet, finds the same newest job as one that answers
/// from what it has in memory.
fn has_the_same_newest(known: &Connection, fresh: &Connection) -> bool {
    let query = "SELECT coalesce((SELECT max(seq) FROM marionette_job), 0),
        (SELECT count(id) FROM marionette_lane),
        (SELECT schema_version FROM pragma_schema_version)";
    let newest = |connection: &Connection| {
        connection.query_row(query, [], |row| {
            let columns: [i64; 3] = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok(columns)
        })
    };
    let compare = || Ok((newest(known)?, newest(fresh)?, newest(known)?));
    for _ in 0..COMPARED_MAX {
        let (before, found, after) = match compare() {
            Ok(compared) => compared,
            Err(err) if is_busy(&err) => continue,
            Err(_) => return false,
        };
        if found == before || found == after {
            return true;
        }
        // Unless another process wrote meanwhile, they differ.
        if before == after {
            return false;
        }
    }
    true
}

fn is_busy(err: &rusqlite::Error) -> bool {
    err.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn is_sound(connection: &Connection, table: &str) -> bool {
    let check = format!("PRAGMA integrity_check({table})");
    let said = connection.query_row(&check, [], |row| row.get::<_, String>(0));
    said.is_ok_and(|said| said == "ok")
}
