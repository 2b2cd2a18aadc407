//! Changes that people make to jobs.

use std::time::SystemTime;

use marionette::inspect::{By, Which};
use marionette::store::StoreError;

use crate::server::Server;

/// What a person wants done.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Retry,
    Cancel(String),
    Delete,
    Reschedule(SystemTime),
}

impl Server {
    /// Changes jobs, and says how many were changed.
    pub(crate) async fn change(
        &self,
        which: Which,
        change: Change,
        by: By,
    ) -> Result<u64, StoreError> {
        let _ = (which, change, by);
        Err(StoreError::unsupported("change"))
    }
}
