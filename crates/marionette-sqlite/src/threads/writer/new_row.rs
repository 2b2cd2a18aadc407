//! Jobs that were checked and can be written.

use std::sync::Arc;

use marionette::store::{Due, Name, NewJob, Priority, StoreError};
use rusqlite::Connection;

use crate::clock;
use crate::codec::{Id, options_to_sql};
use crate::lanes::{Lane, Lanes};

/// A job that was checked and encoded.
#[derive(Debug)]
pub(crate) struct NewRow {
    pub(super) id: Id,
    pub(super) kind: Name,
    pub(super) queue: Name,
    pub(super) priority: Priority,
    pub(super) due: Due,
    pub(super) payload: Vec<u8>,
    pub(super) options: Option<String>,
    pub(super) keep: Option<i64>,
    pub(super) limit: Option<u64>,
}

/// The columns of a new row, for a statement that is written out as a text.
#[cfg(feature = "sqlx")]
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) kind: &'a str,
    pub(crate) queue: &'a str,
    pub(crate) priority: i8,
    pub(crate) payload: &'a [u8],
    pub(crate) options: Option<&'a str>,
    pub(crate) keep: Option<i64>,
    pub(crate) limit: Option<u64>,
}

impl NewRow {
    /// Checks jobs; refuses all of them if one cannot be stored. A row is smaller than a job, so
    /// the memory of the vector is reused.
    pub(crate) fn all(jobs: Vec<NewJob>) -> Result<Vec<Self>, StoreError> {
        jobs.into_iter().map(Self::new).collect()
    }

    /// Checks a job.
    pub(crate) fn new(job: NewJob) -> Result<Self, StoreError> {
        let refused = |what: String| {
            let (id, kind) = (job.id, &job.kind);
            StoreError::refused(format!("job {id} ({kind}): {what}"))
        };
        job.check()?;
        if clock::due(job.due, 0).is_none() {
            let (id, kind) = (job.id, &job.kind);
            return Err(StoreError::unsupported(format!(
                "job {id} ({kind}): this store does not know when it is due"
            )));
        }
        let options = options_to_sql(&job.options)
            .map_err(|err| refused(format!("its options are not JSON: {err}")))?;
        Ok(Self {
            id: Id::of(job.id),
            kind: job.kind,
            queue: job.queue,
            priority: job.priority,
            due: job.due,
            payload: job.payload,
            options,
            keep: job.options.keep_result.map(clock::round_up),
            limit: job.queue_limit,
        })
    }

    /// About how much work these rows are, one for each and one for each 512 bytes.
    pub(crate) fn weight(all: &[Self]) -> usize {
        all.iter().map(|one| 1 + one.payload.len() / 512).sum()
    }

    /// Whether the job is accepted only if its queue has room.
    pub(crate) fn is_limited(&self) -> bool {
        self.limit.is_some()
    }

    /// The columns, for a caller that writes the row by other means.
    #[cfg(feature = "sqlx")]
    pub(crate) fn parts(&self) -> Parts<'_> {
        Parts {
            id: self.id.0.as_bytes(),
            kind: &self.kind,
            queue: &self.queue,
            priority: self.priority.get(),
            payload: &self.payload,
            options: self.options.as_deref(),
            keep: self.keep,
            limit: self.limit,
        }
    }

    /// The lane in which the job waits.
    pub(crate) fn lane(
        &self,
        connection: &Connection,
        lanes: &mut Lanes,
    ) -> rusqlite::Result<Arc<Lane>> {
        let place = (&*self.queue, &*self.kind);
        lanes.of(connection, place, self.priority, false)
    }

    /// When the job is due if it is accepted now.
    pub(crate) fn due(&self, now: i64) -> i64 {
        // A time that this library cannot read was refused by `new`.
        clock::due(self.due, now).unwrap_or(now)
    }
}
