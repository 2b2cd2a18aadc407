//! What can be seen from outside: log events, spans, the event stream, metrics. All of it costs
//! next to nothing when nobody looks, and a listener that panics changes nothing.

pub(crate) mod event;
pub(crate) mod stats;
pub(crate) mod tally;
pub(crate) mod worker_view;
pub(crate) mod current;
pub(crate) mod metrics;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::Level;
use tracing::level_filters::LevelFilter;

use crate::cell::Cell;
use crate::cell::context;
use crate::id::TaskId;
use crate::observe::event::{Event, EventKind, Feed};
use crate::outcome::error::Error;
use crate::outcome::{Failure, FailureKind, Panic};
use crate::quiet::{QuietSpan, quietly};
use crate::store::StoreError;
use crate::store::inspect::Count;

/// Logs an event of a manager.
macro_rules! log {
    ($observer:expr, $level:ident, $($fields:tt)+) => {
        if $observer.is_heard(Level::$level) {
            let _ = quietly(|| tracing::event!(
                target: "marionette", Level::$level, server = &*$observer.server, $($fields)+
            ));
        }
    };
}

/// Logs an event about a task.
macro_rules! log_task {
    ($observer:expr, $cell:expr, $level:ident, $($fields:tt)+) => {
        log!(
            $observer, $level, task.id = %$cell.id(), task.name = context::name($cell), $($fields)+
        );
    };
}

/// Reports on the tasks of one manager.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) server: Arc<str>,
    pub(crate) feed: Feed,
    goes_to_log: bool,
}

impl Observer {
    pub(crate) fn new(server: &str) -> Self {
        Self {
            server: server.into(),
            feed: Feed::default(),
            goes_to_log: goes_to_log(),
        }
    }

    /// Whether anybody may listen at this level. Ask this before all else, since it costs the
    /// least.
    #[inline]
    fn is_heard(&self, level: Level) -> bool {
        level <= LevelFilter::current() || self.goes_to_log
    }

    fn tell<B: ?Sized>(&self, cell: &Cell<B>, kind: impl FnOnce() -> EventKind) {
        self.feed.send(|| Event {
            id: cell.id(),
            name: context::name(cell).into(),
            job: context::place(cell).map(|place| place.kind.clone()),
            kind: kind(),
        });
    }

    /// The span of an attempt, in which the task runs.
    #[inline]
    pub(crate) fn span<B: ?Sized>(
        &self,
        cell: &Cell<B>,
        attempt: u32,
        span: &mut Option<Box<QuietSpan>>,
    ) {
        if Level::INFO <= LevelFilter::current() {
            *span = Some(Box::new(self.enabled_span(cell, attempt)));
        }
    }

    #[cold]
    fn enabled_span<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32) -> QuietSpan {
        let is_wanted = quietly(|| tracing::span_enabled!(target: "marionette", Level::INFO));
        if is_wanted != Some(true) {
            return QuietSpan::NONE;
        }
        let parent = cell.details().and_then(|details| details.options.span());
        let (server, id, name) = (&*self.server, cell.id(), context::name(cell));
        // Without a parent of its own, the span is a child of the one in which the worker was
        // started.
        let parent = parent.and_then(QuietSpan::id);
        let parent = parent.or_else(|| QuietSpan::current().id());
        QuietSpan::new(|| {
            tracing::info_span!(
                target: "marionette", parent: parent, "task",
                server, task.id = %id, task.name = name, attempt
            )
        })
    }

    #[inline]
    pub(crate) fn started<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32, waited: u64) {
        metrics::started(&self.server, waited);
        self.tell(cell, || EventKind::Started { attempt });
        if self.is_heard(Level::TRACE) {
            self.log_start(cell, attempt);
        }
    }

    #[cold]
    fn log_start<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32) {
        log_task!(self, cell, TRACE, attempt, "started");
    }

    #[inline]
    pub(crate) fn done<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32, ran: u64) {
        metrics::ended(&self.server, "done", ran);
        self.tell(cell, || EventKind::Done {
            attempt,
            run_time: Duration::from_nanos(ran),
        });
        if self.is_heard(Level::DEBUG) {
            self.log_success(cell, attempt, ran);
        }
    }

    #[cold]
    fn log_success<B: ?Sized>(&self, cell: &Cell<B>, attempt: u32, ran: u64) {
        let run_time = Duration::from_nanos(ran);
        log_task!(self, cell, DEBUG, attempt, ?run_time, "done");
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
        log_task!(
            self, cell, WARN, attempt, %error, ?pause, "attempt failed, it will be retried"
        );
    }

    #[cold]
    pub(crate) fn snoozed<B: ?Sized>(&self, cell: &Cell<B>, pause: Duration) {
        self.tell(cell, || EventKind::Snoozed { pause });
        log_task!(self, cell, DEBUG, ?pause, "snoozed");
    }

    #[cold]
    pub(crate) fn interrupted<B: ?Sized>(&self, cell: &Cell<B>) {
        self.tell(cell, || EventKind::Interrupted);
        log_task!(
            self,
            cell,
            WARN,
            "interrupted by the stop, it waits for the next start"
        );
    }

    /// Reports a task that was cancelled while it waited and has been found only now: by a worker,
    /// or by a call that makes room, stops or takes out waiting tasks.
    #[cold]
    pub(crate) fn cancelled_early<B: ?Sized>(&self, cell: &Cell<B>) {
        metrics::ended(&self.server, "cancelled", 0);
        self.tell(cell, || EventKind::Cancelled);
        log_task!(self, cell, INFO, "cancelled before it was started");
    }

    /// Reports in full how a task ended without success, in one event.
    #[cold]
    pub(crate) fn failed<B: ?Sized>(&self, cell: &Cell<B>, error: &Error, ran: u64) {
        let dict = Arc::new(error.dict());
        let (outcome, is_end) = match error.kind() {
            FailureKind::Failed
            | FailureKind::Panicked
            | FailureKind::TimedOut
            | FailureKind::Unreadable => ("failed", false),
            // The task is not at fault, but it will not run, which somebody must know.
            FailureKind::Abandoned => ("abandoned", false),
            _ => ("cancelled", true),
        };
        metrics::ended(&self.server, outcome, ran);
        self.tell(cell, || {
            let dict = Arc::clone(&dict);
            if is_end {
                EventKind::Ended(dict)
            } else {
                EventKind::Failed(dict)
            }
        });
        macro_rules! log_record {
            ($level:ident) => {
                log_task!(
                    self, cell, $level, error = dict.error.as_deref(), attempts = dict.attempts,
                    errors = ?dict.errors, duration = ?dict.duration, "{error}"
                );
            };
        }
        if is_end {
            log_record!(INFO);
        } else {
            log_record!(ERROR);
        }
    }

    #[cold]
    pub(crate) fn has_started(&self, workers: usize, queue_size: usize) {
        log!(
            self,
            INFO,
            workers,
            queue_size,
            "the task manager has started"
        );
    }

    #[cold]
    pub(crate) fn has_stopped(&self, report: &dyn fmt::Display, done: u64, failed: u64) {
        log!(self, INFO, done, failed, %report, "the task manager has stopped");
    }

    /// Reports that the workers were dropped while they worked.
    #[cold]
    pub(crate) fn runtime_gone(&self) {
        log!(
            self,
            WARN,
            "the runtime of the workers has gone, and they with it; what waits stays for a start"
        );
    }

    /// Reports that a worker panicked outside of its task.
    #[cold]
    pub(crate) fn worker_panicked(&self, panic: &Panic) {
        log!(
            self, ERROR, %panic,
            "a worker panicked outside of its task, which is abandoned; the worker goes on"
        );
    }

    /// Reports that a call of the store failed for the `nth` time in a row: at the powers of two,
    /// so less and less often.
    #[cold]
    pub(crate) fn store_failed(&self, what: &str, error: &StoreError, nth: u32) {
        if nth.is_power_of_two() {
            let error = error.chain();
            log!(
                self,
                WARN,
                what,
                nth,
                error,
                "the store failed; it is called again"
            );
        }
    }

    /// Reports that the store answers again, after it failed for `lasted`.
    #[cold]
    pub(crate) fn store_answers(&self, what: &str, lasted: Duration) {
        quietly(|| {
            tracing::info!(
                target: "marionette", server = &*self.server, what, ?lasted,
                "the store answers again"
            );
        });
    }

    /// Reports jobs that were taken from dead instances.
    #[cold]
    pub(crate) fn swept(&self, released: u64, quarantined: u64) {
        log!(
            self,
            WARN,
            released,
            quarantined,
            "instances have died; their jobs wait again, or are quarantined"
        );
    }

    /// Reports something about the store that somebody should see to.
    #[cold]
    pub(crate) fn store_warns(&self, warning: &str) {
        log!(self, WARN, "{warning}");
    }

    /// Reports jobs that have waited for long and whose kind has no handler here.
    #[cold]
    pub(crate) fn unclaimed(&self, waiting: &Count) {
        let Count {
            queue, kind, jobs, ..
        } = waiting;
        log!(
            self,
            WARN,
            kind = kind.as_str(),
            queue = queue.as_str(),
            jobs,
            "jobs of the kind `{kind}` wait in the queue `{queue}`, and this process has no \
             handler for it"
        );
    }

    /// Reports a job that was cancelled here, since its lease no longer holds.
    #[cold]
    pub(crate) fn lease_lost(&self, job: TaskId) {
        log!(
            self, WARN, task.id = %job,
            "the lease of a job was lost; it is asked to end, and writes nothing any more"
        );
    }

    /// Reports how many settlements the store refused as stale.
    #[cold]
    pub(crate) fn were_stale(&self, jobs: u64) {
        log!(
            self,
            WARN,
            jobs,
            "what became of jobs was not written, since their leases no longer held"
        );
    }

    /// Reports that the thread of the renewer could not be started.
    #[cold]
    pub(crate) fn no_renewer(&self, error: &std::io::Error) {
        log!(self, ERROR, %error, "leases cannot be kept, so no job is claimed");
    }
}

/// Whether events go to the crate `log` while there is no subscriber, by a feature of `tracing`
/// that any part of a program can switch on. A span exists then, although nobody listens.
fn goes_to_log() -> bool {
    LevelFilter::current() == LevelFilter::OFF
        && !QuietSpan::new(|| tracing::trace_span!("task manager")).is_none()
}
