//! The thread that brings the WAL to the disk while the writer goes on: a claim need not wait for
//! the disk because of a settlement that came before it.

use std::fs::File;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::operation::Operation;
use crate::error::Fault;
use crate::failpoint;
use crate::inbox::{Inbox, Patience};

/// Operations that are committed, and whose callers wait until they are on the disk.
#[derive(Debug)]
pub(crate) struct Syncer {
    path: PathBuf,
    committed: Inbox<Box<dyn Operation>>,
    fault: Mutex<Option<Fault>>,
}

impl Syncer {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            committed: Inbox::new(),
            fault: Mutex::new(None),
        }
    }

    /// Takes operations that are committed. All of them are in the WAL before this.
    ///
    /// They come in together: the thread may be awake, and would sync for the first alone while
    /// the others wait for the sync after it.
    pub(super) fn take(&self, operations: &mut Vec<Box<dyn Operation>>) {
        // They are dropped if the thread has panicked; then their callers are told.
        self.committed.push_all(operations);
    }

    /// Why nobody can work with the file any more, if that is so.
    pub(super) fn fault(&self) -> Option<Fault> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.clone()
    }

    /// Nobody can work with the file any more, for this reason.
    pub(super) fn give_up(&self, why: Fault) {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert(why);
    }

    /// Brings all that is in the WAL to the disk, unless that has failed before.
    pub(super) fn sync(&self, wal: &File) -> Result<(), Fault> {
        failpoint::at("sqlite::sync::begin");
        let synced = failpoint::error_at("sqlite::sync::error").and_then(|()| wal.sync_data());
        if synced.is_ok() {
            failpoint::at("sqlite::sync::done");
        }
        failpoint::at("sqlite::batch::synced");
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(err) = synced {
            let what = format!("the WAL could not be synced; open the store again: {err}");
            fault.get_or_insert_with(|| Fault::broken(&self.path, what));
        }
        fault.clone().map_or(Ok(()), Err)
    }

    /// Works until it is closed and has nothing left.
    pub(crate) fn work(&self, wal: &File) {
        let (mut operations, mut patience) = (Vec::new(), Patience::default());
        while self.committed.take(&mut operations, &mut patience) {
            let outcome = self.sync(wal);
            for mut operation in operations.drain(..) {
                operation.answer(outcome.as_ref().copied());
            }
        }
    }

    pub(crate) fn close(&self) {
        self.committed.close();
    }

    pub(crate) fn abandon(&self) {
        self.committed.abandon();
    }
}
