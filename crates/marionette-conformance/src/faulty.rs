//! A store that fails on purpose: at a named call, or at random from a seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use marionette::TaskId;
use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Ended, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Next, Renewal,
    Settled, Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};

/// A store that fails on purpose, in front of one that does not.
///
/// Clones are the same store, so a test keeps one and gives the other away.
///
/// # Examples
///
/// ```
/// use marionette::MemoryStore;
/// use marionette::store::Store;
/// use marionette_conformance::{Fault, FaultyStore, Method};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let store = FaultyStore::new(MemoryStore::new());
/// store.fail(Method::Sweep, 2, Fault::After);
/// assert!(store.sweep().await.is_ok());
/// assert!(store.sweep().await.is_err()); // it has swept, and its answer was lost
/// assert!(store.sweep().await.is_ok());
/// assert_eq!(store.calls(Method::Sweep), 3);
/// # }
/// ```
#[derive(Clone)]
pub struct FaultyStore {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
}

/// How a call fails. Its error, if it has one, says that the store is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect.
    Before,
    /// It has its effect, and the answer is lost.
    After,
    /// It has no effect, and panics.
    Panic,
}

/// How much a call has to carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallSize {
    /// Its jobs, ids, leases or settlements; or for how many jobs it asks.
    pub rows: usize,
    /// The bytes of its payloads, results and texts.
    pub bytes: usize,
}

/// A method of [`Store`] or [`Inspect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // They are called as the methods are.
pub enum Method {
    Insert,
    Claim,
    Renew,
    Settle,
    Sweep,
    Leave,
    Wait,
    Ended,
    Counts,
    List,
    Job,
    Retry,
    Cancel,
    Delete,
    Reschedule,
    PauseQueue,
    ResumeQueue,
    PausedQueues,
    Activity,
    Instances,
}

#[derive(Debug, Default)]
struct Plan {
    calls: BTreeMap<Method, u64>,
    largest: BTreeMap<Method, CallSize>,
    total: u64,
    /// The calls of one method that fail.
    of_method: BTreeMap<(Method, u64), Fault>,
    /// The calls that fail, whichever method is called.
    of_all: BTreeMap<u64, Fault>,
    random: Option<Random>,
    /// The most rows in an answer of these methods.
    cuts: BTreeMap<Method, usize>,
}

#[derive(Debug)]
struct Random {
    rng: fastrand::Rng,
    share: f64,
}

impl FaultyStore {
    /// A store that does not fail yet.
    pub fn new(inner: impl Store) -> Self {
        Self::over(Arc::new(inner))
    }

    /// A store that does not fail yet, over one that is shared already.
    pub fn over(inner: Arc<dyn Store>) -> Self {
        let plan = Mutex::default();
        Self {
            shared: Arc::new(Shared { inner, plan }),
        }
    }

    /// Lets the `nth` call of this method fail, counted from 1 since the store was made.
    pub fn fail(&self, method: Method, nth: u64, fault: Fault) {
        self.plan().of_method.insert((method, nth), fault);
    }

    /// Lets the `nth` call fail, whichever method is called.
    pub fn fail_any(&self, nth: u64, fault: Fault) {
        self.plan().of_all.insert(nth, fault);
    }

    /// Lets this share of all calls fail, half of them after their effect. Which ones follows from
    /// the seed and the order of the calls.
    pub fn fail_at_random(&self, seed: u64, share: f64) {
        let rng = fastrand::Rng::with_seed(seed);
        self.plan().random = Some(Random { rng, share });
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        let mut plan = self.plan();
        plan.of_method.clear();
        plan.of_all.clear();
        plan.random = None;
    }

    /// Cuts the answers of this method to `rows`, as a store may whose answers would be too large.
    ///
    /// [`Claim`](Method::Claim) and [`List`](Method::List) give no more jobs.
    /// [`Ended`](Method::Ended) tells no more ends, and says *not yet* of the jobs after them. The
    /// answers of other methods cannot be cut.
    pub fn cut(&self, method: Method, rows: usize) {
        self.plan().cuts.insert(method, rows);
    }

    /// How often a method has been called, failures included.
    pub fn calls(&self, method: Method) -> u64 {
        self.plan().calls.get(&method).copied().unwrap_or(0)
    }

    /// The most rows and the most bytes that one call of a method had.
    pub fn largest(&self, method: Method) -> CallSize {
        self.plan()
            .largest
            .get(&method)
            .copied()
            .unwrap_or_default()
    }

    /// How often any method has been called.
    pub fn calls_in_total(&self) -> u64 {
        self.plan().total
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // A plan is whole between any two statements that change it.
        let plan = self.shared.plan.lock();
        plan.unwrap_or_else(PoisonError::into_inner)
    }

    /// The most rows in an answer of this method.
    fn most(&self, method: Method) -> usize {
        self.plan().cuts.get(&method).copied().unwrap_or(usize::MAX)
    }

    fn measure(&self, method: Method, rows: usize, bytes: usize) {
        let mut plan = self.plan();
        let largest = plan.largest.entry(method).or_default();
        largest.rows = largest.rows.max(rows);
        largest.bytes = largest.bytes.max(bytes);
    }

    fn call<'a, T: Send + 'a>(
        &'a self,
        method: Method,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let (fault, call) = self.plan().next(method);
            let error = || {
                let what = format!("call {call} of {method:?} fails on purpose");
                Err(StoreError::unavailable(what))
            };
            match fault {
                None => inner.await,
                Some(Fault::Before) => error(),
                Some(Fault::After) => {
                    inner.await?;
                    error()
                }
                Some(Fault::Panic) => panic!("call {call} of {method:?} panics on purpose"),
            }
        })
    }
}

impl Plan {
    /// Counts a call, and returns how it fails and its number among the calls of its method.
    fn next(&mut self, method: Method) -> (Option<Fault>, u64) {
        self.total += 1;
        let calls = self.calls.entry(method).or_default();
        *calls += 1;
        let named = self.of_method.get(&(method, *calls)).copied();
        let any = self.of_all.get(&self.total).copied();
        let random = self.random.as_mut().and_then(Random::next);
        (named.or(any).or(random), *calls)
    }
}

impl Random {
    fn next(&mut self) -> Option<Fault> {
        // Both are drawn every time, so that later draws do not depend on the share.
        let (fails, before) = (self.rng.f64() < self.share, self.rng.bool());
        let fault = if before { Fault::Before } else { Fault::After };
        fails.then_some(fault)
    }
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan();
        f.debug_struct("FaultyStore")
            .field("inner", &self.shared.inner)
            .field("plan", &*plan)
            .finish()
    }
}

fn bytes_of_job(job: &NewJob) -> usize {
    let name = job.options.name.as_ref().map_or(0, String::len);
    job.payload.len() + job.kind.len() + job.queue.len() + name
}

fn bytes_of_settlement(settlement: &Settlement) -> usize {
    let next = match &settlement.next {
        Next::Done(result) => result.len(),
        Next::Unkept(why) => why.len(),
        Next::Cancel { reason, .. } => reason.len(),
        _ => 0,
    };
    let attempt = settlement.attempt.as_ref();
    let error = attempt.and_then(|attempt| attempt.error.as_ref());
    next + error.map_or(0, String::len)
}

impl Store for FaultyStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        let bytes = jobs.iter().map(bytes_of_job).sum();
        self.measure(Method::Insert, jobs.len(), bytes);
        self.call(Method::Insert, self.shared.inner.insert(jobs))
    }

    fn claim(&self, mut claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        self.measure(Method::Claim, claim.limit, 0);
        claim.limit = claim.limit.min(self.most(Method::Claim));
        self.call(Method::Claim, self.shared.inner.claim(claim))
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.measure(Method::Renew, leases.len(), 0);
        self.call(Method::Renew, self.shared.inner.renew(instance, leases))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        let bytes = settlements.iter().map(bytes_of_settlement).sum();
        self.measure(Method::Settle, settlements.len(), bytes);
        self.call(Method::Settle, self.shared.inner.settle(settlements))
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.call(Method::Sweep, self.shared.inner.sweep())
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        self.call(Method::Leave, self.shared.inner.leave(instance))
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        self.call(Method::Wait, self.shared.inner.wait(wanted))
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.measure(Method::Ended, jobs.len(), 0);
        let most = self.most(Method::Ended);
        self.call(
            Method::Ended,
            Box::pin(async move {
                let mut ended = self.shared.inner.ended(jobs).await?;
                let told = ended.iter_mut().filter(|ended| **ended != Ended::NotYet);
                told.skip(most).for_each(|ended| *ended = Ended::NotYet);
                Ok(ended)
            }),
        )
    }

    fn is_volatile(&self) -> bool {
        self.shared.inner.is_volatile()
    }

    fn timing(&self) -> Timing {
        self.shared.inner.timing()
    }
}

impl Inspect for FaultyStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.call(Method::Counts, self.shared.inner.counts())
    }

    fn list(&self, filter: Filter, mut page: Page) -> StoreFuture<'_, Listed> {
        page.limit = page.limit.min(self.most(Method::List));
        self.call(Method::List, self.shared.inner.list(filter, page))
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.call(Method::Job, self.shared.inner.job(id))
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.call(Method::Retry, self.shared.inner.retry(which, by))
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.call(Method::Cancel, self.shared.inner.cancel(which, reason, by))
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.call(Method::Delete, self.shared.inner.delete(which, by))
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.call(
            Method::Reschedule,
            self.shared.inner.reschedule(which, due, by),
        )
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.call(Method::PauseQueue, self.shared.inner.pause_queue(queue, by))
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.call(
            Method::ResumeQueue,
            self.shared.inner.resume_queue(queue, by),
        )
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.call(Method::PausedQueues, self.shared.inner.paused_queues())
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.call(Method::Activity, self.shared.inner.activity(filter))
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.call(Method::Instances, self.shared.inner.instances())
    }
}
