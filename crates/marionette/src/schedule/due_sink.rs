//! Where a timekeeper sends due tasks: into a channel, or into the queue of a manager.

use std::future::{Future, poll_fn};

use tokio::sync::mpsc;

use crate::queue::{Queue, Ready};

/// Where a timekeeper sends due tasks.
pub(crate) trait DueSink<T>: Send + Sync + 'static {
    /// Room for one or more tasks.
    type Place<'a>: Send;

    /// Waits for room, and returns it with the number of tasks that fit; `None` when there will be
    /// no room any more.
    fn place(&self) -> impl Future<Output = Option<(Self::Place<'_>, usize)>> + Send;

    /// Puts these tasks into the room: at least one, and no more than fit.
    fn put(&self, place: Self::Place<'_>, due: &mut Vec<Ready<T>>);
}

impl<T: Send + 'static> DueSink<T> for mpsc::Sender<T> {
    type Place<'a> = mpsc::Permit<'a, T>;

    async fn place(&self) -> Option<(mpsc::Permit<'_, T>, usize)> {
        Some((self.reserve().await.ok()?, 1))
    }

    fn put(&self, place: mpsc::Permit<'_, T>, due: &mut Vec<Ready<T>>) {
        if let Some(ready) = due.pop() {
            place.send(ready.task);
        }
    }
}

impl<T: Send + 'static> DueSink<T> for Queue<T> {
    type Place<'a> = DuePlace<'a, T>;

    async fn place(&self) -> Option<(DuePlace<'_, T>, usize)> {
        let place = DuePlace { queue: Some(self) };
        let room = poll_fn(|poller| self.poll_due_room(poller)).await;
        Some((place, room))
    }

    fn put(&self, mut place: DuePlace<'_, T>, due: &mut Vec<Ready<T>>) {
        place.queue = None;
        self.push_due(due);
    }
}

/// Room in the queue for due tasks, or the wait for it. Dropping it unused leaves the room to
/// others.
pub(crate) struct DuePlace<'a, T> {
    queue: Option<&'a Queue<T>>,
}

impl<T> Drop for DuePlace<'_, T> {
    fn drop(&mut self) {
        if let Some(queue) = self.queue {
            queue.forget_due();
        }
    }
}
