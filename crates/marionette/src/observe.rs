//! What can be seen from outside: log events, spans, the event stream, metrics.
//! All of it costs next to nothing when nobody looks.

use std::sync::Arc;
use std::time::Duration;

use tracing::{Level, Span};

use crate::cell::Cell;
use crate::context;
use crate::error::Error;
use crate::event::{Event, EventKind, Feed};
use crate::id::TaskId;
use crate::metrics;
use crate::outcome::{Failure, FailureKind, Panic};
use crate::panic::catch;
use crate::store::StoreError;

/// Reports on the tasks of one manager.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) server: Arc<str>,
    pub(crate) feed: Feed,
}

impl Observer {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            feed: Feed::default(),
        }
    }

    fn tell<B: ?Sized>(&self, cell: &Cell<B>, kind: impl FnOnce() -> EventKind) {
        self.feed.send(|| Event {
            id: cell.id(),
            name: context::name(cell).into(),
            kind: kind(),
        });
    }

    /// The span of an attempt, in which the task runs.
    #[inline]
    pub(crate) fn span<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32, span: &mut Span) {
        if tracing::enabled!(target: "marionette", Level::INFO) {
            *span = self.enabled_span(cell, attempt);
        }
    }

    #[cold]
    fn enabled_span<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32) -> Span {
        let parent = cell.extra().and_then(|extra| extra.options.span());
        let (server, id, name) = (&*self.server, cell.id(), context::name(cell));
        // Without a parent of its own it is a child of the span in which the worker was started.
        let parent = parent.and_then(Span::id).or_else(|| Span::current().id());
        tracing::info_span!(
            target: "marionette", parent: parent, "task",
            server, task.id = %id, task.name = name, attempt
        )
    }

    #[inline]
    pub(crate) fn started<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32, waited: u64) {
        metrics::started(&self.server, waited);
        self.tell(cell, || EventKind::Started { attempt });
        tracing::trace!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), attempt, "started"
        );
    }

    #[inline]
    pub(crate) fn done<B: ?Sized>(&self, cell: &Cell<B>, ran: u64) {
        metrics::ended(&self.server, "done", ran);
        self.tell(cell, || EventKind::Done {
            run_time: Duration::from_nanos(ran),
        });
        tracing::debug!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), run_time = ?Duration::from_nanos(ran), "done"
        );
    }

    #[cold]
    pub(crate) fn retrying<B: ?Sized>(
        &self,
        cell: &Cell<B>,
        attempt: u32,
        error: &Failure,
        pause: Duration,
    ) {
        metrics::retried(&self.server);
        self.tell(cell, || EventKind::Retrying {
            attempt,
            error: error.to_string(),
            pause,
        });
        tracing::warn!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), attempt, %error, ?pause,
            "attempt failed, it will be retried"
        );
    }

    #[cold]
    pub(crate) fn snoozed<B: ?Sized>(&self, cell: &Cell<B>, pause: Duration) {
        self.tell(cell, || EventKind::Snoozed { pause });
        tracing::debug!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), ?pause, "snoozed"
        );
    }

    #[cold]
    pub(crate) fn interrupted<B: ?Sized>(&self, cell: &Cell<B>) {
        self.tell(cell, || EventKind::Interrupted);
        tracing::warn!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), "interrupted by the stop, it waits for the next start"
        );
    }

    /// A task was cancelled while it waited, and has now been found: by a worker, or by who makes
    /// room, stops or takes out what waits.
    #[cold]
    pub(crate) fn cancelled_early<B: ?Sized>(&self, cell: &Cell<B>) {
        metrics::ended(&self.server, "cancelled", 0);
        self.tell(cell, || EventKind::Cancelled);
        tracing::info!(
            target: "marionette", server = &*self.server, task.id = %cell.id(),
            task.name = context::name(cell), "cancelled before it was started"
        );
    }

    /// The one event that reports a failure in full.
    #[cold]
    pub(crate) fn failed<B: ?Sized>(&self, cell: &Cell<B>, error: &Error, ran: u64) {
        let dict = Arc::new(error.dict());
        let ended = error.failures().last().is_some_and(|last| {
            !matches!(
                last.kind(),
                FailureKind::Failed | FailureKind::Panicked | FailureKind::TimedOut
            )
        });
        let outcome = if ended { "cancelled" } else { "failed" };
        metrics::ended(&self.server, outcome, ran);
        self.tell(cell, || {
            let dict = Arc::clone(&dict);
            if ended {
                EventKind::Ended(dict)
            } else {
                EventKind::Failed(dict)
            }
        });
        let (server, id, name) = (&*self.server, cell.id(), context::name(cell));
        if ended {
            tracing::info!(
                target: "marionette", server, task.id = %id, task.name = name,
                error = dict.error.as_deref(), attempts = dict.attempts,
                errors = ?dict.errors, duration = ?dict.duration, "{error}"
            );
        } else {
            tracing::error!(
                target: "marionette", server, task.id = %id, task.name = name,
                error = dict.error.as_deref(), attempts = dict.attempts,
                errors = ?dict.errors, duration = ?dict.duration, "{error}"
            );
        }
    }

    /// A worker panicked outside of its task.
    #[cold]
    pub(crate) fn worker_panicked(&self, panic: &Panic) {
        quietly(|| {
            tracing::error!(
                target: "marionette", server = &*self.server, %panic,
                "a worker panicked outside of its task, which is abandoned; the worker goes on"
            );
        });
    }

    /// A call of the store failed, for the `nth` time in a row: told the first time, and then ever
    /// more seldom.
    #[cold]
    pub(crate) fn store_failed(&self, what: &str, error: &StoreError, nth: u32) {
        if nth.is_power_of_two() {
            quietly(|| {
                tracing::warn!(
                    target: "marionette", server = &*self.server, what, nth,
                    error = error.chain(), "the store failed; it is called again"
                );
            });
        }
    }

    /// Jobs were taken from dead workers.
    #[cold]
    pub(crate) fn swept(&self, released: u64, quarantined: u64) {
        quietly(|| {
            tracing::warn!(
                target: "marionette", server = &*self.server, released, quarantined,
                "workers have died; their jobs wait again, or are quarantined"
            );
        });
    }

    /// A job was cancelled here, since its lease no longer holds.
    #[cold]
    pub(crate) fn lease_lost(&self, job: TaskId) {
        quietly(|| {
            tracing::warn!(
                target: "marionette", server = &*self.server, task.id = %job,
                "the lease of a job was lost; it is asked to end, and writes nothing any more"
            );
        });
    }

    /// The store did not take what became of so many jobs.
    #[cold]
    pub(crate) fn were_stale(&self, jobs: u64) {
        quietly(|| {
            tracing::warn!(
                target: "marionette", server = &*self.server, jobs,
                "what became of jobs was not written, since their leases no longer held"
            );
        });
    }
}

/// Tells a subscriber; where one panics, those who tell it of the store are not lost with it.
fn quietly(tell: impl FnOnce()) {
    let _ = catch(tell);
}
