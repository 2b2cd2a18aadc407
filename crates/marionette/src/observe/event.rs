//! Events: what happens to tasks, as a bounded stream for code.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::sync::broadcast;

use crate::id::TaskId;
use crate::outcome::error::ErrorDict;
use crate::quiet::quietly;
use crate::store::Name;

/// Something that happened to a task.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Which task.
    pub id: TaskId,
    /// Its name; "async task" if it has none of its own.
    #[serde(serialize_with = "contents")]
    pub name: Arc<str>,
    /// The kind of the job; `None` for a task that is no job.
    pub job: Option<Name>,
    /// What happened.
    pub kind: EventKind,
}

/// What can happen to a task.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// An attempt begins.
    #[non_exhaustive]
    Started {
        /// Its number, from 1.
        attempt: u32,
    },
    /// An attempt failed, and another one follows.
    #[non_exhaustive]
    Retrying {
        /// The number of the attempt that failed.
        attempt: u32,
        /// Its error with its sources.
        error: String,
        /// How long the task waits for the next.
        pause: Duration,
    },
    /// An attempt asked to be run again; it does not count.
    #[non_exhaustive]
    Snoozed {
        /// How long the task waits for the next.
        pause: Duration,
    },
    /// The manager stopped during the attempt; the task waits for the next start.
    Interrupted,
    /// The task has succeeded.
    #[non_exhaustive]
    Done {
        /// The number of the attempt that succeeded.
        attempt: u32,
        /// How long its last attempt ran.
        run_time: Duration,
    },
    /// The task has failed for good, or was abandoned: its manager or its runtime went away.
    Failed(#[serde(serialize_with = "contents")] Arc<ErrorDict>),
    /// The task has ended without a failure of its own: cancelled in an attempt or between two,
    /// expired, given up.
    Ended(#[serde(serialize_with = "contents")] Arc<ErrorDict>),
    /// The task was cancelled while it waited, and its place is now free.
    Cancelled,
}

fn contents<T: Serialize + ?Sized, S: Serializer>(
    shared: &Arc<T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    (**shared).serialize(serializer)
}

/// A subscription to what happens, from the moment of [`TaskManager::events`].
///
/// It is bounded: a reader that is slow loses the oldest events and is told how many.
///
/// [`TaskManager::events`]: crate::TaskManager::events
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

/// What [`Events::recv`] returns.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Received {
    /// An event.
    Event(Event),
    /// This many events were lost, since they were not read in time.
    Lost(u64),
}

impl Events {
    /// The next event; `None` once the manager is gone and all events are read.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Received> {
        match self.0.recv().await {
            Ok(event) => Some(Received::Event(event)),
            Err(broadcast::error::RecvError::Lagged(count)) => Some(Received::Lost(count)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The sending side of [`Events`]. There is no channel until somebody subscribes.
#[derive(Debug, Default)]
pub(crate) struct Feed(OnceLock<broadcast::Sender<Event>>);

/// How many events are kept for a slow reader.
const KEPT: usize = 1024;

impl Feed {
    pub(crate) fn subscribe(&self) -> Events {
        Events(
            self.0
                .get_or_init(|| broadcast::Sender::new(KEPT))
                .subscribe(),
        )
    }

    #[inline]
    pub(crate) fn send(&self, event: impl FnOnce() -> Event) {
        if let Some(sender) = self.0.get() {
            send(sender, event);
        }
    }
}

/// Sends an event. An error means that nobody listens any more. Sending wakes the listener by code
/// that may be the application's own.
#[cold]
fn send(sender: &broadcast::Sender<Event>, event: impl FnOnce() -> Event) {
    let _ = quietly(|| sender.send(event()));
}
