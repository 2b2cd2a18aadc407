//! Gives an instance jobs that are due.

use marionette::store::{Claim, Claimed, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn claim(&self, claim: Claim) -> Result<Vec<Claimed>, StoreError> {
        let _ = claim;
        Err(StoreError::unsupported("claim"))
    }
}
