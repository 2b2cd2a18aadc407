//! The contract of a store: where jobs wait and are kept. This module is all that the author of a
//! store needs.
//!
//! The example to begin from is `crates/marionette-conformance/tests/toy_store` in the repository:
//! a whole store, a map behind a mutex. It keeps each job in one piece, a [`StoredJob`], which
//! decides all that becomes of one job.
//!
//! # The life of a job
//!
//! ```text
//!  insert ──▶ ready / scheduled ──claim──▶ running ──settle──▶ done, dead, cancelled
//!                   ▲                         │
//!                   └── retry, snooze, release┤ settle
//!                   └── its instance died ──────┴─ sweep ──▶ quarantined (the third time)
//! ```
//!
//! *Ready* is not stored: a job that waits is ready once its time has come by the store's clock.
//!
//! # What every method keeps to
//!
//! - *Many at once.* Each method takes many items, answers in their order, and commits them
//!   together or not at all. Callers do not wait for each other: a store may put calls that come at
//!   the same time into one commit.
//! - *Bounded.* One call has at most [`CALL_ROWS_MAX`] items and [`CALL_BYTES_MAX`] bytes of
//!   payloads, results and texts, and a store may refuse a larger one. The library cuts what is
//!   larger into several calls, each of which is committed alone. An answer that would be larger
//!   may be cut by the store: [`claim`](Store::claim) then gives fewer jobs,
//!   [`ended`](Store::ended) says [`Ended::NotYet`] for the last of them, and
//!   [`list`](Inspect::list) gives a shorter page. Each says something about at least one job, if
//!   there is one. The library asks for the rest at once, and a [`wait`](Store::wait) that does not
//!   only wait for its poll returns at once while a job that was left out can be claimed.
//! - *May be repeated.* A caller that got an error does not know whether the call had its effect,
//!   and calls again with the same arguments: that must end as if it had been called once.
//! - *May be dropped.* A future that is dropped has had its effect or will have none; either is
//!   right, and nothing else is lost.
//! - *Fenced.* A [`Lease`] is one claim of one job by one instance. Every write about a claimed job
//!   names its lease, and has no effect unless the job runs under exactly that lease.
//! - *No token twice.* A claim that need not be synced can be lost when a server fails over or
//!   loses its power, while the instance that has the job lives on. The store then gives the job
//!   away again, with a [token](Lease::token) that the lost claim did not have, so the lost claim
//!   is worth nothing. The same instance may get the job again: it gives up the older lease.
//! - *The store's clock.* Callers pass durations; the store's wall clock alone decides which jobs
//!   are due. No wall clock decides which instances are dead: see [`sweep`](Store::sweep).
//! - *No runtime of its caller.* Futures are polled in the runtime of a manager, on the thread that
//!   renews leases (unless the store [is volatile](Store::is_volatile)), whose runtime has timers
//!   and no I/O, and, where a caller blocks, outside of any runtime. So a store that uses sockets
//!   or files has a thread of its own for them, and its futures only wait for the answers of that
//!   thread. Only [`wait`](Store::wait) and [`rest`](Store::rest) may count on tokio's timers.
//!
//! # The options of a store
//!
//! `NAMEStore::options()` gives the `NAMEOptions` of a store, with the defaults. Whatever else a
//! store has, it has these seven, each a method that takes and returns the options:
//!
//! | option | default | what it is |
//! | --- | --- | --- |
//! | `lease` | 15 s | after how long without a sign of life an instance counts as dead |
//! | `renew` | 1 s | how often an instance gives a sign of life |
//! | `sweep` | at most 5 s | how often each process takes the jobs of dead instances |
//! | `poll` | at most 1 s | how long a change may go unnoticed if its notification is lost |
//! | `keep_done` | a day | how long done jobs are kept that do not say it themselves |
//! | `keep_done_count` | at least 10,000 | how many of the latest of these are kept, a `u64` |
//! | `keep_failed` | 30 days | how long dead, cancelled and quarantined jobs are kept |
//!
//! A `lease` that is set shortens `renew` to a third of it, if that is less.
//! The first four are the store's [`timing`](Store::timing), which all processes on the store have
//! to agree on. Where the default is a bound, the store chooses, and says what in its own
//! documentation. The topic `options` of the conformance suite tests all seven.

mod job;
mod name;
mod job_state;
mod instance;
mod claim;
mod settle;
mod end;
mod stored_job;
pub(crate) mod call;
pub mod inspect;
mod backoff;
mod error;
mod limits;
mod arc;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

pub use call::{CALL_BYTES_MAX, CALL_ROWS_MAX};
pub use claim::{Claim, Claimed, Duty, Lease, Renewal, Wanted, next_token};
pub use end::EndKind;
pub use error::{StoreError, StoreErrorKind};
use inspect::Inspect;
pub use instance::{InstanceId, InstanceInfo};
pub use job::{Due, Inserted, JobOptions, NewJob, Priority, StoredBackoff, StoredJitter};
pub use job_state::JobState;
pub use limits::{ERROR_BYTES_MAX, NAME_BYTES_MAX, PAYLOAD_BYTES_MAX, clip_error};
pub(crate) use name::is_name;
pub use name::{Name, NameError};
pub use settle::{Attempted, Ended, Next, PastAttempt, PastOutcome, Settled, Settlement, Swept};
pub use stored_job::{FIRST_ATTEMPTS_KEPT, LAST_ATTEMPTS_KEPT, StoredJob};

/// What a method of a [`Store`] returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where jobs wait and are kept.
///
/// The module's documentation says what holds for every method. `marionette-conformance` has the
/// tests that decide when a store is done.
///
/// # Examples
///
/// The work of a manager, by hand:
///
/// ```
/// use marionette::store::{Claim, Next, Settlement, Store, StoreError, Wanted, InstanceInfo};
///
/// async fn work(
///     store: &dyn Store,
///     me: InstanceInfo,
///     wanted: Wanted,
/// ) -> Result<(), StoreError> {
///     store.renew(me.clone(), vec![]).await?; // from now on it is known, and lives
///     loop {
///         let claim = Claim::new(me.id, wanted.clone(), 4);
///         for job in store.claim(claim).await? {
///             println!("{} with {} bytes", job.kind, job.payload.len());
///             let next = Next::Done(b"250 accepted".to_vec());
///             let settlement = Settlement::new(job.lease, next);
///             store.settle(vec![settlement]).await?;
///         }
///         store.renew(me.clone(), vec![]).await?; // with the leases that it has
///         store.wait(wanted.clone()).await?;
///     }
/// }
/// ```
pub trait Store: Inspect {
    /// Accepts jobs. Once this returns `Ok`, they are committed and synced by the store's rules.
    ///
    /// A job whose id the store knows already changes nothing, whatever became of the job that has
    /// it: the answer is [`Inserted::Known`] if both have the same kind, queue and payload, and
    /// [`Inserted::Taken`] otherwise. A job for a queue that has reached [`NewJob::queue_limit`] is
    /// [`Inserted::Full`]. The other jobs of the call are accepted.
    ///
    /// # Order
    ///
    /// Jobs of one call that have the same priority and the same [`Due`] are [claimed](Self::claim)
    /// in the order of the call, whatever their ids, kinds and queues are. So are jobs of several
    /// calls that one process makes one after the other, if the ids grow from each job to the next,
    /// as those of [`TaskId::new`](crate::TaskId::new) do.
    ///
    /// Nothing else is promised of jobs that are due at the same time. A job that was known keeps
    /// the place that it had; one that has had an attempt, and waits again, has lost it.
    ///
    /// # Errors
    ///
    /// [Refused](StoreErrorKind::Refused), and nothing of the call is kept, if [`NewJob::check`]
    /// refuses one of the jobs.
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>>;

    /// Gives an instance jobs that are due: the highest priority first, and within a priority the
    /// job that has been due for longest. A store may take two times that are less than 10 ms apart
    /// for the same; [`insert`](Self::insert) says which job then goes first. Each job gets a new
    /// lease.
    ///
    /// A claim need not be synced. If its answer is lost, the lease lapses; if the claim is lost in
    /// the store, the job is given away again with a token that no claim has had.
    ///
    /// # Errors
    ///
    /// [Unavailable](StoreErrorKind::Unavailable) if the instance is not known: it has never
    /// renewed, or was found dead. Such an instance renews and tries again.
    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>>;

    /// Gives a sign of life of an instance and extends its leases; makes the instance known when it
    /// is new. The answers say, in order, which leases still hold; a lease of another instance is
    /// [`Renewal::Lost`] to this one, and goes on as it was.
    ///
    /// An instance names all leases that it has, in as many calls as they take. A lease that it
    /// does not name for the length of a lease lapses, since its claim was lost on the way to the
    /// instance.
    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>>;

    /// Writes what became of claimed jobs. [`Settlement::end`] says how a job ends by it.
    ///
    /// Every error and reason is cut by [`clip_error`] before it is kept.
    ///
    /// A settlement whose lease does not hold has no effect and is [`Settled::Stale`]: the job was
    /// taken away or claimed again, or its store forgot the claim. Of two settlements of a lease
    /// the first counts, also within one call. The second is [`Settled::Applied`] until the job is
    /// claimed again; after that it may be either.
    ///
    /// A job that somebody wants cancelled does not wait again: a retry, a snooze or a release ends
    /// it as [cancelled](EndKind::Cancelled), for the reason that was given for the cancellation.
    /// Any other settlement ends it as it says, [`Next::Cancel`] with its own reason.
    ///
    /// # Errors
    ///
    /// [Refused](StoreErrorKind::Refused), and nothing of the call is written, if
    /// [`Settlement::check`] refuses one of the settlements.
    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>>;

    /// Clears up: takes jobs from dead instances, quarantines those whose instances died three
    /// times, forgets dead instances, and prunes jobs that have been kept for long enough.
    ///
    /// Death is observed: an instance is dead if whoever sweeps has seen no new sign of life of it
    /// for the length of a lease, by a monotonic clock of its own. A wall clock that is stepped, on
    /// either side, kills nobody; and a sign of life that comes before the burial prevents it. So a
    /// process that begins to sweep finds nobody dead before a lease has passed, unless the store
    /// has a surer sign of death, as a file lock that the dead process no longer holds.
    ///
    /// A job that is taken from a dead instance waits again as it did before, with one crash more
    /// and [`PastOutcome::Crashed`] in its history; no attempt was used. A job whose lease lapsed
    /// while its instance lived is given back without either. A job that somebody wants cancelled
    /// ends as cancelled instead of waiting again. A job that is quarantined gets a
    /// [reason](inspect::JobSummary::reason) from the store, for people.
    ///
    /// Each call does a bounded amount of work, and says whether [more](Swept::more) is to be done
    /// at once. Done jobs beyond the number that is kept do not pile up between two sweeps, however
    /// fast jobs end: [`settle`](Store::settle) then forgets as many as it ends, so that at most
    /// 10,000 are there beyond that number.
    fn sweep(&self) -> StoreFuture<'_, Swept>;

    /// Forgets an instance that stops and has no job: from now on it is not
    /// [listed](Inspect::instances) any more. Otherwise people would see it for the length of a
    /// lease, until a sweep finds it dead.
    ///
    /// Nothing else changes. An instance that still has a job stays as it is, and one that is not
    /// known is gone already. Once it has left, it is as one that never renewed: a claim is
    /// refused, and a renewal makes it known again.
    ///
    /// An instance calls this last, and whether it succeeds matters to nobody. Default is nothing.
    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        let _ = instance;
        Box::pin(async { Ok(()) })
    }

    /// Waits until a claim for `wanted` may find a job. It may return early at any time, and
    /// returns at the latest after [`Timing::poll`].
    ///
    /// An instance that waits again and again must not keep a processor busy. So a job that the
    /// instance may not claim now is no reason to return at once: one of another kind, one in a
    /// paused queue, or a suspect that was due before the wait began, since the instance may have
    /// its suspects already. A suspect that a sweep gives back during the wait is a reason,
    /// although it has been due for longer.
    ///
    /// Default is to wait for [`Timing::poll`], whatever happens meanwhile. So in a store that
    /// tells nobody of a job, it is picked up by the next poll.
    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        let _ = wanted;
        Box::pin(pause(self.timing().poll))
    }

    /// Waits until `duty` is due again: at the latest when [`Timing`] says so, unless the store
    /// knows that there will be nothing to do until later.
    ///
    /// An instance gives no sign of life while it rests from [`Duty::Beat`], so a store that lets
    /// it rest for longer than a lease does not count it as dead meanwhile.
    ///
    /// Default is [`wait`](Self::wait) for a claim, and the intervals of [`timing`](Self::timing)
    /// for all else. [`MemoryStore`](crate::MemoryStore) knows more where a test owns the clock: it
    /// wakes no manager in vain, so that a virtual day passes at once.
    fn rest(&self, duty: Duty) -> StoreFuture<'_, ()> {
        let timing = self.timing();
        let pause = match duty {
            Duty::Claim(wanted) => return self.wait(wanted),
            Duty::Ask(_) => timing.poll,
            // Up to a quarter sooner or later, so that processes that were started together drift
            // apart.
            Duty::Sweep => {
                let quarter = timing.sweep / 4;
                let part = quarter.saturating_mul(2).mul_f64(fastrand::f64());
                quarter.saturating_mul(3).saturating_add(part)
            }
            Duty::Beat(_) => timing.lease / 3,
        };
        Box::pin(self::pause(pause))
    }

    /// Says how these jobs have ended, in order.
    fn ended(&self, jobs: Vec<crate::id::TaskId>) -> StoreFuture<'_, Vec<Ended>>;

    /// Whether everything in the store goes with this process. Then leases are renewed in the
    /// runtime of the manager and on its clock, since no other process could take over from one
    /// that is blocked. Default is no: leases are renewed on a thread of their own.
    fn is_volatile(&self) -> bool {
        false
    }

    /// The times that all processes on this store agree on.
    fn timing(&self) -> Timing {
        Timing::default()
    }
}

async fn pause(time: Duration) -> Result<(), StoreError> {
    tokio::time::sleep(time).await;
    Ok(())
}

/// The times that all processes on a store agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timing {
    /// After how long without a sign of life an instance counts as dead. Default is 15 s.
    pub lease: Duration,
    /// How often an instance that has jobs gives a sign of life. Default is 1 s.
    pub renew: Duration,
    /// How often each process sweeps. Default is 5 s.
    pub sweep: Duration,
    /// How long a change may go unnoticed if its notification is lost. Default is 1 s.
    pub poll: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            renew: Duration::from_secs(1),
            sweep: Duration::from_secs(5),
            poll: Duration::from_secs(1),
        }
    }
}

/// A store can be held as `dyn Store`.
const _: Option<&dyn Store> = None;
