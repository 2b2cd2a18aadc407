//! Looks at entries and at the jobs that they name, some at a time.

use marionette::TaskId;
use marionette::store::{InstanceId, StoreError};
use redis::Value;
use uuid::Uuid;

use super::words::Index;
use crate::codec::{bytes, list};
use crate::error::strange;
use crate::scripts::Script;
use crate::server::Server;

/// How often it is looked again because an instance came or went meanwhile.
const LOOKS_AGAIN: usize = 100;
/// The most looks at what instances have, of one call.
const LOOKS_MAX: usize = 25_000;
/// The most entries of one call.
const ENTRIES_MAX: usize = 250;

/// An entry of an index.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) index: Index,
    /// The job that it names; empty for a lane.
    id: Vec<u8>,
    bytes: Vec<u8>,
    /// The instance, if it is of what an instance has.
    instance: Option<InstanceId>,
}

impl Entry {
    /// An entry that names its job at this place; `None` if it is too short.
    pub(super) fn at(index: Index, at: usize, bytes: Vec<u8>) -> Option<Self> {
        let id = match index {
            Index::Lanes => Vec::new(),
            _ => bytes.get(at..at + 16)?.to_owned(),
        };
        Some(Self {
            index,
            id,
            bytes,
            instance: None,
        })
    }

    /// What an instance has of a job.
    pub(super) fn held(instance: InstanceId, id: Vec<u8>) -> Option<Self> {
        let entry = Self::at(Index::Held, 0, id)?;
        Some(Self {
            instance: Some(instance),
            ..entry
        })
    }

    pub(super) fn job(&self) -> Option<TaskId> {
        let id = Uuid::from_slice(&self.id).ok()?;
        Some(TaskId::from(id))
    }
}

/// What is wrong with an entry or with its job: letters; and for a job that has ended `/`, its
/// state and its place.
pub(super) type Finding = Vec<u8>;

/// Looks, and knows the instances: what each has is a key of its own.
#[derive(Debug, Default)]
pub(super) struct Looker {
    instances: Vec<InstanceId>,
}

impl Looker {
    pub(super) fn instances(&self) -> &[InstanceId] {
        &self.instances
    }

    /// Calls a script that needs all instances; `make` adds its arguments.
    pub(super) async fn call(
        &mut self,
        server: &Server,
        script: Script,
        arguments: impl Fn(&[InstanceId]) -> Vec<Vec<u8>>,
    ) -> Result<Vec<Value>, StoreError> {
        for _ in 0..LOOKS_AGAIN {
            let mut call = server.call(script, &self.instances);
            for argument in arguments(&self.instances) {
                call.arg(argument);
            }
            match server.bulk(&call).await? {
                Value::Nil | Value::Boolean(false) => {
                    self.instances = server.instance_ids().await?;
                }
                answer => return list(answer),
            }
        }
        Err(StoreError::unavailable(
            "instances come and go faster than they can be asked",
        ))
    }

    /// Looks at the first of these entries: gives each with what was found, and what is left.
    pub(super) async fn look(
        &mut self,
        server: &Server,
        mut entries: Vec<Entry>,
    ) -> Result<(Vec<(Entry, Finding)>, Vec<Entry>), StoreError> {
        let most = LOOKS_MAX / self.instances.len().max(1);
        let most = most.clamp(1, ENTRIES_MAX).min(entries.len());
        let rest = entries.split_off(most);
        let arguments = |instances: &[InstanceId]| {
            let mut all = vec![instances.len().to_string().into_bytes()];
            all.extend(instances.iter().map(|it| it.uuid().as_bytes().to_vec()));
            for entry in &entries {
                let told = match entry.instance {
                    None => entry.bytes.clone(),
                    Some(instance) => match instances.iter().position(|it| *it == instance) {
                        Some(at) => (at + 1).to_string().into_bytes(),
                        // It had nothing any more when it was forgotten.
                        None => b"gone".to_vec(),
                    },
                };
                let letter = entry.index.letter().as_bytes().to_vec();
                all.extend([letter, entry.id.clone(), told]);
            }
            all
        };
        let answer = self.call(server, Script::Check, arguments).await?;
        if answer.is_empty() && !entries.is_empty() {
            return Err(strange("what is wrong with jobs"));
        }
        let mut left = entries.split_off(answer.len().min(entries.len()));
        left.extend(rest);
        let answer: Vec<_> = answer.into_iter().map(bytes).collect::<Result<_, _>>()?;
        Ok((entries.into_iter().zip(answer).collect(), left))
    }
}
