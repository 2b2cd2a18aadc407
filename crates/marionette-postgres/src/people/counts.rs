//! How many jobs there are, by queue, kind and state.

use std::time::Duration;

use marionette::inspect::{Count, UNCLAIMED_MAX};
use marionette::store::{JobState, StoreError, Wanted};
use tokio_postgres::types::Type;

use crate::codec;
use crate::link::Parameter;
use crate::server::Server;

impl Server {
    pub(crate) async fn counts(&self) -> Result<Vec<Count>, StoreError> {
        let sql = self.sql("SELECT queue, kind, jobs, state FROM marionette.counts_1()");
        let rows = self.reader.call(&sql, &[]).await?;
        let count = |row: &tokio_postgres::Row| counted(row, codec::state_out(row.get(3))?);
        rows.iter().map(count).collect()
    }

    pub(crate) async fn unclaimed(
        &self,
        wanted: Wanted,
        overdue: Duration,
    ) -> Result<Vec<Count>, StoreError> {
        let kinds: Vec<String> = wanted.kinds.iter().map(ToString::to_string).collect();
        let queues: Vec<String> = wanted.queues.iter().map(ToString::to_string).collect();
        let queues = (!queues.is_empty()).then_some(queues);
        let sql = self.sql(
            "SELECT queue, kind, jobs
             FROM marionette.unclaimed_1($1, $2, marionette.now_1() - $3, $4)",
        );
        let (overdue, most) = (codec::length(overdue), i64::from(UNCLAIMED_MAX));
        let parameters: [Parameter<'_>; 4] = [
            (&kinds, Type::TEXT_ARRAY),
            (&queues, Type::TEXT_ARRAY),
            (&overdue, Type::INT8),
            (&most, Type::INT8),
        ];
        let rows = self.reader.call(&sql, &parameters).await?;
        rows.iter()
            .map(|row| counted(row, JobState::Ready))
            .collect()
    }
}

fn counted(row: &tokio_postgres::Row, state: JobState) -> Result<Count, StoreError> {
    let jobs: i64 = row.get(2);
    let (queue, kind) = (codec::name(row.get(0))?, codec::name(row.get(1))?);
    Ok(Count::new(
        queue,
        kind,
        state,
        u64::try_from(jobs).unwrap_or(0),
    ))
}
