//! Writes what became of claimed jobs.

use marionette::store::{Settled, Settlement, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn settle(
        &self,
        settlements: Vec<Settlement>,
    ) -> Result<Vec<Settled>, StoreError> {
        let _ = settlements;
        Err(StoreError::unsupported("settle"))
    }
}
