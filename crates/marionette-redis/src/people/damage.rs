//! Deletes jobs that cannot be read. Their rows do not say where they stand, so that is searched
//! for from end to end: such jobs are few.

use marionette::TaskId;
use marionette::store::StoreError;
use redis::Value;

use super::walk::{CHUNK, bound};
use crate::codec::{bytes, list};
use crate::error::strange;
use crate::jobs::JobReader;
use crate::layout::Key;
use crate::scripts::Script;
use crate::server::Server;

/// How often it is asked again because an instance came or went meanwhile.
const ASKED_AGAIN: usize = 20;

/// Where a job stands: the letter of the script, and what stands there.
type Standing = (&'static str, Vec<u8>);

impl Server {
    /// Deletes a job that cannot be read, unless an instance has it. Returns whether it was.
    pub(super) async fn discard(
        &self,
        id: TaskId,
        reader: &mut JobReader,
        activity: i64,
        told: &str,
    ) -> Result<bool, StoreError> {
        let (place, what) = self.standing(id).await?;
        for _ in 0..ASKED_AGAIN {
            let mut call = self.call(Script::Discard, reader.instances());
            call.arg(self.channel()).arg(activity).arg(told);
            call.arg(id.uuid().as_bytes()).arg(place).arg(&what[..]);
            let answer = self.bulk(&call).await?;
            if let Value::Int(is_deleted) = answer {
                return Ok(is_deleted == 1);
            }
            reader.look_around(self).await?;
        }
        Err(strange("whether a job was deleted"))
    }

    async fn standing(&self, id: TaskId) -> Result<Standing, StoreError> {
        let id = id.uuid().into_bytes();
        let has = |row: &[u8], at: usize| row.get(at..at + 16) == Some(&id[..]);
        let mut from = b"-".to_vec();
        loop {
            let members = self.range(Key::Waiting, &from, b"+", CHUNK).await?;
            if let Some(member) = members.iter().find(|member| has(member, 13)) {
                return Ok(("w", member.clone()));
            }
            match members.last() {
                Some(last) if members.len() == CHUNK => from = bound(b'(', last),
                _ => break,
            }
        }
        // The other rows stand in an order that does not help: by the time of the end.
        let others = [
            ("LRANGE", Key::Done, "d", 12),
            ("ZRANGE", Key::Until, "u", 0),
            ("ZRANGE", Key::ByTime, "f", 0),
        ];
        for (name, key, place, at) in others {
            if let Some(row) = self.row_with(name, key, |row| has(row, at)).await? {
                return Ok((place, row));
            }
        }
        Ok(("n", Vec::new()))
    }

    /// The first row of which this is true.
    async fn row_with(
        &self,
        name: &str,
        key: Key,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut first = 0;
        loop {
            let mut command = redis::cmd(name);
            command.arg(self.scripts.layout().key(key));
            command.arg(first).arg(first + CHUNK - 1);
            let rows = list(self.bulk.ask(&command).await?)?;
            let count = rows.len();
            for row in rows {
                let row = bytes(row)?;
                if is_it(&row) {
                    return Ok(Some(row));
                }
            }
            if count < CHUNK {
                return Ok(None);
            }
            first += CHUNK;
        }
    }
}
