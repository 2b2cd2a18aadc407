//! Says how jobs have ended.

use marionette::TaskId;
use marionette::store::{Ended, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn ended(&self, jobs: Vec<TaskId>) -> Result<Vec<Ended>, StoreError> {
        let _ = jobs;
        Err(StoreError::unsupported("ended"))
    }
}
