//! The instances that live.

use marionette::inspect::LiveInstance;
use marionette::store::StoreError;

use crate::server::Server;

impl Server {
    pub(crate) async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        Err(StoreError::unsupported("instances"))
    }
}
