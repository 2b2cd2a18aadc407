//! Lists, page by page. A list reads some hundred rows at a time and then lets go of the file, so
//! that the WAL can be copied meanwhile.

use marionette::TaskId;
use marionette::inspect::{Filter, JobDetails, Listed, Page};
use marionette::store::JobState;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::job::{JOB_BY_ID, Job};
use crate::codec::Id;
use crate::reader::Reader;
use crate::state::State;

/// The longest page.
const PAGE_MAX: usize = 1_000;
/// How many rows are read at a time.
const CHUNK: usize = 500;

/// Where a list goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behind {
    /// With the newest.
    Start,
    /// With what is older than this.
    Job(Id),
}

pub(crate) fn list(
    reader: &mut Reader<'_>,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Listed> {
    let limit = page.limit.clamp(1, PAGE_MAX);
    let mut behind = page
        .after
        .map_or(Behind::Start, |id| Behind::Job(Id::of(id)));
    let mut jobs = Vec::new();
    loop {
        let chunk = chunk(reader.connection, filter, behind)?;
        let (last, end) = (chunk.last().map(|job| job.id), chunk.len() < CHUNK);
        for job in chunk {
            let now = reader.shared.settings.clock.now();
            let lane = reader.lanes.by_id(reader.connection, job.lane)?;
            if !job.matches(reader.connection, filter, &lane, now)? {
                continue;
            }
            if jobs.len() == limit {
                let last = jobs
                    .last()
                    .map(|job: &marionette::inspect::JobSummary| job.id);
                return Ok(Listed { jobs, next: last });
            }
            jobs.push(job.summary(reader.connection, &lane, now)?);
        }
        match last {
            Some(last) if !end => behind = Behind::Job(last),
            _ => return Ok(Listed { jobs, next: None }),
        }
    }
}

/// The next ids that match, newest first, and where to go on; nothing more if that is `None`.
pub(crate) fn matching(
    reader: &mut Reader<'_>,
    filter: &Filter,
    behind: Behind,
) -> rusqlite::Result<(Vec<Id>, Option<Behind>)> {
    let chunk = chunk(reader.connection, filter, behind)?;
    let next = chunk.last().filter(|_| chunk.len() == CHUNK);
    let next = next.map(|job| Behind::Job(job.id));
    let mut ids = Vec::new();
    for job in chunk {
        let lane = reader.lanes.by_id(reader.connection, job.lane)?;
        if job.matches(
            reader.connection,
            filter,
            &lane,
            reader.shared.settings.clock.now(),
        )? {
            ids.push(job.id);
        }
    }
    Ok((ids, next))
}

/// The next rows that may match, newest first.
fn chunk(connection: &Connection, filter: &Filter, behind: Behind) -> rusqlite::Result<Vec<Job>> {
    // The id of all ones is no id of version 7, so everything is older than it.
    let behind = match behind {
        Behind::Start => Id(Uuid::max()),
        Behind::Job(id) => id,
    };
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let Some(states) = failed_states(filter) else {
        let sql = include_str!("../sql/jobs_by_id.sql");
        let mut statement = connection.prepare_cached(sql)?;
        let rows = statement.query_map(params![behind, limit], Job::read)?;
        return rows.collect();
    };
    let mut jobs = Vec::new();
    let mut statement = connection.prepare_cached(include_str!("../sql/jobs_failed.sql"))?;
    for state in states {
        let rows = statement.query_map(params![state, behind, limit], Job::read)?;
        for job in rows {
            jobs.push(job?);
        }
    }
    jobs.sort_unstable_by_key(|job| std::cmp::Reverse(job.id));
    jobs.truncate(CHUNK);
    Ok(jobs)
}

/// The states of a filter that asks only for what ended without success: there is an index for
/// these, since people look for a few of them among very many others.
fn failed_states(filter: &Filter) -> Option<Vec<State>> {
    if filter.states.is_empty() {
        return None;
    }
    let mut states = Vec::new();
    for state in &filter.states {
        let state = match state {
            JobState::Dead => State::Dead,
            JobState::Cancelled => State::Cancelled,
            JobState::Quarantined => State::Quarantined,
            _ => return None,
        };
        if !states.contains(&state) {
            states.push(state);
        }
    }
    Some(states)
}

pub(crate) fn details(reader: &mut Reader<'_>, id: TaskId) -> rusqlite::Result<Option<JobDetails>> {
    let mut statement = reader.connection.prepare_cached(JOB_BY_ID)?;
    let Some(job) = statement.query_row([Id::of(id)], Job::read).optional()? else {
        return Ok(None);
    };
    let lane = reader.lanes.by_id(reader.connection, job.lane)?;
    job.details(reader.connection, &lane, reader.shared.settings.clock.now())
        .map(Some)
}
