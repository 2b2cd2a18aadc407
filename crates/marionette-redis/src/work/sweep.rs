//! Clears up: jobs of dead instances, leases that lapsed, jobs that were kept for long enough.

use marionette::store::{StoreError, Swept};

use crate::server::Server;

impl Server {
    pub(crate) async fn sweep(&self) -> Result<Swept, StoreError> {
        Err(StoreError::unsupported("sweep"))
    }
}
