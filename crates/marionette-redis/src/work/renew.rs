//! Signs of life, and the leases that still hold.

use marionette::store::{InstanceInfo, Lease, Renewal, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn renew(
        &self,
        instance: InstanceInfo,
        leases: Vec<Lease>,
    ) -> Result<Vec<Renewal>, StoreError> {
        let _ = (instance, leases);
        Err(StoreError::unsupported("renew"))
    }
}
