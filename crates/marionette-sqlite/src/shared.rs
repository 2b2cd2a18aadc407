//! What the handles and the threads of one store have in common.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::answer::Callers;
use crate::error::Fault;
use crate::forgotten::Listeners;
use crate::options::Settings;
use crate::waiters::Waiters;
use crate::whereabouts::Whereabouts;

/// What the handles and the threads of one store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The file, as SQLite resolved it.
    pub(crate) path: PathBuf,
    pub(crate) settings: Settings,
    /// Who waits for the writer.
    pub(crate) callers: Callers,
    pub(crate) waiters: Waiters,
    pub(crate) whereabouts: Whereabouts,
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

    /// Whether the files are still those that were opened.
    pub(crate) fn look(&self) -> Result<(), &Fault> {
        self.fault()?;
        if let Some(what) = self.whereabouts.fault() {
            self.give_up(what);
        }
        self.fault()
    }
}
