//! The names behind the numbers of the server: kinds with their priorities, and queues.

use std::collections::{BTreeMap, HashSet};

use marionette::inspect::Filter;
use marionette::store::{Name, StoreError};
use redis::Value;

use crate::codec::{int, list, optional};
use crate::layout::Key;
use crate::server::Server;

/// How many names are asked for at a time.
const CHUNK: usize = 500;

/// A queue, as the server numbers it.
pub(super) type QueueNumber = [u8; 3];

/// The places that are meant: all, or these.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    pub(super) groups: Option<HashSet<u16>>,
    pub(super) queues: Option<HashSet<QueueNumber>>,
}

impl Places {
    pub(super) fn has(&self, group: u16, queue: QueueNumber) -> bool {
        self.groups.as_ref().is_none_or(|all| all.contains(&group))
            && self.queues.as_ref().is_none_or(|all| all.contains(&queue))
    }
}

impl Server {
    /// The values of these names, in their order.
    pub(super) async fn names(
        &self,
        fields: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.fields(Key::Names, fields).await
    }

    /// The values of these fields of a hash, in their order.
    pub(super) async fn fields(
        &self,
        key: Key,
        fields: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let mut values = Vec::with_capacity(fields.len());
        for chunk in fields.chunks(CHUNK) {
            let mut command = redis::cmd("HMGET");
            command.arg(self.scripts.layout().key(key));
            for field in chunk {
                command.arg(&field[..]);
            }
            let answer = list(self.bulk.ask(&command).await?)?;
            for value in answer {
                values.push(optional(value)?);
            }
        }
        Ok(values)
    }

    /// All kinds with their numbers: a kind has one for each priority.
    pub(super) async fn groups(&self) -> Result<BTreeMap<u16, Name>, StoreError> {
        let last = self.names(&[b"#g".to_vec()]).await?.pop().flatten();
        let last = int(last.map_or(Value::Nil, Value::BulkString))?;
        let last = u16::try_from(last.unwrap_or(0)).unwrap_or(u16::MAX);
        let numbers: Vec<_> = (1..=last).collect();
        let fields = numbers
            .iter()
            .map(|number| back(b'G', number.to_be_bytes()));
        let names = self.names(&fields.collect::<Vec<_>>()).await?;
        let named = numbers.into_iter().zip(names);
        Ok(named
            .filter_map(|(number, name)| Some((number, kind_of(&name?)?)))
            .collect())
    }

    /// The names of these queues.
    pub(super) async fn queues(
        &self,
        numbers: impl IntoIterator<Item = QueueNumber>,
    ) -> Result<BTreeMap<QueueNumber, Name>, StoreError> {
        let numbers: Vec<_> = numbers.into_iter().collect();
        let fields: Vec<_> = numbers.iter().map(|number| back(b'Q', *number)).collect();
        let named = numbers.into_iter().zip(self.names(&fields).await?);
        Ok(named
            .filter_map(|(number, name)| Some((number, name_of(&name?)?)))
            .collect())
    }

    /// The places that a filter names.
    pub(super) async fn places(&self, filter: &Filter) -> Result<Places, StoreError> {
        let mut places = Places::default();
        if !filter.kinds.is_empty() {
            let groups = self.groups().await?.into_iter();
            let meant = groups.filter(|(_, kind)| filter.kinds.iter().any(|it| **kind == *it));
            places.groups = Some(meant.map(|(number, _)| number).collect());
        }
        if !filter.queues.is_empty() {
            let names = filter.queues.iter();
            let fields: Vec<_> = names.map(|name| format!("q/{name}").into_bytes()).collect();
            let numbers = self.names(&fields).await?.into_iter().flatten();
            // A fourth byte marks a queue that is paused.
            let numbers = numbers.filter_map(|number| number.first_chunk().copied());
            places.queues = Some(numbers.collect());
        }
        Ok(places)
    }
}

/// The field under which the name of a number stands.
fn back<const N: usize>(what: u8, number: [u8; N]) -> Vec<u8> {
    let mut field = vec![what];
    field.extend(number);
    field
}

/// The kind in the name of a group: its priority stands before it.
fn kind_of(group: &[u8]) -> Option<Name> {
    let (_, kind) = std::str::from_utf8(group).ok()?.split_once('/')?;
    kind.parse().ok()
}

fn name_of(name: &[u8]) -> Option<Name> {
    std::str::from_utf8(name).ok()?.parse().ok()
}
