//! Small values that programs keep beside the jobs.

use marionette::store::{Name, StoreError};
use redis::Value;

use crate::codec::{byte_pairs, int, optional};
use crate::scripts::Script;
use crate::server::Server;

impl Server {
    pub(crate) async fn record(
        &self,
        shelf: &Name,
        key: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let mut command = redis::cmd("HGET");
        command.arg(self.scripts.layout().shelf(shelf)).arg(key);
        optional(self.bulk.ask(&command).await?)
    }

    pub(crate) async fn records(
        &self,
        shelf: &Name,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        let mut command = redis::cmd("HGETALL");
        command.arg(self.scripts.layout().shelf(shelf));
        byte_pairs(self.bulk.ask(&command).await?)
    }

    pub(crate) async fn count_records(&self, shelf: &Name) -> Result<u64, StoreError> {
        let mut command = redis::cmd("HLEN");
        command.arg(self.scripts.layout().shelf(shelf));
        let count = int(self.bulk.ask(&command).await?)?;
        Ok(count.and_then(|count| count.try_into().ok()).unwrap_or(0))
    }

    /// Replaces a record that is still as it was seen, and says whether it was.
    pub(crate) async fn replace_record(
        &self,
        shelf: &Name,
        key: &str,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, StoreError> {
        let mut call = self.scripts.call_on_shelf(Script::Record, shelf);
        call.arg(key);
        for value in [seen, new] {
            call.arg(u8::from(value.is_some()))
                .arg(value.unwrap_or_default());
        }
        let answer: Value = self.bulk(&call).await?;
        Ok(int(answer)? == Some(1))
    }
}
