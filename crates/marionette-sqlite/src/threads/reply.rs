//! Waiting for what a thread of the store answers.
//!
//! Putting a thread to sleep and waking it takes longer than a small transaction. So a lone caller
//! with a small operation spins for a bounded time. With several callers, the others get the
//! processor instead and share a transaction.

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use marionette::store::StoreError;
use tokio::sync::oneshot::Receiver;
use tokio::sync::oneshot::error::TryRecvError;

use crate::clock;
use crate::error::broken;
use crate::threads::shared::Shared;

/// How long a caller spins.
const AWAKE: Duration = Duration::from_micros(50);

/// How many callers wait for the same thread.
#[derive(Debug, Default)]
pub(crate) struct Callers(AtomicUsize);

/// One caller that waits.
#[derive(Debug)]
pub(crate) struct Caller<'a>(&'a Callers);

impl Callers {
    /// Counts one caller more until the guard is dropped.
    pub(crate) fn enter(&self) -> Caller<'_> {
        // The count guards nothing: a caller that reads an old value sleeps where it could spin.
        self.0.fetch_add(1, Ordering::Relaxed);
        Caller(self)
    }

    /// About how many callers wait.
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Caller<'_> {
    /// Waits for the answer. `soon`: it is expected within [`AWAKE`], so a lone caller spins for
    /// it.
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

/// The answer, if it comes while the caller spins. On one processor it cannot.
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

/// Waits for the answer. If none comes, the thread that owed it has panicked.
pub(crate) async fn receive<R>(
    shared: &Shared,
    receiver: Receiver<Result<R, StoreError>>,
) -> Result<R, StoreError> {
    receiver.await.unwrap_or_else(|_| Err(shared.stopped()))
}

/// The error for a thread that has ended for a reason that nobody knows.
pub(crate) fn stopped(path: &Path) -> StoreError {
    broken(path, "a thread of the store has stopped unexpectedly")
}
