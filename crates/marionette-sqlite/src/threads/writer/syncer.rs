//! The thread that brings the WAL to the disk while the writer goes on: a claim need not wait for
//! the disk because of a settlement that came before it.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::operation::Operation;
use crate::error::Fault;
use crate::failpoint;
use crate::file::opening;
use crate::file::wal::{Extent, Wal};
use crate::threads::inbox::{Inbox, Patience};
use crate::threads::shared::Shared;

/// Operations that are committed, and whose callers wait until they are on the disk.
#[derive(Debug)]
pub(crate) struct Syncer {
    shared: Arc<Shared>,
    committed: Inbox<Box<dyn Operation>>,
    /// Where what was committed ends in the WAL.
    end: AtomicU64,
}

impl Syncer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            committed: Inbox::new(),
            end: AtomicU64::new(0),
        }
    }

    /// Takes operations that are committed. All of them are in the WAL before this, which reaches
    /// to `end`.
    ///
    /// They come in together: the thread may be awake, and would sync for the first alone while
    /// the others wait for the sync after it.
    pub(super) fn take(&self, operations: &mut Vec<Box<dyn Operation>>, end: u64) {
        // The lock of the inbox orders it before what it is about.
        self.end.store(end, Ordering::Relaxed);
        // They are dropped if the thread has panicked; then their callers are told.
        self.committed.push_all(operations);
    }

    /// Brings all that is in the WAL to the disk, unless that has failed before.
    pub(super) fn sync(&self, wal: &File) -> Result<(), &Fault> {
        failpoint::at("sqlite::sync::begin");
        let synced = failpoint::error_at("sqlite::sync::error").and_then(|()| wal.sync_data());
        if synced.is_ok() {
            failpoint::at("sqlite::sync::done");
        }
        failpoint::at("sqlite::batch::synced");
        if let Err(err) = synced {
            let what = format!("the WAL could not be synced; open the store again: {err}");
            self.shared.give_up(what);
        }
        self.shared.fault()
    }

    /// Works until it is closed and has nothing left.
    pub(crate) fn work(&self, wal: &Wal) {
        let (mut operations, mut patience) = (Vec::new(), Patience::default());
        while self.committed.take(&mut operations, &mut patience) {
            let end = self.end.load(Ordering::Relaxed);
            let outcome = self.shared.piece(
                super::SYNCS,
                || self.sync(&wal.file).and_then(|()| self.look(wal, end)),
                |broken| super::answer_all(&mut operations, broken),
            );
            super::answer_all(&mut operations, outcome);
            operations.clear();
        }
    }

    /// Whether what was synced can be found again.
    fn look(&self, wal: &Wal, end: u64) -> Result<(), &Fault> {
        self.shared.look()?;
        // A log that is shorter now was begun anew, once all of it was copied; or somebody has cut
        // it off. A connection of its own tells, which is needed seldom.
        let is_shorter = wal.file.metadata().is_ok_and(|found| found.len() < end);
        if is_shorter && self.is_cut_off(wal) {
            self.shared.give_up(super::watch::CUT_OFF);
        }
        self.shared.fault()
    }

    fn is_cut_off(&self, wal: &Wal) -> bool {
        let Ok(connection) = opening::peek(&self.shared.path, &self.shared.settings) else {
            return true;
        };
        // With the first question SQLite opens the log.
        let asked = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()));
        let extent = wal.extent(&connection, &Extent::default());
        asked.is_err() || !matches!(extent, Ok(Some(_)))
    }

    pub(crate) fn close(&self) {
        self.committed.close();
    }

    pub(crate) fn abandon(&self) {
        self.committed.abandon();
    }
}
