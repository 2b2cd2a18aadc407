//! `Submit`: what `queue`, `delay` and `schedule` return, until the task is accepted.
//! `options.rs` has its options, `place.rs` where it goes, `task.rs` and `job/` how it gets there.

mod options;
pub(crate) mod place;
pub(crate) mod task;
pub(crate) mod many;
pub(crate) mod many_error;
mod many_parts;
pub(crate) mod job;
pub(crate) mod job_in_memory;
pub(crate) mod jobs;
pub(crate) mod error;
pub(crate) mod job_handle;
pub(crate) mod job_result;

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::schedule::future_task::inexpressible;
use crate::store::Due;
use crate::submit::place::{Place, Stored};
use crate::task::IntoTask;
use crate::task::encoded_job::ByJob;
use crate::task::task_handler::TaskHandler;

/// A task on its way in. Choose its options, then await it: the task is accepted when the future
/// resolves, and not before.
///
/// `T` is the task. `P` is the place where it waits for a worker: [`Here`] for a task in the memory
/// of its manager, [`Stored`] for a job in a store, [`Anywhere`] for a job of [`Jobs`], whose
/// manager may have a store or not. The other parameters follow from the task; for a job they have
/// defaults, so that a function may return a `Submit<'_, SendMail>`.
///
/// Awaiting a job in a store commits the job: it is not lost any more, by the rules of that store.
///
/// # Errors
///
/// A [`QueueError`](crate::QueueError), with the task, if
///
/// - the manager does not run, or the task is for [`Jobs`] and their manager is gone. A manager
///   with a store takes jobs whether it runs or not, and so does every manager a future task;
/// - the time of the task [cannot be scheduled](crate::QueueError::is_unschedulable);
/// - the wait for room was limited and the queue [stayed full](crate::QueueError::is_full);
/// - a job [cannot be stored](crate::error::QueueErrorKind::Unstorable) as it is, or the store
///   [could not be reached](crate::QueueError::is_unavailable).
///
/// # Cancel safety
///
/// If the future is dropped before it resolves, a task in memory was not accepted and never runs. A
/// job may have been stored or not. A job that was [wrapped](crate::wrap) can be queued
/// again: it keeps its id, and a store accepts an id once, as long as it keeps the job.
///
/// [`Here`]: crate::marker::Here
/// [`Anywhere`]: crate::marker::Anywhere
/// [`Jobs`]: crate::Jobs
#[must_use = "a task is accepted only when this is awaited"]
pub struct Submit<'a, T: IntoTask<M>, M = ByJob, P: Place = Stored, S = <T as IntoTask<M>>::Source>
{
    task: TaskHandler<T, M, S>,
    due: Due,
    room: Room,
    to: P::Manager<'a>,
}

/// How to go on while a queue is full.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Room {
    Wait,
    WaitFor(Duration),
    Refuse,
}

impl<'a, T: IntoTask<M>, M, P: Place> Submit<'a, T, M, P> {
    #[inline]
    pub(crate) fn new(to: P::Manager<'a>, due: Due, task: T) -> Self {
        Self::of(to, due, Room::Wait, task)
    }

    #[inline]
    pub(crate) fn of(to: P::Manager<'a>, due: Due, room: Room, task: T) -> Self {
        Self {
            task: TaskHandler::from_draft(task.into_draft()),
            due,
            room,
            to,
        }
    }

    /// How long to wait for room at most, counted from the await. Default is no limit.
    ///
    /// There is no room while the queue is full: the queue of the manager for a task in memory, the
    /// queue of the job in its store if that has a [limit](crate::TaskManagerBuilder::queue_limit).
    pub fn wait_at_most(self, patience: Duration) -> Self {
        Self {
            room: Room::WaitFor(patience),
            ..self
        }
    }
}

/// The due time of a task that is scheduled.
pub(crate) fn due_at(time: impl TryInto<SystemTime>) -> Due {
    Due::At(time.try_into().unwrap_or_else(|_| inexpressible()))
}

impl<T: IntoTask<M>, M, P: Place, S> fmt::Debug for Submit<'_, T, M, P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Submit")
            .field("task", &self.task)
            .field("due", &self.due)
            .finish_non_exhaustive()
    }
}
