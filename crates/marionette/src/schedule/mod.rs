//! The scheduler hands out each future task at its time or later, never before. One sleeper.
//!
//! # What always holds
//!
//! 1. *Never early.* A future task is handed out only when a clock that was read after its
//!    insertion has reached its time.
//! 2. *Two clocks, two heaps, one order.* Tasks of the monotonic clock are kept apart from tasks of
//!    the wall clock, so a step of one does not reorder the other. Of the tasks that are due, the
//!    one that has been due for longest goes first, by whichever clock; after 1,024 in a row by one
//!    clock, one goes by the other.
//! 3. *One reading.* Times are compared with one reading of both clocks, taken once for the whole
//!    comparison. Two readings are equal on a paused clock and never on a real one.
//! 4. *No await between place and task.* The sleeper gets a place in the queue first and takes the
//!    task out after that, so nothing is lost if it is stopped.

pub(crate) mod timekeeper;
pub(crate) mod futures;
pub(crate) mod future_task;
mod heap;
mod due_sink;
pub(crate) mod alarm;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use crate::clock::Wall;
use crate::schedule::future_task::{FutureTask, Unschedulable};
use crate::schedule::futures::Futures;
use crate::schedule::timekeeper::{Precision, Timekeeper};

/// Sends each task on a channel at or after its time, and never before.
///
/// A [`TaskManager`](crate::TaskManager) has a scheduler inside; this one is for use alone. Tasks
/// may be of any type. The scheduler accepts tasks before it is started; tasks that are pending
/// when it is stopped stay, and are sent after the next start. When the channel is full the
/// scheduler waits, and uses no CPU.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use marionette::timer::Scheduler;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (out, mut due) = tokio::sync::mpsc::channel(1);
/// let scheduler = Scheduler::new(out);
/// scheduler.delay(Duration::from_millis(20), "later");
/// scheduler.delay(Duration::ZERO, "now");
/// scheduler.start();
/// assert_eq!(due.recv().await, Some("now"));
/// assert_eq!(due.recv().await, Some("later"));
/// # }
/// ```
pub struct Scheduler<T>(Timekeeper<T, mpsc::Sender<T>>);

impl<T: Send + 'static> Scheduler<T> {
    /// A scheduler that sends what is due on `out`.
    #[must_use]
    pub fn new(out: mpsc::Sender<T>) -> Self {
        Self(Timekeeper::new(
            Arc::new(out),
            Wall::default(),
            Precision::default(),
            |_| false,
        ))
    }

    /// Sends the task after this delay, by the monotonic clock.
    pub fn delay(&self, delay: Duration, task: T) {
        self.insert(FutureTask::after(delay, task));
    }

    /// Sends the task at this time by the wall clock, even if that clock is stepped; at once if the
    /// time has passed.
    ///
    /// After a step forward the task may be up to a minute late.
    ///
    /// # Errors
    ///
    /// [`Unschedulable`], with the task, for the Unix epoch or earlier, for times after 2554, and
    /// for a time that does not convert to a `SystemTime`.
    pub fn schedule(
        &self,
        time: impl TryInto<SystemTime>,
        task: T,
    ) -> Result<(), Unschedulable<T>> {
        self.insert(FutureTask::at(time, task)?);
        Ok(())
    }

    /// Sends the task at its time.
    pub fn insert(&self, future: FutureTask<T>) {
        // No task of a `Scheduler` is ever over.
        drop(self.0.insert(future));
    }

    /// Starts the scheduler in a task of its own; does nothing if it runs.
    ///
    /// # Panics
    ///
    /// Panics outside of a Tokio runtime, and in one without timers (`enable_time`).
    #[track_caller]
    pub fn start(&self) {
        self.0.start();
    }

    /// Stops the scheduler, and waits until it has ended; does nothing if it is stopped. The
    /// channel stays open, and pending tasks stay in the scheduler.
    ///
    /// # Cancel safety
    ///
    /// Once the future was polled, the scheduler ends even if the future is dropped.
    pub async fn stop(&self) {
        self.0.stop().await;
    }

    /// Whether the scheduler runs. It ends by itself when the receiver of the channel is gone.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.is_running()
    }

    /// Waits until the scheduler does not run.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn ended(&self) {
        self.0.ended().await;
    }

    /// How many tasks are pending.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no task is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes out all pending tasks.
    #[must_use]
    pub fn take_all(&self) -> Futures<T> {
        self.0.take_all()
    }
}

impl<T: Send + 'static> fmt::Debug for Scheduler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduler")
            .field("pending", &self.len())
            .field("is_running", &self.is_running())
            .finish_non_exhaustive()
    }
}
