//! Accepts jobs.

use marionette::store::{Inserted, NewJob, StoreError};

use crate::server::Server;

impl Server {
    pub(crate) async fn insert(&self, jobs: Vec<NewJob>) -> Result<Vec<Inserted>, StoreError> {
        let _ = jobs;
        Err(StoreError::unsupported("insert"))
    }
}
