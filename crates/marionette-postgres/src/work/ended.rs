//! Says how jobs have ended.

use marionette::TaskId;
use marionette::store::{CALL_BYTES_MAX, Ended, PastAttempt, StoreError};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::server::Server;

/// How many jobs are asked for at a time: each may have a large result.
const STEP: usize = 100;

impl Server {
    pub(crate) async fn ended(&self, jobs: Vec<TaskId>) -> Result<Vec<Ended>, StoreError> {
        let mut ended = Vec::with_capacity(jobs.len());
        let mut left = CALL_BYTES_MAX;
        let sql = self
            .sql("SELECT n, state, end_kind, result, reason, options FROM marionette.ended_1($1)");
        for part in jobs.chunks(STEP) {
            let ids: Vec<Uuid> = part.iter().map(|id| id.uuid()).collect();
            let first = ended.len();
            ended.resize(first + part.len(), Ended::NotYet);
            // The answer is as large as it may be: for the others the caller asks again.
            if left == 0 {
                continue;
            }
            for row in self.reader.call(&sql, &[(&ids, Type::UUID_ARRAY)]).await? {
                let n: i64 = row.get(0);
                let place = usize::try_from(n).unwrap_or(0).saturating_sub(1);
                let Some(&job) = part.get(place) else {
                    continue;
                };
                let told = self.told(job, &row).await?;
                if let Ended::Done(result) = &told {
                    left = left.saturating_sub(result.len());
                }
                ended[first + place] = told;
            }
        }
        Ok(ended)
    }

    async fn told(&self, job: TaskId, row: &tokio_postgres::Row) -> Result<Ended, StoreError> {
        let (state, kind): (Option<i16>, Option<i16>) = (row.get(1), row.get(2));
        let Some(state) = state else {
            return Ok(Ended::Missing);
        };
        let reason: Option<&[u8]> = row.get(4);
        let reason = reason.map(codec::text);
        let Some(kind) = kind else {
            let result: Option<Vec<u8>> = row.get(3);
            return Ok(
                result.map_or_else(|| Ended::Unkept(reason.unwrap_or_default()), Ended::Done)
            );
        };
        let options: Option<&[u8]> = row.get(5);
        let attempts = self.attempts(job).await?;
        Ok(Ended::Otherwise {
            state: codec::state_out(state)?,
            kind: codec::end_out(kind)?,
            reason,
            error: codec::options_out(options.unwrap_or_default())?.error,
            attempts: attempts.into_iter().map(PastAttempt::from).collect(),
        })
    }
}
