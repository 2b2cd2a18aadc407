//! The handle: it passes calls on to the thread of the store.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use marionette::TaskId;
use marionette::inspect::{
    Activity, ActivityFilter, By, Count, Filter, Inspect, JobDetails, Listed, LiveInstance, Page,
    PausedQueue, Which,
};
use marionette::store::{
    Claim, Claimed, Duty, Ended, Inserted, InstanceId, InstanceInfo, Lease, Name, NewJob, Renewal,
    Settled, Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};

use crate::address::Address;
use crate::check::CheckReport;
use crate::durability::Durability;
use crate::loads::{NewJobs, Verdicts};
use crate::options::{RedisOptions, Settings};
use crate::people::Change;
use crate::server::Server;
use crate::thread::Thread;

/// A store of durable jobs in Redis or Valkey. Clones are the same store.
///
/// # What it costs to look
///
/// [`job`](Inspect::job), [`counts`](Inspect::counts) and a page of jobs that are dead, cancelled
/// or quarantined cost as much as they show, however many jobs there are.
///
/// The other jobs have no index by id, which would cost memory for each: they stand in the order in
/// which they are due or ended.
///
/// - A page of waiting jobs of up to 100 kinds, priorities and queues begins at the ends of their
///   lines and stops once the rest can only be older. So the first page costs what it shows and the
///   jobs of the last minute, and a later page all that are newer. Scheduled jobs are met on the
///   way.
/// - That is so while all ids tell when they were made, as [`TaskId::new`] does, and no job is or
///   was due more than a minute before that. Once the store has had another job, and in more
///   queues, each page walks through all jobs that wait in the states, kinds and queues that the
///   filter names.
/// - A page of done jobs walks through all of them, as does a change of all that match through all
///   jobs that may.
/// - A filter by text or by the time of acceptance also reads the jobs that are met.
///
/// A walk meets jobs without their payloads and a thousand at a time, which takes the server less
/// than a millisecond for each thousand; to read them takes about twenty times as long. Claims get
/// through in between.
///
/// Such a walk is no snapshot: a job that changes its state meanwhile may be missing from a page.
#[derive(Clone)]
pub struct RedisStore {
    inner: Arc<Inner>,
}

struct Inner {
    thread: Thread<Server>,
    settings: Settings,
    data_name: String,
}

impl RedisStore {
    /// Connects to the server at this address with the default settings.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let Some(server) = marionette_servers::RedisServer::start() else { return Ok(()) };
    /// # let url = server.url();
    /// use marionette_redis::RedisStore;
    ///
    /// // Such as `redis://localhost`.
    /// let store = RedisStore::connect(url).await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`RedisOptions::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, StoreError> {
        Self::options().connect(url).await
    }

    /// The name of the data that the store had when it was connected: 32 digits that no other store
    /// has, on any server. A store that is made anew, since its server was emptied, has another.
    ///
    /// It is the right name for what an application keeps elsewhere about the jobs of this store,
    /// however the server is addressed.
    #[must_use]
    pub fn data_name(&self) -> &str {
        &self.inner.data_name
    }

    /// The settings, to be changed before it is connected.
    pub fn options() -> RedisOptions {
        RedisOptions::default()
    }
}

impl RedisStore {
    /// Looks for damage: whether every job is in exactly one place, and whether every index agrees
    /// with it. Reads only, in steps, so that others get through; jobs may run meanwhile.
    ///
    /// The store keeps all of this right by itself. Damage comes from people who changed keys by
    /// hand, or from a user who lost a right while a process was at work. It looks at every job,
    /// and remembers the id of each that has ended.
    ///
    /// # Errors
    ///
    /// If the server cannot be asked, or the user may not read all keys of the store.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), marionette::store::StoreError> {
    /// let store = marionette_redis::RedisStore::connect("redis://localhost").await?;
    /// let report = store.check().await?;
    /// println!("{report}");
    /// assert!(report.is_clean());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn check(&self) -> Result<CheckReport, StoreError> {
        self.run_for_caller(|server| async move { server.check().await })
            .await
    }
}

impl RedisOptions {
    /// Connects to the server at this address, and makes the store if there is none.
    ///
    /// | address | what it is |
    /// | --- | --- |
    /// | `redis://host:port/database` | a server; without a port 6379, without a database 0 |
    /// | `rediss://host:port/database` | the same with TLS |
    /// | `redis+unix:///path?db=database` | a socket of this machine |
    /// | `redis+sentinel://host:port,host:port/master/database` | the master of this name |
    /// | `rediss+sentinel://host:port,host:port/master/database` | the same with TLS |
    ///
    /// Behind all of them may stand `?name=shop`, the [name](Self::name) of the store, and
    /// `durability=synced`, its [durability](Self::durability); with the database it is
    /// `?db=2&name=shop&durability=synced`. Other parameters are refused.
    ///
    /// In front of the host stand `user:password@` or `:password@`. Special characters of a
    /// password are percent-encoded, `/` as `%2F`. An IPv6 address stands in brackets.
    /// Any node of a cluster will do.
    ///
    /// A process has two connections, however many managers and callers share the store, and two
    /// more for another [durability](Self::durability) than that of the server. One that is lost is
    /// made anew by itself, and calls that were on their way are sent again. A call fails once it
    /// had no answer for 10 s. Behind sentinels each new connection asks them for the master, and
    /// every 5 s the store asks them whether it still is.
    ///
    /// # Rights
    ///
    /// The user needs the following, with the [name](Self::name) of the store in the place of
    /// `marionette`, and `+select` for another database than 0:
    ///
    /// ```text
    /// ~{marionette}:* &{marionette}:* -@all
    /// +hello +auth +client|setname +role +info +script|load +evalsha +time +ping
    /// +ssubscribe +sunsubscribe +spublish
    /// +hget +hset +hsetnx +hdel +hlen +hmget +hgetall +hexists +hincrby +hkeys +hscan +hrandfield
    /// +zadd +zrem +zcard +zscore +zmscore +zrange +zrangebyscore +zrangebylex +zrevrangebylex
    /// +zremrangebylex +zlexcount +rpush +lpop +llen +lpos +lrange
    /// +sadd +srem +scard +sismember +smismember
    /// ```
    ///
    /// # Errors
    ///
    /// Each error names the server, and none shows a password.
    ///
    /// - [`Refused`](marionette::store::StoreErrorKind::Refused): the address or the name of the
    ///   store is none, or the address names another store than the options; the server refuses the
    ///   password, is a replica, older than Redis 7.0 or Valkey 7.2, or neither of them; its
    ///   `maxmemory-policy` is not `noeviction`, so that it would delete jobs; the user lacks
    ///   rights; a certificate cannot be read; the store was made by a version of this library with
    ///   another layout; the server cannot keep jobs as the [durability](Self::durability) asks.
    /// - [`Unavailable`](marionette::store::StoreErrorKind::Unavailable): the server cannot be
    ///   reached, or does not become ready within 10 s; fewer replicas than
    ///   [`Durability::Replicated`] asks for were connected to it in this time.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let Some(server) = marionette_servers::RedisServer::start() else { return Ok(()) };
    /// # let url = server.url();
    /// use std::time::Duration;
    /// use marionette_redis::RedisStore;
    ///
    /// let store = RedisStore::options()
    ///     .name("shop")
    ///     .keep_done(Duration::from_secs(60 * 60))
    ///     .connect(url)
    ///     .await?;
    ///
    /// let wrong = RedisStore::connect("redis://ada:secret@localhost:port").await;
    /// let error = wrong.unwrap_err().to_string();
    /// assert!(error.starts_with("the address of the store has a port that is no number"));
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(self, url: impl Into<String>) -> Result<RedisStore, StoreError> {
        let (mut settings, address) = (self.settings, Address::parse(&url.into())?);
        if address.secure && !cfg!(feature = "tls") {
            let what = format!("{address} needs the feature `tls` of marionette-redis");
            return Err(StoreError::refused(what));
        }
        settings.name = match (self.name, address.name.clone()) {
            (Some(one), Some(other)) if one != other => {
                let what = format!("the store is called {one:?} and {other:?} in its address");
                return Err(StoreError::refused(what));
            }
            (Some(name), _) | (None, Some(name)) => name,
            (None, None) => settings.name,
        };
        settings.durability = match (self.durability, address.durability) {
            (Some(one), Some(other)) if one != other => {
                let what =
                    format!("the store has Durability::{one:?} and {other:?} in its address");
                return Err(StoreError::refused(what));
            }
            (one, other) => one.or(other).unwrap_or_default(),
        };
        // It stands between braces in each key: a brace of its own would tear the keys apart.
        if let Err(error) = settings.name.parse::<Name>() {
            let what = format!("a store cannot have the name {:?}", settings.name);
            return Err(StoreError::refused(what).with_source(error));
        }
        if settings.durability == Durability::Replicated(0) {
            let what =
                "Durability::Replicated(0) names no replica: Durability::Server waits for none";
            return Err(StoreError::refused(what));
        }
        let own = settings.clone();
        let connect = move || Server::connect(address, own);
        let thread = Thread::start("marionette-redis", connect).await?;
        let begun = thread.run(|server: Rc<Server>| async move {
            server.begin();
            Ok(server.way.findings.data_name())
        });
        let data_name = begun.await?;
        let inner = Inner {
            thread,
            settings,
            data_name,
        };
        let inner = Arc::new(inner);
        Ok(RedisStore { inner })
    }
}

impl RedisStore {
    fn run<R, F>(&self, work: impl FnOnce(Rc<Server>) -> F + Send + 'static) -> StoreFuture<'_, R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        Box::pin(self.inner.thread.run(work))
    }

    /// As [`run`](Self::run), for what goes no further once its caller is gone: questions, whose
    /// answers nobody wants any more, and changes, which come too late by then.
    pub(crate) fn run_for_caller<R, F>(
        &self,
        work: impl FnOnce(Rc<Server>) -> F + Send + 'static,
    ) -> StoreFuture<'_, R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        Box::pin(self.inner.thread.run_for_caller(work))
    }

    fn wait_for(&self, duty: Duty, is_patient: bool) -> StoreFuture<'_, ()> {
        let thread = &self.inner.thread;
        let woken = thread.run_for_caller(move |server: Rc<Server>| async move {
            server.rest(duty, is_patient).await
        });
        Box::pin(async move {
            woken.await?.accept();
            Ok(())
        })
    }

    fn change(&self, which: Which, change: Change, by: By) -> StoreFuture<'_, u64> {
        self.run_for_caller(move |server| async move { server.change(which, change, by).await })
    }
}

impl Store for RedisStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        Box::pin(async move {
            let rows = NewJobs::rows(jobs)?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            let jobs = NewJobs { rows };
            let insert = |server: Rc<Server>, caller| server.insert(jobs, caller);
            self.inner.thread.pass(insert).await
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        let claimed = self.inner.thread.run_or_undo(
            move |server: Rc<Server>| async move { server.claim(claim).await },
            Server::give_back_soon,
        );
        Box::pin(claimed)
    }

    fn renew(&self, instance: InstanceInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        self.run(move |server| async move { server.renew(instance, leases).await })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        Box::pin(async move {
            let thread = &self.inner.thread;
            let rows = Verdicts::rows(settlements)?;
            if rows.is_empty() {
                return Ok(Vec::new());
            }
            match Verdicts::of_different_jobs(rows) {
                Ok(verdicts) => {
                    let settle = |server: Rc<Server>, caller| server.settle(verdicts, caller);
                    thread.pass(settle).await
                }
                Err(rows) => {
                    let settle = |server: Rc<Server>| async move { server.settle_all(rows).await };
                    thread.run_for_caller(settle).await
                }
            }
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.run(move |server| async move { server.sweep().await })
    }

    fn leave(&self, instance: InstanceId) -> StoreFuture<'_, ()> {
        self.run_for_caller(move |server| async move { server.leave(instance).await })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        self.wait_for(Duty::Claim(wanted), false)
    }

    fn rest(&self, duty: Duty) -> StoreFuture<'_, ()> {
        self.wait_for(duty, true)
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.run_for_caller(move |server| async move { server.ended(jobs).await })
    }

    fn timing(&self) -> Timing {
        self.inner.settings.timing
    }
}

impl Inspect for RedisStore {
    fn counts(&self) -> StoreFuture<'_, Vec<Count>> {
        self.run_for_caller(move |server| async move { server.counts().await })
    }

    fn list(&self, filter: Filter, page: Page) -> StoreFuture<'_, Listed> {
        self.run_for_caller(move |server| async move { server.list(filter, page).await })
    }

    fn job(&self, id: TaskId) -> StoreFuture<'_, Option<JobDetails>> {
        self.run_for_caller(move |server| async move { server.job(id).await })
    }

    fn retry(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.change(which, Change::Retry, by)
    }

    fn cancel(&self, which: Which, reason: String, by: By) -> StoreFuture<'_, u64> {
        self.change(which, Change::Cancel(reason), by)
    }

    fn delete(&self, which: Which, by: By) -> StoreFuture<'_, u64> {
        self.change(which, Change::Delete, by)
    }

    fn reschedule(&self, which: Which, due: SystemTime, by: By) -> StoreFuture<'_, u64> {
        self.change(which, Change::Reschedule(due), by)
    }

    fn pause_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.run_for_caller(move |server| async move { server.pause_queue(queue, by).await })
    }

    fn resume_queue(&self, queue: Name, by: By) -> StoreFuture<'_, ()> {
        self.run_for_caller(move |server| async move { server.resume_queue(queue, by).await })
    }

    fn paused_queues(&self) -> StoreFuture<'_, Vec<PausedQueue>> {
        self.run_for_caller(move |server| async move { server.paused_queues().await })
    }

    fn activity(&self, filter: ActivityFilter) -> StoreFuture<'_, Vec<Activity>> {
        self.run_for_caller(move |server| async move { server.activity(filter).await })
    }

    fn instances(&self) -> StoreFuture<'_, Vec<LiveInstance>> {
        self.run_for_caller(move |server| async move { server.instances().await })
    }

    fn unclaimed(&self, wanted: Wanted, overdue: Duration) -> StoreFuture<'_, Vec<Count>> {
        self.run_for_caller(move |server| async move { server.unclaimed(wanted, overdue).await })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisStore");
        shown
            .field("name", &self.inner.settings.name)
            .finish_non_exhaustive()
    }
}
