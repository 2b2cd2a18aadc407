//! The jobs that a store has deleted, for applications that keep something for each job.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use marionette::TaskId;

use crate::codec::Id;

/// The most ids that are kept for one listener: 16 MB.
const KEPT: usize = 1_000_000;

/// The jobs that a store deletes, made by
/// [`SqliteStore::forgotten`](crate::SqliteStore::forgotten).
///
/// # Examples
///
/// ```
/// use marionette::{TaskManager, wrap};
/// use marionette::inspect::{By, Inspect, Which};
/// use marionette::store::Store;
/// use marionette_sqlite::SqliteStore;
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # struct Mail;
/// # impl marionette::Job for Mail { const KIND: &'static str = "mail"; type Output = (); }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = tempfile::tempdir()?;
/// let store = SqliteStore::open(directory.path().join("tasks.db")).await?;
/// let forgotten = store.forgotten();
/// let mail = wrap(Mail).into_new_job()?;
/// let id = mail.id;
/// store.insert(vec![mail]).await?;
/// store.delete(Which::Ids(vec![id]), By::new("ada", "the console")).await?;
/// assert_eq!(forgotten.take().ids, [id]);
/// # Ok(())
/// # }
/// ```
pub struct Forgotten {
    list: Arc<Mutex<Forgot>>,
}

/// The jobs that were deleted since the last [`take`](Forgotten::take).
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Forgot {
    /// The ids of the jobs, in the order in which they were deleted.
    pub ids: Vec<TaskId>,
    /// The number of further jobs, whose ids are lost: up to 1,000,000 are kept until they are
    /// taken.
    pub missed: u64,
}

/// The listeners that are told which jobs are deleted.
#[derive(Debug, Default)]
pub(crate) struct Listeners(Mutex<Vec<Weak<Mutex<Forgot>>>>);

impl Forgotten {
    /// Takes the jobs that were deleted since the last call.
    #[must_use]
    pub fn take(&self) -> Forgot {
        std::mem::take(&mut *lock(&self.list))
    }
}

impl fmt::Debug for Forgotten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forgotten").finish_non_exhaustive()
    }
}

impl Listeners {
    /// Adds a listener, which is told what is deleted from now on.
    pub(crate) fn add(&self) -> Forgotten {
        let list = Arc::default();
        lock(&self.0).push(Arc::downgrade(&list));
        Forgotten { list }
    }

    /// Whether there is a listener.
    pub(crate) fn is_any(&self) -> bool {
        !lock(&self.0).is_empty()
    }

    /// Tells the listeners which jobs a committed transaction has deleted.
    pub(crate) fn tell(&self, jobs: &mut Vec<Id>) {
        lock(&self.0).retain(|list| {
            let Some(list) = list.upgrade() else {
                return false;
            };
            let mut forgot = lock(&list);
            let room = KEPT - forgot.ids.len();
            forgot.missed += jobs.len().saturating_sub(room) as u64;
            forgot
                .ids
                .extend(jobs.iter().take(room).map(|id| id.task()));
            true
        });
        jobs.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code that holds the lock can leave the list half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
