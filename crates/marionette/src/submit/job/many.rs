//! `queue_many` for jobs: many jobs in one call, in chunks that the store commits together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};

use crate::durable::Durable;
use crate::id::TaskId;
use crate::store::{Due, NewJob};
use crate::submit::error::{QueueError, Refusal};
use crate::submit::job::insert::{Room, Stuck, insert_as_room_allows, prepare};
use crate::submit::job::wrapped::IntoJob;
use crate::submit::job_handle::JobHandle;
use crate::task::draft::Draft;
use crate::task::encoded_job::EncodedJob;
use crate::task::job::Job;
use crate::task::task_handler::TaskHandler;

/// The limits of one call of the store: it gets no further job once it has this many jobs, or this
/// many bytes of payload.
const CHUNK_JOBS: usize = 1_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// The error of `queue_many`: not all jobs were accepted.
pub struct EnqueueManyError<H, J> {
    /// The handles of the accepted jobs, in their order.
    pub accepted: Vec<JobHandle<J>>,
    /// The refused jobs, in their order, and why. If the store could not be reached, it may have
    /// accepted some of them all the same.
    pub refused: QueueError<Vec<H>>,
}

/// The future of `queue_many` of a [`TaskManager`](crate::TaskManager) with a store, for jobs of
/// the type `J` from an iterator `I`, which gives them as `H`.
///
/// The future is `Send` if the iterator is.
#[must_use = "futures do nothing unless polled"]
pub struct EnqueuingMany<'a, I, H, J> {
    durable: &'a Arc<Durable>,
    jobs: Jobs<I, H, J>,
    accepted: Vec<JobHandle<J>>,
    inserting: Option<Inserting<'a, J>>,
}

/// The jobs that are in no chunk yet. The functions stand in place of bounds, for the reason that
/// [`Maker`](crate::task::draft::Maker) gives.
struct Jobs<I, H, J> {
    /// `None` once the future has resolved.
    iter: Option<I>,
    next: fn(&Durable, &mut I) -> Chunk<J>,
    collect: fn(I, &mut Vec<H>),
    take_back: fn(Draft<EncodedJob<J>>) -> H,
}

/// The jobs of one call of the store, as drafts and as rows.
struct Chunk<J> {
    drafts: Vec<Draft<EncodedJob<J>>>,
    rows: Vec<NewJob>,
    bytes: usize,
    /// The job after these, if it cannot be stored.
    unstorable: Option<(Draft<EncodedJob<J>>, Refusal)>,
}

/// A chunk while the store takes it.
struct Inserting<'a, J> {
    ids: Vec<TaskId>,
    drafts: Vec<Draft<EncodedJob<J>>>,
    unstorable: Option<(Draft<EncodedJob<J>>, Refusal)>,
    inserted: Pin<Box<dyn Future<Output = Result<(), Stuck>> + Send + 'a>>,
}

impl<J> Chunk<J> {
    fn next<H>(durable: &Durable, jobs: &mut impl Iterator<Item = H>) -> Self
    where
        H: IntoJob<J>,
        J: Job,
    {
        let mut chunk = Self {
            drafts: Vec::new(),
            rows: Vec::new(),
            bytes: 0,
            unstorable: None,
        };
        while chunk.rows.len() < CHUNK_JOBS
            && chunk.bytes < CHUNK_BYTES
            && let Some(job) = jobs.next()
        {
            let mut handler = job.into_handler();
            match prepare(durable, &mut handler, Due::Now) {
                Ok(row) => {
                    chunk.bytes += row.payload.len();
                    chunk.drafts.push(handler.draft);
                    chunk.rows.push(row);
                }
                Err(refusal) => {
                    chunk.unstorable = Some((handler.draft, refusal));
                    break;
                }
            }
        }
        chunk
    }
}

/// Stores all jobs, in their order and chunk by chunk, as room allows.
pub(crate) fn enqueue_many<I, H, J>(durable: &Arc<Durable>, jobs: I) -> EnqueuingMany<'_, I, H, J>
where
    I: Iterator<Item = H>,
    H: IntoJob<J>,
    J: Job,
{
    EnqueuingMany {
        durable,
        accepted: Vec::with_capacity(jobs.size_hint().0),
        jobs: Jobs {
            iter: Some(jobs),
            next: |durable, jobs| Chunk::next(durable, jobs),
            collect: |jobs, refused| refused.extend(jobs),
            take_back: |draft| H::from_handler(TaskHandler::from_draft(draft)),
        },
        inserting: None,
    }
}

// Nothing in the future is pinned but what is in a box.
impl<I, H, J> Unpin for EnqueuingMany<'_, I, H, J> {}

impl<I, H, J> Future for EnqueuingMany<'_, I, H, J> {
    type Output = Result<Vec<JobHandle<J>>, EnqueueManyError<H, J>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some(inserting) = &mut this.inserting {
                let inserted = ready!(inserting.inserted.as_mut().poll(poller));
                if let Err(error) = this.note(inserted) {
                    return Poll::Ready(Err(error));
                }
            }
            let jobs = this.jobs.iter.as_mut();
            let jobs = jobs.expect("`queue_many` is not polled after it has resolved");
            let chunk = (this.jobs.next)(this.durable, jobs);
            if chunk.rows.is_empty() && chunk.unstorable.is_none() {
                this.jobs.iter = None;
                return Poll::Ready(Ok(std::mem::take(&mut this.accepted)));
            }
            this.inserting = Some(Inserting {
                ids: chunk.rows.iter().map(|row| row.id).collect(),
                drafts: chunk.drafts,
                unstorable: chunk.unstorable,
                inserted: Box::pin(insert_as_room_allows(this.durable, chunk.rows, Room::Wait)),
            });
        }
    }
}

impl<I, H, J> EnqueuingMany<'_, I, H, J> {
    /// Notes which jobs of the present chunk were accepted. Fails unless all were.
    fn note(&mut self, inserted: Result<(), Stuck>) -> Result<(), EnqueueManyError<H, J>> {
        let Some(part) = self.inserting.take() else {
            return Ok(());
        };
        let (stuck, why) = match inserted {
            Ok(()) => (Vec::new(), None),
            Err(stuck) => (stuck.places, Some(stuck.why)),
        };
        let mut refused = Vec::new();
        for (place, (id, draft)) in part.ids.into_iter().zip(part.drafts).enumerate() {
            if stuck.binary_search(&place).is_ok() {
                refused.push((self.jobs.take_back)(draft));
            } else {
                let handle = JobHandle::new(id, Arc::downgrade(self.durable));
                self.accepted.push(handle);
            }
        }
        let (unstorable, what) = part.unstorable.unzip();
        let Some(why) = why.or(what) else {
            return Ok(());
        };
        refused.extend(unstorable.map(self.jobs.take_back));
        if let Some(rest) = self.jobs.iter.take() {
            (self.jobs.collect)(rest, &mut refused);
        }
        Err(EnqueueManyError {
            accepted: std::mem::take(&mut self.accepted),
            refused: QueueError::new(why, refused),
        })
    }
}

impl<I, H, J> fmt::Debug for EnqueuingMany<'_, I, H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueuingMany")
            .field("accepted", &self.accepted.len())
            .finish_non_exhaustive()
    }
}

impl<H, J> fmt::Display for EnqueueManyError<H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = self.accepted.len();
        write!(
            f,
            "{}: {accepted} jobs were accepted, others were not",
            self.refused
        )
    }
}

impl<H, J> fmt::Debug for EnqueueManyError<H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnqueueManyError")
            .field("accepted", &self.accepted.len())
            .field("refused", &self.refused)
            .finish()
    }
}

/// The source is the cause of the refusal.
impl<H, J> std::error::Error for EnqueueManyError<H, J> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.refused)
    }
}
