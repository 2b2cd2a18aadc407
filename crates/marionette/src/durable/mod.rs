//! Runs the jobs of a store on the workers of this process.
//!
//! ```text
//!            claimer            workers            settler
//!   store ───claim───▶ queue ───attempt──▶ outbox ───settle──▶ store
//!                      renewer: renews the leases of all jobs on the way
//! ```
//!
//! A [`Session`] is one instance of a manager, from a start to its stop. Jobs run as tasks of the
//! engine: this folder brings them to the workers, and brings their settlements back to the store.
//!
//! # What always holds
//!
//! 1. *Accepted is committed.* `queue` of a job resolves after the store has committed it.
//! 2. *Fenced.* Every write about a claimed job names its lease. A lease that no longer holds
//!    changes nothing.
//! 3. *Known or given up.* An instance that has not heard of a lease for four fifths of its length
//!    gives the job up by itself: it asks the attempt to end, and writes nothing any more. Others
//!    can have the job only after the whole length.
//! 4. *Settled once.* A claim is settled once: by the verdict, or by whoever drops the task
//!    unsettled, which releases the job.
//! 5. *Held until written.* A job is held, and its lease renewed, until the store has taken its
//!    settlement.
//! 6. *A wake-up is a hint.* `wait` may return early, and returns after the store's poll at the
//!    latest; the claim after it is the truth.
//! 7. *Suspects alone.* Of the jobs whose instance has died before, a process has one in hand at a
//!    time.

mod session;
mod claimer;
mod prefetch;
mod job_task;
mod settler;
mod renewer;
mod held;
mod unwritten;
mod completions;
mod troubles;
mod unclaimed;
pub(crate) mod guarded;
#[cfg(all(test, feature = "test-util", not(marionette_loom)))]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::durable::completions::Completions;
use crate::durable::session::Session;
use crate::engine::Engine;
use crate::engine::stop::{StopReport, stop};
use crate::id::TaskId;
use crate::observe::stats::Trouble;
use crate::store::Store;
use crate::store::inspect::By;
use crate::store::{Ended, InstanceInfo, Name, StoreError, Timing, Wanted};
use crate::sync::Mutex;
use crate::task::registry::Registry;

/// The durable part of a manager: its store, its job handlers and its session.
pub(crate) struct Durable {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) engine: Arc<Engine>,
    wanted: Wanted,
    /// The build of the application, as its instances tell it.
    build_info: Option<String>,
    timing: Timing,
    completions: Arc<Completions>,
    session: Mutex<Option<Arc<Session>>>,
}

impl Durable {
    /// Creates the part for `store`. Empty `queues` mean all queues.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        engine: Arc<Engine>,
        registry: Arc<Registry>,
        queues: Arc<[Name]>,
    ) -> Self {
        let kinds = registry.kinds().map(Name::from_static).collect();
        Self {
            timing: store.timing(),
            completions: Arc::new(Completions::new(Arc::clone(&store))),
            store,
            registry,
            engine,
            wanted: Wanted { kinds, queues },
            build_info: None,
            session: Mutex::default(),
        }
    }

    /// The build of the application. Default is none.
    pub(crate) fn build_info(self, build_info: Option<String>) -> Self {
        Self { build_info, ..self }
    }

    /// This manager as the one that makes a change, through the handle of a job.
    pub(crate) fn by(&self) -> By {
        By::new(&*self.engine.observer.server, "handle")
    }

    /// Begins a session, unless one goes on or no job handler is registered.
    pub(crate) fn start(&self) {
        let mut session = self.session.lock();
        let goes_on = session
            .as_ref()
            .is_some_and(|session| !session.is_closing());
        if goes_on || self.wanted.kinds.is_empty() {
            return;
        }
        let begun = Session::begin(self);
        *session = Some(begun);
    }

    /// The kinds and queues that it claims.
    #[cfg(feature = "test-util")]
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    fn session(&self) -> Option<Arc<Session>> {
        self.session.lock().clone()
    }

    /// Stops in the stages of [`stop`](crate::engine::stop), with three stages of its own. Claims
    /// end before the first stage. Jobs that were claimed and not started go back to the store, at
    /// no cost, before the drain and after it. The settlements of the rest are written last, and
    /// the instance leaves the store. After that nothing is written, unless the store hangs, or a
    /// job blocks its thread and keeps its lease.
    pub(crate) async fn stop(&self, limit: Option<Duration>) -> StopReport {
        let Some(session) = self.session() else {
            return stop(&self.engine, limit).await;
        };
        session.close();
        let claimed = session.claimer_is_done();
        match limit {
            None => claimed.await,
            // A claim that takes longer is waited for below, once the jobs have been asked to end.
            Some(limit) => drop(timeout(limit, claimed).await),
        }
        // Dropping a task that has not started releases its job.
        let mut released = self.engine.queue.take_waiting().len();
        let mut report = stop(&self.engine, limit).await;
        // A claim that ends only now releases its jobs.
        let _ = timeout(LAST_WORDS, session.claimer_is_done()).await;
        released += self.engine.queue.take_waiting().len();
        report.queued = released + report.interrupted.len();
        let written = session.outbox.all_is_written();
        match limit {
            // No settlement outlasts its lease, so this wait ends.
            None => written.await,
            Some(limit) => drop(timeout(limit.max(LAST_WORDS), written).await),
        }
        session.end();
        if session.held.len() == 0 {
            let left = timeout(LAST_WORDS, session.all_have_left()).await;
            // While a call may be on its way, the store finds out by itself that nobody is here.
            if left.is_ok() {
                session.leave().await;
            }
        }
        report
    }

    /// Called when the manager is gone: running jobs are dropped at their next await, and released.
    pub(crate) fn abandon(&self) {
        self.completions.close();
        if let Some(session) = self.session() {
            session.close();
            session.end();
        }
    }

    /// Whether the manager is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.completions.is_closed()
    }

    /// Wakes the claimer, which does not claim while the manager is paused.
    pub(crate) fn resume(&self) {
        if let Some(session) = self.session() {
            session.outbox.room.notify_one();
        }
    }

    /// This manager as its store knows it, from a start to the next one.
    pub(crate) fn instance(&self) -> Option<InstanceInfo> {
        Some(self.session()?.info.clone())
    }

    /// The trouble that keeps this manager from its work, if there is one.
    pub(crate) fn trouble(&self) -> Option<Trouble> {
        self.session()?.trouble()
    }

    /// Waits until the store has no job that this manager could run now, and no job runs here. Jobs
    /// that themselves wait for this do not count; `is_job` says that the caller is one of them.
    pub(crate) async fn idle(&self, is_job: bool) {
        if let Some(session) = self.session() {
            let _idler = is_job.then(|| session.outbox.idler());
            session.idle().await;
        }
    }

    /// Waits until this job has ended, in this process or in another. Never returns
    /// [`Ended::NotYet`].
    ///
    /// # Errors
    ///
    /// The store's error; or [refused](crate::store::StoreErrorKind::Refused) if the manager is
    /// gone.
    pub(crate) async fn ended(&self, id: TaskId) -> Result<Ended, StoreError> {
        self.completions.wait(id, self.timing.poll).await
    }
}

/// Even a stop that has used up its limit waits this long for the store: for a call that has begun,
/// and for settlements to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);
