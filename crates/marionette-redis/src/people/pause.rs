//! Queues that are paused.

use marionette::inspect::{By, PausedQueue};
use marionette::store::{Name, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn pause_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        let _ = (queue, by);
        Err(StoreError::unsupported("pause_queue"))
    }

    pub(crate) async fn resume_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        let _ = (queue, by);
        Err(StoreError::unsupported("resume_queue"))
    }

    pub(crate) async fn paused_queues(&self) -> Result<Vec<PausedQueue>, StoreError> {
        Err(StoreError::unsupported("paused_queues"))
    }
}
