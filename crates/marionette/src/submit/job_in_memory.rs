//! A job of `Jobs` in the memory of a manager without a store: its result stays encoded, so that
//! every clone of its handle can have it, as with a store.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Context as Poller, Poll, Wake, Waker};

use crate::cell::Shared;
use crate::cell::TaskState;
use crate::cell::body::{Joinable, Offered, Repeat};
use crate::cell::join::JoinHandle;
use crate::clock::Tick;
use crate::id::TaskId;
use crate::outcome::error::Error;
use crate::schedule::future_task::FutureTask;
use crate::store::{Due, JobState};
use crate::sync::Mutex;
use crate::task::IntoTask;
use crate::task::draft::Draft;
use crate::task::encoded_job::{self, EncodedJob, Unstorable};
use crate::task::job::Job;
use crate::task::registry::{KeptResult, Registry};

/// A job whose result stays encoded.
pub(crate) struct RawJob<J>(pub(crate) Draft<EncodedJob<J>>);

/// Marks a [`RawJob`].
pub(crate) struct ByRawJob;

impl<J: Job> IntoTask<ByRawJob> for RawJob<J> {
    type Output = KeptResult;
    type Source = EncodedJob<J>;

    fn into_body(source: EncodedJob<J>) -> impl Offered<EncodedJob<J>, KeptResult> + 'static {
        Repeat::new(source, EncodedJob::encoded_attempt)
    }

    fn into_draft(self) -> Draft<EncodedJob<J>> {
        self.0
    }

    fn from_draft(draft: Draft<EncodedJob<J>>) -> Self {
        Self(draft)
    }

    fn prepare(
        draft: &mut Draft<EncodedJob<J>>,
        registry: &Registry,
    ) -> Result<(), Box<Unstorable>> {
        encoded_job::prepare(draft, registry)
    }
}

/// A job that was accepted by a manager without a store, for all handles of the job.
pub(crate) struct JobInMemory {
    cell: Shared<dyn Joinable<KeptResult>>,
    /// When the job is due; `None` for at once.
    due: Option<FutureTask<()>>,
    end: Mutex<JobEnd>,
    wakers: Arc<Wakers>,
}

enum JobEnd {
    NotYet(JoinHandle<KeptResult>),
    Known(Result<KeptResult, Error>),
}

/// Those who await the job: its task has one handle, and wakes them all.
#[derive(Default)]
struct Wakers(StdMutex<Vec<Waker>>);

impl Wakers {
    fn add(&self, waker: &Waker) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|other| other.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }
}

impl Wake for Wakers {
    fn wake(self: Arc<Self>) {
        let mut wakers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wakers = std::mem::take(&mut *wakers);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl JobInMemory {
    /// The job behind this handle, which was queued just now.
    pub(crate) fn new(handle: JoinHandle<KeptResult>, due: Due) -> Arc<Self> {
        let due = match due {
            Due::Now => None,
            Due::After(delay) => Some(FutureTask::after_tick(Tick::now(), delay, ())),
            Due::At(time) => FutureTask::at(time, ()).ok(),
        };
        Arc::new(Self {
            cell: handle.share(),
            due,
            end: Mutex::new(JobEnd::NotYet(handle)),
            wakers: Arc::default(),
        })
    }

    pub(crate) fn id(&self) -> TaskId {
        self.cell.id()
    }

    /// Waits for the encoded result.
    pub(crate) async fn end(&self) -> Result<KeptResult, Error> {
        poll_fn(|poller| self.poll_end(poller)).await
    }

    fn poll_end(&self, poller: &Poller<'_>) -> Poll<Result<KeptResult, Error>> {
        let mut end = self.end.lock();
        if let JobEnd::NotYet(handle) = &mut *end {
            self.wakers.add(poller.waker());
            let all = Waker::from(Arc::clone(&self.wakers));
            match Pin::new(handle).poll(&mut Poller::from_waker(&all)) {
                Poll::Ready(result) => *end = JobEnd::Known(result),
                Poll::Pending => return Poll::Pending,
            }
        }
        let JobEnd::Known(result) = &*end else {
            unreachable!("it has just become known");
        };
        Poll::Ready(match result {
            Ok(result) => Ok(result.clone()),
            Err(error) => Err(error.copy()),
        })
    }

    pub(crate) async fn state(&self) -> JobState {
        match self.task_state() {
            TaskState::Running => JobState::Running,
            TaskState::Retrying => JobState::Retrying,
            TaskState::Finished => match self.end().await {
                Ok(_) => JobState::Done,
                Err(error) if error.is_cancelled() || error.is_expired() => JobState::Cancelled,
                Err(_) => JobState::Dead,
            },
            TaskState::Waiting => match &self.due {
                Some(due) if !due.remaining().is_zero() => JobState::Scheduled,
                _ => JobState::Ready,
            },
        }
    }

    fn task_state(&self) -> TaskState {
        self.cell.end_with_parent();
        self.cell.task_state()
    }

    /// Asks the job to end. Returns whether it had not ended yet.
    pub(crate) fn cancel(&self, reason: String) -> bool {
        self.cell.cancel(reason, false)
    }
}
