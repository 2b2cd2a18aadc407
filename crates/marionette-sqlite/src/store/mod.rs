//! The handle: it passes calls on to the threads, and ends them when the last clone is dropped.

mod open;
mod inner;
mod calls;
mod upkeep;

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::path::Path;
use std::sync::Arc;

use marionette::store::StoreError;
use tokio::sync::oneshot::Receiver;

use crate::clock::Clock;
use crate::error::Failure;
use crate::file::{owner, schema};
use crate::job::forgotten::{Forgotten, Listeners};
use crate::options::{Settings, SqliteOptions};
use crate::threads::reader::{self, Reader};
use crate::threads::writer::{Call, Durability, Operation, Writer};
use inner::Inner;

/// The weight up to which an operation is done before its caller would be asleep.
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
    /// As [`SqliteOptions::open`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the store is closed again.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::options().open(path).await
    }

    /// The settings, to be changed before it is opened.
    pub fn options() -> SqliteOptions {
        SqliteOptions::default()
    }

    /// The version of the tables that this library works with, and that a file has once it is
    /// open.
    pub const VERSION: u32 = schema::VERSION;

    /// The version of the tables in a file that exists; `None` if it is a database without them.
    /// Nothing is made or changed, whatever the version is.
    ///
    /// # Errors
    ///
    /// As [`SqliteOptions::open`], but for a newer version, which is told.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn version_of(path: impl AsRef<Path>) -> Result<Option<u32>, StoreError> {
        Self::options().version_of(path).await
    }

    /// Whether nobody but the effective user of this process and root can change what is in the
    /// store of this file, by the rules of [`SqliteOptions::check_owner`]. Nothing is opened or
    /// made, and what is not there yet is no fault.
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
    /// [Refused](marionette::store::StoreErrorKind::Refused), with the name, the owner and what can
    /// be done. Its source is a [`std::io::Error`]: of the kind
    /// [`PermissionDenied`](std::io::ErrorKind::PermissionDenied) if it is a matter of trust, and
    /// [`InvalidInput`](std::io::ErrorKind::InvalidInput) if it is a link, a pipe or the like, with
    /// which nobody should go on.
    pub fn check_owner(path: impl AsRef<Path>, endings: &[&str]) -> Result<(), StoreError> {
        owner::check(path.as_ref(), endings)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.shared.path
    }

    /// The jobs that this store deletes from now on, in its sweeps and by calls to it and its
    /// clones, so that an application can delete what it keeps elsewhere for each job.
    ///
    /// The list does not have jobs that other processes delete in the same file, nor jobs that were
    /// deleted before. Ask [`ended`](marionette::store::Store::ended) for those from time to time.
    #[must_use]
    pub fn forgotten(&self) -> Forgotten {
        self.listeners().add()
    }

    /// Runs a closure in the writer's next transaction.
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

    /// Asks the reader a question.
    pub(crate) async fn read<R: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader<'_>) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, StoreError> {
        reader::ask(&self.inner.shared, &self.inner.questions, question).await
    }

    /// Wakes all managers of this process that wait for jobs.
    ///
    /// After jobs were [inserted in a transaction of the caller](Self::insert_in) and that is
    /// committed, this saves up to a tenth of a second ([`SqliteOptions::poll`]); nothing depends
    /// on it.
    pub fn wake(&self) {
        self.inner.shared.waiters.wake_all();
    }

    /// An error if the files are no longer those that were opened.
    pub(crate) fn check_identity(&self) -> Result<(), StoreError> {
        self.inner.shared.look().map_err(Clone::clone)
    }

    fn settings(&self) -> &Settings {
        &self.inner.shared.settings
    }

    fn listeners(&self) -> &Listeners {
        &self.inner.shared.listeners
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.settings().clock
    }
}

/// A panic of a caller leaves the store as it was: all its state is on its own threads.
impl UnwindSafe for SqliteStore {}
impl RefUnwindSafe for SqliteStore {}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &mut f.debug_struct("SqliteStore");
        store.field("path", &self.path()).finish_non_exhaustive()
    }
}
