//! The code that depends on the kind of store. All other code asks a `dyn Store`.

use std::sync::Arc;

use marionette::store::{Name, Store};
use marionette::{ConfigError, TaskId, TaskManager, TaskManagerBuilder};
#[cfg(feature = "redis")]
use marionette_redis::RedisStore;
use marionette_sqlite::SqliteStore;

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
