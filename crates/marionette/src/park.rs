//! Waiting for a future on a thread outside of any runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::clock::real;

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
