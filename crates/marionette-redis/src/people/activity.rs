//! The changes that people made.

use marionette::inspect::{Activity, ActivityFilter};
use marionette::store::StoreError;

use crate::server::Server;

impl Server {
    pub(crate) async fn activity(
        &self,
        filter: ActivityFilter,
    ) -> Result<Vec<Activity>, StoreError> {
        let _ = filter;
        Err(StoreError::unsupported("activity"))
    }
}
