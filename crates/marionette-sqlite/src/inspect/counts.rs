//! How many jobs there are, which queues are paused, which instances live.

use std::collections::BTreeMap;

use marionette::inspect::{Count, LiveInstance, UNCLAIMED_MAX};
use marionette::store::{InstanceInfo, JobState, Name, Wanted};
use rusqlite::{Row, params};

use crate::clock;
use crate::codec::{self, Id};
use crate::file::liveness;
use crate::job::state::State;
use crate::lanes::WantedLanes;
use crate::threads::reader::Reader;

/// Numbers of jobs by queue, kind and state.
type Counts = BTreeMap<(Name, Name, JobState), u64>;

pub(crate) fn counts(reader: &mut Reader<'_>) -> rusqlite::Result<Vec<Count>> {
    reader.lanes.refresh(reader.connection)?;
    let mut counts = Counts::new();
    waiting(reader, &mut counts)?;
    let mut by_lane = BTreeMap::<(i64, JobState), u64>::new();
    let mut tally = |sql: &str, state: JobState| -> rusqlite::Result<()> {
        let mut statement = reader.connection.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            *by_lane.entry((codec::lenient(row, 0)?, state)).or_default() += 1;
        }
        Ok(())
    };
    tally(include_str!("../sql/count_running.sql"), JobState::Running)?;
    tally(include_str!("../sql/count_until.sql"), JobState::Done)?;
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/count_ended.sql"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Ok(state) = row.get::<_, State>(0) else {
            continue;
        };
        *by_lane
            .entry((codec::lenient(row, 1)?, state.job_state(0, 0, 0)))
            .or_default() += 1;
    }
    for ((lane, state), jobs) in by_lane {
        // Jobs in a lane that cannot be read belong to no queue.
        let lane = match reader.lanes.by_id(reader.connection, lane) {
            Err(err) if codec::is_of_one_row(&err) => continue,
            lane => lane?,
        };
        let key = (lane.queue.clone(), lane.kind.clone(), state);
        *counts.entry(key).or_default() += jobs;
    }
    let counts = counts.into_iter().filter(|(_, jobs)| *jobs > 0);
    Ok(counts
        .map(|((queue, kind, state), jobs)| Count::new(queue, kind, state, jobs))
        .collect())
}

fn waiting(reader: &mut Reader<'_>, counts: &mut Counts) -> rusqlite::Result<()> {
    let now = reader.shared.settings.clock.now();
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/count_waiting.sql"))?;
    for lane in reader.lanes.waiting(reader.connection)? {
        let states = [JobState::Ready, JobState::Retrying, JobState::Scheduled];
        let jobs = statement.query_row([lane.id, now], |row| {
            Ok([
                codec::count(row, 0)?,
                codec::count(row, 1)?,
                codec::count(row, 2)?,
            ])
        })?;
        for (state, jobs) in states.into_iter().zip(jobs) {
            let key = (lane.queue.clone(), lane.kind.clone(), state);
            *counts.entry(key).or_default() += jobs;
        }
    }
    Ok(())
}

/// Counts the jobs in wanted queues whose kinds are not wanted and that were due before this time.
pub(crate) fn unclaimed(
    reader: &mut Reader<'_>,
    wanted: &Wanted,
    before: i64,
) -> rusqlite::Result<Vec<Count>> {
    reader.lanes.refresh(reader.connection)?;
    let paused = paused(reader)?;
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/due_in_lane.sql"))?;
    let mut counts = BTreeMap::<(Name, Name), u64>::new();
    for lane in reader
        .lanes
        .left(reader.connection, &WantedLanes::new(wanted))?
    {
        if paused.contains(&lane.queue) {
            continue;
        }
        let mut rows = statement.query(params![lane.id, before, UNCLAIMED_MAX])?;
        let mut jobs = 0;
        while rows.next()?.is_some() {
            jobs += 1;
        }
        let key = (lane.queue.clone(), lane.kind.clone());
        *counts.entry(key).or_default() += jobs;
    }
    let counts = counts.into_iter().filter(|(_, jobs)| *jobs > 0);
    Ok(counts
        .map(|((queue, kind), jobs)| Count::new(queue, kind, JobState::Ready, jobs))
        .collect())
}

/// The names of the queues that are paused.
fn paused(reader: &Reader<'_>) -> rusqlite::Result<Vec<Name>> {
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/paused.sql"))?;
    codec::names(statement.query([])?)
}

pub(crate) fn instances(reader: &Reader<'_>) -> rusqlite::Result<Vec<LiveInstance>> {
    let lease = clock::round_up(reader.shared.settings.timing.lease);
    let alive_since = reader.shared.settings.clock.now().saturating_sub(lease);
    let mut running = reader
        .connection
        .prepare_cached(include_str!("../sql/running_count_of_instance.sql"))?;
    let mut statement = reader
        .connection
        .prepare_cached(include_str!("../sql/instances.sql"))?;
    let mut rows = statement.query([])?;
    let mut instances = Vec::new();
    while let Some(row) = rows.next()? {
        let Ok(id) = row.get::<_, Id>(0) else {
            continue;
        };
        let seen = codec::lenient(row, 6)?;
        if seen <= alive_since || liveness::has_ended(&reader.shared.path, id) {
            continue;
        }
        let since = clock::time(codec::lenient(row, 5)?);
        let mut instance = LiveInstance::new(info(row, id)?, since);
        instance.seen = clock::time(seen);
        instance.running = running.query_row([id], |row| codec::count(row, 0))?;
        instances.push(instance);
    }
    Ok(instances)
}

/// What an instance told about itself. The columns have what each sign of life tells; the rest is
/// JSON, and is missing if an older version of the library wrote it.
fn info(row: &Row<'_>, id: Id) -> rusqlite::Result<InstanceInfo> {
    let server = codec::seen(row, 1)?.unwrap_or_default();
    let workers = usize::try_from(codec::lenient(row, 3)?).unwrap_or(0);
    let process = u32::try_from(codec::lenient(row, 2)?).unwrap_or(0);
    let about = row.get_ref(7)?.as_str().unwrap_or_default();
    let told = serde_json::from_str::<InstanceInfo>(about);
    let mut info =
        told.unwrap_or_else(|_| InstanceInfo::new(id.instance(), String::new(), workers));
    info.id = id.instance();
    info.server = server;
    info.workers = workers;
    info.process = process;
    Ok(info)
}
