//! `ManyError`: some of many tasks were accepted, the others were not, and why.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::submit::error::{QueueError, QueueErrorKind, Refusal};

/// The error of `queue_many`: not all tasks were accepted.
///
/// `H` is the handle of an accepted task, `T` a task that was refused. If a store could not be
/// reached, it may have accepted some of the refused jobs all the same.
///
/// # Examples
///
/// ```
/// use marionette::{Context, TaskManager};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskManager::new(Default::default())?; // it was not started
/// let ping = async |_: Context| Ok(());
/// let error = tasks.queue_many([ping, ping]).await.unwrap_err();
/// assert!(error.accepted().is_empty());
///
/// let (_, refused, why) = error.into_parts();
/// assert_eq!(refused.len(), 2);
/// assert!(why.is_stopped());
/// # Ok(())
/// # }
/// ```
pub struct ManyError<H, T> {
    accepted: Vec<H>,
    /// The lock makes the error `Sync` for every task, as in a [`QueueError`].
    refused: Mutex<Vec<T>>,
    why: QueueError<()>,
}

impl<H, T> ManyError<H, T> {
    pub(crate) fn new(accepted: Vec<H>, refused: Vec<T>, why: Refusal) -> Self {
        let why = QueueError::new(why, ());
        Self {
            accepted,
            refused: Mutex::new(refused),
            why,
        }
    }

    /// The handles of the accepted tasks, in the order of the tasks.
    pub fn accepted(&self) -> &[H] {
        &self.accepted
    }

    /// Why the first of the refused tasks was refused: the kind of [`why`](Self::why).
    pub fn kind(&self) -> QueueErrorKind {
        self.why.kind()
    }

    /// Why the first of the refused tasks was refused.
    pub fn why(&self) -> &QueueError<()> {
        &self.why
    }

    /// The handles of the accepted tasks, the refused tasks in their order, and why.
    pub fn into_parts(self) -> (Vec<H>, Vec<T>, QueueError<()>) {
        let refused = self.refused.into_inner();
        let refused = refused.unwrap_or_else(PoisonError::into_inner);
        (self.accepted, refused, self.why)
    }

    /// This error with other handles and other tasks.
    pub(crate) fn map<G, U>(
        self,
        handle: impl FnMut(H) -> G,
        task: impl FnMut(T) -> U,
    ) -> ManyError<G, U> {
        let (accepted, refused, why) = self.into_parts();
        ManyError {
            accepted: accepted.into_iter().map(handle).collect(),
            refused: Mutex::new(refused.into_iter().map(task).collect()),
            why,
        }
    }

    /// How many tasks were accepted, and how many were refused.
    fn counts(&self) -> (usize, usize) {
        let refused = self.refused.lock();
        let refused = refused.unwrap_or_else(PoisonError::into_inner);
        (self.accepted.len(), refused.len())
    }
}

impl<H, T> fmt::Display for ManyError<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, refused) = self.counts();
        write!(
            f,
            "{}: {accepted} tasks were accepted, {refused} were not",
            self.why
        )
    }
}

impl<H, T> fmt::Debug for ManyError<H, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (accepted, refused) = self.counts();
        f.debug_struct("ManyError")
            .field("accepted", &accepted)
            .field("refused", &refused)
            .field("why", &self.why)
            .finish()
    }
}

/// The source is the cause of the refusal.
impl<H, T> std::error::Error for ManyError<H, T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.why.source()
    }
}
