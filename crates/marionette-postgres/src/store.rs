//! The store, as an application has it: each method hands its work to the thread of the store.

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
    Claim, Claimed, Ended, Inserted, InstanceInfo, Lease, Name, NewJob, Renewal, Settled,
    Settlement, Store, StoreError, StoreFuture, Swept, Timing, Wanted,
};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::options::{PostgresOptions, Settings};
use crate::people::Change;
use crate::server::Server;
use crate::thread::Thread;

/// A store of durable jobs in PostgreSQL (13 or newer). Clones are the same store.
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    thread: Thread<Server>,
    settings: Settings,
}

impl PostgresStore {
    /// Connects to the server at this address with the default settings.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), marionette::store::StoreError> {
    /// use marionette_postgres::PostgresStore;
    ///
    /// let store = PostgresStore::connect("host=/run/postgresql dbname=shop").await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`PostgresOptions::connect`].
    pub async fn connect(address: impl Into<String>) -> Result<Self, StoreError> {
        Self::options().connect(address).await
    }

    /// The settings, to be changed before it is connected.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }
}

impl PostgresOptions {
    /// Connects to the server at this address, and makes the tables of the store if there are none.
    ///
    /// An address is a URL, `postgres://user@host:port/database`, or words,
    /// `host=/run/postgresql user=shop`, as all programs that use PostgreSQL take them. The store
    /// does not speak TLS yet, so an address of another machine has to say `sslmode=disable`.
    ///
    /// A process has three connections, however many managers and callers share the store. One
    /// that is lost is made anew by itself, and calls that were on their way are made again. A call
    /// fails once it had no answer for 10 s.
    ///
    /// # Errors
    ///
    /// - [`Refused`](marionette::store::StoreErrorKind::Refused): the address is none, or needs
    ///   TLS; the server refuses the password; the user may not make tables and there are none; the
    ///   tables are those of a later version.
    /// - [`Unavailable`](marionette::store::StoreErrorKind::Unavailable): the server cannot be
    ///   reached, or does not become ready within 10 s.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), marionette::store::StoreError> {
    /// use std::time::Duration;
    /// use marionette_postgres::PostgresStore;
    ///
    /// let options = PostgresStore::options().schema("jobs").keep_done(Duration::from_secs(3_600));
    /// let store = options.connect("postgres://shop@localhost/shop").await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(self, address: impl Into<String>) -> Result<PostgresStore, StoreError> {
        let settings = self.settings;
        let config = config(&address.into())?;
        let own = settings.clone();
        let connect = move || Server::connect(config, own);
        let thread = Thread::start("marionette-postgres", connect).await?;
        let inner = Arc::new(Inner { thread, settings });
        Ok(PostgresStore { inner })
    }
}

fn config(address: &str) -> Result<Config, StoreError> {
    let mut config: Config = address.parse().map_err(|error: tokio_postgres::Error| {
        // The error does not repeat the address, which may have a password.
        StoreError::refused("the address of the store cannot be read").with_source(error)
    })?;
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    if config.get_ssl_mode() != SslMode::Disable && !config.get_hosts().iter().all(is_here) {
        return Err(StoreError::refused(
            "the store does not speak TLS yet: another machine's address says `sslmode=disable`",
        ));
    }
    if config.get_application_name().is_none() {
        config.application_name("marionette");
    }
    config
        .connect_timeout(Duration::from_secs(5))
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5))
        .keepalives_retries(3)
        .tcp_user_timeout(Duration::from_secs(10))
        .target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);
    Ok(config)
}

impl PostgresStore {
    fn run<R, F>(&self, work: impl FnOnce(Rc<Server>) -> F + Send + 'static) -> StoreFuture<'_, R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        Box::pin(self.inner.thread.run(work))
    }

    fn run_for_caller<R, F>(
        &self,
        work: impl FnOnce(Rc<Server>) -> F + Send + 'static,
    ) -> StoreFuture<'_, R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, StoreError>> + 'static,
    {
        Box::pin(self.inner.thread.run_for_caller(work))
    }

    fn change(&self, which: Which, change: Change, by: By) -> StoreFuture<'_, u64> {
        self.run_for_caller(move |server| async move { server.change(which, change, by).await })
    }
}

impl Store for PostgresStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        self.run_for_caller(move |server| async move { server.insert(jobs).await })
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
        self.run_for_caller(move |server| async move { server.settle(settlements).await })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        self.run(move |server| async move { server.sweep().await })
    }

    fn wait(&self, _: Wanted) -> StoreFuture<'_, ()> {
        self.run_for_caller(move |server| async move {
            let settings = &server.settings;
            settings.clock.sleep(settings.timing.poll).await;
            Ok(())
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        self.run_for_caller(move |server| async move { server.ended(jobs).await })
    }

    fn timing(&self) -> Timing {
        self.inner.settings.timing
    }
}

impl Inspect for PostgresStore {
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

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("PostgresStore");
        shown
            .field("schema", &self.inner.settings.schema)
            .finish_non_exhaustive()
    }
}
