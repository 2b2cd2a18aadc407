//! The worker that the present code runs on, for calls that a task makes to its own manager.

use std::future::Future;
use std::sync::Arc;

use crate::id::Identity;
use crate::observe::worker_view::WorkerView;
use crate::pool::Pool;

tokio::task_local! {
    static CURRENT: Current;
}

/// The worker that runs the present code.
#[derive(Clone)]
pub(crate) struct Current {
    /// Tells managers apart; the number is compared and never followed.
    pub(crate) manager: usize,
    pub(crate) worker: usize,
    pub(crate) view: Arc<WorkerView>,
    pub(crate) blocking: Arc<Pool>,
    /// The task whose code blocks this thread; `None` off such a thread. The worker may have given
    /// up waiting for that task, and have another one by now.
    task: Option<Identity>,
}

impl Current {
    pub(crate) fn new(
        manager: usize,
        worker: usize,
        view: Arc<WorkerView>,
        blocking: Arc<Pool>,
    ) -> Self {
        Self {
            manager,
            worker,
            view,
            blocking,
            task: None,
        }
    }

    /// The caller's worker, for a thread on which code of `task` will block.
    pub(crate) fn on_thread(task: Identity) -> Option<Self> {
        let current = CURRENT.try_with(Self::clone).ok()?;
        Some(Self {
            task: Some(task),
            ..current
        })
    }

    pub(crate) fn scope<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, future)
    }

    pub(crate) fn sync_scope<R>(self, code: impl FnOnce() -> R) -> R {
        CURRENT.sync_scope(self, code)
    }

    /// The worker that the caller runs on, if it is one of this manager.
    pub(crate) fn of(manager: usize) -> Option<Self> {
        let current = CURRENT.try_with(Self::clone).ok()?;
        let is_with_it = current.task.is_none_or(|task| current.view.has(task));
        (current.manager == manager && is_with_it).then_some(current)
    }
}
