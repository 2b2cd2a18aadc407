//! Waking: callers of this process that wait for jobs, or for the ends of jobs.
//!
//! # How a job is noticed
//!
//! 1. A process whose callers wait asks the server once whether a job is due that they want, and
//!    when the next one is. If none is due, the same script registers the process as idle, with the
//!    number of its callers. The script is atomic, so a job comes either before it or after it.
//! 2. A script that makes jobs claimable takes idle processes from the list until they have room
//!    for these jobs, and sends each a message. The process wakes as many callers, hands on the
//!    jobs for which it has no caller, and registers anew.
//! 3. A job that is due later is announced to one process; and each process knows from its last
//!    question, or its last claim, when the next job is due. It sets a timer.
//! 4. Messages can be lost. So a process with waiting callers asks again after each poll, and all
//!    callers claim once when the connection was made anew.
//!
//! [`Waiters`] decides on the next step and does nothing itself; one task for all callers does it.

mod message;
#[cfg(all(test, feature = "test-util"))]
mod tests;
mod waiters;
mod want;
mod woken;

use std::cell::RefCell;
use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::store::{StoreError, Wanted};
use tokio::sync::{mpsc, oneshot};

pub(crate) use waiters::{NextStep, Outlook, Waiters};
pub(crate) use woken::{Jobs, Woken};

/// Something that happens to the callers that wait.
#[derive(Debug)]
pub(crate) enum Event {
    /// A caller begins to wait for jobs.
    Waits(Wanted, Waiter),
    /// A caller begins to wait for the end of one of these jobs.
    Asks(Vec<TaskId>, oneshot::Sender<()>),
    /// A caller was told of jobs and is gone: another one has to claim them.
    Unused(Jobs),
}

/// A caller that waits for jobs.
#[derive(Debug)]
pub(crate) struct Waiter {
    /// When it began.
    pub(crate) since: Instant,
    /// Whether it waits for longer than a poll if the server says that there is nothing to do.
    pub(crate) is_patient: bool,
    pub(crate) reply: oneshot::Sender<Result<Woken, StoreError>>,
}

/// Where callers meet the task that wakes them.
#[derive(Debug)]
pub(crate) struct Waking {
    events: mpsc::UnboundedSender<Event>,
    inbox: RefCell<Option<mpsc::UnboundedReceiver<Event>>>,
}

impl Default for Waking {
    fn default() -> Self {
        let (events, inbox) = mpsc::unbounded_channel();
        let inbox = RefCell::new(Some(inbox));
        Self { events, inbox }
    }
}

impl Waking {
    /// Tells the task.
    pub(crate) fn tell(&self, event: Event) {
        // The task ends with the thread.
        let _ = self.events.send(event);
    }

    /// The events for the task; `None` once the task has begun.
    pub(crate) fn inbox(&self) -> Option<mpsc::UnboundedReceiver<Event>> {
        self.inbox.borrow_mut().take()
    }

    /// The callers that wait: none yet.
    pub(crate) fn waiters(&self, poll: Duration) -> Waiters {
        Waiters::new(poll, self.events.clone())
    }
}
