//! The thread that syncs the WAL while the writer goes on: a claim need not wait for the disk
//! because of a settlement that came before it.

use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use marionette::store::StoreError;

use super::operation::Operation;
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
    /// Where the committed frames end in the WAL.
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

    /// Takes operations that are committed: all of them are in the WAL before `end`.
    ///
    /// They come in together: a thread that is awake would sync for the first alone while the
    /// others wait for the next sync.
    pub(super) fn take(&self, operations: &mut Vec<Box<dyn Operation>>, end: u64) {
        // The lock of the inbox orders this store before the operations.
        self.end.store(end, Ordering::Relaxed);
        // If the thread has panicked, they are dropped, and that tells their callers.
        self.committed.push_all(operations);
    }

    /// Syncs the WAL to the disk. After a sync that failed the store is broken.
    pub(super) fn sync(&self, wal: &File) -> Result<(), &StoreError> {
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

    /// Works until the inbox is closed and empty.
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

    /// An error if the frames that were synced cannot be found again.
    fn look(&self, wal: &Wal, end: u64) -> Result<(), &StoreError> {
        self.shared.look()?;
        // A log that is shorter now was begun anew, after all of it was copied, or was cut off. A
        // new connection tells which; that is rare.
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
        // SQLite opens the log with the first question.
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
