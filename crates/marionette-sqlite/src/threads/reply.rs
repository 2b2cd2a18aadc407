//! Waiting for what a thread of the store answers.
//!
//! Being put to sleep and woken again takes a thread longer than a small transaction takes the
//! store. So a caller that is alone with a small one waits awake, for a bounded time; where there
//! are others, they have the processor instead, and share a transaction.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use marionette::store::StoreError;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::clock;
use crate::error::Fault;
use crate::threads::shared::Shared;

/// How long a caller waits awake.
const AWAKE: Duration = Duration::from_micros(50);

/// How many callers wait for the same thread.
#[derive(Debug, Default)]
pub(crate) struct Callers(AtomicUsize);

/// One of them.
#[derive(Debug)]
pub(crate) struct Caller<'a>(&'a Callers);

impl Callers {
    /// Counts one more until it is dropped.
    pub(crate) fn enter(&self) -> Caller<'_> {
        // It guards nothing: who reads it late waits in the other way.
        self.0.fetch_add(1, Ordering::Relaxed);
        Caller(self)
    }

    /// How many there are, about.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Caller<'_> {
    /// The answer, once it comes. `soon`: it is worth to wait awake for it.
    pub(crate) async fn answer<R>(
        self,
        shared: &Shared,
        mut receiver: Receiver<Result<R, StoreError>>,
        soon: bool,
    ) -> Result<R, StoreError> {
        if soon
            && self.0.count() == 1
            && let Some(answer) = at_once(&mut receiver)
        {
            return answer;
        }
        receive(shared, receiver).await
    }
}

impl Drop for Caller<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The answer, if it comes before it would pay to sleep. On one processor it cannot.
fn at_once<R>(receiver: &mut Receiver<R>) -> Option<R> {
    static MANY: LazyLock<bool> =
        LazyLock::new(|| thread::available_parallelism().is_ok_and(|count| count.get() > 1));
    if !*MANY {
        return None;
    }
    let until = clock::monotonic() + AWAKE;
    while clock::monotonic() < until {
        for _ in 0..16 {
            match receiver.try_recv() {
                Ok(answer) => return Some(answer),
                Err(TryRecvError::Closed) => return None,
                Err(TryRecvError::Empty) => std::hint::spin_loop(),
            }
        }
    }
    None
}

/// The answer, once it comes. The thread that owed it has panicked if it does not.
pub(crate) async fn receive<R>(
    shared: &Shared,
    receiver: Receiver<Result<R, StoreError>>,
) -> Result<R, StoreError> {
    receiver.await.unwrap_or_else(|_| Err(shared.stopped()))
}

/// What a caller is told whose thread has ended, where nobody knows why.
pub(crate) fn stopped(path: &Path) -> StoreError {
    Fault::broken(path, "a thread of the store has stopped unexpectedly").to_error()
}
