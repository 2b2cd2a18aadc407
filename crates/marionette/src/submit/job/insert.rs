//! Brings rows into a store, as the limits of its queues allow.

use std::time::Duration;

use crate::clock::Tick;
use crate::durable::Durable;
use crate::durable::guarded::guarded;
use crate::id::TaskId;
use crate::schedule::future_task::FutureTask;
use crate::store::{Due, Inserted, NewJob, StoreError};
use crate::submit::Room;
use crate::submit::error::Refusal;
use crate::task::draft::Draft;
use crate::task::encoded_job::{EncodedJob, new_job};
use crate::task::job::Job;

/// Makes the row of a job. `limit` is the limit of each queue.
pub(crate) fn prepare<J: Job>(
    draft: &mut Draft<EncodedJob<J>>,
    due: Due,
    limit: impl FnOnce(&str) -> Option<u64>,
) -> Result<NewJob, Refusal> {
    if let Due::At(time) = due
        && FutureTask::at(time, ()).is_err()
    {
        return Err(Refusal::Unschedulable(time));
    }
    let job = new_job(draft, due).map_err(Refusal::Unstorable)?;
    Ok(NewJob {
        queue_limit: limit(&job.queue),
        ..job
    })
}

/// The jobs that could not be inserted, by their places among the given jobs, and why.
pub(crate) struct Stuck {
    pub(crate) places: Vec<usize>,
    pub(crate) why: Refusal,
}

/// The first pause before a full queue is tried again. The longest pause is the `poll` of its
/// store.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// Inserts jobs, and tries again those without room, for as long as `room` allows. Any process may
/// make room, without notice to others, so this polls.
pub(crate) async fn insert_as_room_allows(
    durable: &Durable,
    mut jobs: Vec<NewJob>,
    room: Room,
) -> Result<(), Stuck> {
    let start = Tick::now();
    let pause_max = durable.store.timing().poll.max(PAUSE_MIN);
    let mut pause = PAUSE_MIN;
    let mut places: Vec<usize> = (0..jobs.len()).collect();
    loop {
        if durable.is_gone() {
            let why = Refusal::Gone;
            return Err(Stuck { places, why });
        }
        let ids: Vec<TaskId> = jobs.iter().map(|job| job.id).collect();
        let limited = jobs.iter().any(|job| job.queue_limit.is_some());
        let again = limited.then(|| jobs.clone());
        let inserted = match guarded(durable.store.insert(jobs)).await {
            Ok(inserted) if inserted.len() == places.len() => Ok(inserted),
            Ok(_) => Err(StoreError::broken("the store did not answer for every job")),
            Err(error) => Err(error),
        };
        let inserted = match inserted {
            Ok(inserted) => inserted,
            Err(error) => {
                let why = Refusal::Store(Box::new(error));
                return Err(Stuck { places, why });
            }
        };
        if let Some(stuck) = taken(&places, &ids, &inserted) {
            return Err(stuck);
        }
        retain_full(&mut places, &inserted);
        let Some(mut again) = again.filter(|_| !places.is_empty()) else {
            return Ok(());
        };
        retain_full(&mut again, &inserted);
        let now = Tick::now();
        let patience = match room {
            Room::Wait => pause_max,
            Room::WaitFor(patience) => start.saturating_add(patience).since(now),
            Room::Refuse => Duration::ZERO,
        };
        if patience.is_zero() {
            let why = Refusal::Full;
            return Err(Stuck { places, why });
        }
        tokio::time::sleep(pause.min(patience)).await;
        pause = (pause * 2).min(pause_max);
        jobs = again;
    }
}

/// All jobs that were not accepted, if another job has the id of one of them. Jobs that still wait
/// for room are included, since the whole insertion ends here.
fn taken(places: &[usize], ids: &[TaskId], inserted: &[Inserted]) -> Option<Stuck> {
    let first = inserted.iter().position(|one| *one == Inserted::Taken)?;
    let stuck = places.iter().zip(inserted);
    let stuck = stuck.filter(|(_, inserted)| !inserted.is_accepted());
    Some(Stuck {
        places: stuck.map(|(place, _)| *place).collect(),
        why: Refusal::Taken(ids[first]),
    })
}

/// Keeps the items for which there was no room.
fn retain_full<T>(items: &mut Vec<T>, inserted: &[Inserted]) {
    let mut inserted = inserted.iter();
    items.retain(|_| inserted.next() == Some(&Inserted::Full));
}
