//! What the handles and the threads of one store have in common.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

use marionette::store::StoreError;

use crate::error::Fault;
use crate::file::file_identity::FileIdentity;
use crate::job::forgotten::Listeners;
use crate::options::Settings;
use crate::threads::reply::Callers;
use crate::threads::waiters::Waiters;

/// What the handles and the threads of one store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The file, as SQLite resolved it.
    pub(crate) path: PathBuf,
    pub(crate) settings: Settings,
    /// Who waits for the writer.
    pub(crate) callers: Callers,
    pub(crate) waiters: Waiters,
    pub(crate) identity: FileIdentity,
    /// Who wants to know which jobs are deleted.
    pub(crate) listeners: Listeners,
    /// Why nobody can work with the file any more. Nothing mends that: what SQLite has open may be
    /// behind what is there now.
    pub(crate) broken: OnceLock<Fault>,
}

impl Shared {
    /// Why nobody can work with the file any more, if that is known.
    pub(crate) fn fault(&self) -> Result<(), &Fault> {
        self.broken.get().map_or(Ok(()), Err)
    }

    /// Nobody can work with the file any more, for this reason.
    pub(crate) fn give_up(&self, why: impl std::fmt::Display) {
        self.broken.get_or_init(|| Fault::broken(&self.path, why));
    }

    /// Nobody can work with the file any more, because a thread of the store ended by this panic.
    pub(crate) fn give_up_by(&self, thread: &str, panic: &(dyn Any + Send)) {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let text = text.unwrap_or("it says nothing");
        self.give_up(format_args!(
            "the thread that {thread} ended by a panic, which is a fault of the store; open it \
             again: {text}"
        ));
    }

    /// Does the work of a thread of the store to its end. If that is a panic, the store is broken:
    /// nobody does that work any more.
    pub(crate) fn guarded(&self, thread: &str, work: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
            self.give_up_by(thread, &*panic);
        }
    }

    /// Does a piece of the work of a thread. If it panics, `answer` is told why the store is broken
    /// before the thread ends by it: whoever waits for this piece hears it first.
    pub(crate) fn piece<R>(
        &self,
        thread: &str,
        work: impl FnOnce() -> R,
        answer: impl FnOnce(Result<(), &Fault>),
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

    /// What a caller is told whose thread has ended without an answer.
    pub(crate) fn stopped(&self) -> StoreError {
        match self.fault() {
            Err(fault) => fault.to_error(),
            Ok(()) => crate::threads::reply::stopped(&self.path),
        }
    }

    /// Whether the files are still those that were opened.
    pub(crate) fn look(&self) -> Result<(), &Fault> {
        self.fault()?;
        if let Some(what) = self.identity.fault() {
            self.give_up(what);
        }
        self.fault()
    }
}
