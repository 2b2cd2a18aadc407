//! Lists, page by page. A list finds some hundred ids at a time and then lets go of the file, so
//! that the WAL can be copied meanwhile. Each row is read by itself, so that a row that cannot be
//! read does not hide the others.

use marionette::TaskId;
use marionette::inspect::{Filter, JobDetails, Listed, Page, Unreadable};
use marionette::store::{JobState, StoreError};
use rusqlite::{Connection, OptionalExtension, Params, params};

use crate::codec::{self, Id};
use crate::error::Failure;
use crate::job::state::State;
use crate::job::{JOB_BY_ID, JOB_BY_SEQ, Job};
use crate::lanes::Lane;
use crate::threads::reader::Reader;

/// How many ids are found at a time.
const CHUNK: usize = 500;
/// The most unreadable rows that a page names.
const UNREADABLE_MAX: usize = 100;

/// The place at which a list goes on: with ids older than this one, which need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(Vec<u8>);

impl Cursor {
    /// The start of a list, with the newest: no id is longer and greater.
    pub(crate) fn start() -> Self {
        Self(vec![0xff; 32])
    }

    fn job(id: Id) -> Self {
        Self(id.0.as_bytes().to_vec())
    }
}

/// The place of a job in a list.
#[derive(Debug)]
struct Place {
    seq: i64,
    /// `None` if the column has no id.
    id: Option<Id>,
}

pub(crate) fn list(
    reader: &mut Reader<'_>,
    filter: &Filter,
    page: Page,
) -> rusqlite::Result<Listed> {
    let limit = page.size();
    let mut listed = Listed::default();
    let mut next = Some(
        page.after
            .map_or_else(Cursor::start, |id| Cursor::job(Id::of(id))),
    );
    while let Some(behind) = next {
        reader.allowance.begin_question();
        let (places, more) = chunk(reader.connection, filter, &behind)?;
        next = more;
        for place in places {
            let now = reader.shared.settings.clock.now();
            let summary = read(reader, &place, |connection, job, lane| {
                let matches = job.matches(connection, filter, lane, now)?;
                matches
                    .then(|| job.summary(connection, lane, now))
                    .transpose()
            });
            match summary? {
                Ok(Some(_)) if listed.jobs.len() == limit => {
                    listed.next = listed.jobs.last().map(|job| job.id);
                    return Ok(listed);
                }
                Ok(Some(job)) => listed.jobs.push(job),
                Err(unreadable) if listed.unreadable.len() < UNREADABLE_MAX => {
                    listed.unreadable.push(unreadable);
                }
                Ok(None) | Err(_) => (),
            }
        }
    }
    listed.unreadable.extend(without_ids(reader.connection)?);
    Ok(listed)
}

/// The next ids that match, newest first, and the cursor; `None` at the end.
pub(crate) fn matching(
    reader: &mut Reader<'_>,
    filter: &Filter,
    behind: &Cursor,
) -> rusqlite::Result<(Vec<Id>, Option<Cursor>)> {
    let (places, next) = chunk(reader.connection, filter, behind)?;
    let mut ids = Vec::new();
    for place in places {
        let now = reader.shared.settings.clock.now();
        let matches = read(reader, &place, |connection, job, lane| {
            job.matches(connection, filter, lane, now)
        });
        if matches? == Ok(true) {
            ids.extend(place.id);
        }
    }
    Ok((ids, next))
}

/// Reads one row, or says why it cannot be read. A job that is gone meanwhile matches nothing.
fn read<T: Default>(
    reader: &mut Reader<'_>,
    place: &Place,
    work: impl FnOnce(&Connection, &Job, &Lane) -> rusqlite::Result<T>,
) -> rusqlite::Result<Result<T, Unreadable>> {
    let connection = reader.connection;
    let mut statement = connection.prepare_cached(JOB_BY_SEQ)?;
    let work = || {
        let Some(job) = statement.query_row([place.seq], Job::read).optional()? else {
            return Ok(T::default());
        };
        let lane = reader.lanes.by_id(connection, job.lane)?;
        work(connection, &job, &lane)
    };
    match work() {
        Err(err) if codec::is_of_one_row(&err) => {
            let (row, id) = (place.seq, place.id.map(Id::task));
            Ok(Err(Unreadable::new(row, id, err.to_string())))
        }
        done => done.map(Ok),
    }
}

/// The next places that may match, newest first, and the cursor.
fn chunk(
    connection: &Connection,
    filter: &Filter,
    behind: &Cursor,
) -> rusqlite::Result<(Vec<Place>, Option<Cursor>)> {
    let limit = i64::try_from(CHUNK).unwrap_or(i64::MAX);
    let Some(states) = failed_states(filter) else {
        let sql = include_str!("../sql/places_by_id.sql");
        return places(connection, sql, params![behind.0, limit], behind);
    };
    let mut found = Vec::new();
    let mut next: Option<Cursor> = None;
    for state in states {
        let sql = include_str!("../sql/places_failed.sql");
        let (places, more) = places(connection, sql, params![state, behind.0, limit], behind)?;
        found.extend(places);
        // The cursor is that of the state whose read has come least far.
        next = match (next, more) {
            (Some(one), Some(other)) => Some(if one.0 > other.0 { one } else { other }),
            (one, other) => one.or(other),
        };
    }
    if let Some(next) = &next {
        found.retain(|place| {
            place
                .id
                .is_none_or(|id| id.0.as_bytes().as_slice() >= next.0.as_slice())
        });
    }
    found.sort_unstable_by_key(|place| std::cmp::Reverse(place.id));
    Ok((found, next))
}

/// Up to `limit` places of one index. A damaged index may lead back to earlier places, and a read
/// of it would never end.
fn places(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    behind: &Cursor,
) -> rusqlite::Result<(Vec<Place>, Option<Cursor>)> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut places = Vec::new();
    let mut last = behind.0.clone();
    while let Some(row) = rows.next()? {
        let id = row.get_ref(1)?.as_blob()?;
        if *id >= *last {
            return Err(codec::damaged_index());
        }
        last.clear();
        last.extend_from_slice(id);
        places.push(Place {
            seq: row.get(0)?,
            id: row.get(1).ok(),
        });
    }
    let next = (places.len() == CHUNK).then_some(Cursor(last));
    Ok((places, next))
}

/// The states of a filter that asks only for jobs that ended without success: they have an index,
/// since people look for a few of them among very many others.
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

/// Jobs whose ids are no bytes: no list would come to them.
fn without_ids(connection: &Connection) -> rusqlite::Result<Vec<Unreadable>> {
    let mut statement = connection.prepare_cached(include_str!("../sql/places_strange.sql"))?;
    let most = i64::try_from(UNREADABLE_MAX).unwrap_or(i64::MAX);
    let rows = statement.query_map([most], |row| row.get(0))?;
    let told = |seq| Unreadable::new(seq, None, "its id is none".to_owned());
    rows.map(|seq| seq.map(told)).collect()
}

pub(crate) fn details(reader: &mut Reader<'_>, id: TaskId) -> Result<Option<JobDetails>, Failure> {
    let now = reader.shared.settings.clock.now();
    let connection = reader.connection;
    let mut read = || {
        let mut statement = connection.prepare_cached(JOB_BY_ID)?;
        let Some(job) = statement.query_row([Id::of(id)], Job::read).optional()? else {
            return Ok(None);
        };
        let lane = reader.lanes.by_id(connection, job.lane)?;
        job.details(connection, &lane, now).map(Some)
    };
    read().map_err(|err| {
        if !codec::is_of_one_row(&err) {
            return Failure::Sqlite(err);
        }
        let path = reader.shared.path.display();
        let what = format!("{path}: the row of job {id} cannot be read");
        Failure::Refused(StoreError::refused(what).with_source(err))
    })
}
