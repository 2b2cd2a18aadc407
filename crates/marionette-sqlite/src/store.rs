//! The handle: it passes calls on to the threads, and ends them when the last clone goes.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use marionette::TaskId;
use marionette::store::{
    Claim, Claimed, Ended, Inserted, Lease, NewJob, Renewal, Settled, Settlement, Store,
    StoreError, StoreFuture, Swept, Timing, Wanted, WorkerInfo,
};
use tokio::sync::oneshot::{self, Receiver};

use crate::answer;
use crate::clock::Clock;
use crate::codec::Id;
use crate::error::{Failure, Fault};
use crate::forgotten::Listeners;
use crate::inner::{Inner, spawn};
use crate::inspect;
use crate::lanes::Idle;
use crate::opening;
use crate::options::{Additions, Options, Settings};
use crate::owner;
use crate::reader::{self, Reader};
use crate::schema;
use crate::wal;
use crate::writer::{
    self, Accepting, Call, Durability, Operation, Place, Single, Writer, check_settlements,
    settlements_weight,
};

/// How soon lanes without jobs are looked for again if there were none…
const IDLE_LOOK: Duration = Duration::from_secs(10);
/// …and if there were.
const IDLE_AGAIN: Duration = Duration::from_secs(1);

/// Of what weight an operation is small: done before its caller would be asleep.
const SMALL: usize = 8;

/// A store of durable jobs in one file. Clones are the same store.
///
/// The [crate's text](crate) says what it promises and how.
///
/// # Examples
///
/// ```
/// use marionette_sqlite::SqliteStore;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("tasks.db");
/// let store = SqliteStore::open(path).await?;
/// # drop(store);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

impl SqliteStore {
    /// Opens the store in this file with the default settings, and makes the file if there is none.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the store is closed again.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path).await
    }

    /// The settings, to be changed before it is opened.
    pub fn options() -> Options {
        Options::default()
    }

    /// The version of the tables that this library works with, and that a file has once it is open.
    pub const VERSION: u32 = schema::VERSION;

    /// The version of the tables in a file that exists; `None` if it is a database without them.
    /// Nothing is made or changed, whatever the version is.
    ///
    /// # Errors
    ///
    /// As [`Options::open`], but for a newer version, which is told.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn version_of(path: impl AsRef<Path>) -> Result<Option<u32>, StoreError> {
        Self::options().version_of(path).await
    }

    /// Whether nobody but the effective user of this process and root can change what is in the
    /// store of this file, by the rules of [`Options::check_owner`]. Nothing is opened or made, and
    /// what is not there yet is no fault.
    ///
    /// An application that keeps folders of its own beside the store names their endings, so that
    /// they are looked at as well.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette_sqlite::SqliteStore;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("tasks.db");
    /// SqliteStore::check_owner(path, &["-reports"])?; // also `tasks.db-reports`
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [Refused](StoreError::is_refused), with the name, the owner and what can be done. Its source
    /// is a [`std::io::Error`]: of the kind
    /// [`PermissionDenied`](std::io::ErrorKind::PermissionDenied) if it is a matter of trust, and
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if it is a link, a pipe or the like, with
    /// which nobody should go on.
    pub fn check_owner(path: impl AsRef<Path>, endings: &[&str]) -> Result<(), StoreError> {
        owner::check(path.as_ref(), endings)
    }

    pub(crate) async fn version_with(
        path: &Path,
        settings: Settings,
    ) -> Result<Option<u32>, StoreError> {
        opening::check_path(path)?;
        let (reply, told) = oneshot::channel();
        let name = path.to_owned();
        let thread = spawn("mtt-sqlite-peek", move || {
            let peek = || {
                opening::check_before(&name, &settings)?;
                let connection = opening::peek(&name, &settings)?;
                // What somebody may have added cannot change the answer.
                schema::peek(&connection, &name, Additions::Trusted)
            };
            let _ = reply.send(peek());
        })?;
        let version = told.await.unwrap_or_else(|_| Err(answer::stopped(path)));
        // It has answered, so it ends now.
        let _ = thread.join();
        version
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.shared.path
    }

    /// Opening blocks, so it is done by a thread, which then becomes the writer.
    pub(crate) async fn open_with(path: &Path, settings: Settings) -> Result<Self, StoreError> {
        opening::check_library(rusqlite::version_number(), rusqlite::version())?;
        opening::check_path(path)?;
        let (reply, opened) = oneshot::channel();
        let name = path.to_owned();
        let thread = spawn("mtt-sqlite-open", move || {
            let _ = reply.send(Inner::open(&name, settings));
        })?;
        let inner = opened.await.unwrap_or_else(|_| Err(answer::stopped(path)));
        // It has answered, so it ends now.
        let _ = thread.join();
        inner.map(|inner| Self {
            inner: Arc::new(inner),
        })
    }

    /// Does something in the writer's next transaction.
    pub(crate) async fn write<R: Send + 'static>(
        &self,
        weight: usize,
        durability: Durability,
        work: impl FnMut(&mut Writer<'_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, StoreError> {
        let (call, answer) = Call::new(weight, durability, work);
        self.operate(call, answer).await
    }

    /// Puts an operation into the writer's inbox, and waits for its answer.
    async fn operate<R>(
        &self,
        operation: impl Operation + 'static,
        answer: Receiver<Result<R, StoreError>>,
    ) -> Result<R, StoreError> {
        let is_synced = operation.durability() == Durability::Synced;
        let waits_for_disk = is_synced && self.settings().synchronous.is_full();
        let soon = operation.weight() <= SMALL && !waits_for_disk;
        let caller = self.inner.shared.callers.enter();
        if self.inner.operations.push(Box::new(operation)).is_err() {
            return Err(self.inner.shared.stopped());
        }
        caller.answer(&self.inner.shared, answer, soon).await
    }

    /// Asks the reader.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader<'_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, StoreError> {
        reader::ask(&self.inner.shared, &self.inner.questions, question).await
    }

    /// Wakes everybody in this process who waits for jobs.
    ///
    /// After jobs were [inserted in a transaction of the caller](Self::insert_in) and that is
    /// committed, this saves up to a tenth of a second ([`Options::poll`]); nothing depends on it.
    pub fn wake(&self) {
        self.inner.shared.waiters.wake_all();
    }

    /// Whether the files are still those that were opened.
    pub(crate) fn check_whereabouts(&self) -> Result<(), StoreError> {
        self.inner.shared.look().map_err(Fault::to_error)
    }

    fn settings(&self) -> &Settings {
        &self.inner.shared.settings
    }

    pub(crate) fn listeners(&self) -> &Listeners {
        &self.inner.shared.listeners
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.settings().clock
    }

    /// The newest done job beyond the number that is kept, where the writer does not count itself.
    /// Counting takes at most a hundredth of the time.
    async fn done_beyond(&self) -> Result<Option<Place>, StoreError> {
        let kept = self.settings().keep_done_count;
        if writer::counted_here(kept) {
            return Ok(None);
        }
        let ask = self.read(move |reader| Ok(writer::done_beyond(reader.connection, kept)?));
        let beyond = self.now_and_then(&self.inner.count_at, ask).await?;
        Ok(beyond.flatten())
    }

    /// Lanes without jobs; none if they are not looked for now.
    async fn idle_lanes(&self) -> Result<Idle, StoreError> {
        let ask = self.read(|reader| Ok(Idle::find(reader.connection)?));
        let idle = self.now_and_then(&self.inner.idle_at, ask).await?;
        if let Some(idle) = idle {
            // What was closed is to be deleted soon; else there is no hurry.
            let pause = if idle.is_empty() {
                IDLE_LOOK
            } else {
                IDLE_AGAIN
            };
            let mut at = lock(&self.inner.idle_at);
            *at = (*at).max(Some(self.clock().monotonic() + pause));
            return Ok(idle);
        }
        Ok(Idle::default())
    }

    /// Asks the reader for something that costs it a while, for at most a hundredth of the time.
    async fn now_and_then<R>(
        &self,
        again: &Mutex<Option<Instant>>,
        ask: impl Future<Output = Result<R, StoreError>>,
    ) -> Result<Option<R>, StoreError> {
        let now = self.clock().monotonic();
        {
            let mut at = lock(again);
            if at.is_some_and(|at| now < at) {
                return Ok(None);
            }
            *at = Some(now + Duration::from_secs(60));
        }
        let answer = ask.await;
        let after = self.clock().monotonic();
        *lock(again) = Some(after + (after - now) * 100);
        answer.map(Some)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &mut f.debug_struct("SqliteStore");
        store.field("path", &self.path()).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    fn insert(&self, jobs: Vec<NewJob>) -> StoreFuture<'_, Vec<Inserted>> {
        Box::pin(async move {
            let is_one = jobs.len() == 1;
            let mut jobs = Accepting::all(jobs)?;
            if let Some(job) = jobs.pop_if(|job| !job.is_limited() && is_one) {
                let (call, answer) = Single::new(job);
                return self.operate(call, answer).await;
            }
            let weight = Accepting::weight(&jobs);
            let work = move |writer: &mut Writer<'_>| writer.insert(&jobs);
            self.write(weight, Durability::Synced, work).await
        })
    }

    fn claim(&self, claim: Claim) -> StoreFuture<'_, Vec<Claimed>> {
        Box::pin(async move {
            let weight = claim.limit.min(1000);
            let work = move |writer: &mut Writer<'_>| writer.claim(&claim);
            self.write(weight, Durability::Committed, work).await
        })
    }

    fn renew(&self, worker: WorkerInfo, leases: Vec<Lease>) -> StoreFuture<'_, Vec<Renewal>> {
        Box::pin(async move {
            let weight = 1 + leases.len() / 4;
            let work = move |writer: &mut Writer<'_>| writer.renew(&worker, &leases);
            self.write(weight, Durability::Committed, work).await
        })
    }

    fn settle(&self, settlements: Vec<Settlement>) -> StoreFuture<'_, Vec<Settled>> {
        Box::pin(async move {
            check_settlements(&settlements)?;
            let weight = settlements_weight(&settlements);
            let work = move |writer: &mut Writer<'_>| writer.settle(&settlements);
            self.write(weight, Durability::Synced, work).await
        })
    }

    fn sweep(&self) -> StoreFuture<'_, Swept> {
        Box::pin(async move {
            let beyond = self.done_beyond().await?;
            // They can wait; the jobs of a dead worker cannot.
            let mut idle = self.idle_lanes().await.unwrap_or_default();
            let work = move |writer: &mut Writer<'_>| writer.sweep(beyond.as_ref(), &mut idle);
            // After a loss of power the next sweep finds it all again.
            let mut swept = self.write(500, Durability::Committed, work).await?;
            swept.warning = wal::warning(self.path());
            Ok(swept)
        })
    }

    fn wait(&self, wanted: Wanted) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let shared = &self.inner.shared;
            // Nobody comes who would wake it.
            shared.fault().map_err(Fault::to_error)?;
            let woken = shared.waiters.add(&wanted, self.settings().timing.poll);
            if woken.await.is_err() && shared.waiters.is_closed() {
                return Err(shared.stopped());
            }
            Ok(())
        })
    }

    fn ended(&self, jobs: Vec<TaskId>) -> StoreFuture<'_, Vec<Ended>> {
        Box::pin(async move {
            let ids: Vec<Id> = jobs.into_iter().map(Id::of).collect();
            self.read(move |reader| Ok(inspect::ended(reader.connection, &ids)?))
                .await
        })
    }

    fn timing(&self) -> Timing {
        self.settings().timing
    }
}
