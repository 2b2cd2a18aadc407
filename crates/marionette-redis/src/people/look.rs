//! Counts, lists, and jobs in full.

use std::time::Duration;

use marionette::TaskId;
use marionette::inspect::{Count, Filter, JobDetails, Listed, Page};
use marionette::store::{StoreError, Wanted};

use crate::server::Server;

impl Server {
    pub(crate) async fn counts(&self) -> Result<Vec<Count>, StoreError> {
        Err(StoreError::unsupported("counts"))
    }

    pub(crate) async fn list(&self, filter: Filter, page: Page) -> Result<Listed, StoreError> {
        let _ = (filter, page);
        Err(StoreError::unsupported("list"))
    }

    pub(crate) async fn job(&self, id: TaskId) -> Result<Option<JobDetails>, StoreError> {
        let _ = id;
        Err(StoreError::unsupported("job"))
    }

    pub(crate) async fn unclaimed(
        &self,
        wanted: Wanted,
        overdue: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        let _ = (wanted, overdue);
        Err(StoreError::unsupported("unclaimed"))
    }
}
