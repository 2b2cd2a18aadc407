//! The work of a task, the same for every contender.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

/// A task: plain data and the work on it. Each contender turns it into a closure, a future, or a
/// job with a handler.
pub(crate) trait Work: Clone + Send + Sync + Unpin + 'static {
    /// How many attempts it needs; more than one asks the contender for retries.
    const TRIES: u32 = 1;

    /// The pause between attempts.
    const PAUSE: Duration = Duration::ZERO;

    /// One attempt; the first is number 1.
    fn run(&self, attempt: u32) -> impl Future<Output = Result<(), Failed>> + Send + use<Self>;
}

/// The error of an attempt that fails on purpose.
#[derive(Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed on purpose")
    }
}

impl Error for Failed {}

/// Makes the attempts of a task in a loop, for a contender without retries.
///
/// Only for tasks that need more than one: the loop and its pause have a place in the future even
/// where they are never used, and would make every allocation of a simple task larger.
pub(crate) async fn by_hand<W: Work>(work: W) {
    for attempt in 1..=W::TRIES {
        if work.run(attempt).await.is_ok() {
            return;
        }
        if !W::PAUSE.is_zero() {
            tokio::time::sleep(W::PAUSE).await;
        }
    }
}
