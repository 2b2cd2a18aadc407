//! A job as the scripts take it.

use marionette::TaskId;
use marionette::store::{CALL_BYTES_MAX, CALL_ROWS_MAX, Due, Name, NewJob, Priority, StoreError};

use crate::codec::{self, When};

/// The longest body that the script for one job takes.
const SIMPLE: usize = 16 * 1024;

/// A job that was checked, with its body.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: TaskId,
    pub(super) priority: Priority,
    pub(super) kind: Name,
    pub(super) queue: Name,
    pub(super) due: When,
    pub(super) limit: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// Checks jobs; refuses all of them if one cannot be stored, or if they are more than a call may
/// have.
pub(super) fn rows(jobs: Vec<NewJob>) -> Result<Vec<Row>, StoreError> {
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
    jobs.into_iter().map(Row::new).collect()
}

impl Row {
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
    pub(super) fn is_simple(&self) -> bool {
        self.due == When::NOW && self.limit.is_none() && self.body.len() <= SIMPLE
    }

    /// Whether it has all but the id and the body in common with another one.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let common = |row: &Self| (row.priority, row.due, row.limit);
        let names = |row: &Self| (row.kind.clone(), row.queue.clone());
        common(self) == common(other) && names(self) == names(other)
    }
}
