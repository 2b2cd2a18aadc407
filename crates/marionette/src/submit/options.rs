//! The options of a `Submit`. A `TaskHandler` has the same ones, and they do their work there.

use std::borrow::Cow;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::cell::options::Parent;
use crate::outcome::error::BoxError;
use crate::submit::Submit;
use crate::submit::place::Place;
use crate::task::task_handler::TaskHandler;
use crate::task::{IntoTask, OfJobs, Repeatable};

impl<T: IntoTask<M>, M, P: Place> Submit<'_, T, M, P> {
    #[inline]
    fn with(self, set: impl FnOnce(TaskHandler<T, M>) -> TaskHandler<T, M>) -> Self {
        Self {
            task: set(self.task),
            ..self
        }
    }

    /// How often the task is retried after its first attempt fails. Default is 0.
    ///
    /// A plain future runs once, and cannot be retried:
    ///
    /// ```compile_fail,E0277
    /// # async fn f(tasks: marionette::TaskManager) {
    /// let _ = tasks.queue(async { Ok(()) }).retries(3).await;
    /// # }
    /// ```
    #[inline]
    pub fn retries(self, retries: u32) -> Self
    where
        M: Repeatable,
    {
        self.with(|task| task.retries(retries))
    }

    /// How long the task waits before each retry. Default is [`Exponential::default`]:
    /// 500 ms, × 1.5, ± 50 %, at most 60 s.
    ///
    /// A job for a store is refused if it has [`Backoff::from_fn`], since code cannot be stored.
    /// The time of a retry is in the store, so it survives every process.
    ///
    /// [`Exponential::default`]: crate::backoff::Exponential
    #[inline]
    pub fn backoff(self, backoff: impl Into<Backoff>) -> Self
    where
        M: Repeatable,
    {
        self.with(|task| task.backoff(backoff))
    }

    /// How long each attempt may run. Default is no limit, and zero means none.
    ///
    /// At the timeout, [`Context::cancelled`](crate::Context::cancelled) resolves; after a grace
    /// ([`TaskManagerBuilder::grace`](crate::TaskManagerBuilder::grace)) the future of the attempt
    /// is dropped. An attempt that timed out has failed and is retried like any other, unless it
    /// still succeeds within the grace.
    #[inline]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with(|task| task.timeout(timeout))
    }

    /// How long the task may take in total, from the time when it was first due, with all its
    /// attempts and the pauses between them. Default is no limit.
    #[inline]
    pub fn give_up_after(self, limit: Duration) -> Self {
        self.with(|task| task.give_up_after(limit))
    }

    /// How late the task may be started: if no worker was free within this time after it was due,
    /// it ends as expired. Default is no limit.
    #[inline]
    pub fn expires_after(self, limit: Duration) -> Self {
        self.with(|task| task.expires_after(limit))
    }

    /// The parent of every attempt: cancellation and tracing span. Default is none.
    ///
    /// A job for a store is refused if it has a parent, since the job outlives this process.
    #[inline]
    pub fn context(self, parent: impl Into<Parent>) -> Self {
        self.with(|task| task.context(parent))
    }

    /// The error to report when the task has failed for good, together with the errors of its
    /// attempts. It says what the failure means to a person. Default is none.
    ///
    /// Of a job in a store, the texts of this error and of its sources are kept, 8 KiB at most.
    #[inline]
    pub fn error(self, error: impl Into<BoxError>) -> Self {
        self.with(|task| task.error(error))
    }

    /// The name of the task in logs and reports. Default is its own name, the kind of a
    /// job, or "async task".
    #[inline]
    pub fn name(self, name: impl Into<Cow<'static, str>>) -> Self {
        self.with(|task| task.name(name))
    }

    /// The priority of a job: of the jobs that are due, one with a higher priority goes first.
    /// Default is 0. A manager without a store runs its tasks in the order of its queue.
    ///
    /// A job that is due never waits for one of a lower priority, so a flood of urgent jobs can
    /// starve the others, but not those in a queue that has workers of its own
    /// ([`in_queue`](Self::in_queue)).
    pub fn priority(self, priority: i8) -> Self
    where
        M: OfJobs,
    {
        self.with(|task| task.priority(priority))
    }

    /// The queue in which a job waits. Default is [`Job::QUEUE`](crate::Job::QUEUE), which is
    /// "default". A manager without a store has one queue for all.
    ///
    /// A manager works on the queues that
    /// [`TaskManagerBuilder::queues`](crate::TaskManagerBuilder::queues) names, and on all if it
    /// names none. Queues need not be created: a queue exists when a job is in it. The name of a
    /// queue has 1 to 128 of the characters `A`–`Z`, `a`–`z`, `0`–`9`, `_.:-`.
    pub fn in_queue(self, queue: impl Into<Cow<'static, str>>) -> Self
    where
        M: OfJobs,
    {
        self.with(|task| task.in_queue(queue))
    }

    /// How long the store keeps a job and its result after the job is done. Default is as long as
    /// the store keeps done jobs. A manager without a store gives the result to the handle.
    pub fn keep_result(self, time: Duration) -> Self
    where
        M: OfJobs,
    {
        self.with(|task| task.keep_result(time))
    }
}
