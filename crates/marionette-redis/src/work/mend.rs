//! Looks for what somebody left half done: jobs that are in no place, lanes that no claim finds.
//! A right that is taken away in the middle of a script does that, and so may a person.

use marionette::store::{InstanceId, StoreError};
use redis::Value;

use crate::codec::{bytes, list};
use crate::scripts::Script;
use crate::server::Server;

/// The most jobs that are looked at.
const JOBS: usize = 300;
/// The most lanes.
const LANES: usize = 100;
/// The most looks for jobs in the hands of instances, so that the server is free for others soon.
const LOOKS: usize = 20_000;
/// With more instances than this, nothing is looked at.
const INSTANCES: usize = 2_000;

impl Server {
    /// Looks at some jobs and lanes, now and then, and puts right what is wrong.
    pub(crate) async fn mend(&self, instances: &[InstanceId]) -> Result<(), StoreError> {
        let lease = self.settings.timing.lease;
        if instances.len() > INSTANCES
            || !self
                .health
                .borrow_mut()
                .is_to_mend(self.settings.clock.monotonic(), lease)
        {
            return Ok(());
        }
        let jobs = JOBS.min(LOOKS / instances.len().max(1));
        let (lane, member) = self.health.borrow().after.clone();
        let mut call = self.call(Script::Mend, instances);
        call.arg(self.channel())
            .arg(Self::random_process())
            .arg(1)
            .arg(lane)
            .arg(LANES)
            .arg(jobs)
            .arg(member)
            .arg(instances.len());
        for instance in instances {
            call.arg(instance.uuid().as_bytes());
        }
        let answer = self.bulk(&call).await?;
        // An instance has come or gone just now.
        if matches!(answer, Value::Nil | Value::Boolean(false)) {
            return Ok(());
        }
        let mut answer = list(answer)?.into_iter();
        if let (Some(lane), Some(member)) = (answer.next(), answer.next()) {
            self.health.borrow_mut().after = (bytes(lane)?, bytes(member)?);
        }
        Ok(())
    }
}
