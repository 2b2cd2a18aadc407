//! The ends of jobs, for the handles that await them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::durable::guarded::guarded;
use crate::id::TaskId;
use crate::store::{Duty, Ended, Next, Store, StoreError, StoreErrorKind, call};
use crate::sync::Mutex;

/// The handles that await jobs. A job that is settled in this process resolves its handles at once;
/// for jobs that other processes run, one task asks the store about all of them.
pub(crate) struct Completions {
    store: Arc<dyn Store>,
    waiting: Mutex<Waiters>,
    /// The number of jobs that handles await: a settlement looks no further while it is zero.
    count: AtomicUsize,
    /// Cancelled when the manager is gone.
    closed: CancellationToken,
}

/// How a job ended, or why the store will never tell.
type Told = Result<Ended, StoreError>;

#[derive(Default)]
struct Waiters {
    jobs: HashMap<TaskId, Vec<oneshot::Sender<Told>>>,
    is_asking: bool,
}

impl Completions {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            count: AtomicUsize::new(0),
            closed: CancellationToken::new(),
        }
    }

    /// Waits until this job has ended. For jobs that other processes run, the store is asked again
    /// whenever its rest from [`Duty::Ask`] ends, and `poll` after it failed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn wait(
        self: &Arc<Self>,
        job: TaskId,
        poll: Duration,
    ) -> Result<Ended, StoreError> {
        // Registered before the store is asked, so that an end in between is not missed.
        let (sender, end) = oneshot::channel();
        {
            let mut waiting = self.waiting.lock();
            if self.closed.is_cancelled() {
                return Err(StoreError::manager_gone());
            }
            let senders = waiting.jobs.entry(job).or_default();
            senders.retain(|sender| !sender.is_closed());
            senders.push(sender);
            self.count.store(waiting.jobs.len(), Ordering::Release);
        }
        if let Some(ended) = guarded(self.store.ended(vec![job])).await?.pop()
            && ended != Ended::NotYet
        {
            // Other handles of the same job learn it too.
            self.resolve(job, &ended);
            return Ok(ended);
        }
        self.ask_after(poll);
        match end.await {
            Ok(told) => told,
            Err(_) => Err(StoreError::manager_gone()),
        }
    }

    /// Starts the task that asks the store, unless it runs.
    fn ask_after(self: &Arc<Self>, poll: Duration) {
        let mut waiting = self.waiting.lock();
        if !std::mem::replace(&mut waiting.is_asking, true) {
            tokio::spawn(ask(Arc::downgrade(self), poll));
        }
    }

    /// Resolves the handles of a job that was settled here, if `next` ends it.
    pub(crate) fn tell(self: &Arc<Self>, job: TaskId, next: Next) {
        if self.count.load(Ordering::Acquire) == 0 || !self.waiting.lock().jobs.contains_key(&job) {
            return;
        }
        match next {
            Next::Done(result) => self.resolve(job, &Ended::Done(result)),
            Next::Unkept(why) => self.resolve(job, &Ended::Unkept(why)),
            Next::Retry(_) | Next::Snooze(_) | Next::Release => {}
            // The handles get the whole history of the job, which only the store has.
            Next::Bury | Next::Cancel { .. } => {
                let completions = Arc::clone(self);
                tokio::spawn(async move {
                    // If this fails, the task that asks the store will find the end.
                    if let Ok(mut ended) = guarded(completions.store.ended(vec![job])).await
                        && let Some(ended) = ended.pop()
                        && ended != Ended::NotYet
                    {
                        completions.resolve(job, &ended);
                    }
                });
            }
        }
    }

    /// Asks the store how these jobs have ended, and resolves their handles. An answer that the
    /// store has cut says nothing of its last jobs, so the store is asked about those once more.
    async fn look(&self, mut jobs: &[TaskId]) {
        while !jobs.is_empty() {
            let ended = match guarded(self.store.ended(jobs.to_vec())).await {
                Ok(ended) => ended,
                Err(error) if error.kind() == StoreErrorKind::Broken => {
                    return self.give_up(&error);
                }
                // The error may pass, so the handles wait on, as for a job that does not end.
                Err(_) => return,
            };
            let mut told = jobs.len();
            for (place, (job, ended)) in jobs.iter().zip(&ended).enumerate() {
                if *ended != Ended::NotYet {
                    self.resolve(*job, ended);
                    told = place + 1;
                }
            }
            jobs = &jobs[told..];
        }
    }

    fn resolve(&self, job: TaskId, ended: &Ended) {
        let senders = {
            let mut waiting = self.waiting.lock();
            let senders = waiting.jobs.remove(&job);
            self.count.store(waiting.jobs.len(), Ordering::Release);
            senders
        };
        for sender in senders.into_iter().flatten() {
            // An error means that the handle was dropped.
            let _ = sender.send(Ok(ended.clone()));
        }
    }

    /// Ends every wait with an error: the store is broken, and the waits would last for ever.
    fn give_up(&self, why: &StoreError) {
        let jobs = {
            let mut waiting = self.waiting.lock();
            self.count.store(0, Ordering::Release);
            std::mem::take(&mut waiting.jobs)
        };
        for sender in jobs.into_values().flatten() {
            let _ = sender.send(Err(why.clone()));
        }
    }

    /// Ends every wait: the manager is gone.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting.lock();
        // Cancelled under the lock, under which `wait` looks at it.
        self.closed.cancel();
        waiting.jobs.clear();
        self.count.store(0, Ordering::Release);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }

    /// The jobs that handles await; `None` if there are none, and then the task that asks ends.
    fn waited_for(&self) -> Option<Vec<TaskId>> {
        let mut waiting = self.waiting.lock();
        waiting.jobs.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        self.count.store(waiting.jobs.len(), Ordering::Release);
        waiting.is_asking = !waiting.jobs.is_empty();
        waiting
            .is_asking
            .then(|| waiting.jobs.keys().copied().collect())
    }
}

async fn ask(completions: Weak<Completions>, poll: Duration) {
    loop {
        let Some((store, closed, jobs)) = completions.upgrade().and_then(|completions| {
            let jobs = completions.waited_for()?;
            Some((
                Arc::clone(&completions.store),
                completions.closed.clone(),
                jobs,
            ))
        }) else {
            return;
        };
        let rest = guarded(store.rest(Duty::Ask(jobs)));
        match closed.run_until_cancelled(rest).await {
            None => return,
            Some(Ok(())) => {}
            // Errors may come at once, and this loop must not spin.
            Some(Err(_)) => sleep(poll).await,
        }
        let Some(completions) = completions.upgrade() else {
            return;
        };
        let Some(jobs) = completions.waited_for() else {
            return;
        };
        for jobs in call::rows(&jobs) {
            completions.look(jobs).await;
        }
    }
}
