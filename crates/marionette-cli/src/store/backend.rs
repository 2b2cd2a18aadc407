//! The code that depends on the kind of store. All other code asks a `dyn Store`.

use std::sync::Arc;

use marionette::store::{Name, Store, StoreError};
use marionette::{ConfigError, TaskId, TaskManager, TaskManagerBuilder};
#[cfg(feature = "redis")]
use marionette_redis::RedisStore;
use marionette_sqlite::SqliteStore;

use super::checkup::Checkup;
use super::records::Records;

/// The kinds of stores.
#[derive(Clone, Debug)]
pub(super) enum Backend {
    Sqlite(SqliteStore),
    #[cfg(feature = "redis")]
    Redis(RedisStore),
}

impl Backend {
    /// The store without its kind.
    pub(super) fn erased(&self) -> Arc<dyn Store> {
        match self {
            Self::Sqlite(store) => Arc::new(store.clone()),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Arc::new(store.clone()),
        }
    }

    /// A manager on the store that runs these queues.
    pub(super) fn manager(
        &self,
        builder: TaskManagerBuilder,
        queues: &[Name],
    ) -> Result<TaskManager<dyn Store>, ConfigError> {
        match self {
            Self::Sqlite(store) => {
                let builder = builder.store(store.clone()).queues(queues);
                Ok(builder.build()?.erased())
            }
            #[cfg(feature = "redis")]
            Self::Redis(store) => {
                let builder = builder.store(store.clone()).queues(queues);
                Ok(builder.build()?.erased())
            }
        }
    }

    /// Looks for damage.
    pub(super) async fn check(&self) -> Result<Checkup, StoreError> {
        match self {
            Self::Sqlite(store) => Ok(Checkup::of_file(store.check().await?)),
            #[cfg(feature = "redis")]
            Self::Redis(store) => Ok(Checkup::of_server(store.check().await?)),
        }
    }

    /// The records on this shelf of a store that machines share; `None` for a file, beside which
    /// there is room.
    pub(super) fn records(&self, shelf: Name) -> Option<Records> {
        #[cfg(not(feature = "redis"))]
        drop(shelf);
        match self {
            Self::Sqlite(_) => None,
            #[cfg(feature = "redis")]
            Self::Redis(store) => Some(Records::Redis(store.records(shelf))),
        }
    }

    /// The jobs that this process deletes from now on.
    pub(super) fn forgotten(&self) -> Forgotten {
        match self {
            Self::Sqlite(store) => Forgotten::Sqlite(store.forgotten()),
            #[cfg(feature = "redis")]
            Self::Redis(_) => Forgotten::Untold,
        }
    }
}

/// The jobs that this process has deleted, until somebody takes them.
#[derive(Debug)]
pub(crate) enum Forgotten {
    Sqlite(marionette_sqlite::Forgotten),
    /// Any process of a server may delete jobs, so the outputs are looked through instead.
    #[cfg(feature = "redis")]
    Untold,
}

impl Forgotten {
    /// The jobs that were deleted since the last call.
    pub(crate) fn take(&self) -> Vec<TaskId> {
        match self {
            Self::Sqlite(forgotten) => forgotten.take().ids,
            #[cfg(feature = "redis")]
            Self::Untold => Vec::new(),
        }
    }
}
