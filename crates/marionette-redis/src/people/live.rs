//! The instances that live.

use marionette::inspect::LiveInstance;
use marionette::store::{InstanceInfo, StoreError};
use uuid::Uuid;

use crate::codec::{Reader, byte_pairs, int, length, time};
use crate::layout::Key;
use crate::server::Server;

impl Server {
    pub(crate) async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.scripts.layout().key(Key::Instances));
        let rows = byte_pairs(self.bulk.ask(&command).await?)?;
        let lease = length(self.settings.timing.lease);
        let alive_since = self.now().await?.saturating_sub(lease);
        let mut alive = Vec::new();
        for (id, row) in rows {
            // Its beat (8), then since when it is known, and when it was last seen.
            let mut row = Reader(&row);
            let times = row
                .take(8)
                .and_then(|_| Some((row.number(7)?, row.number(7)?)));
            if let Some((since, seen)) = times.filter(|(_, seen)| *seen > alive_since) {
                alive.push((id, since, seen));
            }
        }
        let ids: Vec<_> = alive.iter().map(|(id, ..)| id.clone()).collect();
        let about = self.fields(Key::About, &ids).await?;
        let mut instances = Vec::with_capacity(alive.len());
        for ((id, since, seen), about) in alive.into_iter().zip(about) {
            let Ok(id) = <[u8; 16]>::try_from(id) else {
                continue;
            };
            let id = Uuid::from_bytes(id).into();
            let told = about.and_then(|about| serde_json::from_slice(&about).ok());
            let mut info = told.unwrap_or_else(|| InstanceInfo::new(id, String::new(), 0));
            info.id = id;
            let mut instance = LiveInstance::new(info, time(since));
            instance.seen = time(seen);
            let mut command = redis::cmd("HLEN");
            command.arg(self.scripts.layout().held(id));
            let running = int(self.bulk.ask(&command).await?)?;
            instance.running = u64::try_from(running.unwrap_or(0)).unwrap_or(0);
            instances.push(instance);
        }
        Ok(instances)
    }
}
