//! `queue_many` for jobs: many jobs in one call, in chunks that the store commits together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, ready};

use crate::durable::Durable;
use crate::id::TaskId;
use crate::store::call::job_bytes;
use crate::store::{Due, NewJob};
use crate::submit::Room;
use crate::submit::error::Refusal;
use crate::submit::job::insert::{Stuck, insert_as_room_allows, prepare};
use crate::submit::job_handle::JobHandle;
use crate::submit::job_in_memory::{JobInMemory, RawJob};
use crate::submit::jobs::{Jobs, Manager};
use crate::submit::many::queue_many;
use crate::submit::many_error::ManyError;
use crate::submit::many_parts::ManyParts;
use crate::task::draft::Draft;
use crate::task::encoded_job::EncodedJob;
use crate::task::into_job::IntoJob;
use crate::task::job::Job;

/// The limits of one call of the store: it gets no further job once it has this many jobs, or this
/// many bytes of payload.
const CHUNK_JOBS: usize = 1_000;
const CHUNK_BYTES: usize = 8 * 1024 * 1024;

/// The future of `queue_many` of a [`TaskManager`](crate::TaskManager) with a store, for jobs of
/// the type `J` from an iterator `I`, which gives them as `H`.
///
/// The future is `Send` if the iterator is.
#[must_use = "futures do nothing unless polled"]
pub struct InsertingMany<'a, I, H, J> {
    durable: &'a Arc<Durable>,
    parts: ManyParts<I, H, JobHandle<J>>,
    /// The functions stand in place of bounds, for the reason that
    /// [`Maker`](crate::task::draft::Maker) gives.
    next: fn(&Durable, &mut I) -> Chunk<J>,
    take_back: fn(Draft<EncodedJob<J>>) -> H,
    inserting: Option<Part<'a, J>>,
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
struct Part<'a, J> {
    ids: Vec<TaskId>,
    drafts: Vec<Draft<EncodedJob<J>>>,
    unstorable: Option<(Draft<EncodedJob<J>>, Refusal)>,
    inserted: Pin<Box<dyn Future<Output = Result<(), Stuck>> + Send + 'a>>,
}

impl<J> Chunk<J> {
    fn next<H>(durable: &Durable, jobs: &mut impl Iterator<Item = H>) -> Self
    where
        H: IntoJob<Job = J>,
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
            let mut draft = job.into_draft();
            match prepare(&mut draft, Due::Now, |queue| {
                durable.registry.queue_limit(queue)
            }) {
                Ok(row) => {
                    chunk.bytes += job_bytes(&row);
                    chunk.drafts.push(draft);
                    chunk.rows.push(row);
                }
                Err(refusal) => {
                    chunk.unstorable = Some((draft, refusal));
                    break;
                }
            }
        }
        chunk
    }
}

/// Stores all jobs, in their order and chunk by chunk, as room allows.
pub(crate) fn insert_many<I, H, J>(durable: &Arc<Durable>, jobs: I) -> InsertingMany<'_, I, H, J>
where
    I: Iterator<Item = H>,
    H: IntoJob<Job = J>,
    J: Job,
{
    InsertingMany {
        durable,
        parts: ManyParts::new(jobs),
        next: |durable, jobs| Chunk::next(durable, jobs),
        take_back: H::from_draft,
        inserting: None,
    }
}

// Nothing in the future is pinned but what is in a box.
impl<I, H, J> Unpin for InsertingMany<'_, I, H, J> {}

impl<I, H, J> Future for InsertingMany<'_, I, H, J> {
    type Output = Result<Vec<JobHandle<J>>, ManyError<JobHandle<J>, H>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some(inserting) = &mut this.inserting {
                let inserted = ready!(inserting.inserted.as_mut().poll(poller));
                if let Err(error) = this.note(inserted) {
                    return Poll::Ready(Err(error));
                }
            }
            let chunk = (this.next)(this.durable, this.parts.rest());
            if chunk.rows.is_empty() && chunk.unstorable.is_none() {
                return Poll::Ready(Ok(this.parts.end()));
            }
            this.inserting = Some(Part {
                ids: chunk.rows.iter().map(|row| row.id).collect(),
                drafts: chunk.drafts,
                unstorable: chunk.unstorable,
                inserted: Box::pin(insert_as_room_allows(this.durable, chunk.rows, Room::Wait)),
            });
        }
    }
}

impl<I, H, J> InsertingMany<'_, I, H, J> {
    /// Notes which jobs of the present chunk were accepted. Fails unless all were.
    fn note(&mut self, inserted: Result<(), Stuck>) -> Result<(), ManyError<JobHandle<J>, H>> {
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
                refused.push((self.take_back)(draft));
            } else {
                let handle = JobHandle::in_store(id, Arc::downgrade(self.durable));
                self.parts.accepted.push(handle);
            }
        }
        let (unstorable, what) = part.unstorable.unzip();
        let Some(why) = why.or(what) else {
            return Ok(());
        };
        refused.extend(unstorable.map(self.take_back));
        Err(self.parts.refuse(refused, why))
    }
}

impl<I, H, J> fmt::Debug for InsertingMany<'_, I, H, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertingMany")
            .field("accepted", &self.parts.accepted.len())
            .finish_non_exhaustive()
    }
}

/// The handles of many jobs, or some of them and the jobs that were refused.
#[allow(unreachable_pub)] // It is the output of a public method.
pub type ManyInserted<T> =
    Result<Vec<JobHandle<<T as IntoJob>::Job>>, ManyError<JobHandle<<T as IntoJob>::Job>, T>>;

/// Queues all jobs with a manager that may have a store or not.
pub(crate) async fn insert_all<T: IntoJob>(jobs: Jobs, all: Vec<T>) -> ManyInserted<T> {
    let handle = |handle| JobHandle::in_memory(JobInMemory::new(handle, Due::Now));
    match jobs.manager() {
        Some(Manager::Store(durable)) => insert_many(&durable, all.into_iter()).await,
        Some(Manager::Memory(engine)) => {
            let raw = all.into_iter().map(|job| RawJob(job.into_draft()));
            match queue_many(&engine, raw).await {
                Ok(handles) => Ok(handles.into_iter().map(handle).collect()),
                Err(error) => Err(error.map(handle, |RawJob(draft)| T::from_draft(draft))),
            }
        }
        None => Err(ManyError::new(Vec::new(), all, Refusal::Gone)),
    }
}
