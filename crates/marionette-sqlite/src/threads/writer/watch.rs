//! The writer's watch over its files: whether its commits can be found again, before it says so.

use std::time::Duration;

use marionette::store::StoreErrorKind;
use rusqlite::{Connection, ErrorCode};

use crate::file::file_identity::{LOOK, LastLook, Stamp};
use crate::file::opening;
use crate::file::wal::{Extent, Wal};
use crate::threads::shared::Shared;

/// The fault of a WAL that no longer holds what was written to it.
pub(super) const CUT_OFF: &str = "its write-ahead log was cut off or written over while it was \
     open, and what it held may be lost; open the store again";
/// The fault of a database that something else has written to.
const OVERWRITTEN: &str = "the file was written over while it was open, by something else than \
     SQLite, such as `cp`; stop all who have it open, remove the files that end in -wal and -shm, \
     and put the file in its place again";
/// The pause between copies of a WAL that has become too long.
const COPY: Duration = Duration::from_millis(500);
/// The largest database that is read from end to end if it seems to have been written over.
const CHECKED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How often the newest jobs are compared again because another process wrote meanwhile.
const COMPARED_MAX: usize = 20;

/// The writer's files as of the last look.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) wal: Wal,
    extent: Extent,
    /// As of the last glance.
    glanced: Extent,
    database: Option<Stamp>,
    looked: LastLook,
    copied_at: LastLook,
    /// Whether a WAL that lost its name was copied, as far as possible.
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

    /// Where the committed frames end in the WAL.
    pub(super) fn end(&self) -> u64 {
        self.wal.end(&self.extent)
    }

    /// Whether to look before anything is written: SQLite would write over a cut, and the file
    /// would seem whole.
    pub(super) fn is_due(&mut self, shared: &Shared) -> bool {
        let is_exact = shared.settings.synchronous.is_full();
        self.looked.is_over(LOOK) || is_exact && !self.wal.is_there(self.end())
    }

    /// Whether the WAL has grown beyond the size to which it is cut when it begins anew, for
    /// instance during a long read: then it is copied before it has grown by as much again.
    pub(super) fn is_too_long(&mut self) -> bool {
        let is_too_long =
            self.end() > opening::WAL_BYTES && self.extent.copied < self.extent.frames;
        is_too_long && self.copied_at.is_over(COPY)
    }

    /// Looks at the names and the contents of the files. A fault breaks the store.
    pub(super) fn look(&mut self, connection: &Connection, shared: &Shared) {
        if shared.look().is_err() {
            return self.rescue(connection, shared);
        }
        self.contents(connection, shared);
    }

    /// Looks at the contents alone: another thread looks at the names before the answer.
    pub(super) fn contents(&mut self, connection: &Connection, shared: &Shared) {
        let before = self.extent;
        if self.log(connection, shared) {
            self.database(connection, shared, &before);
        }
    }

    /// After somebody removed the WAL, which SQLite still has open: copies it into the database
    /// before that is closed. Other processes that open the file go by the same index, so they
    /// write into no other WAL meanwhile.
    fn rescue(&mut self, connection: &Connection, shared: &Shared) {
        let is_first = !std::mem::replace(&mut self.rescued, true);
        if is_first && shared.identity.has_lost_the_wal_alone() {
            // The store is broken, whether the copy succeeds or not.
            let _ = is_being_copied(connection);
        }
    }

    /// The cheapest look that notices a missing WAL, for `Synchronous::Normal`, which promises only
    /// to survive the end of the process.
    pub(super) fn glance(&mut self, connection: &Connection, shared: &Shared) {
        if !self.wal.is_there(self.end()) || self.extent.is_of_another_log(&self.glanced) {
            self.look(connection, shared);
            self.glanced = self.extent;
        }
    }

    /// After SQLite copied the WAL for this store: the database was written.
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
        // How much was copied meanwhile is known only now.
        if stamp == self.database || !self.log(connection, shared) {
            return;
        }
        if !self.extent.was_copied_since(before) {
            if self.extent.copied < self.extent.frames && is_being_copied(connection) {
                // The extent will show that copy; until then this is looked at again.
                return;
            }
            if !is_as_known(connection, shared, stamp) {
                return shared.give_up(OVERWRITTEN);
            }
        }
        self.database = shared.identity.stamp();
    }
}

/// Whether another connection is copying the WAL. If none is, this copies it.
fn is_being_copied(connection: &Connection) -> bool {
    let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| row.get(0));
    copied.is_ok_and(|busy: i64| busy != 0)
}

/// Whether the database is the one that this connection knows. Its time of change alone does not
/// tell: a process may have died while it copied the WAL, or somebody has touched the file.
fn is_as_known(connection: &Connection, shared: &Shared, stamp: Option<Stamp>) -> bool {
    let fresh = match opening::peek(&shared.path, &shared.settings) {
        Ok(fresh) => fresh,
        // An error that is no damage is left for the next caller that meets it.
        Err(err) => return err.kind() != StoreErrorKind::Broken,
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

/// Whether a new connection finds the same newest job as this one, which answers from memory.
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
