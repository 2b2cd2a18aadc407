//! Which manager's worker the present code runs on, for calls that a task makes to its own manager.

use std::future::Future;
use std::sync::Arc;

use crate::blocking::Pool;
use crate::post::Post;

tokio::task_local! {
    static CURRENT: Current;
}

/// The worker that runs the present code.
#[derive(Clone)]
pub(crate) struct Current {
    /// Tells managers apart; it is compared and never followed.
    pub(crate) manager: usize,
    pub(crate) worker: usize,
    pub(crate) post: Arc<Post>,
    pub(crate) blocking: Arc<Pool>,
}

impl Current {
    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    /// Where the caller runs, if that is a worker of this manager.
    pub(crate) fn of(manager: usize) -> Option<Self> {
        let current = CURRENT.try_with(Self::clone).ok()?;
        (current.manager == manager).then_some(current)
    }

    pub(crate) fn blocking() -> Option<Arc<Pool>> {
        CURRENT
            .try_with(|current| Arc::clone(&current.blocking))
            .ok()
    }
}
