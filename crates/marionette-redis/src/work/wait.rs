//! Waits for jobs that may be claimed, and for ends.

use marionette::TaskId;
use marionette::store::{Duty, StoreError, Wanted};

use crate::server::Server;

impl Server {
    pub(crate) async fn wait(&self, wanted: Wanted) -> Result<(), StoreError> {
        let _ = wanted;
        tokio::time::sleep(self.settings.timing.poll).await;
        Ok(())
    }

    /// Waits until this duty is due again.
    pub(crate) async fn rest(&self, duty: Duty) -> Result<(), StoreError> {
        let timing = self.settings.timing;
        let pause = match duty {
            Duty::Claim(wanted) => return self.wait(wanted).await,
            Duty::Ask(jobs) => return self.wait_for_ends(jobs).await,
            // Up to a quarter sooner or later, so that processes that were started together drift
            // apart.
            Duty::Sweep => timing.sweep.mul_f64(0.75 + fastrand::f64() / 2.0),
            _ => timing.lease / 3,
        };
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Waits until one of these jobs may have ended.
    pub(crate) async fn wait_for_ends(&self, jobs: Vec<TaskId>) -> Result<(), StoreError> {
        let _ = jobs;
        tokio::time::sleep(self.settings.timing.poll).await;
        Ok(())
    }
}
