//! The changes that people made, as they are listed.

use std::collections::BTreeMap;

use marionette::inspect::{
    ACTIVITY_IDS_MAX, Activity, ActivityFilter, ActivityKind, By, PausedQueue,
};
use rusqlite::{Row, params};

use crate::clock;
use crate::codec::{self, Id};
use crate::threads::reader::Reader;

/// The longest list of activities.
const LIMIT_MAX: usize = 1_000;

/// The activities that match and can be read, the latest first.
pub(crate) fn list(
    reader: &Reader<'_>,
    filter: &ActivityFilter,
) -> rusqlite::Result<Vec<Activity>> {
    let before = filter.before.unwrap_or(u64::MAX);
    let before = i64::try_from(before).unwrap_or(i64::MAX);
    let limit = filter.limit.clamp(1, LIMIT_MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    match (filter.job, &filter.queue) {
        (None, None) => {
            let all = include_str!("../sql/activities.sql");
            query(reader, all, params![before, limit])
        }
        (Some(job), None) => {
            let of_job = include_str!("../sql/activities_of_job.sql");
            query(reader, of_job, params![Id::of(job), before, limit])
        }
        (None, Some(queue)) => {
            let of_queue = include_str!("../sql/activities_of_queue.sql");
            query(reader, of_queue, params![queue.as_str(), before, limit])
        }
        // An activity is about jobs or about a queue.
        (Some(_), Some(_)) => Ok(Vec::new()),
    }
}

fn query(
    reader: &Reader<'_>,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<Vec<Activity>> {
    let mut statement = reader.connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut activities = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(activity) = read(reader, row)? {
            activities.push(activity);
        }
    }
    Ok(activities)
}

/// The activity in this row; `None` for a kind of a later version.
fn read(reader: &Reader<'_>, row: &Row<'_>) -> rusqlite::Result<Option<Activity>> {
    let word = codec::seen(row, 1)?;
    let known = ActivityKind::ALL.into_iter();
    let Some(kind) = known
        .into_iter()
        .find(|kind| Some(kind.as_str()) == word.as_deref())
    else {
        return Ok(None);
    };
    let seq: i64 = row.get(0)?;
    let by = by(row, 3)?.unwrap_or_else(|| By::new("", ""));
    let at = clock::time(codec::lenient(row, 2)?);
    let mut activity = Activity::new(u64::try_from(seq).unwrap_or(0), kind, by, at);
    activity.queue = codec::name(row, 5).ok();
    activity.reason = codec::seen(row, 6)?;
    activity.jobs = u64::try_from(codec::lenient(row, 7)?).unwrap_or(0);
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/changed_of_activity.sql"))?;
    let limit = i64::try_from(ACTIVITY_IDS_MAX).unwrap_or(i64::MAX);
    let mut jobs = statement.query(params![seq, limit])?;
    while let Some(job) = jobs.next()? {
        activity.ids.extend(job.get::<_, Id>(0).ok().map(Id::task));
    }
    Ok(Some(activity))
}

/// The queues that are paused, by name.
pub(crate) fn paused(reader: &Reader<'_>) -> rusqlite::Result<Vec<PausedQueue>> {
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/paused.sql"))?;
    let mut rows = statement.query([])?;
    let mut queues = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let Ok(queue) = codec::name(row, 0) else {
            continue;
        };
        let mut paused = PausedQueue::new(queue.clone(), clock::time(codec::lenient(row, 1)?));
        paused.by = by(row, 2)?;
        queues.insert(queue, paused);
    }
    Ok(queues.into_values().collect())
}

/// The name and the way in this column and the next; `None` if they are not known.
fn by(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<By>> {
    let (name, via) = (codec::seen(row, index)?, codec::seen(row, index + 1)?);
    Ok(name.zip(via).map(|(name, via)| By::new(name, via)))
}
