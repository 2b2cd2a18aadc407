//! Looks for damage: whether every job is in exactly one place, and every index agrees with it.

mod types;
mod walk;
mod look;
mod sums;
mod words;
mod report;

pub use report::{CheckReport, Fault};

use marionette::store::StoreError;

use crate::server::Server;
use walk::Walker;

impl Server {
    pub(crate) async fn check(&self) -> Result<CheckReport, StoreError> {
        let mut report = CheckReport::default();
        if !self.check_types(&mut report).await? {
            let rest = "all jobs, until each key has its type".to_owned();
            report.left_out.push(rest);
            return Ok(report);
        }
        let mut walker = Walker::new(self);
        walker.walk().await?;
        Ok(walker.into_report())
    }
}
