//! Jobs from a store on the workers of this process: claimed, run, settled, and kept meanwhile.

use std::sync::Arc;

use crate::engine::Engine;
use crate::id::TaskId;
use crate::inspect::Inspect;
use crate::registry::Registry;
use crate::store::{Ended, StoreError, Wanted};

/// What a manager with a store has beside its engine.
pub(crate) struct Durable {
    pub(crate) store: Arc<dyn Inspect>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) wanted: Wanted,
}

impl Durable {
    /// A manager's part for this store. No queue named means all queues.
    pub(crate) fn new(
        store: Arc<dyn Inspect>,
        engine: Arc<Engine>,
        registry: Arc<Registry>,
        queues: Arc<[String]>,
    ) -> Self {
        let kinds = registry.kinds().map(str::to_owned).collect();
        Self {
            store,
            engine,
            registry,
            wanted: Wanted { kinds, queues },
        }
    }

    /// Waits until this job has ended, in this process or in another: never
    /// [`Ended::NotYet`].
    pub(crate) async fn ended(&self, id: TaskId) -> Result<Ended, StoreError> {
        let mut ended = self.store.ended(vec![id]).await?;
        Ok(ended.pop().unwrap_or(Ended::Unknown))
    }
}
