//! Queues that are paused.

use std::collections::BTreeMap;

use marionette::inspect::{ActivityKind, By, PausedQueue};
use marionette::store::{Name, StoreError};

use super::activity::Told;
use super::places::QueueNumber;
use crate::codec::{Reader, byte_pairs, time};
use crate::layout::Key;
use crate::scripts::Script;
use crate::server::Server;

impl Server {
    pub(crate) async fn pause_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        self.set_paused(queue, by, ActivityKind::Paused).await
    }

    pub(crate) async fn resume_queue(&self, queue: Name, by: By) -> Result<(), StoreError> {
        self.set_paused(queue, by, ActivityKind::Resumed).await
    }

    async fn set_paused(&self, queue: Name, by: By, kind: ActivityKind) -> Result<(), StoreError> {
        let person = serde_json::to_string(&by).unwrap_or_default();
        let told = Told::new(kind, by, Some(queue.clone()), None);
        let mut call = self.call(Script::Pause, &[]);
        call.arg(self.channel()).arg(Self::random_process());
        call.arg(if kind == ActivityKind::Paused {
            "p"
        } else {
            "r"
        });
        call.arg(&*queue).arg(person).arg(told.encode());
        self.keep(&call).await?;
        Ok(())
    }

    pub(crate) async fn paused_queues(&self) -> Result<Vec<PausedQueue>, StoreError> {
        let rows = self.paused().await?;
        let names = self.queues(rows.iter().map(|(queue, _)| *queue)).await?;
        let mut queues = BTreeMap::new();
        for (number, row) in rows {
            let mut row = Reader(&row);
            let since = row.number(7).unwrap_or(0);
            if let Some(queue) = names.get(&number) {
                let mut paused = PausedQueue::new(queue.clone(), time(since));
                paused.by = serde_json::from_slice(row.0).ok();
                queues.insert(queue.clone(), paused);
            }
        }
        Ok(queues.into_values().collect())
    }

    /// The queues that are paused: since when (7 bytes) and by whom.
    pub(super) async fn paused(&self) -> Result<Vec<(QueueNumber, Vec<u8>)>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.scripts.layout().key(Key::Paused));
        let rows = byte_pairs(self.bulk.ask(&command).await?)?.into_iter();
        Ok(rows
            .filter_map(|(queue, row)| Some((queue.try_into().ok()?, row)))
            .collect())
    }
}
