//! What the handles and the threads of one store have in common.

use std::path::PathBuf;

use crate::answer::Callers;
use crate::options::Settings;
use crate::waiters::Waiters;

/// What the handles and the threads of one store have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The file, as SQLite resolved it.
    pub(crate) path: PathBuf,
    pub(crate) settings: Settings,
    /// Who waits for the writer.
    pub(crate) callers: Callers,
    pub(crate) waiters: Waiters,
}
