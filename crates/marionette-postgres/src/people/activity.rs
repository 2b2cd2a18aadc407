//! The changes that people made, and the queues that they paused.

use marionette::TaskId;
use marionette::inspect::{Activity, ActivityFilter, ActivityKind, By, PausedQueue};
use marionette::store::{Name, StoreError};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::codec;
use crate::error::strange;
use crate::link::Parameter;
use crate::server::Server;

/// The longest list of activities.
const LIMIT_MAX: usize = 1_000;

impl Server {
    pub(crate) async fn activity(
        &self,
        filter: ActivityFilter,
    ) -> Result<Vec<Activity>, StoreError> {
        if filter
            .queue
            .as_ref()
            .is_some_and(|queue| queue.parse::<Name>().is_err())
        {
            return Ok(Vec::new());
        }
        let job = filter.job.map(TaskId::uuid);
        let before = filter
            .before
            .map(|before| i64::try_from(before).unwrap_or(i64::MAX));
        let limit = filter.limit.clamp(1, LIMIT_MAX);
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let sql = self.sql("SELECT * FROM marionette.activity_1($1, $2, $3, $4)");
        let parameters: [Parameter<'_>; 4] = [
            (&job, Type::UUID),
            (&filter.queue, Type::TEXT),
            (&before, Type::INT8),
            (&limit, Type::INT4),
        ];
        let rows = self.reader.call(&sql, &parameters).await?;
        rows.iter().map(activity).collect()
    }

    pub(crate) async fn paused_queues(&self) -> Result<Vec<PausedQueue>, StoreError> {
        let sql =
            self.sql("SELECT queue, since, by_name, by_via FROM marionette.paused ORDER BY queue");
        let rows = self.reader.call(&sql, &[]).await?;
        let paused = |row: &Row| {
            let mut paused = PausedQueue::new(codec::name(row.get(0))?, codec::time(row.get(1)));
            paused.by = Some(by(row));
            Ok(paused)
        };
        rows.iter().map(paused).collect()
    }
}

fn by(row: &Row) -> By {
    By::new(
        codec::text(row.get("by_name")),
        codec::text(row.get("by_via")),
    )
}

fn activity(row: &Row) -> Result<Activity, StoreError> {
    let (number, jobs): (i64, i64) = (row.get("number"), row.get("jobs"));
    let word: &str = row.get("kind");
    let mut kinds = ActivityKind::ALL.into_iter();
    let kind = kinds.find(|kind| kind.as_str() == word);
    let kind = kind.ok_or_else(|| strange("a kind of activity"))?;
    let count = |number| u64::try_from(number).unwrap_or(0);
    let at = codec::time(row.get("at"));
    let mut activity = Activity::new(count(number), kind, by(row), at);
    activity.jobs = count(jobs);
    let (queue, reason): (Option<&str>, Option<&[u8]>) = (row.get("queue"), row.get("reason"));
    activity.queue = queue.map(codec::name).transpose()?;
    activity.reason = reason.map(codec::text);
    let ids: Vec<Uuid> = row.get("ids");
    activity.ids = ids.into_iter().map(TaskId::from).collect();
    Ok(activity)
}
