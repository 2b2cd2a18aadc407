//! The ways in for jobs, which wait in a store.

use crate::inspect::Inspect;
use crate::manager::TaskManager;

impl<S: Inspect> TaskManager<S> {
    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }
}
