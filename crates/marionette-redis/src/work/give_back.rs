//! Gives jobs back that an instance was given and does not have, as if it had never claimed them.

use std::rc::Rc;

use marionette::store::{Claimed, Lease, StoreError};

use crate::codec::bytes;
use crate::server::Server;

/// The most jobs of one script.
const STEP: usize = 500;

impl Server {
    /// Gives back what was claimed for a caller that is gone. If that fails, the leases lapse.
    pub(crate) fn give_back_soon(self: Rc<Self>, claimed: Vec<Claimed>) {
        if claimed.is_empty() {
            return;
        }
        let leases: Vec<_> = claimed.into_iter().map(|claimed| claimed.lease).collect();
        tokio::task::spawn_local(async move {
            for part in leases.chunks(STEP) {
                let _ = self.give_back(part).await;
            }
        });
    }

    /// Gives back the jobs of these leases. Returns how many wait again.
    pub(super) async fn give_back(&self, leases: &[Lease]) -> Result<u64, StoreError> {
        let all = leases.iter().map(|lease| (*lease, lease));
        let call = self.call_with_instances(all, |lease, call| {
            call.arg(lease.job.uuid().as_bytes())
                .arg(&lease.token.to_be_bytes());
            for argument in ["l", "", "", "0", ""] {
                call.arg(argument);
            }
        });
        let answers = bytes(self.bulk(&call).await?)?;
        let waits = answers.iter().map(|answer| u64::from(*answer == b'a'));
        Ok(waits.sum())
    }
}
