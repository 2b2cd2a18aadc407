//! The state that the handles and the threads of one store share.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

use marionette::store::StoreError;

use crate::error::broken;
use crate::file::file_identity::FileIdentity;
use crate::job::forgotten::Listeners;
use crate::options::Settings;
use crate::threads::reply::Callers;
use crate::threads::waiters::Waiters;

/// The state that the handles and the threads of one store share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The file, as SQLite resolved it.
    pub(crate) path: PathBuf,
    pub(crate) settings: Settings,
    /// The callers that wait for the writer.
    pub(crate) callers: Callers,
    pub(crate) waiters: Waiters,
    pub(crate) identity: FileIdentity,
    /// The listeners that are told which jobs are deleted.
    pub(crate) listeners: Listeners,
    /// Why the store is broken. It stays broken, since what SQLite has open may be older than what
    /// is on the disk now.
    pub(crate) broken: OnceLock<StoreError>,
}

impl Shared {
    /// An error if the store is broken.
    pub(crate) fn fault(&self) -> Result<(), &StoreError> {
        self.broken.get().map_or(Ok(()), Err)
    }

    /// Marks the store as broken for this reason, unless it is broken already.
    pub(crate) fn give_up(&self, why: impl std::fmt::Display) {
        self.broken.get_or_init(|| broken(&self.path, why));
    }

    /// Marks the store as broken because a thread of it ended by this panic.
    pub(crate) fn give_up_by(&self, thread: &str, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("it says nothing");
        self.give_up(format_args!(
            "the thread that {thread} ended by a panic, which is a fault of the store; open it \
             again: {text}"
        ));
    }

    /// Runs the work of a thread of the store. If it panics, the store is broken, since nobody does
    /// that work any more.
    pub(crate) fn guarded(&self, thread: &str, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            self.give_up_by(thread, &*panic);
        }
    }

    /// Runs one piece of the work of a thread. If it panics, `answer` is called with the reason
    /// before the thread ends, so that the callers of this piece hear it first.
    pub(crate) fn piece<R>(
        &self,
        thread: &str,
        work: impl FnOnce() -> R,
        answer: impl FnOnce(Result<(), &StoreError>),
    ) -> R {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => done,
            Err(panic) => {
                self.give_up_by(thread, &*panic);
                answer(self.fault());
                resume_unwind(panic)
            }
        }
    }

    /// The error for a caller whose thread ended without an answer.
    pub(crate) fn stopped(&self) -> StoreError {
        match self.fault() {
            Err(fault) => fault.clone(),
            Ok(()) => crate::threads::reply::stopped(&self.path),
        }
    }

    /// An error if the files are no longer those that were opened.
    pub(crate) fn look(&self) -> Result<(), &StoreError> {
        self.fault()?;
        if let Some(what) = self.identity.fault() {
            self.give_up(what);
        }
        self.fault()
    }
}
