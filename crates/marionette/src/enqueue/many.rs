//! Many jobs in one call.

use std::fmt;
use std::sync::Arc;

use crate::durable::Durable;
use crate::enqueue::insert::{Room, insert_as_room_allows, prepare};
use crate::enqueue::wrapped::IntoJob;
use crate::handler::TaskHandler;
use crate::job_handle::JobHandle;
use crate::parcel::ByJob;
use crate::refusal::QueueError;
use crate::store::{Due, NewJob};

/// How many jobs one call of the store gets at most, and how many bytes of payload.
const CHUNK_JOBS: usize = 1_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// Not all jobs were accepted: those that were, and those that come back, with the reason.
pub struct EnqueueManyError<J: IntoJob> {
    /// The handles of the jobs that were accepted, in their order.
    pub accepted: Vec<JobHandle<J::Job>>,
    /// The jobs that were not, in their order, and why. Where the store could not be reached, it
    /// may have accepted some of them all the same.
    pub refused: QueueError<Vec<J>>,
}

/// A part of the jobs, as they are and as rows.
struct Chunk<J: IntoJob> {
    handlers: Vec<TaskHandler<J::Job, ByJob>>,
    rows: Vec<NewJob>,
    bytes: usize,
}

impl<J: IntoJob> Chunk<J> {
    fn new() -> Self {
        Self {
            handlers: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
        }
    }

    fn has_room(&self) -> bool {
        self.rows.len() < CHUNK_JOBS && self.bytes < CHUNK_BYTES
    }

    fn push(&mut self, handler: TaskHandler<J::Job, ByJob>, row: NewJob) {
        self.bytes += row.payload.len();
        self.handlers.push(handler);
        self.rows.push(row);
    }
}

/// Accepts all of them, in their order and chunk by chunk, as room allows.
pub(crate) async fn enqueue_many<J: IntoJob>(
    durable: &Arc<Durable>,
    jobs: impl IntoIterator<Item = J>,
) -> Result<Vec<JobHandle<J::Job>>, EnqueueManyError<J>> {
    let mut jobs = jobs.into_iter();
    let mut accepted = Vec::with_capacity(jobs.size_hint().0);
    loop {
        let mut chunk = Chunk::<J>::new();
        let mut unfit = None;
        while chunk.has_room()
            && let Some(job) = jobs.next()
        {
            let mut handler = job.into_handler();
            match prepare(durable, &mut handler, Due::Now) {
                Ok(row) => chunk.push(handler, row),
                Err(refusal) => {
                    unfit = Some((handler, refusal));
                    break;
                }
            }
        }
        if chunk.rows.is_empty() && unfit.is_none() {
            return Ok(accepted);
        }
        let ids: Vec<_> = chunk.rows.iter().map(|row| row.id).collect();
        let inserted = insert_as_room_allows(durable, chunk.rows, Room::Wait).await;
        let (stuck, why) = match inserted {
            Ok(()) => (Vec::new(), None),
            Err(stuck) => (stuck.places, Some(stuck.why)),
        };
        let mut refused = Vec::new();
        for (place, (id, handler)) in ids.into_iter().zip(chunk.handlers).enumerate() {
            if stuck.binary_search(&place).is_ok() {
                refused.push(J::from_handler(handler));
            } else {
                accepted.push(JobHandle::new(id, Arc::downgrade(durable)));
            }
        }
        let (unfit, what) = unfit.unzip();
        if let Some(why) = why.or(what) {
            refused.extend(unfit.map(J::from_handler));
            refused.extend(jobs);
            let refused = QueueError::new(why, refused);
            return Err(EnqueueManyError { accepted, refused });
        }
    }
}

impl<J: IntoJob> fmt::Display for EnqueueManyError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = self.accepted.len();
        write!(
            f,
            "{}: {accepted} jobs were accepted, others were not",
            self.refused
        )
    }
}

impl<J: IntoJob> fmt::Debug for EnqueueManyError<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueManyError")
            .field("accepted", &self.accepted.len())
            .field("refused", &self.refused)
            .finish()
    }
}

/// What is behind the reason.
impl<J: IntoJob> std::error::Error for EnqueueManyError<J> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.refused)
    }
}
