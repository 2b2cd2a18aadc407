//! Waiting for a future by blocking the thread.

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use crate::clock::real;

/// Waits for the future on this thread: with the runtime that the thread knows, or with a small one
/// of its own.
///
/// # Panics
///
/// Panics in async code, where the thread runs the runtime.
#[track_caller]
pub(crate) fn blocking<F: Future>(future: F) -> F::Output {
    if let Ok(runtime) = Handle::try_current() {
        return runtime.block_on(future);
    }
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("the system has a file descriptor for a timer");
    runtime.block_on(future)
}

/// Whether this thread knows a runtime.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// Panics in async code, where the thread runs the runtime and must not block.
#[track_caller]
pub(crate) fn check_may_block() {
    if let Ok(runtime) = Handle::try_current() {
        runtime.block_on(ready(()));
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for the future on this thread, for at most `limit`; `None` if it did not resolve by then.
pub(crate) fn block_on<F: Future + Unpin>(
    future: &mut F,
    limit: Option<Duration>,
) -> Option<F::Output> {
    // Most futures are ready at once, and need no waker for this thread.
    let mut first = Poller::from_waker(Waker::noop());
    if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut first) {
        return Some(output);
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut poller = Poller::from_waker(&waker);
    // A thread sleeps by the real clock, whatever a test does to the runtime's. A limit that the
    // clock cannot express counts as no limit.
    let deadline = limit.and_then(|limit| real().checked_add(limit));
    loop {
        if let Poll::Ready(output) = Pin::new(&mut *future).poll(&mut poller) {
            return Some(output);
        }
        match deadline {
            None => thread::park(),
            Some(deadline) => match deadline.saturating_duration_since(real()) {
                Duration::ZERO => return None,
                left => thread::park_timeout(left),
            },
        }
    }
}
