//! A `Submit` of a job: brings it into the store of its manager, or into the memory of a manager
//! without a store. `insert.rs` brings rows into a store, `many.rs` takes many jobs.

pub(crate) mod insert;
pub(crate) mod many;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll};

use crate::durable::Durable;
use crate::engine::Engine;
use crate::park;
use crate::store::{Due, NewJob};
use crate::submit::error::{QueueError, Refusal};
use crate::submit::job::insert::{insert_as_room_allows, prepare};
use crate::submit::job_handle::JobHandle;
use crate::submit::job_in_memory::{JobInMemory, RawJob};
use crate::submit::jobs::{Jobs, Manager};
use crate::submit::place::{HereIn, KeepsJobs};
use crate::submit::{Room, Submit};
use crate::task::draft::Draft;
use crate::task::encoded_job::EncodedJob;
use crate::task::into_job::IntoJob;
use crate::task::job::Job;
use crate::task::task_handler::TaskHandler;

/// What a job can do on its way to a store, or to [`Jobs`].
impl<'a, T, M, P> Submit<'a, T, M, P>
where
    T: IntoJob<Marker = M>,
    P: KeepsJobs,
{
    /// Accepts the job, and does not wait for room: a full queue refuses it.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], with the job, also when the queue is full.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Count { visitor: u64 }
    /// # impl Job for Count { const KIND: &'static str = "count"; type Output = (); }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = MemoryStore::new();
    /// let tasks = TaskManager::builder().store(store).queue_limit("default", 1).build()?;
    /// tasks.queue(Count { visitor: 1 }).try_now().await?;
    ///
    /// let refused = tasks.queue(Count { visitor: 2 }).try_now().await.unwrap_err();
    /// assert!(refused.is_full());
    /// assert_eq!(refused.into_task().visitor, 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// As for a [`Submit`] that is awaited.
    pub fn try_now(self) -> Inserting<'a, T, T::Job> {
        Self {
            room: Room::Refuse,
            ..self
        }
        .insert()
    }

    /// Waits until the job is accepted by blocking this thread, for code that is not async.
    ///
    /// # Errors
    ///
    /// A [`QueueError`], as when the [`Submit`] is awaited.
    ///
    /// # Panics
    ///
    /// Panics in async code, whose thread must not block. The threads of
    /// [`blocking`](crate::blocking) code and of `tokio::task::spawn_blocking` may block.
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Count { visitor: u64 }
    /// # impl Job for Count { const KIND: &'static str = "count"; type Output = (); }
    ///
    /// fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    ///     let handle = tasks.queue(Count { visitor: 1 }).blocking_wait()?;
    ///     println!("stored as {}", handle.id());
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn blocking_wait(self) -> Result<JobHandle<T::Job>, QueueError<T>> {
        park::blocking(self.insert())
    }

    /// Makes the job a row for a store that takes jobs inside a transaction of yours: the job is
    /// accepted if and only if the transaction commits. The row has the due time of the job and
    /// the [limit](crate::TaskManagerBuilder::queue_limit) of its queue.
    ///
    /// # Errors
    ///
    /// The job cannot be stored, or not at its time; or it is for [`Jobs`], and their manager is
    /// gone.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use marionette::store::Due;
    /// use marionette::{Job, MemoryStore, TaskManager};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let tasks = TaskManager::builder().store(MemoryStore::new()).build()?;
    /// let week = Duration::from_secs(7 * 24 * 60 * 60);
    /// let mail = SendMail { to: "ada@example.org".into() };
    /// let row = tasks.delay(week, mail).retries(8).into_new_job()?;
    /// assert_eq!(row.due, Due::After(week));
    /// assert_eq!(row.payload, br#"{"to":"ada@example.org"}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn into_new_job(self) -> Result<NewJob, QueueError<T>> {
        let mut draft = self.task.draft;
        let row = match P::jobs(self.to).manager() {
            Some(Manager::Store(durable)) => prepare(&mut draft, self.due, |queue| {
                durable.registry.queue_limit(queue)
            }),
            Some(Manager::Memory(_)) => prepare(&mut draft, self.due, |_| None),
            None => Err(Refusal::Gone),
        };
        row.map_err(|refusal| QueueError::new(refusal, T::from_draft(draft)))
    }

    fn insert(self) -> Inserting<'a, T, T::Job> {
        let Self {
            task,
            due,
            room,
            to,
            ..
        } = self;
        let inserted = insert::<T>(P::jobs(to), task.draft, due, room);
        Inserting {
            inserted: Box::pin(inserted),
            manager: PhantomData,
        }
    }
}

impl<'a, T, M, P> IntoFuture for Submit<'a, T, M, P, EncodedJob<T::Job>>
where
    T: IntoJob<Marker = M>,
    P: KeepsJobs,
{
    type Output = Result<JobHandle<T::Job>, QueueError<T>>;
    type IntoFuture = Inserting<'a, T, T::Job>;

    fn into_future(self) -> Self::IntoFuture {
        self.insert()
    }
}

impl<J: Job> TaskHandler<J> {
    /// Makes the job a row, due at once, for a store that takes jobs inside a transaction of yours:
    /// the job is accepted if and only if the transaction commits.
    ///
    /// [`Submit::into_new_job`](crate::Submit::into_new_job) makes a row with a due time.
    ///
    /// # Errors
    ///
    /// The job [cannot be stored](crate::error::QueueErrorKind::Unstorable).
    ///
    /// # Examples
    ///
    /// ```
    /// use marionette::{Job, TaskManager, wrap};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct SendMail { to: String }
    /// # impl Job for SendMail { const KIND: &'static str = "send_mail"; type Output = (); }
    ///
    /// let mail = SendMail { to: "ada@example.org".into() };
    /// let row = wrap(mail).retries(8).into_new_job()?;
    /// assert_eq!(row.kind, "send_mail");
    /// assert_eq!(row.payload, br#"{"to":"ada@example.org"}"#);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_new_job(mut self) -> Result<NewJob, QueueError<Self>> {
        match prepare(&mut self.draft, Due::Now, |_| None) {
            Ok(job) => Ok(job),
            Err(refusal) => Err(QueueError::new(refusal, self)),
        }
    }
}

/// A job that was refused, as a draft.
type RefusedJob<J> = (Refusal, Draft<EncodedJob<J>>);

async fn insert<T: IntoJob>(
    jobs: Jobs,
    draft: Draft<EncodedJob<T::Job>>,
    due: Due,
    room: Room,
) -> Result<JobHandle<T::Job>, QueueError<T>> {
    let inserted = match jobs.manager() {
        Some(Manager::Store(durable)) => into_store(&durable, draft, due, room).await,
        Some(Manager::Memory(engine)) => into_memory(&engine, draft, due, room).await,
        None => Err((Refusal::Gone, draft)),
    };
    inserted.map_err(|(refusal, draft)| QueueError::new(refusal, T::from_draft(draft)))
}

async fn into_store<J: Job>(
    durable: &Arc<Durable>,
    mut draft: Draft<EncodedJob<J>>,
    due: Due,
    room: Room,
) -> Result<JobHandle<J>, RefusedJob<J>> {
    let row = prepare(&mut draft, due, |queue| durable.registry.queue_limit(queue));
    let row = match row {
        Ok(row) => row,
        Err(refusal) => return Err((refusal, draft)),
    };
    let id = row.id;
    match insert_as_room_allows(durable, vec![row], room).await {
        Ok(()) => Ok(JobHandle::in_store(id, Arc::downgrade(durable))),
        Err(stuck) => Err((stuck.why, draft)),
    }
}

async fn into_memory<J: Job>(
    engine: &Arc<Engine>,
    draft: Draft<EncodedJob<J>>,
    due: Due,
    room: Room,
) -> Result<JobHandle<J>, RefusedJob<J>> {
    let submit = Submit::of(HereIn(engine), due, room, RawJob(draft));
    let accepted = match room {
        Room::Refuse => submit.try_now(),
        Room::Wait | Room::WaitFor(_) => submit.await,
    };
    match accepted {
        Ok(handle) => Ok(JobHandle::in_memory(JobInMemory::new(handle, due))),
        Err(refused) => {
            let (RawJob(draft), refusal) = refused.into_refusal();
            let is_gone = engine.is_gone();
            Err((if is_gone { Refusal::Gone } else { refusal }, draft))
        }
    }
}

/// The future of a [`Submit`] of a job, for a task `T` that is a job `J`.
#[must_use = "futures do nothing unless polled"]
pub struct Inserting<'a, T, J> {
    inserted: Pin<Box<dyn Future<Output = HandleOrRefused<T, J>> + Send>>,
    /// A job on its way to a store borrows its manager.
    manager: PhantomData<&'a ()>,
}

type HandleOrRefused<T, J> = Result<JobHandle<J>, QueueError<T>>;

impl<T, J> Future for Inserting<'_, T, J> {
    type Output = Result<JobHandle<J>, QueueError<T>>;

    fn poll(mut self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        self.inserted.as_mut().poll(poller)
    }
}

impl<T, J> fmt::Debug for Inserting<'_, T, J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inserting").finish_non_exhaustive()
    }
}
