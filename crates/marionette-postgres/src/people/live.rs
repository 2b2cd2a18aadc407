//! The instances that count as alive.

use marionette::inspect::LiveInstance;
use marionette::store::{InstanceId, InstanceInfo, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::server::Server;

impl Server {
    pub(crate) async fn instances(&self) -> Result<Vec<LiveInstance>, StoreError> {
        let sql =
            self.sql("SELECT id, about, since, seen, running FROM marionette.instances_1($1)");
        let lease = codec::length(self.settings.timing.lease);
        let rows = self.reader.call(&sql, &[(&lease, Type::INT8)]).await?;
        Ok(rows.iter().map(live).collect())
    }
}

fn live(row: &Row) -> LiveInstance {
    let (id, about): (Uuid, &[u8]) = (row.get(0), row.get(1));
    let id = InstanceId::from(id);
    let told = serde_json::from_slice(about).ok();
    let mut info = told.unwrap_or_else(|| InstanceInfo::new(id, String::new(), 0));
    info.id = id;
    let mut live = LiveInstance::new(info, codec::time(row.get(2)));
    live.seen = codec::time(row.get(3));
    let running: i64 = row.get(4);
    live.running = u64::try_from(running).unwrap_or(0);
    live
}
