//! Reads jobs in full, all rows of one at one moment.

mod found;

pub(crate) use found::{Found, Job};

use marionette::TaskId;
use marionette::store::{InstanceId, StoreError};
use redis::Value;
use uuid::Uuid;

use crate::codec::{bytes, int, list, optional};
use crate::error::strange;
use crate::layout::Key;
use crate::scripts::Script;
use crate::server::Server;

/// The most jobs of one call.
const JOBS_MAX: usize = 250;
/// The most looks at what instances have, of one call.
const LOOKS_MAX: usize = 25_000;
/// How often it is looked again because an instance came or went meanwhile.
const LOOKS_AGAIN: usize = 100;
/// The number of values that tell of one job.
const VALUES: usize = 6;

/// Reads jobs, and knows the instances of the server: what each has is a key of its own.
#[derive(Debug, Default)]
pub(crate) struct JobReader {
    instances: Vec<InstanceId>,
}

impl JobReader {
    /// All instances, as far as it knows.
    pub(crate) fn instances(&self) -> &[InstanceId] {
        &self.instances
    }

    /// Asks which instances there are.
    pub(crate) async fn look_around(&mut self, server: &Server) -> Result<(), StoreError> {
        self.instances = server.instance_ids().await?;
        Ok(())
    }

    /// Reads the first of these jobs, as many as one answer holds: at least one, and each that is
    /// not known too.
    pub(crate) async fn read(
        &mut self,
        server: &Server,
        ids: &[TaskId],
    ) -> Result<Vec<Found>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        for _ in 0..LOOKS_AGAIN {
            let most = LOOKS_MAX / self.instances.len().max(1);
            let ids = &ids[..ids.len().min(most.clamp(1, JOBS_MAX))];
            let mut call = server.call(Script::Read, &self.instances);
            for id in ids {
                call.arg(id.uuid().as_bytes());
            }
            let mut values = list(server.bulk(&call).await?)?.into_iter();
            let now = int(values.next().ok_or_else(|| strange("a time"))?)?;
            if let Some(now) = now {
                let now = u64::try_from(now).unwrap_or(0);
                return self.found(ids, now, &mut values);
            }
            self.look_around(server).await?;
        }
        Err(StoreError::unavailable(
            "instances come and go faster than they can be asked",
        ))
    }

    fn found(
        &self,
        ids: &[TaskId],
        now: u64,
        values: &mut impl Iterator<Item = Value>,
    ) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for &id in ids {
            let row: Vec<_> = values.by_ref().take(VALUES).collect();
            let Ok([body, state, end, which, held, attempts]) = <[Value; VALUES]>::try_from(row)
            else {
                break;
            };
            let which = int(which)?.and_then(|which| usize::try_from(which).ok());
            let instance = which.and_then(|which| self.instances.get(which.checked_sub(1)?));
            let held = bytes(held)?;
            let mut rows = Vec::new();
            if let Value::Array(attempts) = attempts {
                for attempt in attempts {
                    rows.extend(optional(attempt)?);
                }
            }
            found.push(Found {
                id,
                now,
                body: bytes(body)?,
                state: bytes(state)?,
                end: bytes(end)?,
                held: instance.map(|instance| (*instance, held)),
                attempts: found::attempts(&rows),
            });
        }
        if found.is_empty() {
            return Err(strange("jobs"));
        }
        Ok(found)
    }
}

impl Server {
    /// The instances that are known.
    pub(crate) async fn instance_ids(&self) -> Result<Vec<InstanceId>, StoreError> {
        let mut command = redis::cmd("HKEYS");
        command.arg(self.scripts.layout().key(Key::Instances));
        let mut instances = Vec::new();
        for id in list(self.bulk.ask(&command).await?)? {
            let id = bytes(id)?.try_into().map(Uuid::from_bytes);
            instances.extend(id.ok().map(InstanceId::from));
        }
        Ok(instances)
    }
}
