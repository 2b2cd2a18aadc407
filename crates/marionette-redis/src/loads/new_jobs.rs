//! New jobs as the scripts take them.

use marionette::TaskId;
use marionette::store::{
    CALL_BYTES_MAX, CALL_ROWS_MAX, Inserted, Name, NewJob, Priority, StoreError,
};

use crate::batch::Load;
use crate::codec::{self, When};

/// The longest body that the script for one job takes.
const SIMPLE: usize = 16 * 1024;

/// A job that was checked, with its body.
#[derive(Clone, Debug)]
pub(crate) struct NewRow {
    pub(crate) id: TaskId,
    pub(crate) priority: Priority,
    pub(crate) kind: Name,
    pub(crate) queue: Name,
    pub(crate) due: When,
    pub(crate) limit: Option<u64>,
    pub(crate) body: Vec<u8>,
}

/// New jobs of one caller.
#[derive(Clone, Debug)]
pub(crate) struct NewJobs {
    pub(crate) rows: Vec<NewRow>,
}

impl NewJobs {
    /// Checks jobs; refuses all of them if one cannot be stored, or if they are more than a call
    /// may have.
    pub(crate) fn rows(jobs: Vec<NewJob>) -> Result<Vec<NewRow>, StoreError> {
        let count = jobs.len();
        if count > CALL_ROWS_MAX {
            return Err(StoreError::refused(format!(
                "a call has {count} jobs, the limit is {CALL_ROWS_MAX}"
            )));
        }
        let bytes: usize = jobs.iter().map(|job| job.payload.len()).sum();
        if bytes > CALL_BYTES_MAX && count > 1 {
            return Err(StoreError::refused(format!(
                "the payloads of a call have {bytes} bytes, the limit is {CALL_BYTES_MAX}"
            )));
        }
        for job in &jobs {
            job.check()?;
        }
        let rows: Result<Vec<_>, _> = jobs.into_iter().map(NewRow::new).collect();
        rows.map(in_order)
    }
}

/// Lets jobs of a call that are due at the same time run in the order of the call. The store runs
/// them in the order of their ids, and that is the same for ids that the library makes.
fn in_order(mut rows: Vec<NewRow>) -> Vec<NewRow> {
    if !rows.is_sorted_by_key(|row| row.id) {
        let count = rows.len();
        for (place, row) in rows.iter_mut().enumerate() {
            row.due = row.due.in_turn(place, count);
        }
    }
    rows
}

impl Load for NewJobs {
    type Answer = Vec<Inserted>;

    fn size(&self) -> (usize, usize) {
        let bytes = self.rows.iter().map(|row| row.body.len());
        (self.rows.len(), bytes.sum())
    }

    fn ids(&self) -> impl Iterator<Item = TaskId> {
        self.rows.iter().map(|row| row.id)
    }

    fn goes_with(&self, _: &Self) -> bool {
        true
    }
}

impl NewRow {
    fn new(job: NewJob) -> Result<Self, StoreError> {
        let body = codec::encode(&job)?;
        let due = When::of(job.due).ok_or_else(|| {
            let id = job.id;
            StoreError::unsupported(format!("job {id}: this store does not know when it is due"))
        })?;
        Ok(Self {
            id: job.id,
            priority: job.priority,
            kind: job.kind,
            queue: job.queue,
            due,
            limit: job.queue_limit,
            body,
        })
    }

    /// Whether the script for one job takes it.
    pub(crate) fn is_simple(&self) -> bool {
        let tells_time = self.id.uuid().get_version_num() == 7;
        let is_short = self.body.len() <= SIMPLE;
        self.due == When::NOW && self.limit.is_none() && is_short && tells_time
    }

    /// Whether it has all but the id and the body in common with another one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let common = |row: &Self| (row.priority, row.due, row.limit);
        common(self) == common(other) && self.kind == other.kind && self.queue == other.queue
    }
}
